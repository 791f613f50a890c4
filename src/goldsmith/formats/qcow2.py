"""The header and the tables of a qcow2, by QEMU's docs/interop/qcow2.txt."""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from goldsmith.formats.header import Detail, Header, Snapshot
from goldsmith.formats.source import Damaged, Source, must_read, text, unpack

_DIRTY, _CORRUPT, _DATA_FILE, _COMPRESSION, _EXTENDED = (1 << bit for bit in range(5))
_OFFSET = 0x00FFFFFFFFFFFE00
_COMPRESSED = 1 << 62
_ZERO = 1
_MOST_L1 = 4 << 20  # bytes of the first table that are read; it describes 256 TiB with clusters of 64 KiB
_MOST_SNAPSHOTS = 64
_BACKING_FORMAT, _DATA_FILE_NAME = 0xE2792ACA, 0x44415441
_CRYPT = {1: "aes", 2: "luks"}
_TYPES = {0: "zlib", 1: "zstd"}


@dataclass(frozen=True)
class _Fields:
    """The fields of the header that matter here; offsets and sizes in bytes."""

    version: int
    backing_at: int
    backing_length: int
    cluster_bits: int
    virtual_size: int
    crypt: int
    l1_entries: int
    l1_at: int
    refcounts_at: int
    snapshot_count: int
    snapshots_at: int
    incompatible: int = 0
    length: int = 72
    compression: int = 0

    @property
    def cluster(self) -> int:
        return 1 << self.cluster_bits

    @property
    def entry(self) -> int:
        """Return the bytes of one entry of the second tables."""
        return 16 if self.incompatible & _EXTENDED else 8


@dataclass
class Disk:
    """The disk as a guest reads it, for a look at its first sectors. It does not follow backing files."""

    source: Source
    fields: _Fields
    l1: tuple[int, ...]
    _kept: dict[int, bytes] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def size(self) -> int:
        return self.fields.virtual_size

    def read(self, offset: int, length: int) -> bytes:
        end = min(offset + length, self.size)
        parts = []
        while 0 <= offset < end:
            index, inside = divmod(offset, self.fields.cluster)
            part = self._cluster(index)[inside : inside + end - offset]
            parts.append(part)
            offset += len(part)
        return b"".join(parts)

    def entry(self, index: int) -> int:
        """Return the entry of a cluster in its second table; 0 where there is none."""
        first, second = divmod(index, self.fields.cluster // self.fields.entry)
        table = self.l1[first] & _OFFSET if first < len(self.l1) else 0
        if not table:
            return 0
        (entry,) = unpack(">Q", self.source, table + second * self.fields.entry, "a table")
        return int(entry)

    def _cluster(self, index: int) -> bytes:
        if index in self._kept:
            return self._kept[index]
        size, entry = self.fields.cluster, self.entry(index)
        if entry & _COMPRESSED:
            data = self.unpacked(entry)
        elif entry & _ZERO or not entry & _OFFSET:
            data = b""
        else:
            data = self.source.read(entry & _OFFSET, size)
        if len(self._kept) > 8:
            self._kept.clear()
        self._kept[index] = data.ljust(size, b"\0")
        return self._kept[index]

    def unpacked(self, entry: int) -> bytes:
        """Return a compressed cluster; NotImplementedError where Python cannot unpack it."""
        if self.fields.compression:
            raise NotImplementedError("clusters in zstd")
        at, most = compressed_at(entry, self.fields.cluster_bits)
        try:
            return zlib.decompressobj(-12).decompress(self.source.read(at, most), self.fields.cluster)
        except zlib.error:
            raise Damaged("a compressed cluster cannot be unpacked") from None


def compressed_at(entry: int, cluster_bits: int) -> tuple[int, int]:
    """Return where the bytes of a compressed cluster begin, and how many they are at most."""
    split = 62 - (cluster_bits - 8)
    at = entry & ((1 << split) - 1)
    sectors = (entry & ~(3 << 62)) >> split
    return at, (sectors + 1) * 512 - at % 512


def read(source: Source) -> Header:
    """Return what the header says, with damage that the first tables show."""
    fields = _fields(source)
    extensions = _extensions(source, fields)
    dangers, damage, notes = [], [], []
    backing = _backing(source, fields)
    if backing is not None:
        dangers.append("it needs another file below it (a backing file)")
    data_file = None
    if fields.incompatible & _DATA_FILE or _DATA_FILE_NAME in extensions:
        data_file = text(extensions.get(_DATA_FILE_NAME, b""))
        dangers.append("its data lies in another file (an external data file)")
    encryption = _CRYPT.get(fields.crypt, "unknown") if fields.crypt else None
    if encryption:
        dangers.append(f"it is encrypted ({encryption}): no cloud can read it without its key")
    if fields.incompatible & _CORRUPT:
        damage.append("it is marked as corrupt")
    if fields.incompatible & _DIRTY:
        notes.append("it was not closed: its reference counts may be out of date")
    if fields.incompatible & _EXTENDED:
        notes.append("Glance refuses extended L2 entries: goldsmith convert makes a plain qcow2 of it")
    if unknown := fields.incompatible >> 5:
        dangers.append(f"it has features that nobody here knows (bits {unknown:#b} from bit 5)")
    snapshots = _snapshots(source, fields)
    if snapshots:
        notes.append(f"{fields.snapshot_count} internal snapshots take room, and no cloud shows them")
    disk = Disk(source, fields, _first_table(source, fields))
    if data_file is None:
        damage += _out_of_bounds(disk)
    return Header(
        virtual_size=fields.virtual_size,
        cluster_size=fields.cluster,
        compression=_TYPES.get(fields.compression, "unknown") if _compresses(disk) else None,
        backing_file=backing,
        data_file=data_file,
        encryption=encryption,
        snapshots=snapshots,
        dangers=tuple(dangers),
        damage=tuple(damage),
        notes=tuple(notes),
        details=_details(fields, extensions),
        disk=None if dangers or fields.entry != 8 else disk,  # else its clusters are there in part
    )


def _fields(source: Source) -> _Fields:
    numbers = unpack(">4sIQIIQIIQQIIQ", source, 0, "the header")
    _, version, backing, length, bits, size, crypt, entries, l1, refcounts, _, count, snapshots = numbers
    more: tuple[int, ...] = (0, 72, 0)
    if version >= 3:
        incompatible, _, _, _, head = unpack(">QQQII", source, 72, "the header")
        kind = source.read(104, 1)[0] if head > 104 and source.size > 104 else 0
        more = (incompatible, head, kind)
    if not 9 <= bits <= 21:
        raise Damaged(f"clusters of 2^{bits} bytes do not exist")
    return _Fields(
        version, backing, length, bits, size, crypt, entries, l1, refcounts, count, snapshots, *more
    )


def _details(fields: _Fields, extensions: Mapping[int, bytes]) -> dict[str, Detail]:
    found: dict[str, Detail] = {
        "version": fields.version,
        "compat": "1.1" if fields.version >= 3 else "0.10",
        "compression_type": _TYPES.get(fields.compression, "unknown"),
        "extended_l2": bool(fields.incompatible & _EXTENDED),
    }
    if kind := extensions.get(_BACKING_FORMAT):
        found["backing_format"] = text(kind)
    return found


def _backing(source: Source, fields: _Fields) -> str | None:
    if not fields.backing_at:
        return None
    return text(source.read(fields.backing_at, min(fields.backing_length, 1023)))


def _extensions(source: Source, fields: _Fields) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at, end = fields.length, min(fields.cluster, fields.backing_at or fields.cluster)
    while at + 8 <= end and len(found) < 16:
        head = source.read(at, 8)
        kind, length = struct.unpack(">II", head) if len(head) == 8 else (0, 0)
        if not kind or at + 8 + length > end:
            break
        found[kind] = source.read(at + 8, min(length, 1023))
        at += 8 + -(-length // 8) * 8
    return found


def _first_table(source: Source, fields: _Fields) -> tuple[int, ...]:
    needed = -(-fields.virtual_size // (fields.cluster * (fields.cluster // fields.entry)))
    if fields.l1_entries < needed:
        raise Damaged("its first table is too short for its disk")
    count = min(needed, _MOST_L1 // 8)
    return struct.unpack(f">{count}Q", must_read(source, fields.l1_at, count * 8, "the first table"))


def _out_of_bounds(disk: Disk) -> list[str]:
    """Return where the tables point after the end of the file; of the second tables the last one is looked at."""
    fields, size = disk.fields, disk.source.size
    tables = [entry & _OFFSET for entry in disk.l1 if entry & _OFFSET]
    if fields.refcounts_at >= size:
        return ["its reference counts lie after the end of the file: it is cut off"]
    if beyond := sum(at >= size for at in tables):
        return [f"{beyond} of its {len(tables)} tables lie after the end of the file: it is cut off"]
    if not tables:
        return []
    table = disk.source.read(max(tables), fields.cluster)
    entries = struct.unpack(f">{len(table) // 8}Q", table[: len(table) // 8 * 8])[:: fields.entry // 8]
    if beyond := sum(_start(entry, fields) >= size for entry in entries):
        return [f"the data of {beyond} clusters lies after the end of the file: it is cut off"]
    return ["its last cluster is cut off"] if _cut_cluster(disk, entries) else []


def _cut_cluster(disk: Disk, entries: tuple[int, ...]) -> bool:
    """Say whether the data that lies last in the file ends before its cluster does."""
    fields = disk.fields
    last = max(entries, key=lambda entry: _start(entry, fields), default=0)
    if not last & _COMPRESSED:
        partly = fields.entry == 16  # only some of its parts may be there
        return not partly and _start(last, fields) + fields.cluster > -(-disk.source.size // 4096) * 4096
    try:
        return len(disk.unpacked(last)) < fields.cluster
    except NotImplementedError:
        return False
    except Damaged:
        return True


def _start(entry: int, fields: _Fields) -> int:
    if entry & _COMPRESSED:
        return compressed_at(entry, fields.cluster_bits)[0]
    return entry & _OFFSET


def _compresses(disk: Disk) -> bool:
    """Say whether there are compressed clusters, by the second table that describes most of the start."""
    table = next((entry & _OFFSET for entry in disk.l1 if entry & _OFFSET), 0)
    data = disk.source.read(table, disk.fields.cluster) if table else b""
    entries = struct.unpack(f">{len(data) // 8}Q", data[: len(data) // 8 * 8])[:: disk.fields.entry // 8]
    return any(entry & _COMPRESSED for entry in entries)


def _snapshots(source: Source, fields: _Fields) -> tuple[Snapshot, ...]:
    found, at = [], fields.snapshots_at
    for _ in range(min(fields.snapshot_count, _MOST_SNAPSHOTS)):
        head = unpack(">QIHHIIQII", source, at, "the list of snapshots")
        ident, name, extra = head[2], head[3], head[8]
        words = source.read(at + 40 + extra, ident + name)
        found.append(Snapshot(text(words[:ident]), text(words[ident:])))
        at += -(-(40 + extra + ident + name) // 8) * 8
    return tuple(found)
