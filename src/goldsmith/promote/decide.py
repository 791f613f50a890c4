"""What may happen next to the versions of a recipe: pure functions from all that is known to one more event."""

from collections.abc import Sequence

from goldsmith.catalog.evidence import EvidenceKind
from goldsmith.errors import CatalogError, GateError, UsageError
from goldsmith.promote.event import Event, Kind, Move, State, Stay, Step, Verdict
from goldsmith.promote.facts import Facts
from goldsmith.promote.gates import Case, judged, refusals, unforceable
from goldsmith.promote.version import LATEST, Version, order

_REJECTING = (Kind.ROLLED_BACK, Kind.WITHDRAWN, Kind.UNDONE)


class Refused(GateError):
    """Gates that did not let a version through; ``gates`` are the answers of all."""

    def __init__(self, version: Version, channel: str, gates: Sequence[Verdict]) -> None:
        self.version, self.channel, self.gates = version.name, channel, tuple(gates)
        bad = refusals(gates)
        fixed = unforceable(gates)
        forcing = "" if fixed else "; or --force --reason '...', which the history keeps"
        super().__init__(
            f"{version.name} is not let into {channel}: {len(bad)} of {len(gates)} gates refuse",
            evidence=[f"{one.gate}: {one.answer}: {one.detail}" for one in bad],
            fix=f"{'; '.join(dict.fromkeys(one.fix for one in bad if one.fix))}{forcing}",
        )


def verdicts(
    facts: Facts, version: Version, channel: str, *, abroad: State | None = None
) -> tuple[Verdict, ...]:
    """Ask the gates of a channel about a version, which may have been brought from another catalog."""
    current = facts.state.holds.get(channel)
    return judged(
        Case(
            version=version,
            channel=facts.channel(channel),
            previous=facts.before(channel),
            current=facts.versions.get(current) if current else None,
            state=facts.state,
            promoter=facts.who,
            now=facts.now,
            read=facts.read,
            abroad=abroad,
            cloud=facts.cloud,
        )
    )


def wanted_version(facts: Facts, version: str, channel: str) -> Version:
    """Return the version that is meant: as said, else the one in the channel before, else the newest."""
    facts.channel(channel)
    if version:
        return facts.version(version)
    before = facts.before(channel)
    if before is None:
        return facts.version(LATEST)
    if not (held := facts.state.holds.get(before.name)):
        raise UsageError(
            f"{before.name} has no version of {facts.recipe} to promote", fix=_what_else(facts, channel)
        )
    return facts.version(held)


def _what_else(facts: Facts, channel: str) -> str:
    """Say which version could be named: the newest that was not revoked."""
    if not facts.versions:
        return f"the catalog knows no {facts.recipe}; see what there is: {facts.command('channels')}"
    good = sorted(facts.versions.keys() - facts.state.revoked.keys(), key=order)
    if not good:
        return "all of its versions are revoked: mend the recipe, and build it again"
    return "say one: " + facts.command(f"promote {facts.recipe}@{good[-1]} --to {channel}")


def registration(facts: Facts, version: str) -> Event | None:
    """Put a new version into the first channel; None when its gates refuse, or when a newer one is there."""
    first = facts.channels[0].name
    held = facts.state.holds.get(first, "")
    if held == version or version in facts.state.revoked or (held and order(held) > order(version)):
        return None
    gates = verdicts(facts, facts.version(version), first)
    if refusals(gates):
        return None
    return facts.event(
        Kind.REGISTERED, version, channel=first, moves=(Move(first, held, version),), gates=gates
    )


def promotion(
    facts: Facts,
    wanted: str,
    channel: str,
    *,
    force: bool = False,
    reason: str = "",
    expected: str | None = None,
    origin: str = "",
    abroad: State | None = None,
) -> Event | None:
    """Let a version into a channel; None when it is there already.

    Raises Refused with the answers of all gates, UsageError for --force without a reason, and GateError when the
    channel does not have the version that is ``expected`` (an empty text: none).
    """
    version = wanted_version(facts, wanted, channel)
    held = facts.state.holds.get(channel, "")
    if expected is not None and held != expected:
        raise GateError(
            f"{channel} of {facts.recipe} is at {held or 'no version'}, not at {expected or 'no version'}",
            fix="see who moved it: " + facts.command(f"history {facts.recipe}"),
        )
    if force and not reason.strip():
        raise UsageError("--force needs a reason", fix="add --reason '...'; the history keeps it")
    gates = verdicts(facts, version, channel, abroad=abroad)
    bad, fixed = refusals(gates), unforceable(gates)
    if held == version.version and not fixed:
        return None
    if fixed or (bad and not force):
        raise Refused(version, channel, gates)
    before = facts.before(channel)
    return facts.event(
        Kind.PROMOTED,
        version.version,
        reason=reason,
        channel=channel,
        origin=origin
        or (before.name if before and version.version == facts.state.holds.get(before.name) else ""),
        forced=bool(bad),
        moves=(Move(channel, held, version.version),),
        gates=gates,
    )


def why_not_good(facts: Facts, version: str) -> str:
    """Say why consumers should not get a version again; empty when they may."""
    if event := facts.state.revoked.get(version):
        return f"it was revoked by {event.who}: {event.reason}"
    found = facts.versions.get(version)
    if found is None:
        return "its images are gone"
    if not found.usable:
        return "its images are not active, or have lost their bytes"
    for kind in (EvidenceKind.AUDIT, EvidenceKind.BOOT_TEST):
        record = found.newest(kind)
        if record and not record.passed:
            return f"its {kind} failed since: {record.summary}"
    return ""


def fallback(facts: Facts, channel: str, *, leaving: str) -> str:
    """Return the last good version that was in a channel before ``leaving`` first came; empty when there is none.

    What the channel was rolled back from is not good enough to come back by itself.
    """
    stays = [one for one in facts.state.stays if one.channel == channel]
    first = next((at for at, one in enumerate(stays) if one.version == leaving), len(stays))
    last: dict[str, Stay] = {one.version: one for one in stays}  # the last stay of each
    for stay in reversed(stays[:first]):
        rejected = last[stay.version].ended_by in _REJECTING and stay.version != leaving
        if stay.version != leaving and not rejected and not why_not_good(facts, stay.version):
            return stay.version
    return ""


def rollback(facts: Facts, channel: str, *, to: str = "", reason: str = "") -> Event:
    """Point a channel to the last version that was in it and is still good, or to the one that is said."""
    facts.channel(channel)
    held = facts.state.holds.get(channel, "")
    if not held:
        raise GateError(
            f"{channel} has no version of {facts.recipe} to roll back from",
            fix=facts.command(f"promote {facts.recipe} --to {channel}"),
        )
    target = to or fallback(facts, channel, leaving=held)
    if not target:
        raise GateError(
            f"no version before {held} was in {channel} and is still good",
            evidence=_why_none(facts, channel, held),
            fix=facts.command(f"promote {facts.recipe}@VERSION --to {channel}") + ", or say one with --to",
        )
    if target == held:
        raise UsageError(f"{channel} is at {held} already", fix=facts.command(f"history {facts.recipe}"))
    if to and not facts.state.was_in(to, channel):
        raise GateError(
            f"{facts.recipe}@{to} was never in {channel}",
            fix=facts.command(f"promote {facts.recipe}@{to} --to {channel}"),
        )
    if to and (why := why_not_good(facts, to)):
        raise GateError(f"{channel} cannot go back to {to}: {why}", fix="choose another version")
    moves = (Move(channel, held, target),)
    return facts.event(Kind.ROLLED_BACK, target, reason=reason, channel=channel, moves=moves)


def _why_none(facts: Facts, channel: str, held: str) -> list[str]:
    tried = dict.fromkeys(
        one.version for one in facts.state.stays if one.channel == channel and one.version != held
    )
    return [
        f"{version}: {why_not_good(facts, version) or 'it was rolled back from, or came later'}"
        for version in list(tried)[-5:]
    ]


def revocation(facts: Facts, version: str, *, reason: str) -> Event:
    """Take a version out of all channels for good; each goes back as a rollback would, or is left empty."""
    if not reason.strip():
        raise UsageError("a revocation needs a reason", fix="add --reason '...'; consumers will ask")
    found = facts.version(version)
    if earlier := facts.state.revoked.get(found.version):
        raise UsageError(
            f"{found.name} is revoked already, by {earlier.who}: {earlier.reason}",
            fix=facts.command(f"history {facts.recipe}"),
        )
    moves = tuple(
        Move(channel, found.version, fallback(facts, channel, leaving=found.version))
        for channel in facts.channels_of(found.version)
    )
    return facts.event(Kind.REVOKED, found.version, reason=reason, moves=moves)


def withdrawal(facts: Facts, version: str, *, reason: str) -> Event | None:
    """Take a version out of the first channel, where builds come by themselves; None when it is in no channel.

    What was promoted further is refused: consumers rely on it.
    """
    held = facts.channels_of(version)
    first = facts.channels[0].name
    if further := [one for one in held if one != first]:
        raise GateError(
            f"{facts.recipe}@{version} is in {', '.join(further)}",
            fix="promote another version, roll back, or revoke this one with a reason",
        )
    if not held:
        return None
    moves = (Move(first, version, fallback(facts, first, leaving=version)),)
    return facts.event(Kind.WITHDRAWN, version, reason=reason, channel=first, moves=moves)


def approval(facts: Facts, version: str, channel: str, *, comment: str = "") -> Event | None:
    """Note that somebody wants a version in a channel; None when the same name said so already."""
    wanted = facts.channel(channel).gates.approvals
    found = wanted_version(facts, version, channel)
    if found.version in facts.state.revoked:
        raise GateError(f"{found.name} is revoked", fix="approve another version")
    if wanted and wanted.by and facts.who not in wanted.by:
        raise GateError(
            f"{facts.who} is none of those whose approval counts for {channel}",
            fix=f"they are: {', '.join(wanted.by)}",
        )
    said = (found.version, channel, facts.who)
    if said in {(one.version, one.channel, one.who) for one in facts.state.approvals}:
        return None
    return facts.event(Kind.APPROVED, found.version, channel=channel, reason=comment)


def retirement(facts: Facts, version: str, step: Step, *, reason: str) -> Event:
    """Take a version one step further towards its end."""
    if held := facts.channels_of(version):
        raise GateError(
            f"{facts.recipe}@{version} is in {', '.join(held)}", fix=facts.command("retire") + " plans anew"
        )
    return facts.event(Kind.RETIRED, version, step=step.value, reason=reason)


def restoration(facts: Facts, version: str, *, reason: str = "") -> Event:
    """Take back the steps of retirement of a version."""
    if version in facts.state.revoked:
        raise GateError(f"{facts.recipe}@{version} is revoked and stays so", fix="build it again")
    if version not in facts.state.retired:
        raise UsageError(
            f"{facts.recipe}@{version} was not retired", fix=facts.command(f"history {facts.recipe}")
        )
    if version not in facts.versions and version not in facts.deleted:
        raise CatalogError(f"{facts.recipe}@{version} is deleted for good", fix="build it again")
    return facts.event(Kind.RESTORED, version, reason=reason)
