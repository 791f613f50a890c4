"""The gates of a channel: small questions, each answered from what is kept with the version, with its grounds."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from goldsmith.catalog.command import command
from goldsmith.catalog.evidence import EvidenceKind
from goldsmith.host.files import human_size, human_time
from goldsmith.promote.event import Answer, Event, State, Verdict
from goldsmith.promote.packages import downgraded, packages
from goldsmith.promote.version import Version
from goldsmith.recipe.promotion import ChannelPart, Gates
from goldsmith.signing.names import signed

_SHOWN = 5  # packages that are named


@dataclass(frozen=True)
class Case:
    """A version that wants into a channel, and all that gates may look at.

    ``current`` is the version that the channel has now; ``read`` gives the document of a digest, None when it is gone.
    """

    version: Version
    channel: ChannelPart
    previous: ChannelPart | None
    current: Version | None
    state: State
    promoter: str
    now: datetime
    read: Callable[[str], bytes | None]
    abroad: State | None = None  # where it stands in the catalog that it was brought from
    cloud: str = ""  # the catalog's name in commands

    def command(self, words: str) -> str:
        return command(words, self.cloud)

    @property
    def past(self) -> State:
        """Return the history that tells what a version has been through."""
        return self.abroad or self.state


Found = tuple[Answer, str, str, str]  # with the fix, and the digest of the document


@dataclass(frozen=True)
class Gate:
    """One line of the table; ``always`` gates cannot be forced."""

    name: str
    wanted: Callable[[Case], bool]
    ask: Callable[[Case], Found]
    always: bool = False


def judged(case: Case) -> tuple[Verdict, ...]:
    """Ask every gate that the channel wants, also after one has refused."""
    return tuple(Verdict(gate.name, *gate.ask(case)) for gate in GATES if gate.wanted(case))


def refusals(verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    return tuple(one for one in verdicts if one.answer is not Answer.PASSED)


def unforceable(verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    fixed = {gate.name for gate in GATES if gate.always}
    return tuple(one for one in refusals(verdicts) if one.gate in fixed)


def _yes(detail: str, evidence: str = "") -> Found:
    return Answer.PASSED, detail, "", evidence


def _no(detail: str, fix: str, evidence: str = "") -> Found:
    return Answer.REFUSED, detail, fix, evidence


def _unknown(detail: str, fix: str) -> Found:
    return Answer.UNKNOWN, detail, fix, ""


def _revocation(case: Case) -> Event | None:
    return {**case.past.revoked, **case.state.revoked}.get(case.version.version)


def _not_revoked(case: Case) -> Found:
    if event := _revocation(case):
        return _no(f"revoked by {event.who}: {event.reason}", "promote another version")
    return _yes("it is not revoked")


def _whole(case: Case) -> Found:
    if not case.version.images:
        return _no("it has no image any more", "build it again")
    if case.version.lost:
        return _no(f"the bytes of image {case.version.lost[0]} are not there", "goldsmith image check")
    for image in case.version.images:
        if image.status != "active":
            again = "" if _revocation(case) else case.command(f"image reactivate {image.id}")
            return _no(f"image {image.id} is {image.status}", again)
    return _yes(
        ", ".join(f"{one.disk_format} sha256 {(one.sha256 or '?')[:12]}" for one in case.version.images)
    )


def _order(case: Case) -> Found:
    assert case.previous
    before = case.previous.name
    if case.abroad and case.abroad.was_in(case.version.version, case.channel.name):
        return _yes(f"it has been in {case.channel.name} where it comes from")
    if case.past.was_in(case.version.version, before):
        return _yes(f"it has been in {before}{' where it comes from' if case.abroad else ''}")
    return _no(f"it was never in {before}", case.command(f"promote {case.version.name} --to {before}"))


def _age(case: Case) -> Found:
    wanted, version = case.channel.gates.age or 0.0, case.version.version
    if not case.previous:
        spent, where = (case.now - case.version.made_at).total_seconds(), "since it was made"
    else:
        spent = case.past.time_in(version, case.previous.name, case.now)
        where = f"in {case.previous.name}"
        if case.abroad:  # also what it spent where it is already what it is to become here
            spent += case.abroad.time_in(version, case.channel.name, case.now)
            where += f" and {case.channel.name} where it comes from"
    had, asked = human_time(spent), human_time(wanted)
    told = f"{had} {where}, {asked} wanted"
    if spent >= wanted:
        return _yes(told)
    almost = "almost " if had == asked else ""  # what is missing may be rounded away
    return _no(almost + told, f"try again in {human_time(math.ceil(wanted - spent))}")


def _proved(kind: EvidenceKind, fix: str) -> Callable[[Case], Found]:
    """Return the gate that wants the newest record of a kind to say that all is well."""

    def ask(case: Case) -> Found:
        record = case.version.newest(kind)
        here = case.version.images and not case.cloud  # a cloud's image is looked at here, where it was built
        image = case.version.images[0].id if here else case.version.name
        cure = fix.format(version=case.version.name, image=image)
        if record is None:
            return _unknown(f"no {kind} is kept with it", cure)
        there = case.read(record.sha256) is not None
        if not there and not record.elsewhere:
            return _unknown(f"the document of its {kind} ({record.sha256[:12]}) is gone or was changed", cure)
        when = record.recorded_at.strftime("%Y-%m-%d %H:%M")
        told = f"{record.summary}; {when} by {record.recorded_by}"
        told += "" if there else "; as the image's properties say, the document is elsewhere"
        return _yes(told, record.sha256) if record.passed else _no(told, cure, record.sha256)

    return ask


_verified = _proved(
    EvidenceKind.SIGNATURE, "goldsmith sign {image}, then goldsmith verify {image} --ca BUNDLE"
)


def _signature(case: Case) -> Found:
    images, name = case.version.images, case.version.name
    if case.version.newest(EvidenceKind.SIGNATURE) or not all(signed(one.properties) for one in images):
        return _verified(case)
    return _unknown(
        "it is signed, but nobody has verified the signature",
        f"goldsmith verify {name}, with --ca BUNDLE where goldsmith.yaml does not say whom to trust",
    )


def _committed(case: Case) -> Found:
    record = case.version.newest(EvidenceKind.MANIFEST)
    content = case.read(record.sha256) if record else None
    if record is None or content is None:
        return _unknown("no manifest is kept with it", "build it again; the build attaches it")
    commit = json.loads(content).get("recipe", {}).get("commit")
    if not commit:
        return _no("its recipe is in no git repository", "commit the recipe, then build", record.sha256)
    if str(commit).endswith("-dirty"):
        return _no(f"its recipe had changes beside {commit}", "commit them, then build", record.sha256)
    return _yes(f"commit {commit}", record.sha256)


def _approvals(case: Case) -> Found:
    wanted = case.channel.gates.approvals
    assert wanted
    said = {
        one.who
        for one in (*case.state.approvals, *(case.abroad.approvals if case.abroad else ()))
        if (one.version, one.channel) == (case.version.version, case.channel.name)
    }
    counted = {who for who in said if not wanted.by or who in wanted.by}
    if wanted.not_the_promoter:
        counted.discard(case.promoter)
    told = f"{len(counted)} of {wanted.count}: {', '.join(sorted(counted)) or 'nobody'}"
    if ignored := sorted(said - counted):
        told += f" (not counted: {', '.join(ignored)})"
    if len(counted) >= wanted.count:
        return _yes(told)
    return _no(told, case.command(f"approve {case.version.name} --to {case.channel.name}"))


def _size_growth(case: Case) -> Found:
    wanted = case.channel.gates.size_growth
    assert wanted
    if case.current is None:
        return _yes("the channel has no image to compare with")
    before, now = case.current.size, case.version.size
    if before is None or now is None:
        return _unknown("a size is not known", case.command(f"image verify {case.version.name}"))
    grown = now - before
    limits = [
        *([before * wanted.percent / 100] if wanted.percent is not None else []),
        *([float(wanted.size)] if wanted.size is not None else []),
    ]
    told = (
        f"{human_size(now)} after {human_size(before)} of {case.current.version} "
        f"({grown / before:+.1%}), {human_size(min(limits))} more allowed"
    )
    return _yes(told) if grown <= min(limits) else _no(told, "make it smaller, or raise size_growth")


def _no_downgrade(case: Case) -> Found:
    if case.current is None:
        return _yes("the channel has no image to compare with")
    read = []
    for version in (case.current, case.version):
        record = version.newest(EvidenceKind.SBOM)
        content = case.read(record.sha256) if record else None
        try:
            found = packages(content) if content else frozenset()
        except (ValueError, LookupError, TypeError, AttributeError):
            found = frozenset()
        if not found:
            return _unknown(
                f"the packages of {version.version} are not known",
                f"goldsmith image attach {version.name} sbom FILE",
            )
        read.append(found)
    back = downgraded(*read)
    if not back:
        return _yes(f"none of {len(read[1])} packages is older than in {case.current.version}")
    named = ", ".join(f"{name} {old} -> {new}" for name, old, new in back[:_SHOWN])
    more = f" and {len(back) - _SHOWN} more" if len(back) > _SHOWN else ""
    return _no(f"{named}{more}", "build it with the newer packages")


def _asked(choose: Callable[[Gates], object]) -> Callable[[Case], bool]:
    return lambda case: bool(choose(case.channel.gates))


GATES: tuple[Gate, ...] = (
    Gate("not revoked", lambda _: True, _not_revoked, always=True),
    Gate("whole", lambda _: True, _whole, always=True),
    Gate("order", lambda case: case.channel.gates.order and case.previous is not None, _order),
    Gate(
        "audit",
        _asked(lambda gates: gates.audit),
        _proved(EvidenceKind.AUDIT, "goldsmith audit {image}; mend the recipe as it says, and build again"),
    ),
    Gate(
        "boot test",
        _asked(lambda gates: gates.boot_test),
        _proved(EvidenceKind.BOOT_TEST, "goldsmith boot-test {image}"),
    ),
    Gate("age", _asked(lambda gates: gates.age), _age),
    Gate(
        "sbom",
        _asked(lambda gates: gates.sbom),
        _proved(EvidenceKind.SBOM, "goldsmith image attach {version} sbom FILE"),
    ),
    Gate(
        "signature",
        _asked(lambda gates: gates.signature),
        _signature,
    ),
    Gate("committed", _asked(lambda gates: gates.committed), _committed),
    Gate("approvals", _asked(lambda gates: gates.approvals), _approvals),
    Gate("size growth", _asked(lambda gates: gates.size_growth), _size_growth),
    Gate("no downgrade", _asked(lambda gates: gates.no_downgrade), _no_downgrade),
)
