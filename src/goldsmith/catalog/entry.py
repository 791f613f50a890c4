"""What a catalog says about an image and what can be asked of it, in Image API v2 names and statuses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from goldsmith.host.files import Digests

BUILD_KEY = "goldsmith_build_key"  # equal key, equal image: registering it again gives the one that is there
SHA256 = "goldsmith_sha256"  # the digest that the Image API has no field for; set by the catalog itself
RECIPE = "goldsmith_recipe"
VERSION = "goldsmith_version"  # of the recipe: the day and a number
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

    def differences(self, found: Digests) -> tuple[str, ...]:
        """Say in words in what these bytes are not the image's."""
        pairs = (
            ("size", self.size, found.size),
            ("checksum (md5)", self.checksum, found.md5),
            ("os_hash_value (sha512)", self.os_hash_value, found.sha512),
            ("sha256", self.sha256, found.sha256),
        )
        return tuple(f"{what} is {now}, was {was}" for what, was, now in pairs if was != now)

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


class Catalog(Protocol):
    """Keeps images. One suite of tests (tests/catalog/test_contract.py) holds for every backend.

    All methods raise CatalogError when the catalog cannot be reached or has no such image, and UsageError
    when a value is one that the Image API does not take. Listeners (``on_bytes``) get the size of each block.
    """

    def create(self, new: NewImage) -> Image:
        """Return a new queued image without bytes."""

    def upload(
        self, image_id: str, file: Path, digests: Digests | None = None, *, on_bytes: OnBytes | None = None
    ) -> Image:
        """Give a queued image its bytes and return it active, compared with the file by size and digests.

        If that fails or is stopped, the image is removed: no catalog keeps a half image. With ``digests`` the
        caller promises that the file holds these bytes and is not written to any more; a catalog on the same
        file system then shares the file and makes it read-only.
        """

    def register(
        self,
        file: Path,
        new: NewImage,
        digests: Digests | None = None,
        *,
        on_bytes: OnBytes | None = None,
    ) -> Image:
        """Create and upload, or return the active image that has the same ``goldsmith_build_key``."""

    def get(self, image_id: str) -> Image: ...

    def find(self, wanted: str, *, deleted: bool = False) -> Image:
        """Return the one image that ``wanted`` means: an id, a name, the start of an id, or NAME@latest.

        With ``deleted`` only deleted images are looked at. Raises UsageError, with the ids, for several.
        """

    def list(self, query: Query = Query()) -> tuple[Image, ...]:
        """Return the images, newest first."""

    def update(self, image_id: str, changes: Changes) -> Image:
        """Change all that is said, or nothing."""

    def deactivate(self, image_id: str) -> Image:
        """Keep the image, but give its bytes to nobody."""

    def reactivate(self, image_id: str) -> Image: ...

    def download(self, image_id: str, target: Path, *, on_bytes: OnBytes | None = None) -> Image:
        """Write the image's bytes to ``target``, a new file of its own, compared by their digests."""

    def verify(self, image_id: str, *, on_bytes: OnBytes | None = None) -> Verification:
        """Read all bytes again and compare them with what was registered."""

    def delete(self, image_id: str) -> Image:
        """Delete the image; GateError when it is protected."""

    def purge(self, *, older_than: timedelta, apply: bool) -> Purged:
        """Remove for good what was deleted longer ago than that; without ``apply`` only tell."""


def stamp(moment: datetime) -> str:
    """Write a time as the Image API does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def min_disk_for(virtual_size: int) -> int:
    """Return the smallest ``min_disk`` (GiB) that holds a disk of ``virtual_size`` bytes."""
    return -(-virtual_size // GIB)
