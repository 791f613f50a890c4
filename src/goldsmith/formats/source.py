"""Bytes to look into: a file here, or the answer of a web server; read in pieces, never as a whole."""

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from goldsmith.errors import HostError, UsageError


class Damaged(Exception):
    """The bytes are not what their own header promises; the text says what is wrong."""


class Source(Protocol):
    """Anything with a name and a known size. ``read`` gives less than was asked for only at the end."""

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...
    def read(self, offset: int, length: int) -> bytes: ...


@dataclass(frozen=True)
class FileSource:
    """An open file on this host."""

    path: Path
    size: int
    allocated: int  # bytes on its disk; holes take none
    _number: int

    @property
    def name(self) -> str:
        return self.path.name

    def read(self, offset: int, length: int) -> bytes:
        if offset < 0 or length <= 0 or offset >= self.size:
            return b""
        parts = []
        while length and (part := os.pread(self._number, min(length, 1 << 20), offset)):
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return b"".join(parts)


@contextmanager
def open_file(path: Path) -> Iterator[FileSource]:
    """Open a file to look into it. Raises UsageError for what is no plain file, HostError for what is unreadable."""
    fix = "give the path of an image file"
    try:
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # or a FIFO would wait for ever
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist", fix=fix) from None
    except OSError as error:
        raise HostError(f"{path} cannot be read: {error.strerror}", fix="see to its permissions") from None
    try:
        if not path.is_file():
            raise UsageError(f"{path} is no plain file", fix=fix)
        stat = os.fstat(number)
        yield FileSource(path, stat.st_size, stat.st_blocks * 512, number)
    finally:
        os.close(number)


def by_blocks(block: Callable[[int], bytes], block_size: int, size: int, offset: int, length: int) -> bytes:
    """Return bytes of a source of this size that comes in whole blocks, which ``block`` gives by their number."""
    end = min(offset + length, size)
    if offset < 0 or offset >= end:
        return b""
    first = offset // block_size
    data = b"".join(block(number) for number in range(first, (end - 1) // block_size + 1))
    return data[offset - first * block_size : end - first * block_size]


def unpack(layout: str, source: Source, offset: int, what: str) -> tuple[Any, ...]:
    """Return the fields at this place. Raises Damaged when the file ends before them."""
    return struct.unpack(layout, must_read(source, offset, struct.calcsize(layout), what))


def must_read(source: Source, offset: int, length: int, what: str) -> bytes:
    """Return exactly these bytes. Raises Damaged when the file ends before them."""
    data = source.read(offset, length)
    if len(data) < length:
        raise Damaged(f"{what} lies after the end of the file: it is cut off")
    return data


def text(data: bytes, encoding: str = "utf-8") -> str:
    """Return what is printable of a text up to its first NUL, so that no header can write on a terminal."""
    decoded = data.decode(encoding, "replace").split("\0")[0].strip()
    return "".join(char if char.isprintable() else "?" for char in decoded)
