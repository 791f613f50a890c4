"""The footer and the dynamic header of a VHD, by Microsoft's Virtual Hard Disk Image Format 1.0."""

import struct
from datetime import UTC, datetime, timedelta
from uuid import UUID

from goldsmith.formats.detect import vhd_checksum
from goldsmith.formats.header import Header
from goldsmith.formats.source import Damaged, Source, must_read, text

_LENGTH = 512
_LAYOUT = ">8sIIQI4sI4sQQHBBII16s"
_DYNAMIC = ">8sQQIII16s"
_TYPES = {2: "fixed", 3: "dynamic", 4: "differencing"}
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_CREATORS = {
    "vpc ": "Virtual PC",
    "vs  ": "Virtual Server",
    "win ": "Windows",
    "qemu": "QEMU",
    "qem2": "QEMU",
    "vbox": "VirtualBox",
    "d2v ": "Disk2vhd",
    "tap\0": "XenServer",
}
_HOSTS = {"Wi2k": "Windows", "Mac ": "Macintosh"}
_BY_GEOMETRY = ("vpc ", "vs  ", "qemu")  # of their disks QEMU takes cylinders, heads and sectors for the size
_MOST_TABLE = 8 << 20
_UNUSED = 0xFFFFFFFF


class _Disk:
    """The disk of a fixed VHD: the file without its footer."""

    def __init__(self, source: Source, size: int) -> None:
        self.source, self.size = source, size

    @property
    def name(self) -> str:
        return self.source.name

    def read(self, offset: int, length: int) -> bytes:
        return self.source.read(offset, max(0, min(length, self.size - offset)))


def read(source: Source) -> Header:
    """Return what the footer says; a dynamic VHD whose footer is missing is read by the copy at its start."""
    damage: list[str] = []
    footer = must_read(source, max(0, source.size - _LENGTH), _LENGTH, "the footer")
    if not footer.startswith(b"conectix"):
        damage.append("its footer is missing: it is cut off")
        footer = must_read(source, 0, _LENGTH, "the footer")
    numbers = struct.unpack_from(_LAYOUT, footer)
    creator, host = (numbers[at].decode("latin-1") for at in (5, 7))
    size, cylinders, heads, sectors, kind, checksum = (numbers[at] for at in (9, 10, 11, 12, 13, 14))
    if kind not in _TYPES:
        raise Damaged(f"a disk of type {kind} does not exist")
    if checksum != vhd_checksum(footer):
        damage.append("the checksum of its footer is wrong")
    geometry = cylinders * heads * sectors * 512
    disk = _Disk(source, size) if kind == 2 else None
    parent, block, more = (
        None,
        None,
        [] if disk and size + _LENGTH <= source.size else ["its data is cut off"],
    )
    if kind != 2:
        parent, block, more = _dynamic(source, numbers[3])
    if kind != 4:
        parent = None
    return Header(
        virtual_size=geometry if creator in _BY_GEOMETRY and cylinders < 65535 else size,
        cluster_size=block,
        backing_file=parent,
        dangers=("it needs another file below it (a parent)",) if kind == 4 else (),
        damage=(*damage, *more),
        details={
            "type": _TYPES[kind],
            "creator": _CREATORS.get(creator, text(creator.encode())),
            "creator_host": _HOSTS.get(host, text(host.encode())),
            "created_at": (_EPOCH + timedelta(seconds=numbers[4])).isoformat(),
            "geometry": f"{cylinders}/{heads}/{sectors}",
            "declared_size": size,
            "uuid": str(UUID(bytes=numbers[15])),
        },
        disk=disk,
    )


def _dynamic(source: Source, at: int) -> tuple[str | None, int | None, list[str]]:
    """Return the parent, the size of a block, and the damage, from the header of a dynamic or differencing disk."""
    head = source.read(at, 1024)
    if len(head) < 1024 or not head.startswith(b"cxsparse"):
        return None, None, ["its dynamic header is missing: it is cut off"]
    _, _, table_at, _, entries, block, _ = struct.unpack_from(_DYNAMIC, head)
    parent = text(head[64:576], "utf-16-be")
    wanted = min(entries * 4, _MOST_TABLE)
    table = source.read(table_at, wanted)
    if len(table) < wanted:
        return parent, block, ["its block table lies after the end of the file: it is cut off"]
    blocks = struct.unpack(f">{wanted // 4}I", table)
    beyond = [one for one in blocks if one != _UNUSED and one * 512 + block > source.size]
    damage = [f"{len(beyond)} of its blocks lie after the end of the file: it is cut off"] if beyond else []
    return parent, block, damage
