"""What a catalog says of itself and of those it shares images with: stores, limits, properties, members."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path


class MemberStatus(StrEnum):
    """What a project answered to an image that was shared with it."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Member:
    """A project that an image is shared with."""

    image_id: str
    project: str
    status: MemberStatus
    updated_at: datetime | None = None


@dataclass(frozen=True)
class Store:
    """A place where a catalog keeps bytes."""

    id: str
    description: str = ""
    default: bool = False
    read_only: bool = False


@dataclass(frozen=True)
class Limits:
    """How much a catalog takes; None is what it does not tell. Sizes are bytes."""

    largest: int | None = None  # one image
    total: int | None = None  # all images of this project together
    used: int | None = None
    count: int | None = None  # images of this project
    count_used: int | None = None

    def refusal(self, size: int) -> str | None:
        """Say why an image of this size does not fit; None if nothing is known against it."""
        if self.largest is not None and size > self.largest:
            return f"an image may have {self.largest} bytes, this one has {size}"
        if self.total is not None and (self.used or 0) + size > self.total:
            return f"the quota is {self.total} bytes, {self.used or 0} are used, this image has {size}"
        if self.count is not None and (self.count_used or 0) >= self.count:
            return f"the quota is {self.count} images, and so many there are"
        return None


@dataclass(frozen=True)
class Rules:
    """Which properties a catalog knows, as JSON Schema by name, and those that every image must have."""

    known: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    required: frozenset[str] = frozenset()

    def problems(self, properties: Mapping[str, object]) -> Sequence[str]:
        """Say what this catalog would refuse of these properties."""
        lacking = [f"the property {name} is missing" for name in sorted(self.required - properties.keys())]
        return [*lacking, *(why for name in properties if (why := self._wrong(name, properties[name])))]

    def _wrong(self, name: str, value: object) -> str | None:
        rule = self.known.get(name, {})
        choices, longest, kinds = rule.get("enum"), rule.get("maxLength"), rule.get("type", "string")
        if isinstance(choices, list) and value not in choices:
            shown = ", ".join(str(one) for one in choices if one is not None)
            return f"the property {name} cannot be {value!r}, only one of: {shown}"
        if isinstance(longest, int) and len(str(value)) > longest:
            return f"the property {name} has {len(str(value))} characters, at most {longest} fit"
        if "string" not in (kinds if isinstance(kinds, list) else [kinds]):
            return f"the property {name} is of the type {kinds} there, which only the server can set"
        return None


class ImportMethod(StrEnum):
    """How a server takes an image other than by a plain upload."""

    GLANCE_DIRECT = "glance-direct"  # the bytes are staged, then imported
    WEB_DOWNLOAD = "web-download"  # the server fetches them


@dataclass(frozen=True)
class Source:
    """What is to be imported: a file of this host, or a URL for the server. ``sha512`` is what is promised of it."""

    place: Path | str
    method: ImportMethod
    stores: tuple[str, ...] = ()  # none: the server's default
    sha512: str | None = None


@dataclass(frozen=True)
class Imported:
    """An image that a server made; ``notes`` say in what it is not the source, and what was not compared."""

    image_id: str
    notes: tuple[str, ...] = ()
