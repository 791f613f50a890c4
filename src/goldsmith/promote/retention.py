"""Which versions nobody needs any more: a plan with a reason for each, and the one step that is due for it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from goldsmith.promote.decide import restoration, retirement
from goldsmith.promote.event import Event, Step
from goldsmith.promote.facts import Facts
from goldsmith.promote.version import Version
from goldsmith.recipe.promotion import Retention

STEPS = tuple(Step)


class Fate(StrEnum):
    KEEP = "keep"
    WAIT = "wait"  # for the grace time after the step before
    HIDE = "hide"
    DEACTIVATE = "deactivate"
    DELETE = "delete"


_FATES = {Step.HIDDEN: Fate.HIDE, Step.DEACTIVATED: Fate.DEACTIVATE, Step.DELETED: Fate.DELETE}
Uses = Mapping[
    str, int | None
]  # by image id: servers that were started from it; None where nobody could tell


@dataclass(frozen=True)
class Row:
    """What becomes of one version; ``step`` is the one that comes next, ``due`` when."""

    version: Version
    fate: Fate
    why: str
    step: Step | None = None
    due: datetime | None = None

    def as_json(self) -> dict[str, object]:
        return {
            "version": self.version.name,
            "images": [one.id for one in self.version.images],
            "size": sum(one.size or 0 for one in self.version.images),
            "made_at": self.version.made_at.isoformat(timespec="seconds"),
            "fate": self.fate.value,
            "why": self.why,
            "step": self.step.value if self.step else None,
            "due": self.due.isoformat(timespec="seconds") if self.due else None,
        }


def plan(facts: Facts, rules: Retention, uses: Uses) -> tuple[Row, ...]:
    """Return a row for each version, the newest first; pure."""
    counted = [one for one in facts.versions if one not in facts.state.revoked]
    newest, released = set(counted[: rules.keep]), _released(facts, rules.keep_released)
    return tuple(
        _row(facts, rules, one, uses, newest=newest, released=released) for one in facts.versions.values()
    )


def _row(
    facts: Facts,
    rules: Retention,
    version: Version,
    uses: Uses,
    *,
    newest: set[str],
    released: Mapping[str, str],
) -> Row:
    number = version.version
    revoked, last = facts.state.revoked.get(number), facts.state.retired.get(number)
    if why := _needed(facts, version, uses):
        return Row(version, Fate.KEEP, why)
    if not revoked:
        if number in released:
            return Row(version, Fate.KEEP, f"{released[number]} could be rolled back to it")
        if number in newest:
            return Row(version, Fate.KEEP, f"one of the {rules.keep} newest")
        age = facts.now - version.made_at
        if age < timedelta(days=rules.keep_days):
            return Row(version, Fate.KEEP, f"younger than {rules.keep_days:g} days")
    if revoked and (last is None or last.step != Step.DELETED):
        done, since, why = Step.DEACTIVATED, revoked.at, f"revoked: {revoked.reason}"
    elif last is None:
        return Row(version, Fate.HIDE, "nothing keeps it", Step.HIDDEN, facts.now)
    else:
        done, since, why = Step(last.step), last.at, f"{last.step} {last.at:%Y-%m-%d %H:%M}"
    if done is Step.DELETED:
        return Row(version, Fate.KEEP, "it could not be deleted")
    step = STEPS[STEPS.index(done) + 1]
    due = since + timedelta(seconds=rules.grace)
    return Row(version, _FATES[step] if due <= facts.now else Fate.WAIT, why, step, due)


def _needed(facts: Facts, version: Version, uses: Uses) -> str:
    """Say who needs a version whatever its age; empty when nobody does."""
    if held := facts.channels_of(version.version):
        return f"in {', '.join(held)}"
    if any(one.protected for one in version.images):
        return "protected"
    known = [uses.get(one.id) for one in version.images]
    if servers := sum(one for one in known if one):
        return f"used by {servers} server{'s' if servers > 1 else ''}"
    return "it is not known whether a server uses it" if None in known else ""


def _released(facts: Facts, count: int) -> Mapping[str, str]:
    """Return the versions that a channel after the first could be rolled back to, with the channel."""
    found: dict[str, str] = {}
    for channel in [one.name for one in facts.channels[1:]]:
        stays = [one for one in facts.state.stays if one.channel == channel and one.until]
        left = sorted(stays, key=lambda one: one.until or facts.now, reverse=True)
        good = [
            one
            for one in dict.fromkeys(stay.version for stay in left)
            if one in facts.versions
            and one not in facts.state.revoked
            and facts.versions[one].usable
            and channel not in facts.channels_of(one)
        ]
        for version in good[:count]:
            found.setdefault(version, channel)
    return found


def due(facts: Facts, rules: Retention, uses: Uses, version: str) -> Event | None:
    """Return the step of a version that is due now, decided anew; None when something keeps it meanwhile."""
    row = next((one for one in plan(facts, rules, uses) if one.version.version == version), None)
    if row is None or row.step is None or row.fate in (Fate.KEEP, Fate.WAIT):
        return None
    return retirement(facts, version, row.step, reason=row.why)


def undone(facts: Facts, rules: Retention, version: str) -> Event:
    """Take back the retirement of a version."""
    return restoration(facts, version, reason=f"within the grace time of {rules.grace / 86400:g} d")


def retired(facts: Facts) -> Sequence[str]:
    """Return the versions whose retirement can be taken back."""
    return [
        one
        for one in facts.state.retired
        if one not in facts.state.revoked and (one in facts.versions or one in facts.deleted)
    ]
