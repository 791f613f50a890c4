"""A FAT12 floppy image with one deep file: what a CD's UEFI boot entry is."""

import struct

SECTOR, SECTORS, PER_FAT, ROOT_ENTRIES = 512, 2880, 9, 224
_DATA = 1 + 2 * PER_FAT + ROOT_ENTRIES * 32 // SECTOR
_DIRECTORY, _FILE = 0x10, 0x20


def boot_floppy(program: bytes) -> bytes:
    r"""Return an image of 1.44 MB with ``program`` as \\EFI\\BOOT\\BOOTX64.EFI."""
    size = -(-len(program) // SECTOR)
    if size > SECTORS - _DATA - 2:
        raise ValueError(f"{len(program)} bytes do not fit on a floppy image")
    head = struct.pack(
        "<3s8sHBHBHHBHHHIIBBBI11s8s", b"\xeb\x3c\x90", b"STANDIN ", SECTOR, 1, 1, 2, ROOT_ENTRIES, SECTORS, 0xF0,
        PER_FAT, 18, 2, 0, 0, 0, 0, 0x29, 0x5354494E, b"STANDIN    ", b"FAT12   ",
    )  # fmt: skip
    chain = [0xFF0, 0xFFF, 0xFFF, 0xFFF, *range(5, 4 + size), 0xFFF]
    image = bytearray(SECTORS * SECTOR)
    image[: len(head)] = head
    image[510:512] = b"\x55\xaa"
    for copy in range(2):
        at = (1 + copy * PER_FAT) * SECTOR
        table = _packed(chain)
        image[at : at + len(table)] = table
    root = (1 + 2 * PER_FAT) * SECTOR
    image[root : root + 32] = _entry(b"EFI        ", _DIRECTORY, 2)
    for cluster, parent, inner in (
        (2, 0, _entry(b"BOOT       ", _DIRECTORY, 3)),
        (3, 2, _entry(b"BOOTX64 EFI", _FILE, 4, len(program))),
    ):
        dots = _entry(b".          ", _DIRECTORY, cluster) + _entry(b"..         ", _DIRECTORY, parent)
        at = (_DATA + cluster - 2) * SECTOR
        image[at : at + 96] = dots + inner
    at = (_DATA + 2) * SECTOR
    image[at : at + len(program)] = program
    return bytes(image)


def _entry(name: bytes, kind: int, cluster: int, size: int = 0) -> bytes:
    return struct.pack("<11sB14xHI", name, kind, cluster, size)


def _packed(chain: list[int]) -> bytes:
    """Return FAT entries of 12 bits each."""
    out = bytearray()
    padded = chain + [0] * (len(chain) % 2)
    for one, two in zip(padded[::2], padded[1::2], strict=True):
        out += bytes((one & 0xFF, one >> 8 | (two & 0xF) << 4, two >> 4))
    return bytes(out)
