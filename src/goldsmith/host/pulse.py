"""The heartbeat of a connection: a thread that lets libvirt ask for, and give, signs of life."""

import threading
from collections.abc import Callable

_lock = threading.Lock()
_beating: list[threading.Thread] = []


def start(prepare: Callable[[], object], beat: Callable[[], object]) -> None:
    """Call ``prepare`` once in this process, and ``beat`` for ever after in a thread of its own."""
    with _lock:
        if _beating:
            return
        prepare()
        thread = threading.Thread(target=_go_on, args=(beat,), daemon=True, name="libvirt events")
        _beating.append(thread)
        thread.start()


def _go_on(beat: Callable[[], object]) -> None:
    while True:
        beat()
