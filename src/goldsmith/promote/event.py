"""What happened to the versions of a recipe: one event after the other, never changed, and the state they lead to.

The state of the channels is nothing but all events in their order, so the history explains it by construction.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any


class Kind(StrEnum):
    REGISTERED = "registered"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    REVOKED = "revoked"
    WITHDRAWN = "withdrawn"  # from the first channel, since somebody deletes an image of it
    APPROVED = "approved"
    RETIRED = "retired"  # one step further: hidden, deactivated, deleted
    UNDONE = "undone"  # the cloud refused to carry the event before out
    RESTORED = "restored"  # the steps of retirement were taken back


class Step(StrEnum):
    """The steps of retirement, in order."""

    HIDDEN = "hidden"
    DEACTIVATED = "deactivated"
    DELETED = "deleted"


class Answer(StrEnum):
    PASSED = "passed"
    REFUSED = "refused"
    UNKNOWN = "unknown"  # what would tell is not there; it refuses as well


@dataclass(frozen=True)
class Verdict:
    """What one gate said, on what grounds."""

    gate: str
    answer: Answer
    detail: str
    fix: str = ""
    evidence: str = ""  # sha256 of the document that it rests on


@dataclass(frozen=True)
class Move:
    """A channel that points to another version now; an empty text is no version."""

    channel: str
    before: str
    after: str


@dataclass(frozen=True)
class Event:
    """One thing that happened; ``number`` counts from 1 for each recipe."""

    number: int
    recipe: str
    kind: Kind
    version: str
    at: datetime
    who: str
    reason: str = ""
    channel: str = ""  # the one that was asked for
    origin: str = ""  # the channel, or the catalog, that the version came from
    step: str = ""
    forced: bool = False
    moves: tuple[Move, ...] = ()
    gates: tuple[Verdict, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "at": self.at.isoformat(timespec="milliseconds")}

    def text(self) -> str:
        return json.dumps(self.as_json(), ensure_ascii=False, sort_keys=True)


def read_event(text: str) -> Event:
    """Return an event from its text."""
    known = json.loads(text)
    return Event(
        **{
            **{name: value for name, value in known.items() if name in Event.__dataclass_fields__},
            "kind": Kind(known["kind"]),
            "at": datetime.fromisoformat(known["at"]),
            "moves": tuple(Move(**one) for one in known["moves"]),
            "gates": tuple(Verdict(**{**one, "answer": Answer(one["answer"])}) for one in known["gates"]),
        }
    )


@dataclass(frozen=True)
class Stay:
    """A time that a version spent in a channel; ``ended_by`` is None while it is there."""

    channel: str
    version: str
    since: datetime
    until: datetime | None = None
    ended_by: Kind | None = None


@dataclass(frozen=True)
class Approval:
    version: str
    channel: str
    who: str
    at: datetime
    comment: str = ""


@dataclass(frozen=True)
class State:
    """Where the versions of one recipe stand after all its events."""

    recipe: str
    number: int = 0  # of the last event
    holds: Mapping[str, str] = field(default_factory=dict)  # channel: version
    stays: tuple[Stay, ...] = ()
    revoked: Mapping[str, Event] = field(default_factory=dict)
    approvals: tuple[Approval, ...] = ()
    retired: Mapping[str, Event] = field(default_factory=dict)  # version: its last step
    last: Event | None = None

    def since(self, channel: str) -> datetime | None:
        """Return when the version that a channel has came into it."""
        return next((one.since for one in self.stays if one.channel == channel and one.until is None), None)

    def channels_of(self, version: str) -> tuple[str, ...]:
        return tuple(channel for channel, held in self.holds.items() if held == version)

    def just(self, kind: Kind, version: str) -> bool:
        """Say whether the last event was of this kind and about this version."""
        return self.last is not None and (self.last.kind, self.last.version) == (kind, version)

    def was_in(self, version: str, channel: str) -> tuple[Stay, ...]:
        return tuple(one for one in self.stays if (one.version, one.channel) == (version, channel))

    def time_in(self, version: str, channel: str, now: datetime) -> float:
        """Return the seconds that a version has spent in a channel, all its stays together."""
        stays = self.was_in(version, channel)
        return sum(((one.until or now) - one.since).total_seconds() for one in stays)


def state_of(recipe: str, events: Iterable[Event]) -> State:
    """Return the state that events lead to, given in their order."""
    state = State(recipe)
    for event in events:
        state = after(state, event)
    return state


def after(state: State, event: Event) -> State:
    """Return the state after one more event."""
    holds, stays = dict(state.holds), list(state.stays)
    for move in event.moves:
        holds.pop(move.channel, None)
        stays = [_ended(one, event) if _open(one, move.channel) else one for one in stays]
        if move.after:
            holds[move.channel] = move.after
            stays.append(Stay(move.channel, move.after, event.at))
    approvals = state.approvals
    if event.kind is Kind.APPROVED:
        approvals = (
            *approvals,
            Approval(event.version, event.channel, event.who, event.at, event.reason),
        )
    retired = {version: one for version, one in state.retired.items() if version not in _brought_back(event)}
    if event.kind is Kind.RETIRED:
        retired[event.version] = event
    revoked = state.revoked
    if event.kind is Kind.UNDONE:
        revoked = {version: one for version, one in revoked.items() if one != state.last}
    if event.kind is Kind.REVOKED:
        revoked = {**revoked, event.version: event}
    return replace(
        state,
        number=event.number,
        holds=holds,
        stays=tuple(stays),
        approvals=approvals,
        retired=retired,
        last=event,
        revoked=revoked,
    )


def _brought_back(event: Event) -> Sequence[str]:
    """Return the versions whose retirement ends with this event: restored, or in a channel again."""
    moved = [move.after for move in event.moves]
    return [*moved, event.version] if event.kind in (Kind.RESTORED, Kind.UNDONE) else moved


def _open(stay: Stay, channel: str) -> bool:
    return stay.channel == channel and stay.until is None


def _ended(stay: Stay, event: Event) -> Stay:
    return replace(stay, until=event.at, ended_by=event.kind)
