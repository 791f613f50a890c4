"""Calls into a C library that wait, made so that Ctrl-C need not: Python hears a signal only between its own steps."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

Value = TypeVar("Value")
_STARTS = (
    "createXML",
    "createWithFlags",
    "restoreFlags",
)  # what comes of these is to be taken away afterwards
_START = 4.0  # seconds that an interrupt waits for the answer of such a call
_NEXT = 1.0  # and for each further one while that has not come
_left: list[Future[Any]] = []


def unheld(call: Callable[..., Value], *given: Any, patience: float = 0.0) -> Value:
    """Return what ``call`` returns; in the main thread, a signal is heard while it lasts.

    An interrupt waits up to ``patience`` seconds for the answer, so that what the call makes is there to be cleaned up.
    A call that it leaves behind goes on in a thread that no end of the process waits for; where its answer was waited
    for, the library may be stuck, and then no clean-up waits long for it either: the interrupt goes on.
    """
    if threading.current_thread() is not threading.main_thread():
        return call(*given)
    answer: Future[Value] = Future()

    def ask() -> None:
        try:
            answer.set_result(call(*given))
        except BaseException as error:  # noqa: BLE001  whatever it is, it is for the caller
            answer.set_exception(error)

    threading.Thread(target=ask, name="unheld", daemon=True).start()
    _left[:] = [one for one in _left if not one.done()]
    try:
        answer.exception(_NEXT if _left else None)
    except TimeoutError:
        raise KeyboardInterrupt from None
    except KeyboardInterrupt:
        with suppress(TimeoutError):
            answer.exception(patience)
        if patience and not answer.done():
            _left.append(answer)
        raise
    return answer.result()


class Unheld:
    """An object of such a library; each of its methods is called so."""

    def __init__(self, held: Any) -> None:
        self._held = held

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._held, name)
        patience = _START if name in _STARTS else 0.0
        return (lambda *given: unheld(found, *given, patience=patience)) if callable(found) else found
