"""The Linux kernel in a bzImage, unpacked on the host: without KVM a guest takes seconds to unpack its own.

Sources: the kernel's Documentation/arch/x86/boot.rst (setup_sects, payload_offset, payload_length; protocol 2.08) and
xen/include/public/elfnote.h (PHYS32_ENTRY, by which QEMU starts an unpacked kernel).
"""

import lzma
import struct
import zlib
from typing import Any

_MAGIC = b"HdrS"
_PHYS32_ENTRY = 18
_PT_NOTE = 4
_LARGEST = 512 << 20  # bytes that are unpacked


def unpacked(image: bytes) -> bytes | None:
    """Return the ELF file that QEMU starts in place of a bzImage; None where it is none, or packed in another way."""
    try:
        elf = _unpack(image)
        return elf if elf and _starts(elf) else None
    except (lzma.LZMAError, zlib.error, struct.error):  # damaged, or cut off
        return None


def _unpack(image: bytes) -> bytes | None:
    if image[0x202:0x206] != _MAGIC:
        return None
    (protocol,) = struct.unpack_from("<H", image, 0x206)
    if protocol < 0x208:
        return None
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = ((image[0x1F1] or 4) + 1) * 512 + offset
    payload = image[start : start + length]
    if payload.startswith(b"\xfd7zXZ\0"):
        packed: Any = lzma.LZMADecompressor()
    elif payload.startswith(b"\x1f\x8b"):
        packed = zlib.decompressobj(zlib.MAX_WBITS | 16)
    else:
        return None
    elf = packed.decompress(payload, _LARGEST)
    return elf if packed.eof else None  # of what is cut off, the beginning is given without a word


def _starts(elf: bytes) -> bool:
    """Say whether QEMU can start it: a 64-bit ELF file with Xen's note of its entry."""
    if elf[:6] != b"\x7fELF\2\1":
        return False
    (table,) = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    for number in range(count):
        kind, _, at, _, _, length = struct.unpack_from("<IIQQQQ", elf, table + number * size)
        if kind == _PT_NOTE and _has_entry(elf[at : at + length]):
            return True
    return False


def _has_entry(notes: bytes) -> bool:
    at = 0
    while at + 12 <= len(notes):
        name, value, kind = struct.unpack_from("<III", notes, at)
        if kind == _PHYS32_ENTRY and notes[at + 12 : at + 12 + name] == b"Xen\0":
            return True
        at += 12 + (name + 3 & ~3) + (value + 3 & ~3)
    return False
