"""The JSON Schemas of what the commands on channels print with ``--json``."""

from typing import Any

Schema = dict[str, Any]
_TEXT: Schema = {"type": "string"}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_TIME: Schema = {"type": "string", "description": "ISO 8601, with the offset of its time zone."}
_NUMBER: Schema = {"type": "integer", "minimum": 0}
_BOOL: Schema = {"type": "boolean"}


def channel_outputs() -> dict[str, Schema]:
    """Return one schema for each command, by the command's name."""
    changed = _object("What was done.", {"changed": _BOOL, "event": {"anyOf": [_event(), {"type": "null"}]}})
    return {
        "promote": {
            **changed,
            "properties": {
                **changed["properties"],
                "refused": {**_TEXT, "description": "NAME@VERSION that the gates refused."},
                "gates": _list(_gate()),
            },
        },
        "promote --dry-run": _object(
            "What the gates say.", {"version": _TEXT, "channel": _TEXT, "gates": _list(_gate())}
        ),
        "promote --to-catalog": _object(
            "What was done in each catalog.",
            {
                "changed": _BOOL,
                "catalogs": _list(
                    _object(
                        "One catalog; null where it was there already.",
                        {"catalog": _TEXT, "event": {"anyOf": [_event(), {"type": "null"}]}},
                    )
                ),
            },
        ),
        "approve": changed,
        "rollback": changed,
        "revoke": changed,
        "channels": {"description": "What each channel of each recipe points to.", **_list(_channel())},
        "history": {"description": "What happened, the oldest first.", **_list(_event())},
        "retire": _object(
            "The fate of each version, and what was done.",
            {"applied": _BOOL, "versions": _list(_fate()), "events": _list(_event())},
        ),
        "image evidence": {"description": "What is kept with an image.", **_list(_evidence())},
    }


def _object(description: str, properties: dict[str, Schema]) -> Schema:
    return {
        "description": description,
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _gate() -> Schema:
    return _object(
        "What one gate said.",
        {
            "gate": _TEXT,
            "answer": {"enum": ["passed", "refused", "unknown"]},
            "detail": _TEXT,
            "fix": _TEXT,
            "evidence": {**_TEXT, "description": "sha256 of the document that it rests on; may be empty."},
        },
    )


def _event() -> Schema:
    move = _object("A channel that moved; an empty text is no version.", dict.fromkeys(_MOVE, _TEXT))
    kinds = "registered promoted rolled_back revoked withdrawn undone approved retired restored".split()  # noqa: SIM905
    return _object(
        "One thing that happened.",
        {
            "number": _NUMBER,
            "recipe": _TEXT,
            "kind": {"enum": [one.replace("_", " ") for one in kinds]},
            "version": _TEXT,
            "at": _TIME,
            "who": _TEXT,
            "reason": _TEXT,
            "channel": _TEXT,
            "origin": {**_TEXT, "description": "The channel or catalog that the version came from."},
            "step": {"enum": ["", "hidden", "deactivated", "deleted"]},
            "forced": _BOOL,
            "moves": _list(move),
            "gates": _list(_gate()),
        },
    )


_MOVE = ("channel", "before", "after")


def _channel() -> Schema:
    image = {"id": _TEXT, "name": _TEXT, "disk_format": _TEXT, "sha256": _TEXT_OR_NULL}
    return _object(
        "One channel.",
        {
            "recipe": _TEXT,
            "channel": _TEXT,
            "version": {**_TEXT_OR_NULL, "description": "null while it has none."},
            "since": _TEXT_OR_NULL,
            "images": _list(_object("One format of the version.", image)),
        },
    )


def _fate() -> Schema:
    return _object(
        "What becomes of a version.",
        {
            "version": _TEXT,
            "images": _list(_TEXT),
            "size": {**_NUMBER, "description": "Bytes."},
            "made_at": _TIME,
            "fate": {"enum": ["keep", "wait", "hide", "deactivate", "delete"]},
            "why": _TEXT,
            "step": _TEXT_OR_NULL,
            "due": _TEXT_OR_NULL,
        },
    )


def _evidence() -> Schema:
    return _object(
        "One record.",
        {
            "image": _TEXT,
            "kind": _TEXT,
            "passed": _BOOL,
            "recorded_at": _TIME,
            "recorded_by": _TEXT,
            "sha256": _TEXT,
            "summary": _TEXT,
        },
    )
