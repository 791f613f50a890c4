"""What a check of a boot is; its result has the shape of the audit's."""

from collections.abc import Callable
from dataclasses import dataclass

from goldsmith.audit.check import LINUX, Finding, Profile, Severity
from goldsmith.boottest.facts import Trial

Question = Callable[[Trial], Finding]


@dataclass(frozen=True)
class BootCheck:
    """One question to the two boots, with its reason and its cure."""

    id: str
    title: str
    why: str
    source: str
    expected: str
    fix: str
    find: Question
    severity: Severity = Severity.ERROR
    profiles: frozenset[Profile] = LINUX


def boot_check(
    ident: str,
    title: str,
    *,
    why: str,
    source: str,
    expected: str,
    fix: str,
    severity: Severity = Severity.ERROR,
    profiles: frozenset[Profile] = LINUX,
) -> Callable[[Question], BootCheck]:
    """Make a check of the function below, so that question and data stand together."""

    def make(find: Question) -> BootCheck:
        return BootCheck(ident, title, why, source, expected, fix, find, severity, profiles)

    return make
