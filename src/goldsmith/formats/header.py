"""What the header of a format says, as one value for all formats."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from goldsmith.formats.source import Source

Detail = str | int | bool | None | list[str]


@dataclass(frozen=True)
class Snapshot:
    """An internal snapshot of a qcow2."""

    id: str
    name: str


@dataclass(frozen=True)
class Header:
    """The facts of one image. Sizes in bytes; what a format does not have is None or empty.

    ``dangers`` are reasons not to let any program open it, ``damage`` is what contradicts the file itself,
    ``notes`` are worth knowing. ``details`` are facts of this format alone, shown to the user under their names;
    ``properties`` are what the Image API would call some of them. ``disk`` gives the bytes that a guest would read,
    where that can be done without a program.
    """

    virtual_size: int | None = None
    cluster_size: int | None = None
    compression: str | None = None
    backing_file: str | None = None
    data_file: str | None = None
    encryption: str | None = None
    snapshots: tuple[Snapshot, ...] = ()
    dangers: tuple[str, ...] = ()
    damage: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    details: Mapping[str, Detail] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    disk: Source | None = None


Reader = Callable[[Source], Header]
