"""Images as a Glance writes them, and what is sent to it about them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from goldsmith.catalog.entry import BUILD_KEY, Changes, Image, NewImage, Query, Status, Visibility
from goldsmith.catalog.facts import Limits, Member, MemberStatus, Rules, Store
from goldsmith.catalog.rules import FIXED, changed

Json = Mapping[str, Any]
_FILTERS = frozenset({BUILD_KEY, "goldsmith_recipe", "goldsmith_version", "goldsmith_build"})
_OPERATORS = ("in:", "eq:", "neq:", "gt:", "gte:", "lt:", "lte:")
_OUTSIDE: Final = (1 << 31) - 1  # Glance keeps min_disk and min_ram in 32 bits


def image_of(said: Json) -> Image:
    return Image(
        id=str(said["id"]),
        name=said.get("name") or "",
        status=Status(said["status"]),
        created_at=moment_of(said["created_at"]),
        updated_at=moment_of(said["updated_at"]),
        visibility=Visibility(said.get("visibility") or "private"),
        protected=bool(said.get("protected")),
        hidden=bool(said.get("os_hidden")),
        disk_format=said.get("disk_format") or "",
        container_format=said.get("container_format") or "",
        size=said.get("size"),
        virtual_size=said.get("virtual_size"),
        checksum=said.get("checksum"),
        os_hash_algo=said.get("os_hash_algo"),
        os_hash_value=said.get("os_hash_value"),
        min_disk=said.get("min_disk") or 0,
        min_ram=said.get("min_ram") or 0,
        owner=said.get("owner"),
        properties={
            name: str(value)
            for name, value in sorted(said.items())
            if name not in FIXED and value is not None
        },
        tags=tuple(sorted(said.get("tags") or ())),
        stores=tuple(filter(None, str(said.get("stores") or "").split(","))),
    )


def body_of(new: NewImage, image_id: str) -> dict[str, object]:
    """Return what creates the image. What protects it comes last, when it is whole."""
    return {
        "id": image_id,
        "name": new.name,
        "disk_format": new.disk_format,
        "container_format": new.container_format,
        "visibility": str(new.visibility),
        "os_hidden": new.hidden,
        "min_disk": min(new.min_disk, _OUTSIDE),
        "min_ram": min(new.min_ram, _OUTSIDE),
        "tags": sorted(set(new.tags)),
        **new.properties,
    }


def again(image: Image) -> NewImage:
    """Return what would make an image like this one."""
    return NewImage(
        name=image.name,
        disk_format=image.disk_format,
        container_format=image.container_format,
        visibility=image.visibility,
        protected=image.protected,
        hidden=image.hidden,
        min_disk=image.min_disk,
        min_ram=image.min_ram,
        properties={
            name: value for name, value in image.properties.items() if not name.startswith("os_glance")
        },
        tags=image.tags,
    )


def patch_of(image: Image, changes: Changes, *, cloud: str) -> list[dict[str, object]]:
    """Return the steps that make these changes. Raises UsageError or CatalogError for what cannot be done."""
    after = changed(image, changes, cloud=cloud)
    fields = {
        "name": (image.name, after.name),
        "visibility": (image.visibility.value, after.visibility.value),
        "protected": (image.protected, after.protected),
        "os_hidden": (image.hidden, after.hidden),
        "min_disk": (image.min_disk, after.min_disk),
        "min_ram": (image.min_ram, after.min_ram),
        "owner": (image.owner, after.owner),
        "tags": (list(image.tags), list(after.tags)),
    }
    steps = [_step("replace", name, now) for name, (was, now) in fields.items() if was != now]
    steps += [_step("add", name, value) for name, value in sorted(changes.set_properties.items())]
    steps += [_step("remove", name) for name in sorted(changes.unset_properties)]
    return steps


def _step(operation: str, name: str, value: object = None) -> dict[str, object]:
    path = "/" + name.replace("~", "~0").replace("/", "~1")
    step: dict[str, object] = {"op": operation, "path": path}
    return step if operation == "remove" else {**step, "value": value}


def asked(query: Query) -> dict[str, object]:
    """Return the part of a query that the server may answer; ``fits`` asks all of it again."""
    wanted: dict[str, object] = {"name": query.name, "status": query.status, "visibility": query.visibility}
    wanted["os_hash_value"] = query.os_hash_value
    wanted |= {name: value for name, value in query.properties.items() if name in _FILTERS}
    if query.tags:
        wanted["tag"] = list(query.tags)
    return {
        name: value
        for name, value in wanted.items()
        if value is not None and not str(value).startswith(_OPERATORS)
    }


def fits(query: Query, image: Image) -> bool:
    """Say whether an image is one that was asked for, apart from whether it is hidden."""
    return (
        query.name in (None, image.name)
        and query.status in (None, image.status)
        and query.visibility in (None, image.visibility)
        and query.os_hash_value in (None, image.os_hash_value)
        and {*query.tags} <= {*image.tags}
        and query.properties.items() <= image.properties.items()
    )


def moment_of(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def member_of(said: Json) -> Member:
    return Member(
        str(said["image_id"]),
        str(said["member_id"]),
        MemberStatus(said["status"]),
        moment_of(said["updated_at"]),
    )


def stores_of(said: Json) -> tuple[Store, ...]:
    found = [
        Store(
            str(one["id"]),
            str(one.get("description") or ""),
            default=str(one.get("default", "")).lower() == "true",
            read_only=str(one.get("read-only", "")).lower() == "true",
        )
        for one in said.get("stores", ())
    ]
    return tuple(sorted(found, key=lambda one: not one.default))


def limits_of(said: Json) -> Limits:
    """Read /v2/info/usage, where sizes are MiB and what has no limit is -1 or left out."""
    usage = said.get("usage", {})

    def pair(name: str, unit: int) -> tuple[int | None, int | None]:
        one = usage.get(name)
        if not one or one.get("limit", -1) < 0:
            return None, None
        return int(one["limit"]) * unit, int(one.get("usage", 0)) * unit

    total, used = pair("image_size_total", 1 << 20)
    count, count_used = pair("image_count_total", 1)
    return Limits(total=total, used=used, count=count, count_used=count_used)


def rules_of(said: Json, fixed: Sequence[str] = tuple(FIXED)) -> Rules:
    """Read /v2/schemas/image."""
    known = {name: rule for name, rule in said.get("properties", {}).items() if name not in fixed}
    return Rules(known, frozenset(said.get("required", ())) - {*fixed})
