"""One answer to the question whether this host is fit."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from goldsmith.errors import GoldsmithError


class Status(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """``detail`` says what was found; ``fix`` is the command that mends it, empty when nothing is to mend."""

    id: str
    status: Status
    detail: str
    fix: str = ""


@dataclass(frozen=True)
class Question:
    """A check to be made; ``slow`` ones start a guest or an appliance."""

    id: str
    ask: Callable[[], Check]
    slow: bool = False

    def answer(self) -> Check:
        """Return the check; an error that a user can act on is an answer too."""
        try:
            return self.ask()
        except GoldsmithError as error:
            detail = "; ".join([error.problem, *error.evidence[-1:]])
            return Check(self.id, Status.FAIL, detail, error.fix)
