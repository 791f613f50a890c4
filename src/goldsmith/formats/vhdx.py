"""The regions and the metadata of a VHDX, by Microsoft's MS-VHDX."""

import struct
from uuid import UUID

from goldsmith.formats.header import Header
from goldsmith.formats.source import Damaged, Source, must_read, text, unpack

_HEADERS = (64 << 10, 128 << 10)
_REGIONS = (192 << 10, 256 << 10)
_MOST = 2047  # entries that a table may have
_METADATA = UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e")
_BLOCKS = UUID("2dc27766-f623-4200-9d64-115e9bfd4a08")
_PARAMETERS = UUID("caa16737-fa36-4d43-b3b6-33f0aa44e76b")
_SIZE = UUID("2fa54224-cd1b-4876-b211-5dbed83bf4b8")
_DISK_ID = UUID("beca12ab-b2e6-4523-93ef-c309e000c746")
_LOGICAL = UUID("8141bf1d-a96f-4709-ba47-f233a8faab5f")
_PHYSICAL = UUID("cda348c7-445d-4471-9cc9-e9885251c556")
_FIXED, _HAS_PARENT = 1, 2
_STATE, _FULLY, _PARTIALLY = 7, 6, 7


def read(source: Source) -> Header:
    """Return what the metadata says, and damage that the regions show."""
    creator = text(source.read(8, 512), "utf-16-le")
    regions = _regions(source)
    if _METADATA not in regions:
        raise Damaged("it has no metadata")
    items = _items(source, *regions[_METADATA])
    try:
        block, flags = unpack("<II", source, items[_PARAMETERS], "its metadata")
        (size,) = unpack("<Q", source, items[_SIZE], "its metadata")
        (logical,) = unpack("<I", source, items[_LOGICAL], "its metadata")
    except KeyError:
        raise Damaged("its metadata is not complete") from None
    physical = unpack("<I", source, items[_PHYSICAL], "its metadata")[0] if _PHYSICAL in items else None
    ident = (
        str(UUID(bytes_le=must_read(source, items[_DISK_ID], 16, "its id"))) if _DISK_ID in items else None
    )
    parent = bool(flags & _HAS_PARENT)
    return Header(
        virtual_size=size,
        cluster_size=block,
        backing_file="" if parent else None,
        dangers=("it needs another file below it (a parent)",) if parent else (),
        damage=tuple(_out_of_bounds(source, regions, min(block, size))),
        notes=("its log is not empty: it was not closed by the program that wrote it",)
        if _dirty(source)
        else (),
        details={
            "type": "differencing" if parent else "fixed" if flags & _FIXED else "dynamic",
            "creator": creator,
            "logical_sector_size": logical,
            "physical_sector_size": physical,
            "uuid": ident,
        },
    )


def _regions(source: Source) -> dict[UUID, tuple[int, int]]:
    """Return place and length of the regions, by the first of the two tables that is one."""
    at = next((one for one in _REGIONS if source.read(one, 4) == b"regi"), None)
    if at is None:
        raise Damaged("it has no table of regions: it is cut off")
    (count,) = unpack("<I", source, at + 8, "the table of regions")
    if count > _MOST:
        raise Damaged(f"a table of {count} regions does not exist")
    found = {}
    for number in range(count):
        guid, place, length, _ = unpack("<16sQII", source, at + 16 + number * 32, "the table of regions")
        found[UUID(bytes_le=guid)] = (place, length)
    return found


def _items(source: Source, start: int, length: int) -> dict[UUID, int]:
    """Return where each item of the metadata lies in the file."""
    if must_read(source, start, 8, "its metadata") != b"metadata":
        raise Damaged("its metadata is not where it should be")
    (count,) = unpack("<H", source, start + 10, "its metadata")
    table = must_read(source, start + 32, min(count, _MOST) * 32, "its metadata")
    entries = (struct.unpack_from("<16sII", table, at) for at in range(0, len(table), 32))
    return {UUID(bytes_le=guid): start + at for guid, at, _ in entries if at < length}


def _out_of_bounds(source: Source, regions: dict[UUID, tuple[int, int]], least: int) -> list[str]:
    """Return what lies after the end of the file; ``least`` are the bytes that a whole block has there."""
    if _BLOCKS not in regions:
        return ["it has no block table"]
    start, length = regions[_BLOCKS]
    if start + length > source.size:
        return ["its block table lies after the end of the file: it is cut off"]
    table = source.read(start, min(length, 8 << 20))
    entries = struct.unpack(f"<{len(table) // 8}Q", table[: len(table) // 8 * 8])
    # Of a block that is there in part, and of the bitmaps between them, only the start has to be.
    needed = {_FULLY: least, _PARTIALLY: 1}
    beyond = [
        one
        for one in entries
        if one & _STATE in needed and (one >> 20 << 20) + needed[one & _STATE] > source.size
    ]
    return [f"{len(beyond)} of its blocks lie after the end of the file: it is cut off"] if beyond else []


def _dirty(source: Source) -> bool:
    """Say whether the newer of the two headers names a log."""
    newest, log = -1, b""
    for at in _HEADERS:
        head = source.read(at, 80)
        if len(head) == 80 and head.startswith(b"head"):
            (sequence,) = struct.unpack_from("<Q", head, 8)
            if sequence > newest:
                newest, log = sequence, head[48:64]
    return any(log)
