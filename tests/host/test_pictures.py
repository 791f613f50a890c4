"""Pictures of screens become PNG, bit by bit the same picture."""

import struct
import zlib

import pytest

from goldsmith.host.pictures import as_png

PIXELS = bytes(range(24))  # 4 x 2


def chunks(png):
    """Return the chunks of a PNG by their names, read as RFC 2083 says."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    found, at = {}, 8
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert struct.unpack(">I", png[at + 8 + size : at + 12 + size]) == (zlib.crc32(kind + data),)
        found[kind.decode()] = data
        at += 12 + size
    return found


@pytest.mark.parametrize("head", [b"P6\n4 2\n255\n", b"P6\n# QEMU\n4 2\n255\n", b"P6 4\n2 255\n"])
def test_a_portable_pixmap_becomes_the_same_picture_as_png(head):
    found = chunks(as_png(head + PIXELS))
    assert list(found) == ["IHDR", "IDAT", "IEND"]
    assert struct.unpack(">IIBBBBB", found["IHDR"]) == (4, 2, 8, 2, 0, 0, 0)
    rows = zlib.decompress(found["IDAT"])
    assert rows == b"\0" + PIXELS[:12] + b"\0" + PIXELS[12:]


def test_a_png_stays_as_it_is():
    png = as_png(b"P6\n4 2\n255\n" + PIXELS)
    assert as_png(png) is png


@pytest.mark.parametrize(
    "picture",
    [b"", b"GIF89a", b"P6\n4 2\n65535\n" + PIXELS * 2, b"P6\n4 2\n255\n" + PIXELS[:-1], b"P6\n0 0\n255\n"],
)
def test_what_is_no_whole_picture_is_left_to_its_maker(picture):
    assert as_png(picture) is None
