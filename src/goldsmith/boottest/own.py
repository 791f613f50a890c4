"""Checks of the recipe's own: a script that is run in the first boot, and what it has to end with or print."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from goldsmith.audit.check import Finding, Profile, bad, good
from goldsmith.boottest.check import BootCheck
from goldsmith.boottest.facts import Answered, Trial
from goldsmith.errors import GuestError
from goldsmith.host.commands import Ran

TIMEOUT = 120.0  # seconds
SHOWN = 5  # lines of what a script printed


@dataclass(frozen=True)
class OwnCheck:
    """One such check: ``expect`` is a regular expression that its output has to hold, "" asks for exit status 0 alone.

    ``timeout`` is in seconds.
    """

    title: str
    script: str
    expect: str = ""
    timeout: float = TIMEOUT


def answered(run: Callable[[OwnCheck], Ran], checks: Sequence[OwnCheck]) -> tuple[Answered, ...]:
    """Run the scripts in order; one that takes too long, or takes the way in away, has failed like any other."""
    found = []
    for check in checks:
        try:
            ran = run(check)
            found.append(Answered(ran.code, ran.tail))
        except GuestError as error:
            found.append(Answered(-1, (error.problem,)))
    return tuple(found)


def boot_checks(checks: Sequence[OwnCheck]) -> tuple[BootCheck, ...]:
    """Return them as checks of a boot: R-1, R-2 and so on."""
    return tuple(
        BootCheck(
            id=f"R-{number}",
            title=check.title,
            why="the recipe asks for it (boot_test.checks)",
            source="the recipe",
            expected=f"exit status 0 and output like {check.expect!r}" if check.expect else "exit status 0",
            fix="mend the guest by a customize step, or the check in the recipe",
            find=_question(number - 1, check),
            profiles=frozenset(Profile),
        )
        for number, check in enumerate(checks, 1)
    )


def _question(at: int, check: OwnCheck) -> Callable[[Trial], Finding]:
    def find(trial: Trial) -> Finding:
        trial.first.said("end")  # raises where nobody could look inside
        if at >= len(trial.first.own):
            return bad("its script was not run")
        ended = trial.first.own[at]
        printed = "\n".join(ended.lines)
        told = " / ".join(line for line in ended.lines[-SHOWN:] if line.strip()) or "nothing"
        if ended.code != 0:
            return bad(f"exit status {ended.code}, printed {told}")
        if check.expect and not re.search(check.expect, printed, re.MULTILINE):
            return bad(f"printed {told}")
        return good(f"printed {told}" if printed.strip() else "exit status 0")

    return find
