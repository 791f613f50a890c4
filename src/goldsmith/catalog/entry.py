"""What a catalog says about an image and what can be asked of it, in Image API v2 names and statuses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from goldsmith.host.files import Digests

BUILD_KEY = "goldsmith_build_key"  # equal key, equal image: registering it again gives the one that is there
SHA256 = "goldsmith_sha256"  # the digest that the Image API has no field for; set by the catalog itself
RECIPE = "goldsmith_recipe"
VERSION = "goldsmith_version"  # of the recipe: the day and a number
SOURCE = "goldsmith_converted_from"  # sha256 of what was converted, so that it need not be done twice
HASH_ALGORITHM = "sha512"
GIB = 1 << 30

OnBytes = Callable[[int], None]


class Status(StrEnum):
    """The statuses of the Image API; the embedded catalog uses QUEUED SAVING ACTIVE DEACTIVATED DELETED."""

    QUEUED = "queued"
    SAVING = "saving"
    UPLOADING = "uploading"
    IMPORTING = "importing"
    ACTIVE = "active"
    DEACTIVATED = "deactivated"
    KILLED = "killed"
    DELETED = "deleted"
    PENDING_DELETE = "pending_delete"


class Visibility(StrEnum):
    PUBLIC = "public"
    COMMUNITY = "community"
    SHARED = "shared"
    PRIVATE = "private"


@dataclass(frozen=True)
class Image:
    """One entry of a catalog; ``size`` and the digests are None until the bytes are there."""

    id: str
    name: str
    status: Status
    created_at: datetime
    updated_at: datetime
    visibility: Visibility = Visibility.PRIVATE
    protected: bool = False
    hidden: bool = False
    disk_format: str = "qcow2"
    container_format: str = "bare"
    size: int | None = None  # bytes of the file
    virtual_size: int | None = None  # bytes that the guest sees
    checksum: str | None = None  # md5
    os_hash_algo: str | None = None
    os_hash_value: str | None = None
    min_disk: int = 0  # GiB
    min_ram: int = 0  # MiB
    owner: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()  # where the bytes are, in a catalog with several stores

    @property
    def sha256(self) -> str | None:
        return self.properties.get(SHA256)

    @property
    def build_key(self) -> str | None:
        return self.properties.get(BUILD_KEY)

    @property
    def build_version(self) -> str | None:
        """Return RECIPE@VERSION of the build that it came from; its other formats have the same."""
        recipe, version = self.properties.get(RECIPE), self.properties.get(VERSION)
        return f"{recipe}@{version}" if recipe and version else None

    @property
    def half(self) -> bool:
        """Say whether its bytes are still to come."""
        return self.status in (Status.QUEUED, Status.SAVING, Status.UPLOADING, Status.IMPORTING)

    def differences(self, found: Digests) -> tuple[str, ...]:
        """Say in words in what these bytes are not the image's."""
        algorithm = self.os_hash_algo or HASH_ALGORITHM  # a Glance may be told to use another one
        pairs = (
            ("size", self.size, found.size),
            ("checksum (md5)", self.checksum, found.md5),
            (f"os_hash_value ({algorithm})", self.os_hash_value, getattr(found, algorithm, None)),
            ("sha256", self.sha256, found.sha256),
        )
        return tuple(
            f"{what} is {now}, was {was}" for what, was, now in pairs if None not in (was, now) and was != now
        )

    def as_json(self) -> dict[str, object]:
        """Return the image object of the Image API, which has the properties beside the fixed names."""
        return {
            "id": self.id,
            "name": self.name,
            "status": self.status.value,
            "visibility": self.visibility.value,
            "protected": self.protected,
            "os_hidden": self.hidden,
            "disk_format": self.disk_format,
            "container_format": self.container_format,
            "size": self.size,
            "virtual_size": self.virtual_size,
            "checksum": self.checksum,
            "os_hash_algo": self.os_hash_algo,
            "os_hash_value": self.os_hash_value,
            "min_disk": self.min_disk,
            "min_ram": self.min_ram,
            "owner": self.owner,
            "tags": list(self.tags),
            "created_at": stamp(self.created_at),
            "updated_at": stamp(self.updated_at),
            "file": f"/v2/images/{self.id}/file",
            "self": f"/v2/images/{self.id}",
            "schema": "/v2/schemas/image",
            **({"stores": ",".join(self.stores)} if self.stores else {}),
            **self.properties,
        }


@dataclass(frozen=True)
class NewImage:
    """What one asks for when an image is made."""

    name: str
    disk_format: str = "qcow2"
    container_format: str = "bare"
    visibility: str = Visibility.PRIVATE
    protected: bool = False
    hidden: bool = False
    min_disk: int = 0  # GiB
    min_ram: int = 0  # MiB
    virtual_size: int | None = None  # bytes; a server that inspects images finds it itself
    properties: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Changes:
    """What an update changes; None leaves a field as it is. Tags and properties to remove must be there."""

    name: str | None = None
    visibility: str | None = None
    protected: bool | None = None
    hidden: bool | None = None
    min_disk: int | None = None  # GiB
    min_ram: int | None = None  # MiB
    owner: str | None = None
    set_properties: Mapping[str, str] = field(default_factory=dict)
    unset_properties: frozenset[str] = frozenset()
    add_tags: frozenset[str] = frozenset()
    remove_tags: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Query:
    """Which images to list; all that is said must hold. Hidden and deleted ones only when asked for."""

    name: str | None = None
    status: Status | None = None
    visibility: Visibility | None = None
    tags: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)
    os_hash_value: str | None = None
    hidden: bool = False
    deleted: bool = False


@dataclass(frozen=True)
class Verification:
    """The result of reading an image's bytes again; no problem means that they are the registered ones."""

    image: Image
    problems: tuple[str, ...] = ()

    @property
    def good(self) -> bool:
        return not self.problems


@dataclass(frozen=True)
class Purged:
    """What a purge removed for good, or would remove."""

    images: tuple[Image, ...]
    freed: int  # bytes on disk


def stamp(moment: datetime) -> str:
    """Write a time as the Image API does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def min_disk_for(virtual_size: int) -> int:
    """Return the smallest ``min_disk`` (GiB) that holds a disk of ``virtual_size`` bytes."""
    return -(-virtual_size // GIB)
