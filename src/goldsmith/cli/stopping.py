"""How a command is stopped: once in order, twice at once."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from goldsmith.errors import InterruptedBuild

_ONE_PRESS = 0.2  # seconds in which a second SIGINT is the same press, sent to the process and to its group


@contextmanager
def stoppable() -> Iterator[None]:
    """Treat SIGTERM and a closed terminal as Ctrl-C, so that a stopped service cleans up too.

    The first one ends the work in order. While that goes on, SIGTERM and SIGHUP change nothing, and another Ctrl-C
    ends the process on the spot: libvirt ends its machine and the kernel its tools, and the next start sweeps.
    """
    pressed: list[float] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if not pressed:
            pressed.append(now)
            raise KeyboardInterrupt
        if number == signal.SIGINT and now - pressed[0] > _ONE_PRESS:
            with suppress(OSError):
                os.write(sys.stderr.fileno(), _LAST_WORDS)
            os._exit(InterruptedBuild.exit_code)

    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    signs = [one for one in wanted if signal.getsignal(one) is not signal.SIG_IGN]
    before = {one: signal.signal(one, stop) for one in signs}  # nohup has its way
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


_LAST_WORDS = b"stopped at once; what is left of it is removed when the next build starts\n"
