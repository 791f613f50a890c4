"""Everything that checks may ask about, gathered once and then plain values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from goldsmith.artifact.inventory import Inventory
from goldsmith.audit.registry import Registry
from goldsmith.audit.tree import Tree, Unseen


class NotLooked(Exception):
    """A check asks for a part of the image that nobody looked into, with the reason."""


@dataclass(frozen=True)
class Container:
    """The image file as QEMU sees it. Sizes in bytes; ``format`` is the Image API name.

    ``dangers`` and ``damage`` are reasons not to let any program open it; then nothing but the format is known.
    """

    path: Path
    format: str
    dangers: tuple[str, ...] = ()
    damage: tuple[str, ...] = ()
    virtual_size: int = 0
    actual_size: int = 0
    extras: tuple[str, ...] = ()  # snapshots, encryption, marks of damage
    compat: str = ""
    compression: str = ""
    faults: tuple[str, ...] | None = None  # of qemu-img check; None where the format has no check

    @property
    def problems(self) -> tuple[str, ...]:
        return (*self.dangers, *self.damage)


@dataclass(frozen=True)
class Partition:
    """A partition; ``start`` and ``end`` (its last byte) are counted from the begin of the disk."""

    device: str
    start: int
    end: int


@dataclass(frozen=True)
class FileSystem:
    """A file system, swap area or volume; ``faults`` and ``features`` are None where nobody could look."""

    device: str
    kind: str
    uuid: str = ""
    label: str = ""
    part_uuid: str = ""
    part_label: str = ""
    faults: tuple[str, ...] | None = None
    features: frozenset[str] | None = None  # lower case, as dumpe2fs and xfs_db name them


@dataclass(frozen=True)
class System:
    """An operating system as libguestfs recognises it; ``mounts`` are device by mount point."""

    root: str
    kind: str  # linux, windows
    distro: str
    major: int
    minor: int
    product: str = ""
    arch: str = ""
    package_format: str = ""
    mounts: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.product or f"{self.distro} {self.major}.{self.minor}"


@dataclass(frozen=True)
class Initramfs:
    """The initramfs of the default kernel: base names of its files that checks ask for, ``.ko.xz`` cut off.

    ``reason`` says why it could not be opened.
    """

    path: str
    names: frozenset[str] = frozenset()
    reason: str = ""


@dataclass(frozen=True)
class Guest:
    """What one look through the appliance gave. ``tree`` is None when no system could be mounted, see ``reason``."""

    partitions: tuple[Partition, ...] = ()
    filesystems: tuple[FileSystem, ...] = ()
    systems: tuple[System, ...] = ()
    tree: Tree | None = None
    packages: Mapping[str, str] | None = None  # version by name; None when no list could be read
    inventory: Inventory | None = None  # None when nobody looked into the one system
    boot_code: bytes = b""  # of the first disk
    labels: Mapping[str, str] = field(default_factory=dict)  # SELinux context by path; "" where there is none
    initramfs: Initramfs | None = None  # None without a boot menu that names one
    registry: Registry | None = None  # of a Windows
    partition_kinds: Mapping[str, str] = field(default_factory=dict)  # of a Windows: GPT type, active
    reason: str = ""


@dataclass(frozen=True)
class Hit:
    """A secret in the bytes of an image: which of those given (from 1), how it was written, where (bytes).

    ``file`` is the name of another file that the image was exported to as well, or "".
    """

    secret: int
    encoding: str
    offset: int
    file: str = ""


@dataclass(frozen=True)
class Search:
    """The search for secrets: how many were looked for, how many were too short for that, and what was found."""

    sought: int
    short: int = 0
    hits: tuple[Hit, ...] = ()


@dataclass(frozen=True)
class Expected:
    """What the recipe promises; None means that it promises nothing about it. Sizes in bytes."""

    format: str | None = None
    virtual_size: int | None = None
    distro: str | None = None
    major: int | None = None
    firmware: str | None = None  # bios, uefi
    growroot: bool = False  # the initramfs grows the root partition
    windows: "ExpectedWindows | None" = None


@dataclass(frozen=True)
class ExpectedWindows:
    """What the recipe promises of a Windows; None means nothing. ``builds`` are the first and last build number."""

    edition: str | None = None  # EditionID, which trial media end with Eval
    builds: tuple[int, int] | None = None
    core: bool | None = None
    rdp: bool | None = None
    clock_utc: bool = False
    users: tuple[str, ...] = ()  # accounts that the image may hold besides those of Windows


@dataclass(frozen=True)
class Facts:
    """All of an image that a check can see."""

    container: Container
    profile: str
    expected: Expected = field(default_factory=Expected)
    guest: Guest | None = None
    search: Search | None = None

    @property
    def opened(self) -> Container:
        """The container with what QEMU says of it. Raises NotLooked where it was not asked."""
        if self.container.problems:
            raise NotLooked("the image was not opened, because it is refused by its header")
        return self.container

    @property
    def look(self) -> Guest:
        if self.guest is None:
            raise NotLooked("nothing inside was looked at, because the image is not safe to open")
        return self.guest

    @property
    def system(self) -> System:
        if len(self.look.systems) != 1:
            raise NotLooked(f"the image holds {len(self.look.systems)} operating systems, not one")
        return self.look.systems[0]

    @property
    def files(self) -> Tree:
        """The guest's files. Raises Unseen where there is one system, so that nothing passes by not being seen."""
        if self.look.tree is None:
            raise (Unseen if len(self.look.systems) == 1 else NotLooked)(self.look.reason)
        return self.look.tree

    @property
    def windows(self) -> ExpectedWindows:
        """What is promised of a Windows; nothing when no recipe is known."""
        return self.expected.windows or ExpectedWindows()

    @property
    def registry(self) -> Registry:
        """The registry. Raises as ``files`` does."""
        if self.look.registry is None:
            reason = self.look.reason or "it has no registry"
            raise (Unseen if len(self.look.systems) == 1 else NotLooked)(reason)
        return self.look.registry
