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
class Match:
    """One operating system that a medium may be for: its short id, as "rhel7.9", and "" or the architecture."""

    os: str
    arch: str


@dataclass(frozen=True)
class Medium:
    """An ISO image as its header and libosinfo see it; ``os`` is empty where libosinfo does not know it.

    ``others`` are further systems that it may be for as well: one label stands for several Windows versions.
    """

    os: str
    arch: str
    bootable: bool
    volume_id: str
    declared_size: int  # bytes that the header says the image has; a shorter file is a broken download
    others: tuple[Match, ...] = ()

    @property
    def matches(self) -> tuple[Match, ...]:
        return (Match(self.os, self.arch), *self.others) if self.os else ()


def identify(host: Host, iso: Path) -> Medium | None:
    """Look at an ISO image; None when the file is none, which a download's error page is not either."""
    header = _header(iso)
    if header is None:
        return None
    volume_id, size = header
    said = _detected(host, iso)
    matches: list[Match] = []
    for found in _FOR_OS.finditer(said):
        for short_id in _query(host, f"name={found['name']}")[:1]:
            if (one := Match(short_id, found["arch"] or "")) not in matches:
                matches.append(one)
    first, *others = matches or [Match("", "")]
    return Medium(first.os, first.arch, "Media is bootable" in said, volume_id, size, tuple(others))


def known(host: Host, short_id: str) -> bool:
    """Say whether virt-install would take this name for --osinfo here."""
    return bool(canonical(host, short_id))


def canonical(host: Host, short_id: str) -> str:
    """Return the name that libosinfo itself gives an OS ("centos7.0" for "centos7"), or "" where it knows none."""
    return next(iter(_query(host, f"short-id={short_id}")), "")


def argument(host: Host, name: str) -> str:
    """Return virt-install's --osinfo for a name, also on a host whose database is older than the guest.

    libosinfo has an entry for releases to come, such as rhel9-unknown for rhel9.6.
    """
    newer = re.sub(r"\.[0-9]+$", "", name) + "-unknown"
    found = next((one for one in (name, newer) if known(host, one)), None)
    return f"name={found}" if found else "detect=off,require=off"


def _detected(host: Host, iso: Path) -> str:
    done = host.run("osinfo-detect", "--all", iso, ok=range(256), fix=_FIX)
    if "--all" in done.stderr:  # libosinfo before 1.10 has no such option
        done = host.run("osinfo-detect", iso, ok=range(256), fix=_FIX)
    return done.stdout


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
