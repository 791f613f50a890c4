"""The JSON Schemas of what the commands on plans, clouds, the store and many builds print with ``--json``."""

from typing import Any

Schema = dict[str, Any]
_TEXT: Schema = {"type": "string"}
_FLAG: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_COUNT_OR_NULL: Schema = {"type": ["integer", "null"], "minimum": 0}
_NUMBER: Schema = {"type": "number", "minimum": 0}
_NAMED: Schema = {"type": "object", "additionalProperties": _TEXT}
_TEXTS: Schema = {"type": "array", "items": _TEXT}


def more_outputs(image: Schema) -> dict[str, Schema]:
    """Return one schema for each command, by the command's name; ``image`` is that of an image."""
    member = _object("image_id", "member_id", status={"enum": ["pending", "accepted", "rejected"]})
    place = _object("id", "description", default=_FLAG, read_only=_FLAG)
    limits = dict.fromkeys(("largest", "total", "used", "count", "count_used"), _COUNT_OR_NULL)
    imported = _object(image=image, notes=_TEXTS)
    stores = _object(stores=_list(place), limits=_object(**limits))
    members = _list(member, "The projects that an image is shared with.")
    return {
        "image import": {**imported, "description": "What was brought into a catalog."},
        **{f"image members {verb}": members for verb in ("list", "add", "remove", "accept", "reject")},
        "image stores": {
            **stores,
            "description": "Where a catalog keeps bytes; null is what it does not tell.",
        },
        "image copy-to-store": image,
        "plan": _plan(),
        "store list": _list(_entry(), "The results and media that are kept, the oldest first."),
        "diff": _diff(),
        "lock": {
            **_object("file", "build", media=_NAMED, packages=_NAMED),
            "description": "What was locked: sha256 of media, versions by name.arch.",
        },
        "nightly": _night(),
        "report": {**_object("index", "url"), "description": "The first page."},
    }


def _plan() -> Schema:
    required = _object("name", "key", "reason", cached=_FLAG)
    more: Schema = {
        "kind": {"enum": ["media", "disk", "check", "artifact", "catalog"]},
        "key": {**_TEXT, "description": "Names the result by its whole history."},
        "reason": {**_TEXT, "description": "Why it runs; empty when it is cached."},
        "expected": {"type": ["number", "null"], "description": "Seconds, from earlier builds on this host."},
        "as_of": {**_TEXT, "description": "What it read from the outside world, and when; empty for most."},
        "good_until": {**_TEXT, "description": "The last day on which that is taken as it is."},
    }
    stage = {**required, "description": "One stage.", "properties": {**required["properties"], **more}}
    plan = _object(stages=_list(stage))
    optional = {"recipe": _TEXT, "cached": _FLAG}
    return {
        **plan,
        "description": "What a build would do.",
        "properties": {**plan["properties"], **optional},
    }


def _entry() -> Schema:
    return _object(
        *("stage", "recipe", "parent"),
        kind={
            "enum": ["entry", "medium"],
            "description": "A medium has no stage, recipe, parent and seconds.",
        },
        key={**_TEXT, "description": "Of a medium: its sha256, or what names the inputs of one made here."},
        name={**_TEXT, "description": "The file of a medium; empty for an entry."},
        remade_by={
            "enum": ["build", "download", "copy", "making", "hand"],
            "description": "What it takes to have it again; nothing removes what was added by hand by itself.",
        },
        size={**_COUNT, "description": "Bytes on disk."},
        created={**_NUMBER, "description": "Seconds since the epoch."},
        seconds={**_NUMBER, "description": "What it took to make, and would take again."},
        used_by={**_TEXTS, "description": "Recipes whose newest good build has it, or that are being built."},
    )


def _diff() -> Schema:
    text_or_null = {"type": ["string", "null"]}
    change = _object(
        *("part", "name"),
        kind={"enum": ["added", "removed", "changed"]},
        before=text_or_null,
        after=text_or_null,
    )
    size = _object(before=_COUNT_OR_NULL, after=_COUNT_OR_NULL)
    unknown = {**_TEXTS, "description": "Parts that nobody could see in one of the two."}
    found = _object(*("before", "after"), size=size, changes=_list(change), unknown=unknown)
    return {**found, "description": "In what one image differs from another."}


def _night() -> Schema:
    recipe = _object(
        *("recipe", "why", "error", "build", "channel"),
        ended={"enum": ["built", "unchanged", "skipped", "failed", "stopped"]},
        seconds=_NUMBER,
        exit_code=_COUNT,
        image={"type": "object"},
        tries=_COUNT,
        refused={**_TEXTS, "description": "The gates that did not let its version into the channel."},
    )
    night = _object("began", "summary", "page", seconds=_NUMBER, exit_code=_COUNT, recipes=_list(recipe))
    return {**night, "description": "How the builds of a night ended."}


def _object(*texts: str, **others: Schema) -> Schema:
    properties = {**dict.fromkeys(texts, _TEXT), **others}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(items: Schema, description: str = "") -> Schema:
    told = {"description": description} if description else {}
    return {**told, "type": "array", "items": items}
