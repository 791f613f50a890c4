"""What a check is: one question to the facts of an image, with its reason and its cure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from goldsmith.audit.facts import Facts


class Severity(StrEnum):
    ERROR = "error"  # the image must not be registered
    WARNING = "warning"  # worth knowing


class Profile(StrEnum):
    """The kinds of guest that checks tell apart."""

    GENERIC_LINUX = "generic-linux"
    DEBIAN = "debian"
    RHEL6 = "rhel6"
    RHEL7 = "rhel7"
    RHEL8 = "rhel8+"
    WINDOWS = "windows"


ALL = frozenset(Profile)
LINUX = ALL - {Profile.WINDOWS}
SYSTEMD = LINUX - {Profile.RHEL6}
RHEL = frozenset({Profile.RHEL6, Profile.RHEL7, Profile.RHEL8})


@dataclass(frozen=True)
class Finding:
    """The answer of a check; ``good`` is None where the question does not arise.

    ``expected`` replaces the general text of the check where the facts allow a more exact one.
    """

    good: bool | None
    found: str
    expected: str = ""


Question = Callable[[Facts], Finding]


@dataclass(frozen=True)
class Check:
    """One question. ``reads`` are files whose text it needs, ``sees`` those it only looks for (globs, ``**``).

    ``labels`` are plain paths of files whose SELinux context it asks for, ``keys`` declarations of registry keys
    and values (audit/registry.py).
    """

    id: str
    title: str
    why: str
    source: str
    expected: str
    fix: str
    find: Question
    severity: Severity = Severity.ERROR
    profiles: frozenset[Profile] = LINUX
    reads: tuple[str, ...] = ()
    sees: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


def check(
    ident: str,
    title: str,
    *,
    why: str,
    source: str,
    expected: str,
    fix: str,
    severity: Severity = Severity.ERROR,
    profiles: frozenset[Profile] = LINUX,
    reads: Sequence[str] = (),
    sees: Sequence[str] = (),
    labels: Sequence[str] = (),
    keys: Sequence[str] = (),
) -> Callable[[Question], Check]:
    """Make a check of the function below, so that question and data stand together."""

    def make(find: Question) -> Check:
        return Check(
            id=ident,
            title=title,
            why=why,
            source=source,
            expected=expected,
            fix=fix,
            find=find,
            severity=severity,
            profiles=profiles,
            reads=tuple(reads),
            sees=tuple(sees),
            labels=tuple(labels),
            keys=tuple(keys),
        )

    return make


def good(found: str) -> Finding:
    return Finding(good=True, found=found)


def bad(found: str, *, expected: str = "") -> Finding:
    return Finding(good=False, found=found, expected=expected)


def moot(found: str) -> Finding:
    """Return that the question does not arise for this image, and why."""
    return Finding(good=None, found=found)


def some(items: Sequence[str], *, at_most: int = 4) -> str:
    """Return a short list for a reader: ``a, b, c, d and 12 more``."""
    shown = ", ".join(items[:at_most])
    return f"{shown} and {len(items) - at_most} more" if len(items) > at_most else shown


def none_of(facts: Facts, *patterns: str) -> Finding:
    """Return good when the guest has no file that one of the patterns matches."""
    hits = [path for pattern in patterns for path in facts.files.match(pattern)]
    return bad(some(hits)) if hits else good("none")


def none_filled(facts: Facts, *patterns: str) -> Finding:
    """Return good when the guest has no file with content that one of the patterns matches."""
    hits = [path for pattern in patterns for path in facts.files.match(pattern) if facts.files.filled(path)]
    return bad(some(hits)) if hits else good("none with content")


def absent(
    ident: str,
    title: str,
    *paths: str,
    why: str,
    source: str,
    expected: str,
    fix: str,
    severity: Severity = Severity.ERROR,
    profiles: frozenset[Profile] = LINUX,
    empty_is_good: bool = False,
) -> Check:
    """Return the check that no file matches one of the globs, or none with content where ``empty_is_good``."""

    def find(facts: Facts) -> Finding:
        return none_filled(facts, *paths) if empty_is_good else none_of(facts, *paths)

    make = check(
        ident,
        title,
        why=why,
        source=source,
        expected=expected,
        fix=fix,
        severity=severity,
        profiles=profiles,
        sees=paths,
    )
    return make(find)
