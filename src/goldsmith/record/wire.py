"""Events as JSON lines: the one mapping that ``events.jsonl`` and ``--json`` share."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from goldsmith.events import BuildStarted, Event, StageOutlook

EVENTS = "events.jsonl"
KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(Event)}


@dataclass(frozen=True)
class Told:
    """An event and when it was told, in seconds since the epoch."""

    at: float
    event: Event


def as_json(event: Event) -> dict[str, Any]:
    """Return the event as plain JSON values; ``event`` holds its kind, the other names are its fields."""
    return {"event": type(event).__name__, **_fields(event)}


def from_json(document: Mapping[str, Any]) -> Event | None:
    """Return the event, or None for one that this version does not know."""
    kind = KINDS.get(str(document.get("event")))
    if kind is None:
        return None
    values = {one.name: _frozen(document[one.name]) for one in fields(kind) if one.name in document}
    try:
        if kind is BuildStarted:
            values["stages"] = tuple(StageOutlook(**one) for one in values["stages"])
        event: Event = kind(**values)
    except (TypeError, KeyError):
        return None
    return event


def to_line(event: Event, *, at: float, ascii_only: bool = False) -> str:
    """Return one line of JSON, without its end; ``at`` is in seconds since the epoch."""
    return json.dumps({"time": stamp(at), **as_json(event)}, ensure_ascii=ascii_only)


def events_from(folder: Path) -> Iterator[Told]:
    """Yield what a build has told so far; a line that was torn by a kill or a full disk is passed over."""
    try:
        text = (folder / EVENTS).read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return
    for line in text.split("\n"):
        try:
            document = json.loads(line)
            at = moment(document["time"])
        except (ValueError, TypeError, KeyError):
            continue
        if event := from_json(document):
            yield Told(at, event)


def stamp(at: float) -> str:
    """Write seconds since the epoch as ``2026-01-31T12:00:00.123Z``."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> float:
    """Read what ``stamp`` wrote; raises ValueError."""
    return datetime.fromisoformat(text).timestamp()


def _fields(value: Any) -> dict[str, Any]:
    return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}


def _plain(value: object) -> Any:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, StageOutlook):
        return _fields(value)
    return str(value)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
