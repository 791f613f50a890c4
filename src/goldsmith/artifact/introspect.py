"""What an image is and whether it may be used: its headers first, then the tools, never the other way round."""

import struct
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from goldsmith.artifact import qemuimg
from goldsmith.artifact.guestdisk import GuestDisk
from goldsmith.artifact.qemuimg import Checked
from goldsmith.errors import GateError, HostError, Mark, ToolError
from goldsmith.formats import content, iso, partitions, qcow2, vdi, vhd, vhdx, vmdk
from goldsmith.formats.detect import Detected, detect
from goldsmith.formats.header import Header, Reader
from goldsmith.formats.partitions import Partition, Table
from goldsmith.formats.source import Damaged, FileSource, Source
from goldsmith.host import osinfo
from goldsmith.host.aside import scratch
from goldsmith.host.process import Host

_READERS: Mapping[str, Reader] = {
    "qcow2": qcow2.read,
    "vmdk": vmdk.read,
    "vhd": vhd.read,
    "vhdx": vhdx.read,
    "vdi": vdi.read,
    "iso": iso.read,
}
API_NAMES = frozenset({"raw", "qcow2", "vmdk", "vdi", "vhd", "vhdx", "iso", "ami", "aki", "ari"})
DISKS = ("raw", "qcow2", "vmdk", "vdi", "vhd", "vhdx")


@dataclass(frozen=True)
class Inspection:
    """All that was found out. ``format`` is the Image API's name, None where it has none for this.

    ``dangers`` are reasons not to open the image at all, ``damage`` what is broken in it. ``checked`` is what
    qemu-img found, None where it was not asked or cannot check this format.
    """

    name: str
    size: int
    allocated: int | None
    format: str | None
    container: str  # what it is where the Image API has no name: luks, qed, parallels
    header: Header
    dangers: tuple[str, ...]
    damage: tuple[str, ...]
    notes: tuple[str, ...]
    table: Table | None = None
    checked: Checked | None = None

    @property
    def problems(self) -> tuple[str, ...]:
        return (*self.dangers, *self.damage)

    @property
    def safe(self) -> bool:
        return not self.problems

    @property
    def partitions(self) -> tuple[Partition, ...]:
        return self.table.partitions if self.table else ()

    def as_json(self) -> dict[str, object]:
        header = self.header
        return {
            "name": self.name,
            "format": self.format,
            "container": self.container,
            "size": self.size,
            "allocated_size": self.allocated,
            "virtual_size": header.virtual_size,
            "cluster_size": header.cluster_size,
            "compression": header.compression,
            "backing_file": header.backing_file,
            "data_file": header.data_file,
            "encryption": header.encryption,
            "snapshots": [vars(one) for one in header.snapshots],
            "partition_table": self.table.kind if self.table else None,
            "partitions": [vars(one) for one in self.partitions],
            "details": dict(header.details),
            "properties": dict(header.properties),
            "checked": self.checked is not None,
            "safe": self.safe,
            "damaged": bool(self.damage),
            "problems": list(self.problems),
            "notes": list(self.notes),
        }


def refusal(image: Path, problems: Sequence[str], *, at: Mark | None = None) -> GateError:
    """Return what everybody says of an image that no program may open; ``at`` is where a recipe names it."""
    return GateError(
        f"{image} is refused: {'; '.join(problems)}",
        at=at,
        fix="get it again if it is damaged; if it needs other files and you trust it, make one file of it:"
        " qemu-img convert -O qcow2 OLD NEW",
    )


def inspect(source: Source, host: Host, *, check: bool = True) -> Inspection:
    """Look into an image. Any bytes have an answer; only reading them can fail.

    Programs see files of this host alone, and only after the headers were found harmless. Without ``check`` no
    program reads the tables of the image.
    """
    found = headers(source)
    local = source.path if isinstance(source, FileSource) else None
    if found.format == "iso":
        found = _named(found, source, local, host)
    if found.dangers:
        return found
    if check and local and found.format in DISKS and found.format != "raw" and not found.damage:
        found = _checked(found, local, host)
    return _partitioned(found, local, host)


def headers(source: Source) -> Inspection:
    """Return what the bytes themselves say, without any program."""
    detected = detect(source)
    name, header, damage = detected.format, Header(), tuple[str, ...]()
    try:
        name, header = _read(source, detected)
    except Damaged as error:
        damage = (str(error),)
    except (struct.error, OverflowError, ValueError) as error:  # numbers that nobody thought of
        damage = (f"its header makes no sense: {error}",)
    allocated = source.allocated if isinstance(source, FileSource) else None
    return Inspection(
        name=source.name,
        size=source.size,
        allocated=allocated,
        format="raw" if name == "luks" else name if name in API_NAMES else None,
        container=name,
        header=header,
        dangers=(
            *header.dangers,
            *(one for one in detected.dangers if not _told(one, (*header.dangers, *header.notes))),
        ),
        damage=(*damage, *header.damage),
        notes=header.notes,
    )


def _read(source: Source, detected: Detected) -> tuple[str, Header]:
    if reader := _READERS.get(detected.format):
        header = reader(source)
        if detected.hybrid:
            header = replace(header, details={**header.details, "hybrid": True})
        return detected.format, header
    if detected.format == "luks":
        return "luks", Header(virtual_size=source.size, encryption="luks")
    if detected.format != "raw":
        return detected.format, Header()
    if found := content.look(source):
        header = found.header
        if found.format in ("raw", "ami"):
            header = replace(header, virtual_size=source.size, disk=source)
        return found.format, header
    ragged = source.size % 512
    notes = ("its last sector is not whole: a guest sees it filled up with zeros",) if ragged else ()
    return "raw", Header(virtual_size=source.size + (-source.size % 512), disk=source, notes=notes)


_SAME = (
    ("backing_file", "backing file"),
    ("data_file", "external data"),
    ("descriptor", "flat extents"),
    ("descriptor", "parent"),
    ("unknown_features", "extended L2"),
    ("unknown_features", "nobody here"),
)


def _told(danger: str, ours: tuple[str, ...]) -> bool:
    """Say whether a danger that oslo.utils has found is told in our words too."""
    return any(danger.startswith(f"{theirs}:") and words in one for theirs, words in _SAME for one in ours)


def _named(found: Inspection, source: Source, local: Path | None, host: Host) -> Inspection:
    """Add what libosinfo calls the medium; of one on a server its start is enough."""
    try:
        if local:
            medium = osinfo.identify(host, local)
        else:
            with scratch("inspect") as folder:
                start = folder / "start.iso"
                start.write_bytes(iso.head(source))
                medium = osinfo.identify(host, start)
    except HostError:
        return replace(found, notes=(*found.notes, "libosinfo is not installed, so the system is not named"))
    names = [one.os for one in medium.matches] if medium else []
    details = {**found.header.details, "os": names[0] if names else None, "os_candidates": names}
    return replace(found, header=replace(found.header, details=details))


def _checked(found: Inspection, local: Path, host: Host) -> Inspection:
    """Add what qemu-img finds: all tables of a format with a check, else whether it opens the file at all."""
    assert found.format
    try:
        result = qemuimg.check(host, local, found.format)
        if not result.supported:
            qemuimg.info(host, local, found.format)
            return found
    except ToolError as error:
        said = error.evidence[-1] if error.evidence else error.problem
        return replace(found, damage=(*found.damage, f"qemu-img cannot read it: {said}"))
    except HostError as error:
        return replace(found, notes=(*found.notes, f"its tables were not checked: {error.problem}"))
    wrong = {"corruptions": result.corruptions, "errors": result.errors}
    damage = [f"qemu-img check found {count} {name}" for name, count in wrong.items() if count]
    notes = [f"{result.leaks} clusters belong to nothing"] if result.leaks else []
    header = found.header
    if result.compressed_clusters and not header.compression:
        header = replace(header, compression=str(header.details.get("compression_type", "zlib")))
    return replace(
        found,
        header=header,
        checked=result,
        damage=(*found.damage, *damage),
        notes=(*found.notes, *notes),
    )


def _partitioned(found: Inspection, local: Path | None, host: Host) -> Inspection:
    """Add the partition table of the disk in the image; what contradicts the disk is damage, but not of a medium."""
    if found.format not in (*DISKS, "iso") or found.damage:
        return found
    disk, size = found.header.disk, found.header.virtual_size
    ways: list[Callable[[], Table | None]] = []
    if disk:
        ways.append(lambda: partitions.read(disk))
    if local and size and found.format not in ("raw", "iso"):
        by_tool = GuestDisk(host, local, found.format, size)
        ways.append(lambda: partitions.read(by_tool))
    for way in ways:
        with suppress(NotImplementedError, Damaged, ToolError, HostError):
            table = way()
            damage = table.damage if table and found.format != "iso" else ()
            return replace(found, table=table, damage=(*found.damage, *damage))
    return replace(found, notes=(*found.notes, "its partition table could not be read"))
