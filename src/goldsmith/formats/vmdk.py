"""The header and the descriptor of a VMDK, by VMware's Virtual Disk Format 1.1."""

import re
import struct
from collections.abc import Mapping

from goldsmith.formats.header import Detail, Header
from goldsmith.formats.source import Damaged, Source, text, unpack

_SECTOR = 512
_LAYOUT = "<4sIIQQQQIQQQBcccc"
_MOST_TEXT = 1 << 20
_AT_END = (1 << 64) - 1
_COMPRESSED_GRAINS = 1 << 16
_NO_PARENT = "ffffffff"
_LOOKED_AT = 64  # grain tables, each of 32 MiB of the disk; those at its end were written last
_FOOTER = 1024  # bytes from the end of the file
_AS_QEMU = 0x200  # where QEMU looks for a parent, wherever the header says that the descriptor is
_PAIR = re.compile(r'^\s*([\w.]+)\s*=\s*"?([^"\n]*?)"?\s*$', re.MULTILINE)
_EXTENT = re.compile(r"^\s*(?:RW|RDONLY|NOACCESS)\s+[+-]?\d+\s+(\w+)", re.MULTILINE | re.IGNORECASE)
_HINT = re.compile(r'parentfilenamehint(?:\s*=\s*"?([^"\n]*))?', re.IGNORECASE)
_DISK_TYPES = {"streamoptimized": "streamOptimized", "monolithicsparse": "sparse"}
_FLAT = ("flat", "vmfs")
_ADAPTERS = ("ide", "buslogic", "lsilogic", "lsilogicsas", "paravirtual")


def read(source: Source) -> Header:
    """Return what header and descriptor say. A descriptor without a header describes other files."""
    magic = source.read(0, 4)
    if magic != b"KDMV":
        return _described(text_of(source.read(0, _MOST_TEXT)))
    numbers = unpack(_LAYOUT, source, 0, "the header")
    capacity, grain, at = numbers[3:6]
    (algorithm,) = unpack("<H", source, 77, "the header")
    if not 0 < grain <= 1 << 20:
        raise Damaged(f"grains of {grain} sectors do not exist")
    described = _described(_embedded(source, at * _SECTOR))
    flags, directory = numbers[2], numbers[9]
    return Header(
        virtual_size=capacity * _SECTOR,
        cluster_size=grain * _SECTOR,
        compression="zlib" if flags & _COMPRESSED_GRAINS and algorithm == 1 else None,
        backing_file=described.backing_file,
        dangers=(*described.dangers, *_elsewhere(capacity, described)),
        damage=_out_of_bounds(source, numbers, directory),
        notes=("it was not closed by the program that wrote it",) if numbers[11] else (),
        details={"sparse_version": numbers[1], **described.details},
        properties=described.properties,
    )


def _embedded(source: Source, at: int) -> str:
    """Return the descriptor up to its NUL as QEMU reads it, which heeds no length; with what QEMU alone sees."""
    places = dict.fromkeys((at, _AS_QEMU))
    return "\n".join(text_of(source.read(place, _MOST_TEXT)) for place in places)


def _elsewhere(capacity: int, described: Header) -> tuple[str, ...]:
    """Tell a header without a size: QEMU then obeys the descriptor, and opens the files that this names."""
    if capacity or any("its data lies in other files" in one for one in described.dangers):
        return ()
    return ("its data lies in other files (its header gives its disk no size)",)


def text_of(data: bytes) -> str:
    """Return the descriptor: ASCII up to the first NUL, line by line, with nothing else that a terminal obeys."""
    lines = data.split(b"\0")[0].decode("latin-1").splitlines()
    return "\n".join("".join(char if " " <= char < "\x7f" else "?" for char in line) for line in lines)


def _described(words: str) -> Header:
    pairs = {name.lower(): value for name, value in _PAIR.findall(words)}
    kind = pairs.get("createtype", "")
    extents = _EXTENT.findall(words)
    dangers = []
    if any(one.lower().startswith(_FLAT) for one in extents):
        dangers.append(f"its data lies in other files (flat extents, createType {kind or 'unknown'})")
    parent = pairs.get("parentcid", _NO_PARENT).lower()
    hint = _HINT.search(words)  # what QEMU follows, whatever parentCID says, and in a comment too
    backing = (hint[1] or "" if hint else "") if hint or parent != _NO_PARENT else None
    if backing is not None:
        dangers.append("it needs another file below it (a parent)")
    return Header(
        backing_file=backing,
        dangers=tuple(dangers),
        details={**_details(pairs), "extents": sorted(set(extents))},
        properties=properties(kind, pairs.get("ddb.adaptertype", "")),
    )


def _details(pairs: Mapping[str, str]) -> dict[str, Detail]:
    names = {
        "create_type": "createtype",
        "adapter_type": "ddb.adaptertype",
        "hardware_version": "ddb.virtualhwversion",
        "cid": "cid",
        "uuid": "ddb.uuid",
        "tools_version": "ddb.toolsversion",
        "encoding": "encoding",
    }
    found: dict[str, Detail] = {
        ours: text(pairs[name].encode()) for ours, name in names.items() if name in pairs
    }
    numbers = [pairs.get(f"ddb.geometry.{one}", "") for one in ("cylinders", "heads", "sectors")]
    if all(one.isascii() and one.isdigit() for one in numbers):
        found["geometry"] = "/".join(numbers)
    return found


def properties(create_type: str, adapter: str) -> dict[str, str]:
    """Return what Nova's driver for vSphere wants to know; its words for adapters are those of the file."""
    found = {}
    lower = create_type.lower()
    if kind := _DISK_TYPES.get(lower, "preallocated" if "flat" in lower or lower == "vmfs" else ""):
        found["vmware_disktype"] = kind
    if adapter.lower() in _ADAPTERS:
        found["vmware_adaptertype"] = adapter.lower()
    return found


def _out_of_bounds(source: Source, numbers: tuple[int, ...], directory: int) -> tuple[str, ...]:
    """Return where the grain directory points after the end of the file."""
    cut = "its grain tables lie after the end of the file: it is cut off"
    if directory == _AT_END:
        footer = source.read(source.size - _FOOTER, 80)
        if len(footer) < 80 or footer[:4] != b"KDMV":
            return ("its footer is missing: it is cut off",)
        (directory,) = struct.unpack_from("<Q", footer, 56)
    capacity, grain, per_table = numbers[3], numbers[4], numbers[7]
    if not 0 < per_table <= 1 << 16:
        return (f"grain tables of {per_table} entries do not exist",)
    count = min(-(-capacity // (grain * per_table)), _MOST_TEXT // 4)
    table = source.read(directory * _SECTOR, count * 4)
    if len(table) < count * 4:
        return (cut,)
    tables = [at for at in struct.unpack(f"<{count}I", table) if at]
    if any(at * _SECTOR >= source.size for at in tables):
        return (cut,)
    last = max((_last_grain(source, at, per_table) for at in tables[-_LOOKED_AT:]), default=0)
    length = grain * _SECTOR
    if last and numbers[2] & _COMPRESSED_GRAINS:
        length = 12 + struct.unpack("<I", source.read(last * _SECTOR + 8, 4).ljust(4, b"\xff"))[0]
    if last and last * _SECTOR + length > source.size:
        return ("its last grains lie after the end of the file: it is cut off",)
    return ()


def _last_grain(source: Source, table: int, count: int) -> int:
    """Return the sector of the grain that lies last in the file, of those that one table names."""
    data = source.read(table * _SECTOR, count * 4)
    return max(struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4]), default=0)
