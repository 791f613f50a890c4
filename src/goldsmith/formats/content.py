"""What a file without a container holds: a file system (AMI), a kernel (AKI), a ramdisk (ARI), or no image at all."""

import lzma
import re
import struct
import zlib
from dataclasses import dataclass
from uuid import UUID

from goldsmith.formats.header import Detail, Header
from goldsmith.formats.source import Source, text

_CPIO = (b"070701", b"070702", b"070707")
_PACKED = {
    b"\x1f\x8b\x08": "gzip",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\x5d\0\0": "lzma",
    b"\x02\x21\x4c\x18": "lz4",
    b"\x04\x22\x4d\x18": "lz4",
}
_ARCHIVES = {b"PK\x03\x04": "zip", b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!": "rar", b"MSWIM\0": "Windows (WIM)"}
_MACHINES = {3: "i686", 62: "x86_64", 183: "aarch64", 21: "ppc64", 22: "s390x", 243: "riscv64", 40: "arm"}
_PAGE = re.compile(rb"\s*(?:<!doctype html|<html|<\?xml|\{\s*\")", re.IGNORECASE)
_BANNER = re.compile(rb"Linux version (\d[^\s\0]{0,80})")
_SEARCHED = 32 << 20  # bytes of an uncompressed kernel that are searched for its banner


@dataclass(frozen=True)
class Content:
    """The Image API's name for such content ("raw" where there is nothing better), and what was read of it."""

    format: str
    header: Header


def look(source: Source) -> Content | None:
    """Return what lies at the start of a file, None where nothing is known: then it is a raw disk like any other."""
    head = source.read(0, 1 << 17)
    return _kernel(source, head) or _ramdisk(source, head) or _file_system(source, head) or _no_image(head)


def _kernel(source: Source, head: bytes) -> Content | None:
    if len(head) > 0x260 and head[0x202:0x206] == b"HdrS" and head[0x1FE:0x200] == b"\x55\xaa":
        return Content("aki", _bzimage(source, head))
    if head[0x38:0x3C] == b"ARM\x64":
        return _aki(source, {"kind": "Image", "architecture": "aarch64", "version": _banner(source)})
    if head[:2] == b"MZ" and head[4:8] == b"zimg":
        return _aki(source, {"kind": "EFI zboot", "compression": text(head[24:56])})
    if head[:4] == b"\x7fELF" and len(head) >= 20 and head[4] in (1, 2) and head[5] in (1, 2):
        (machine,) = struct.unpack_from("<H" if head[5] == 1 else ">H", head, 18)
        version = _banner(source)
        note = () if version else ("it is an ELF program; whether it is a kernel is not known",)
        details: dict[str, Detail] = {
            "kind": "ELF",
            "architecture": _MACHINES.get(machine),
            "version": version,
        }
        return _aki(source, details, note)
    return None


def _aki(source: Source, details: dict[str, Detail], notes: tuple[str, ...] = ()) -> Content:
    return Content("aki", Header(virtual_size=source.size, details=details, notes=notes))


def _bzimage(source: Source, head: bytes) -> Header:
    """Read the setup header of Documentation/arch/x86/boot.rst."""
    protocol, pointer = struct.unpack_from("<H6xH", head, 0x206)
    sectors = head[0x1F1] or 4
    (paragraphs,) = struct.unpack_from("<I", head, 0x1F4)
    version = text(source.read(pointer + 0x200, 256)) if pointer else ""
    declared = (sectors + 1) * 512 + paragraphs * 16
    wide = protocol >= 0x20C and head[0x236] & 1
    return Header(
        virtual_size=source.size,
        damage=("it is shorter than its header says: it is cut off",) if source.size < declared else (),
        details={
            "kind": "bzImage",
            "architecture": "x86_64" if wide else "i686",
            "version": version.split(" ")[0] or None,
            "built": version or None,
            "boot_protocol": f"{protocol >> 8}.{protocol & 0xFF:02d}",
            "efi_stub": head[:2] == b"MZ",
        },
    )


def _banner(source: Source) -> str | None:
    found = _BANNER.search(source.read(0, _SEARCHED))
    return text(found[1]) if found else None


def _ramdisk(source: Source, head: bytes) -> Content | None:
    if head.startswith(_CPIO):
        details: dict[str, Detail] = {"kind": "cpio", "compression": None}
        if b"kernel/x86/microcode" in head[:1024]:
            details["early_microcode"] = True
        return Content("ari", Header(virtual_size=source.size, details=details))
    packed = next((name for magic, name in _PACKED.items() if head.startswith(magic)), "")
    if not packed:
        return None
    inside = _unpacked(head, packed)
    details = {"kind": "cpio", "compression": packed}
    if inside is not None and not inside.startswith(_CPIO):
        if packed == "lzma":  # three bytes are no proof
            return None
        problem = f"it is compressed with {packed}, and what is in it is no ramdisk: unpack it first"
        return Content(
            "raw", Header(virtual_size=source.size, dangers=(problem,), details={"compression": packed})
        )
    notes = (
        ()
        if inside is not None
        else (f"taken for a ramdisk by its compression; {packed} is not unpacked here",)
    )
    return Content("ari", Header(virtual_size=source.size, compression=packed, notes=notes, details=details))


def _unpacked(head: bytes, packed: str) -> bytes | None:
    """Return the first bytes of what is compressed; None where nothing here unpacks it, b"" where it cannot be."""
    try:
        if packed == "gzip":
            return zlib.decompressobj(31).decompress(head, 512)
        if packed in ("xz", "lzma"):
            return lzma.LZMADecompressor(memlimit=1 << 28).decompress(head, 512)
    except (zlib.error, lzma.LZMAError, EOFError):
        return b""
    return None


def _file_system(source: Source, head: bytes) -> Content | None:
    details = _ext(head) or _xfs(head) or _btrfs(head)
    if details is None:
        return None
    size = details.get("filesystem_size")
    cut = isinstance(size, int) and size > source.size
    damage = (f"its file system has {size} bytes, the file {source.size}: it is cut off",) if cut else ()
    return Content("ami", Header(virtual_size=source.size, damage=damage, details=details))


def _ext(head: bytes) -> dict[str, Detail] | None:
    block = head[1024:2048]
    if len(block) < 1024 or block[56:58] != b"\x53\xef" or head[510:512] == b"\x55\xaa":
        return None
    blocks, log = struct.unpack_from("<I", block, 4)[0], struct.unpack_from("<I", block, 24)[0]
    compatible, incompatible = struct.unpack_from("<II", block, 92)
    if incompatible & 0x80:  # more than 2^32 blocks
        blocks |= struct.unpack_from("<I", block, 0x150)[0] << 32
    kind = "ext4" if incompatible & 0x40 else "ext3" if compatible & 4 else "ext2"
    return _named(kind, block[104:120], block[120:136], blocks * (1024 << min(log, 6)))


def _xfs(head: bytes) -> dict[str, Detail] | None:
    if not head.startswith(b"XFSB") or len(head) < 128:
        return None
    size, blocks = struct.unpack_from(">IQ", head, 4)
    return _named("xfs", head[32:48], head[108:120], size * blocks)


def _btrfs(head: bytes) -> dict[str, Detail] | None:
    block = head[65536:]
    if len(block) < 4096 or block[64:72] != b"_BHRfS_M":
        return None
    return _named("btrfs", block[32:48], block[299:555], struct.unpack_from("<Q", block, 112)[0])


def _named(kind: str, uuid: bytes, label: bytes, size: int) -> dict[str, Detail]:
    return {
        "filesystem": kind,
        "filesystem_uuid": str(UUID(bytes=uuid)),
        "filesystem_label": text(label) or None,
        "filesystem_size": size,
    }


def _no_image(head: bytes) -> Content | None:
    problem = ""
    if archive := next((name for magic, name in _ARCHIVES.items() if head.startswith(magic)), ""):
        problem = f"it is a {archive} archive: unpack it first"
    elif head[257:262] == b"ustar":
        problem = "it is a tar archive, as an OVA is: unpack it, and give the disk in it"
    elif _PAGE.match(head):
        problem = "it is a text, as a server sends it in place of an image that is not there: get it again"
    return Content("raw", Header(dangers=(problem,))) if problem else None
