"""How long this process waited for tools and guests, so that its own share can be told."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Adds up the wall time in which at least one thread waited for something outside."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depth = 0
        self._since = 0.0
        self._total = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        with self._lock:
            if self._depth == 0:
                self._since = time.monotonic()
            self._depth += 1
        try:
            yield
        finally:
            with self._lock:
                self._depth -= 1
                if self._depth == 0:
                    self._total += time.monotonic() - self._since

    @property
    def seconds(self) -> float:
        with self._lock:
            running = time.monotonic() - self._since if self._depth else 0.0
            return self._total + running


outside = Stopwatch()
