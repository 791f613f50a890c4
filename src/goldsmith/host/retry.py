"""The one place that waits for an answer."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from tenacity import (
    RetryError,
    Retrying,
    retry_if_exception,
    retry_if_result,
    stop_after_attempt,
    stop_after_delay,
    stop_any,
    stop_before_delay,
    wait_fixed,
    wait_random_exponential,
)

from goldsmith.errors import GoldsmithError, GuestError
from goldsmith.host.clock import outside

T = TypeVar("T")


def until(
    question: Callable[[], T | None],
    *,
    what: str,
    deadline: float,
    every: float = 0.5,
    evidence: Callable[[], Sequence[str]] | None = None,
    fix: str = "",
    error: type[GoldsmithError] = GuestError,
) -> T:
    """Ask every ``every`` seconds until there is an answer, and return it.

    None is no answer yet; an exception of the question ends the waiting. After ``deadline`` seconds ``error``
    is raised with the last lines of ``evidence``. Only questions are asked again, work is not.
    """
    asking = Retrying(
        retry=retry_if_result(lambda answer: answer is None),
        stop=stop_after_delay(deadline),
        wait=wait_fixed(every),
    )
    try:
        with outside.waiting():
            answer = asking(question)
    except RetryError:
        lines = tuple(evidence() if evidence else ())[-20:]
        raise error(f"no {what} after {deadline:g} s", fix=fix, evidence=lines) from None
    assert answer is not None
    return answer


def persistently(
    work: Callable[[], T],
    *,
    again: Callable[[BaseException], bool],
    deadline: float | None = None,
    attempts: int | None = None,
) -> T:
    """Do ``work`` until it succeeds, as long as ``again`` says so of its failure, and within these bounds.

    The pauses grow, with chance in them, so that many who wait for one server do not come back at once. The last
    failure is raised as it is. Only for work that may be done twice: questions, and what begins anew each time.
    """
    assert deadline or attempts
    bounds = [
        *([stop_before_delay(deadline)] if deadline else []),
        *([stop_after_attempt(attempts)] if attempts else []),
    ]
    trying = Retrying(
        retry=retry_if_exception(again),
        stop=stop_any(*bounds),
        wait=wait_random_exponential(multiplier=0.5, max=10),
        reraise=True,
    )
    return trying(work)
