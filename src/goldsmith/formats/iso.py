"""The volume descriptors and the boot catalog of an ISO 9660 medium."""

import struct

from goldsmith.formats.header import Detail, Header
from goldsmith.formats.source import Source, must_read, text

_SECTOR = 2048
_FIRST = 16  # sector of the first descriptor
_MOST = 32  # descriptors that are looked at
_BOOT_RECORD, _PRIMARY, _END = 0, 1, 255
_BOOTABLE = 0x88
_HEADERS = (0x90, 0x91)
_PLATFORMS = {0: "bios", 1: "powerpc", 2: "mac", 0xEF: "uefi"}


def read(source: Source) -> Header:
    """Return what the descriptors say; a file shorter than they say is cut off."""
    details: dict[str, Detail] = {"volume_id": "", "bootable": False, "boot": []}
    damage: tuple[str, ...] = ()
    for number in range(_FIRST, _FIRST + _MOST):
        sector = source.read(number * _SECTOR, _SECTOR)
        if len(sector) < _SECTOR or sector[1:6] not in (b"CD001", b"BEA01", b"NSR02", b"NSR03", b"TEA01"):
            break
        if sector[1:6] in (b"NSR02", b"NSR03"):
            details["udf"] = True
        if sector[1:6] != b"CD001":
            continue
        if sector[0] == _PRIMARY and not details["volume_id"]:
            details |= _named(sector)
            blocks, size = struct.unpack_from("<I", sector, 80)[0], struct.unpack_from("<H", sector, 128)[0]
            details["declared_size"] = blocks * size
            if source.size < blocks * size:
                damage = (
                    f"its header says {blocks * size} bytes, but the file has {source.size}: it is cut off",
                )
        if sector[0] == _BOOT_RECORD and sector[7:30] == b"EL TORITO SPECIFICATION":
            boot = _catalog(source, struct.unpack_from("<I", sector, 71)[0])
            details |= {"boot": boot, "bootable": bool(boot)}
    return Header(virtual_size=source.size, damage=damage, details=details, disk=source)


def _named(sector: bytes) -> dict[str, Detail]:
    return {
        "volume_id": text(sector[40:72], "latin-1"),
        "system_id": text(sector[8:40], "latin-1") or None,
        "publisher": text(sector[318:446], "latin-1") or None,
        "application": text(sector[574:702], "latin-1") or None,
        "created_at": _date(sector[813:830]),
    }


def _date(digits: bytes) -> str | None:
    if not digits[:14].isdigit() or not digits[:14].strip(b"0"):
        return None
    number = digits[:14].decode()
    return f"{number[:4]}-{number[4:6]}-{number[6:8]}T{number[8:10]}:{number[10:12]}:{number[12:14]}"


def _catalog(source: Source, sector: int) -> list[str]:
    """Return for which firmware the medium boots, in the order of its catalog."""
    data = source.read(sector * _SECTOR, _SECTOR)
    if len(data) < 64 or data[0] != 1 or data[30:32] != b"\x55\xaa":
        return []
    platform, found = data[1], []
    if data[32] == _BOOTABLE:
        found.append(_PLATFORMS.get(platform, f"platform {platform}"))
    for at in range(64, len(data) - 31, 32):
        if data[at] in _HEADERS:
            platform = data[at + 1]
        elif data[at] == _BOOTABLE:
            found.append(_PLATFORMS.get(platform, f"platform {platform}"))
        elif data[at] != 0x44:  # the continuation of an entry
            break
    return list(dict.fromkeys(found))


def head(source: Source, length: int = 1 << 20) -> bytes:
    """Return the part of a medium that libosinfo reads to name it."""
    return must_read(source, 0, min(length, source.size), "the head")
