"""Pictures of a guest's screen as PNG: what QEMU before 7.1 makes (PPM) can neither be shown by browsers nor mailed."""

import re
import struct
import zlib

PNG, PPM = "image/png", "image/x-portable-pixmap"
_MAGIC = b"\x89PNG\r\n\x1a\n"
_HEAD = re.compile(rb"P6\s+(?:#[^\n]*\n\s*)*(\d+)\s+(?:#[^\n]*\n\s*)*(\d+)\s+(?:#[^\n]*\n\s*)*(\d+)\s")
_DEPTH = 255  # the only one that screens are told in
_TRUECOLOUR = 2


def as_png(picture: bytes) -> bytes | None:
    """Return a picture as PNG, whatever it is called; None for one of another format, or that is cut off."""
    if picture.startswith(_MAGIC):
        return picture
    head = _HEAD.match(picture)
    if not head:
        return None
    width, height, depth = (int(one) for one in head.groups())
    pixels = memoryview(picture)[head.end() :]
    row = 3 * width
    if not width or not height or depth != _DEPTH or len(pixels) < row * height:
        return None
    raw = b"".join(b"\0" + pixels[row * at : row * (at + 1)] for at in range(height))  # each row unfiltered
    size = struct.pack(">IIBBBBB", width, height, 8, _TRUECOLOUR, 0, 0, 0)
    return _MAGIC + _chunk(b"IHDR", size) + _chunk(b"IDAT", zlib.compress(raw)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
