"""How long a template may take and how much memory it may fill: what people write ends, or is told."""

import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

PATIENCE = 10.0  # seconds
MEMORY = 512 << 20  # bytes more than there were before


class TooLong(Exception):
    """The time is over."""


@contextmanager
def bounded(patience: float) -> Iterator[None]:
    """Raise TooLong in a block that does not end, MemoryError in one that fills the memory.

    Only the main thread gets signals; in others nothing is bounded.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise TooLong(f"took longer than {patience:g} s")

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.signal(signal.SIGALRM, end)
    # again and again: the engine tries to compute constants beforehand, and takes any failure for "not now"
    timer = signal.setitimer(signal.ITIMER_REAL, patience, 1.0)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (_limit(soft), hard))
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, *timer)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _limit(soft: int) -> int:
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    return used + MEMORY if soft == resource.RLIM_INFINITY else min(soft, used + MEMORY)
