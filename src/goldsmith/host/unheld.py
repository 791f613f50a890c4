"""Calls into a C library that wait, made so that Ctrl-C need not: Python hears a signal only between its own steps."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

Value = TypeVar("Value")


def unheld(call: Callable[..., Value], *given: Any) -> Value:
    """Return what ``call`` returns; in the main thread, a signal is heard while it lasts.

    A call that an interrupt leaves behind goes on in a thread that no end of the process waits for.
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
    return answer.result()


class Unheld:
    """An object of such a library; each of its methods is called so."""

    def __init__(self, held: Any) -> None:
        self._held = held

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._held, name)
        return (lambda *given: unheld(found, *given)) if callable(found) else found
