"""The outcome of an audit, for people, programs and gates."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from goldsmith.artifact.inventory import Inventory
from goldsmith.audit.check import Finding, Severity
from goldsmith.errors import GateError, GuestError

_LONGEST = 400
BOOT_TEST = "boot test"


class Status(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    WAIVED = "waived"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Result:
    """What one check said; ``fix`` is empty where there is nothing to do.

    ``found`` comes from the guest: plain text of one line, made harmless to show.
    """

    id: str
    title: str
    severity: str
    status: Status
    detail: str
    found: str
    expected: str
    fix: str
    why: str
    source: str
    waiver: str = ""


@dataclass(frozen=True)
class Report:
    """All results for one image; ``seconds`` is the wall time of the test, ``kind`` is which one it was."""

    image: Path
    profile: str
    format: str
    system: str
    checks: tuple[Result, ...]
    seconds: float
    kind: str = "audit"
    inventory: Inventory | None = field(default=None, repr=False)  # what the same look found to be in it

    @property
    def failed(self) -> tuple[Result, ...]:
        return tuple(one for one in self.checks if one.status == Status.FAILED)

    @property
    def warnings(self) -> tuple[Result, ...]:
        return tuple(one for one in self.checks if one.status == Status.WARNING)

    @property
    def counts(self) -> Mapping[str, int]:
        seen = Counter(str(one.status) for one in self.checks)
        return {str(status): seen[status] for status in Status}

    def as_json(self) -> dict[str, object]:
        return {
            "image": str(self.image),
            "profile": self.profile,
            "format": self.format,
            "system": self.system,
            "ok": not self.failed,
            "seconds": round(self.seconds, 3),
            "counts": dict(self.counts),
            "checks": [asdict(one) for one in self.checks],
        }

    def summary(self) -> str:
        """Return the counts in words: ``31 ok, 1 warning, 2 failed``."""
        return ", ".join(f"{count} {name}" for name, count in self.counts.items() if count)

    def raise_if_failed(self) -> None:
        """Raise GateError, of a boot test GuestError, with a line for each check of severity error that failed."""
        if not self.failed:
            return
        kind = GuestError if self.kind == BOOT_TEST else GateError
        raise kind(
            f"the {self.kind} refused {self.image.name}: {len(self.failed)} of {len(self.checks)} checks failed",
            evidence=_lines(self.failed),
            fix=f"mend each as shown, or waive it with a reason: {self.failed[0].id}=REASON",
        )


def _lines(failed: Sequence[Result]) -> list[str]:
    return [
        line
        for one in failed
        for line in (f"{one.id} {one.title}: {one.detail}", f"{' ' * len(one.id)} fix: {one.fix}")
    ]


class Asked(Protocol):
    """What a result repeats of the check behind it."""

    @property
    def id(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def severity(self) -> Severity: ...
    @property
    def expected(self) -> str: ...
    @property
    def fix(self) -> str: ...
    @property
    def why(self) -> str: ...
    @property
    def source(self) -> str: ...


def judged(check: Asked, finding: Finding, waiver: str) -> Result:
    """Turn a finding into a result; only what failed or warns can be waived."""
    expected = finding.expected or check.expected
    found = harmless(finding.found)
    status = Status.OK
    if finding.good is None:
        status = Status.SKIPPED
    elif not finding.good:
        status = Status.FAILED if check.severity == Severity.ERROR else Status.WARNING
        status = Status.WAIVED if waiver else status
    met = status in (Status.OK, Status.SKIPPED)
    return Result(
        id=check.id,
        title=check.title,
        severity=str(check.severity),
        status=status,
        detail=found if met else f"{found}; expected {expected}",
        found=found,
        expected=expected,
        fix="" if met or status == Status.WAIVED else check.fix,
        why=check.why,
        source=check.source,
        waiver=waiver if status == Status.WAIVED else "",
    )


def harmless(text: str) -> str:
    """Return text of a guest without control characters and of bearable length, for terminals and XML."""
    plain = "".join(char if char.isprintable() else "?" for char in text)
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}..."
