"""Reads rpm databases without rpm: Berkeley DB of RHEL 5 to 8, SQLite since RHEL 9; the headers are the same in all.

Done here, in Python, and not by the host's rpm: which formats that knows depends on the host, and what it would read
comes from a guest that may want to hurt it.
"""

import sqlite3
import struct
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from goldsmith.artifact.inventory import RPM, Package

BERKELEY = "Packages"
SQLITE = "rpmdb.sqlite"
FOLDERS = ("/var/lib/rpm", "/usr/lib/sysimage/rpm")
MOST_BYTES = 512 << 20  # of a database

_MAGIC, _MAGIC_AT = 0x061561, 12
_PAGE_HEAD = struct.Struct("=8x3I2H2B")  # page, before, after, items, free offset, level, kind
_HASH_KINDS = (2, 13)  # unsorted, sorted
_OVERFLOW = 7
_OUTSIDE, _INLINE = 3, 1
_INT32, _STRINGS = 4, (6, 8, 9)
_NAME, _VERSION, _RELEASE, _EPOCH, _ARCH = 1000, 1001, 1002, 1003, 1022
_VENDOR, _LICENCE, _URL, _SOURCE = 1011, 1014, 1020, 1044
_TAGS = {_NAME, _VERSION, _RELEASE, _EPOCH, _ARCH, _VENDOR, _LICENCE, _URL, _SOURCE}
_NUMBER = 4  # bytes; beside the headers stands the highest number of one
_KEYS = "gpg-pubkey"  # trusted keys stand in the database as packages


class Unreadable(Exception):
    """This is no rpm database, or a broken one."""


def packages(database: Path) -> tuple[Package, ...]:
    """Return the packages of a database file, sorted. Raises Unreadable."""
    try:
        blobs = list(_sqlite(database) if database.name == SQLITE else _berkeley(database.read_bytes()))
        found = [_package(_header(blob)) for blob in blobs if len(blob) > _NUMBER]
    except (struct.error, IndexError, ValueError, sqlite3.Error, OSError) as error:
        raise Unreadable(f"{database.name}: {error}") from None
    return tuple(
        sorted(
            (one for one in found if one.name and one.name != _KEYS),
            key=lambda one: (one.name, one.arch, one.version),
        )
    )


def _sqlite(database: Path) -> Iterator[bytes]:
    with closing(sqlite3.connect(database)) as connection:
        for (blob,) in connection.execute("SELECT blob FROM Packages"):
            yield bytes(blob)


def _berkeley(data: bytes) -> Iterator[bytes]:
    """Yield the headers of a hash file, page by page; its buckets need not be known for that."""
    (magic,) = struct.unpack_from("=I", data, _MAGIC_AT)
    if magic != _MAGIC:
        raise Unreadable("it is no Berkeley DB hash file of this byte order")
    (size,) = struct.unpack_from("=I", data, 20)
    if not 512 <= size <= 65536:
        raise Unreadable(f"pages of {size} bytes")
    for start in range(size, len(data) - size + 1, size):
        page = data[start : start + size]
        *_, items, _, _, kind = _PAGE_HEAD.unpack_from(page)
        if kind not in _HASH_KINDS:
            continue
        offsets = struct.unpack_from(f"={items}H", page, _PAGE_HEAD.size)
        for at in range(1, items, 2):  # keys and values by turns
            yield from _value(data, page, offsets[at], offsets[at - 1], size)


def _value(data: bytes, page: bytes, start: int, end: int, size: int) -> Iterator[bytes]:
    if page[start] == _OUTSIDE:
        number, length = struct.unpack_from("=2I", page, start + 4)
        yield _overflow(data, number, length, size)
    elif page[start] == _INLINE:
        yield page[start + 1 : end]


def _overflow(data: bytes, number: int, length: int, size: int) -> bytes:
    if length > len(data):
        raise Unreadable("a header is longer than its database")
    found = b""
    seen: set[int] = set()
    while number and len(found) < length:
        if number in seen:
            raise Unreadable("its pages go round in a circle")
        seen.add(number)
        page = data[number * size : (number + 1) * size]
        _, _, after, _, used, _, kind = _PAGE_HEAD.unpack_from(page)
        if kind != _OVERFLOW:
            raise Unreadable("a header leads to a page of another kind")
        found += page[_PAGE_HEAD.size : _PAGE_HEAD.size + used]
        number = after
    return found[:length]


def _header(blob: bytes) -> Mapping[int, str]:
    entries, length = struct.unpack_from(">2I", blob)
    if 8 + 16 * entries + length > len(blob):
        raise Unreadable("a header is cut off")
    store = blob[8 + 16 * entries :]
    found: dict[int, str] = {}
    for at in range(entries):
        tag, kind, offset, _ = struct.unpack_from(">4I", blob, 8 + 16 * at)
        if tag not in _TAGS:
            continue
        if kind == _INT32:
            found[tag] = str(struct.unpack_from(">I", store, offset)[0])
        elif kind in _STRINGS:
            found[tag] = store[offset : store.index(b"\0", offset)].decode("utf-8", "replace")
    return found


def _package(said: Mapping[int, str]) -> Package:
    epoch = said.get(_EPOCH, "0")
    version = f"{said.get(_VERSION, '')}-{said.get(_RELEASE, '')}"
    source = said.get(_SOURCE, "").removesuffix(".rpm").removesuffix(".src").removesuffix(".nosrc")
    return Package(
        kind=RPM,
        name=said.get(_NAME, ""),
        version=version if epoch == "0" else f"{epoch}:{version}",
        arch=said.get(_ARCH, ""),
        source=source.rsplit("-", 2)[0],
        licence=said.get(_LICENCE, "").removeprefix("none"),
        vendor=said.get(_VENDOR, "").removeprefix("(none)"),
        url=said.get(_URL, ""),
    )
