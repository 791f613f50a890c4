"""The header of a VDI, as VirtualBox writes it."""

import struct
from uuid import UUID

from goldsmith.formats.header import Header
from goldsmith.formats.source import Damaged, Source, must_read, text

_LENGTH = 456
_LAYOUT = "<64sIIIII256sIIIIIIIQIIII16s16s16s16s"
_TYPES = {1: "dynamic", 2: "static", 3: "undo", 4: "differencing"}
_UNUSED = (0xFFFFFFFF, 0xFFFFFFFE)  # never written; known to be zero
_MOST_MAP = 8 << 20


class _Disk:
    """The disk by the map of its blocks."""

    def __init__(self, source: Source, size: int, block: int, data: int, blocks: tuple[int, ...]) -> None:
        self.source, self.size = source, size
        self._block, self._data, self._blocks = block, data, blocks

    @property
    def name(self) -> str:
        return self.source.name

    def read(self, offset: int, length: int) -> bytes:
        end, parts = min(offset + length, self.size), []
        while 0 <= offset < end:
            index, inside = divmod(offset, self._block)
            count = min(self._block - inside, end - offset)
            place = self._blocks[index] if index < len(self._blocks) else _UNUSED[0]
            known = (
                b""
                if place in _UNUSED
                else self.source.read(self._data + place * self._block + inside, count)
            )
            parts.append(known.ljust(count, b"\0"))
            offset += count
        return b"".join(parts)


def read(source: Source) -> Header:
    """Return what the header says, and the blocks that lie after the end of the file."""
    numbers = struct.unpack(_LAYOUT, must_read(source, 0, _LENGTH, "the header"))
    version, kind, map_at, data_at = numbers[2], numbers[4], numbers[7], numbers[8]
    size, block, blocks, allocated = numbers[14], numbers[15], numbers[17], numbers[18]
    ident, parent = UUID(bytes_le=numbers[19]), UUID(bytes_le=numbers[22])
    if kind not in _TYPES or not 0 < block <= 1 << 28:
        raise Damaged(f"a disk of type {kind} with blocks of {block} bytes does not exist")
    wanted = min(blocks * 4, _MOST_MAP)
    table = source.read(map_at, wanted)
    places = struct.unpack(f"<{len(table) // 4}I", table[: len(table) // 4 * 4])
    used = [one for one in places if one not in _UNUSED]
    damage = []
    ends = (
        data_at + one * block + min(block, size - number * block)
        for number, one in enumerate(places)
        if one not in _UNUSED
    )
    if len(table) < wanted or max(ends, default=0) > source.size:
        damage.append("its blocks lie after the end of the file: it is cut off")
    if allocated != len(used) and wanted == blocks * 4:
        damage.append(f"its header counts {allocated} blocks, its map {len(used)}")
    differs = kind in (3, 4) or parent.int != 0
    return Header(
        virtual_size=size,
        cluster_size=block,
        backing_file=str(parent) if differs else None,
        dangers=("it needs another file below it (a parent)",) if differs else (),
        damage=tuple(damage),
        details={
            "type": _TYPES[kind],
            "version": f"{version >> 16}.{version & 0xFFFF}",
            "creator": text(numbers[0], "latin-1").strip("<> "),
            "comment": text(numbers[6], "latin-1") or None,
            "uuid": str(ident),
        },
        disk=None if differs or damage else _Disk(source, size, block, data_at, places),
    )
