"""What libosinfo knows about media and operating systems."""

import re
import struct
from dataclasses import dataclass
from pathlib import Path

from goldsmith.errors import HostError
from goldsmith.host.process import Host

_SECTOR = 2048
_DESCRIPTOR = 16 * _SECTOR  # where ISO 9660 keeps its primary volume descriptor
_FIX = "apt install libosinfo-bin, or dnf install libosinfo"
_FOR_OS = re.compile(r"for OS '(?P<name>[^']*?)(?: \((?P<arch>[\w-]+)\))?'")


@dataclass(frozen=True)
class Medium:
    """An ISO image as its header and libosinfo see it; ``os`` is empty where libosinfo does not know it."""

    os: str  # short id, as "rhel7.9"
    arch: str
    bootable: bool
    volume_id: str
    declared_size: int  # bytes that the header says the image has; a shorter file is a broken download


def identify(host: Host, iso: Path) -> Medium | None:
    """Look at an ISO image; None when the file is none, which a download's error page is not either."""
    header = _header(iso)
    if header is None:
        return None
    volume_id, size = header
    said = host.run("osinfo-detect", iso, ok=range(256), fix=_FIX).stdout
    found = _FOR_OS.search(said)
    short_id = _short_id(host, found["name"]) if found else ""
    arch = (found["arch"] or "") if found else ""
    return Medium(short_id, arch, "Media is bootable" in said, volume_id, size)


def known(host: Host, short_id: str) -> bool:
    """Say whether virt-install would take this name for --osinfo here."""
    return short_id in _query(host, f"short-id={short_id}")


def _short_id(host: Host, name: str) -> str:
    return next(iter(_query(host, f"name={name}")), "")


def _query(host: Host, condition: str) -> list[str]:
    said = host.run("osinfo-query", "--fields=short-id", "os", condition, ok=(0, 1), fix=_FIX).stdout
    return [line.strip() for line in said.splitlines()[2:] if line.strip()]


def _header(iso: Path) -> tuple[str, int] | None:
    try:
        with iso.open("rb") as file:
            file.seek(_DESCRIPTOR)
            header = file.read(_SECTOR)
    except OSError as error:
        raise HostError(f"{iso}: {error.strerror}", fix="see to the path and its permissions") from None
    if len(header) < _SECTOR or header[:6] != b"\x01CD001":
        return None
    (blocks,) = struct.unpack_from("<I", header, 80)
    return header[40:72].decode("ascii", "replace").strip(), blocks * _SECTOR
