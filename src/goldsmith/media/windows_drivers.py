"""Make the stand-ins for virtio-win's ISO and for the MSI packages; docs/standin-windows.md tells what is in them.

Folder names: virtio-win-pkg-scripts util/filemap.py; service names and start types: the drivers' own INF templates.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from goldsmith.errors import UsageError
from goldsmith.host.aside import aside
from goldsmith.host.files import put_in_place, write_atomically
from goldsmith.host.process import Host, Listener

VERSION = 1  # raise it when equal inputs start to give another medium
LABEL = "virtio-win-0.1.285"
SYSTEMS = ("2k12R2", "2k16", "2k19", "2k22", "2k25", "w8.1", "w10", "w11")
README = "Goldsmith stand-in for the virtio-win drivers. None of these files works on Windows.\r\n"
OLE = bytes.fromhex("d0cf11e0a1b11ae1")


@dataclass(frozen=True)
class Driver:
    """A driver: folder and INF name, the service it installs, and how that starts (0 is with the kernel)."""

    folder: str
    inf: str
    service: str
    start: int
    kind: str
    systems: tuple[str, ...] = SYSTEMS


DRIVERS = (
    Driver("viostor", "viostor", "viostor", 0, "SCSIAdapter"),
    Driver("vioscsi", "vioscsi", "vioscsi", 0, "SCSIAdapter"),
    Driver("NetKVM", "netkvm", "netkvm", 3, "Net"),
    Driver("Balloon", "balloon", "BALLOON", 3, "System"),
    Driver("vioserial", "vioser", "VirtioSerial", 3, "System"),
    Driver("viorng", "viorng", "VirtRng", 3, "System"),
    Driver("vioinput", "vioinput", "VirtioInput", 3, "HIDClass"),
    Driver("pvpanic", "pvpanic", "pvpanic", 3, "System"),
    Driver("qemupciserial", "qemupciserial", "Serial", 3, "Ports"),
    Driver("fwcfg", "fwcfg", "FwCfg", 3, "System"),
    Driver("viogpudo", "viogpudo", "VioGpuDod", 3, "Display", ("2k16", "2k19", "2k22", "2k25", "w10", "w11")),
    Driver("qxldod", "qxldod", "qxldod", 3, "Display", ("2k12R2", "2k16", "2k19", "w8.1", "w10")),
)
INF = """; {title} (Goldsmith stand-in)
[Version]
Signature = "$WINDOWS NT$"
Class = {kind}
Provider = %Vendor%
CatalogFile = {inf}.cat
DriverVer = 01/01/2025,100.99.104.28500

[Manufacturer]
%Vendor% = Standin,NTamd64

[Standin.NTamd64]
%Device% = Install, PCI\\VEN_1AF4

[Install.NT.Services]
AddService = {service}, 0x00000002, {inf}_Service

[{inf}_Service]
DisplayName = %Device%
ServiceType = 1
StartType = {start}
ErrorControl = 1
ServiceBinary = %12%\\{inf}.sys

[Strings]
Vendor = "Red Hat, Inc. (Goldsmith stand-in)"
Device = "{title} (Goldsmith stand-in)"
"""
CLOUDBASE = {
    "kind": "cloudbase-init",
    "product": "Cloudbase-Init 1.1.8 (Goldsmith stand-in)",
    "version": "1.1.8.0",
    "publisher": "Goldsmith stand-in",
}
AGENT = {
    "kind": "qemu-ga",
    "product": "QEMU guest agent (Goldsmith stand-in)",
    "version": "109.0.1",
    "publisher": "Goldsmith stand-in",
}
ALL_DRIVERS = {
    "kind": "virtio-win-gt",
    "product": "Virtio-win-driver-installer (Goldsmith stand-in)",
    "version": "0.1.285",
    "publisher": "Goldsmith stand-in",
}


def drivers_key(*, without: str = "") -> dict[str, object]:
    """Return everything that decides the ISO; ``without`` is a folder that is left out, such as viostor/2k22."""
    systems = {one.folder: list(one.systems) for one in DRIVERS}
    return {"version": VERSION, "kind": "virtio-win", "without": without, "drivers": systems}


def build_drivers(host: Host, out: Path, *, without: str = "", on_line: Listener | None = None) -> Path:
    """Make the ISO ``out`` and return it; after a failure it does not exist."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with aside(out.parent, out.name) as work:
        tree, made = work / "iso", work / "made.iso"
        kept = {
            name: data
            for name, data in files().items()
            if not without or not name.lower().startswith(f"{without.lower()}/")
        }
        if without and len(kept) == len(files()):
            raise UsageError(f"the driver medium has no folder {without}", fix="give it as viostor/2k22")
        for name, data in kept.items():
            place = tree / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        words = ["xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-joliet-long", "-V", LABEL]
        host.run(*words, "-o", made, tree, fix="apt-get install xorriso", on_line=on_line)
        made.chmod(0o644)
        put_in_place(made, out)
    return out


def files() -> Mapping[str, bytes]:
    """Return the files of the medium by their paths."""
    found = {
        "README.txt": README.encode(),
        "cert/Virtio_Win_Red_Hat_CA.cer": b"0\x82" + README.encode(),
        "guest-agent/qemu-ga-x86_64.msi": package(AGENT),
        "virtio-win-gt-x64.msi": package(ALL_DRIVERS),
        "virtio-win-guest-tools.exe": _program(),
        "data/info.json": json.dumps({"standin": True}).encode(),
    }
    for driver in DRIVERS:
        for system in driver.systems:
            folder = f"{driver.folder}/{system}/amd64"
            found |= {f"{folder}/{name}": data for name, data in _driver(driver).items()}
            if driver.folder in ("viostor", "vioscsi") and system not in ("2k12R2", "w8.1"):
                found |= {f"amd64/{system}/{name}": data for name, data in _driver(driver).items()}
    return found


def _driver(driver: Driver) -> dict[str, bytes]:
    facts = {
        "title": f"VirtIO {driver.folder}",
        "kind": driver.kind,
        "inf": driver.inf,
        "service": driver.service,
    }
    text = INF.format(**facts, start=driver.start)
    return {
        f"{driver.inf}.inf": text.replace("\n", "\r\n").encode(),
        f"{driver.inf}.sys": _program(),
        f"{driver.inf}.cat": b"0\x82" + README.encode(),
    }


def package(facts: Mapping[str, str]) -> bytes:
    """Return a file that begins as every MSI does, and behind its first 512 bytes tells the stand-in what it is."""
    return OLE.ljust(512, b"\0") + json.dumps(facts).encode()


def package_key(facts: Mapping[str, str]) -> dict[str, object]:
    return {"version": VERSION, "kind": "msi", "facts": dict(facts)}


def build_package(out: Path, facts: Mapping[str, str]) -> Path:
    """Write the stand-in for an MSI package; after a failure it does not exist."""
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, package(facts))
    return out


def _program() -> bytes:
    """Return the smallest file that tools take for an x86-64 driver or program; it does nothing."""
    coff = struct.pack("<HHIIIHH", 0x8664, 0, 0, 0, 0, 240, 0x22)
    optional = (struct.pack("<H", 0x20B) + bytes(66) + struct.pack("<H", 1)).ljust(240, b"\0")
    return b"MZ".ljust(60, b"\0") + struct.pack("<I", 64) + b"PE\0\0" + coff + optional
