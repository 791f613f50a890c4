# SPDX-License-Identifier: GPL-2.0-or-later
"""Write an rpm database as RHEL 6 and 7 have it: a Berkeley DB hash file of package headers.

Enough of both formats for whoever reads the list of packages, such as libguestfs: no files, no dependencies.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PAGE = 4096
_HEAD = 26  # bytes of a page before its items
_HASH_MAGIC, _VERSION = 0x061561, 9
_META, _OVERFLOW, _HASH = 8, 7, 13  # kinds of pages
_INLINE, _OUTSIDE = 1, 3  # kinds of items
_PAIRS = 180  # that surely fit on one page: key, reference and two offsets take 21 bytes

_INT32, _STRING, _TEXT = 4, 6, 9  # types of header entries; the last one is translatable


@dataclass(frozen=True)
class Package:
    """A package as the database names it."""

    name: str
    version: str
    release: str
    arch: str = "x86_64"

    def __str__(self) -> str:
        return f"{self.name}-{self.version}-{self.release}.{self.arch}"


def header(package: Package, *, installed: int) -> bytes:
    """Return a package's header; ``installed`` is the time in seconds since 1970."""
    strings: dict[int, tuple[int, str]] = {
        1000: (_STRING, package.name),
        1001: (_STRING, package.version),
        1002: (_STRING, package.release),
        1004: (_TEXT, f"stand-in for {package.name}"),
        1005: (_TEXT, "Laid down by Goldsmith's stand-in installer; not Red Hat's package."),
        1014: (_STRING, "none"),
        1015: (_STRING, "Goldsmith stand-in"),
        1016: (_TEXT, "System Environment/Base"),
        1021: (_STRING, "linux"),
        1022: (_STRING, package.arch),
        1044: (_STRING, f"{package.name}-{package.version}-{package.release}.src.rpm"),
    }
    numbers = {1008: installed, 1009: 0}  # installtime, size
    index, data = b"", b""
    for tag in sorted([*strings, *numbers]):
        if tag in numbers:
            data += b"\0" * (-len(data) % 4)
            index += struct.pack(">4I", tag, _INT32, len(data), 1)
            data += struct.pack(">I", numbers[tag])
        else:
            kind, text = strings[tag]
            index += struct.pack(">4I", tag, kind, len(data), 1)
            data += text.encode() + b"\0"
    return struct.pack(">2I", len(index) // 16, len(data)) + index + data


def database(packages: Sequence[Package], *, installed: int = 1) -> bytes:
    """Return the file ``Packages``: headers by number, and under number 0 the highest of them."""
    records = [(0, struct.pack("<I", len(packages)))]
    records += [(number, header(one, installed=installed)) for number, one in enumerate(packages, 1)]
    chains = max(1, -(-len(records) // _PAIRS))
    first_overflow = 3 + max(0, chains - 1)  # 0 the meta page, 1 and 2 the two buckets
    overflow: list[bytes] = []
    hashes: list[bytes] = []
    for chain in range(chains):
        number = 1 if chain == 0 else 2 + chain
        following = 3 + chain if chain + 1 < chains else 0
        items: list[bytes] = []
        for key, value in records[chain * _PAIRS : (chain + 1) * _PAIRS]:
            pages = list(_spread(value, first_overflow + len(overflow)))
            reference = struct.pack("<B3xII", _OUTSIDE, first_overflow + len(overflow), len(value))
            items += [bytes([_INLINE]) + struct.pack("<I", key), reference]
            overflow += pages
        hashes.append(_items(number, items, before=0 if chain == 0 else max(1, number - 1), after=following))
    empty = _items(2, [], before=0, after=0)
    last = first_overflow + len(overflow) - 1
    return b"".join([_meta(last, len(records)), hashes[0], empty, *hashes[1:], *overflow])


def _meta(last_page: int, records: int) -> bytes:
    # lsn, page, magic, version, page size, no encryption, kind, no flags, no free page, last page
    head = struct.pack("<QIIIIBBBxII", 1, 0, _HASH_MAGIC, _VERSION, PAGE, 0, _META, 0, 0, last_page)
    head += struct.pack("<III", 0, records, 0) + b"\0" * 20  # partitions, keys, records, flags, file id
    page = head.ljust(72, b"\0")[:72]
    # buckets, their masks, fill factor, elements, value of the hash function (unused), first pages by doubling
    page += struct.pack("<6I", 1, 1, 0, 0, records, 0) + struct.pack("<32I", *([1, 1] + [0] * 30))
    return page.ljust(PAGE, b"\0")


def _items(number: int, items: Iterable[bytes], *, before: int, after: int) -> bytes:
    offsets, body = [], b""
    for item in items:
        body = item + body
        offsets.append(PAGE - len(body))
    head = struct.pack("<QIIIHHBB", 1, number, before, after, len(offsets), PAGE - len(body), 0, _HASH)
    index = struct.pack(f"<{len(offsets)}H", *offsets)
    return (head + index).ljust(PAGE - len(body), b"\0") + body


def _spread(value: bytes, first: int) -> Iterable[bytes]:
    """Yield the overflow pages of a value, from page number ``first`` on."""
    room = PAGE - _HEAD
    parts = [value[at : at + room] for at in range(0, len(value), room)]
    for at, part in enumerate(parts):
        after = first + at + 1 if at + 1 < len(parts) else 0
        before = first + at - 1 if at else 0
        head = struct.pack("<QIIIHHBB", 1, first + at, before, after, 1, len(part), 0, _OVERFLOW)
        yield (head + part).ljust(PAGE, b"\0")
