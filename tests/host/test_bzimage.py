"""Kernels are unpacked where that is safe, and left alone else."""

import gzip
import lzma
import random
import struct

import pytest

from goldsmith.host.bzimage import unpacked


def elf(*notes, kind=4, head=b"\x7fELF\2\1"):
    """Return a 64-bit ELF file with one segment of notes, each a name and a type."""
    text = b"".join(
        struct.pack("<III", len(name), 4, number) + name.ljust(-len(name) % 4 + len(name), b"\0") + b"addr"
        for name, number in notes
    )
    header = head.ljust(32, b"\0") + struct.pack("<Q", 64) + bytes(14) + struct.pack("<HH", 56, 1)
    return header.ljust(64, b"\0") + struct.pack("<IIQQQQQQ", kind, 4, 120, 0, 0, len(text), 0, 4) + text


GOOD = elf((b"Xen\0", 6), (b"GNU\0", 18), (b"Xen\0", 18))

LONG = GOOD + random.Random(1).randbytes(1 << 16)  # of which a part is given before the end is missed


def image(payload, *, sectors=3, protocol=0x20F, magic=b"HdrS"):
    head = bytearray((sectors or 4) * 512 + 512)
    head[0x1F1] = sectors
    head[0x202:0x206] = magic
    struct.pack_into("<H", head, 0x206, protocol)
    struct.pack_into("<II", head, 0x248, 100, len(payload))
    return bytes(head) + bytes(100) + payload + b"what follows"


@pytest.mark.parametrize("pack", [lzma.compress, gzip.compress])
@pytest.mark.parametrize("sectors", [0, 3, 31])
def test_a_packed_kernel_is_unpacked(pack, sectors):
    assert unpacked(image(pack(GOOD) + struct.pack("<I", len(GOOD)), sectors=sectors)) == GOOD


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        image(lzma.compress(GOOD), magic=b"HdrT"),
        image(lzma.compress(GOOD), protocol=0x207),
        image(b"\x02!L\x18 as lz4 begins"),
        image(lzma.compress(GOOD)[:20] + b"damaged"),
        image(gzip.compress(GOOD)[:12] + b"\xff" * 9),
        image(lzma.compress(elf((b"GNU\0", 18)))),
        image(lzma.compress(elf((b"Xen\0", 6)))),
        image(lzma.compress(elf((b"Xen\0", 18), kind=1))),
        image(lzma.compress(elf((b"Xen\0", 18), head=b"\x7fELF\1\1"))),
        b"",
        b"HdrS" * 400,
        image(lzma.compress(LONG)[:-2000]),
        image(gzip.compress(LONG)[:-2000]),
        image(lzma.compress(GOOD))[:0x24A],
        image(lzma.compress(GOOD[:60])),
    ],
    ids=range(16),
)
def test_what_could_not_be_started_is_left_as_it_is(text):
    assert unpacked(text) is None
