"""The partition table of a disk: GPT, or MBR with its logical partitions."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from goldsmith.formats.source import Source, text
from goldsmith.host.files import human_size

_SECTORS = (512, 4096)
_SIGNATURE = b"\x55\xaa"
_PROTECTIVE = 0xEE
_EXTENDED = (0x05, 0x0F, 0x85)
_MOST = 256  # partitions that are looked at
_MOST_LOGICAL = 60
_MBR_TYPES = {
    0x01: "fat12", 0x06: "fat16", 0x07: "ntfs", 0x0B: "fat32", 0x0C: "fat32", 0x0E: "fat16", 0x82: "linux swap",
    0x83: "linux", 0x8E: "linux lvm", 0xA5: "freebsd", 0xEE: "gpt", 0xEF: "efi system", 0xFD: "linux raid",
    0x05: "extended", 0x0F: "extended", 0x85: "extended", 0x27: "windows recovery",
}  # fmt: skip
_GPT_TYPES = {
    "c12a7328-f81f-11d2-ba4b-00a0c93ec93b": "efi system",
    "21686148-6449-6e6f-744e-656564454649": "bios boot",
    "0fc63daf-8483-4772-8e79-3d69d8477de4": "linux",
    "4f68bce3-e8cd-4db1-96e7-fbcaf984b709": "linux root x86-64",
    "b921b045-1df0-41c3-af44-4c6f280d3fae": "linux root arm64",
    "bc13c2ff-59e6-4262-a352-b275fd6f7172": "linux extended boot",
    "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f": "linux swap",
    "e6d6d379-f507-44c2-a23c-238f2a3df928": "linux lvm",
    "a19d880f-05fc-4d3b-a006-743f0f84911e": "linux raid",
    "e3c9e316-0b5c-4db8-817d-f92df00215ae": "microsoft reserved",
    "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7": "microsoft basic data",
    "de94bba4-06d1-4d40-a16a-bfd50179d6ac": "windows recovery",
    "9e1a2d38-c612-4316-aa26-8b49521e5a8b": "powerpc prep",
}


@dataclass(frozen=True)
class Partition:
    """One partition; ``start`` and ``size`` in bytes."""

    number: int
    start: int
    size: int
    type: str
    bootable: bool = False
    name: str = ""

    def __str__(self) -> str:
        marks = " ".join(one for one in (self.type, self.name, "bootable" if self.bootable else "") if one)
        return f"{self.number}: {human_size(self.size)} at {human_size(self.start)}, {marks}"


@dataclass(frozen=True)
class Table:
    """A partition table: gpt or mbr; ``damage`` is what contradicts the disk."""

    kind: str
    partitions: tuple[Partition, ...]
    sector_size: int = 512
    damage: tuple[str, ...] = ()


def read(disk: Source) -> Table | None:
    """Return the partition table, None where the disk has none."""
    first = disk.read(0, 512)
    if len(first) < 512 or first[510:512] != _SIGNATURE:
        return None
    entries = [_entry(first[446 + at : 462 + at]) for at in range(0, 64, 16)]
    if any(flag not in (0, 0x80) for flag, *_ in entries):
        return None  # the boot sector of a file system, or of a kernel
    if any(kind == _PROTECTIVE for _, kind, *_ in entries):
        return _gpt(disk)
    found = tuple(_mbr(disk, entries))
    return Table("mbr", found, damage=_beyond(found, disk.size)) if found else None


def _entry(data: bytes) -> tuple[int, int, int, int]:
    flag, kind, start, count = struct.unpack("<B3xB3xII", data)
    return flag, kind, start, count


def _mbr(disk: Source, entries: list[tuple[int, int, int, int]]) -> Iterator[Partition]:
    for number, (flag, kind, start, count) in enumerate(entries, 1):
        if not kind or not count:
            continue
        name = _MBR_TYPES.get(kind, f"0x{kind:02x}")
        yield Partition(number, start * 512, count * 512, name, bootable=flag == 0x80)
        if kind in _EXTENDED:
            yield from _logical(disk, start)


def _logical(disk: Source, base: int) -> Iterator[Partition]:
    """Follow the chain of an extended partition; one that bites its own tail ends there."""
    at, seen = base, set[int]()
    while at not in seen and len(seen) < _MOST_LOGICAL:
        seen.add(at)
        sector = disk.read(at * 512, 512)
        if len(sector) < 512 or sector[510:512] != _SIGNATURE:
            return
        flag, kind, start, count = _entry(sector[446:462])
        if kind and count:
            name = _MBR_TYPES.get(kind, f"0x{kind:02x}")
            yield Partition(4 + len(seen), (at + start) * 512, count * 512, name, bootable=flag == 0x80)
        _, _, following, more = _entry(sector[462:478])
        if not following or not more:
            return
        at = base + following


def _gpt(disk: Source) -> Table:
    sector = next((one for one in _SECTORS if disk.read(one, 8) == b"EFI PART"), 0)
    if not sector:
        return Table("gpt", (), damage=("its GPT is missing",))
    head = disk.read(sector, 92).ljust(92, b"\0")
    length, checksum = struct.unpack_from("<II", head, 12)
    backup, _, _ = struct.unpack_from("<QQQ", head, 32)
    at, count, size = struct.unpack_from("<QII", head, 72)
    damage = []
    whole = head[:16] + b"\0\0\0\0" + head[20:]
    if length != 92 or zlib.crc32(whole) != checksum:
        damage.append("the checksum of its GPT is wrong")
    if not 128 <= size <= 4096 or size % 8:
        return Table("gpt", (), sector, ("its GPT cannot be read",))
    entries = disk.read(at * sector, min(count, _MOST) * size)
    found = tuple(_gpt_partitions(entries, size, sector))
    damage += _beyond(found, disk.size)
    if not damage and (backup + 1) * sector > disk.size:
        damage.append("the copy of its GPT lies after the end of the disk: it is cut off")
    return Table("gpt", found, sector, tuple(damage))


def _gpt_partitions(entries: bytes, size: int, sector: int) -> Iterator[Partition]:
    for number, at in enumerate(range(0, len(entries) - size + 1, size), 1):
        kind = UUID(bytes_le=entries[at : at + 16])
        if not kind.int:
            continue
        first, last, flags = struct.unpack_from("<QQQ", entries, at + 32)
        yield Partition(
            number,
            first * sector,
            max(0, last - first + 1) * sector,
            _GPT_TYPES.get(str(kind), str(kind)),
            bootable=bool(flags & 4),
            name=text(entries[at + 56 : at + 128], "utf-16-le"),
        )


def _beyond(found: tuple[Partition, ...], size: int) -> tuple[str, ...]:
    return tuple(
        f"partition {one.number} ends after the end of the disk: it is cut off"
        for one in found
        if one.start + one.size > size
    )
