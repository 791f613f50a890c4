"""The machine under the stand-in: disks, CDs, mounts, firmware, keys of the power."""

import os
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

BLOCKS = Path("/sys/block")
MOUNTS = Path("/mnt")
_POWER = (1, 116, 1)  # a key event, KEY_POWER, pressed


@dataclass(frozen=True)
class Disk:
    """A hard disk; ``driver`` is the Windows driver that it needs and the installation medium lacks, or ""."""

    device: Path
    size: int
    driver: str


def disks() -> Sequence[Disk]:
    """Return the hard disks in Setup's order."""
    found = []
    for entry in sorted(BLOCKS.iterdir()):
        if entry.name.startswith(("vd", "sd", "nvme")):
            path = str((entry / "device").resolve())
            driver = "viostor" if entry.name.startswith("vd") else "vioscsi" if "/virtio" in path else ""
            found.append(Disk(Path("/dev", entry.name), int((entry / "size").read_text()) * 512, driver))
    return found


def discs() -> Sequence[Path]:
    """Return the CD drives that hold a medium."""
    return [
        Path("/dev", one.name) for one in sorted(BLOCKS.glob("sr*")) if int((one / "size").read_text()) > 2
    ]


def label_of(device: Path) -> str:
    """Return the volume name of an ISO 9660 medium."""
    with device.open("rb") as disc:
        disc.seek(32768)
        head = disc.read(2048)
    return head[40:72].decode("ascii", "replace").strip() if head[1:6] == b"CD001" else ""


def mount(device: Path, letter: str, kind: str) -> Path:
    """Mount a device as a drive; ``kind`` is iso9660, ntfs or vfat."""
    place = MOUNTS / letter.lower()
    place.mkdir(parents=True, exist_ok=True)
    if kind == "ntfs":
        run("ntfs-3g", "-o", "rw,noatime,big_writes,windows_names", str(device), str(place))
    else:
        run(
            "busybox",
            "mount",
            "-t",
            kind,
            *(["-o", "ro"] if kind == "iso9660" else []),
            str(device),
            str(place),
        )
    return place


def unmount(place: Path) -> None:
    os.sync()
    run("busybox", "umount", str(place))
    for _ in range(100):  # ntfs-3g writes the rest after umount has returned
        if not any(b"ntfs-3g" in _command(entry) for entry in Path("/proc").glob("[0-9]*")):
            break
        time.sleep(0.1)
    os.sync()


def _command(entry: Path) -> bytes:
    with suppress(OSError):
        return (entry / "cmdline").read_bytes()
    return b""


def run(*argv: str) -> None:
    done = subprocess.run(argv, text=True, capture_output=True, check=False)
    if done.returncode:
        raise OSError(f"{argv[0]} failed: {done.stdout.strip()} {done.stderr.strip()}")


def is_uefi() -> bool:
    return Path("/sys/firmware/efi").exists()


def memory() -> int:
    """Return the bytes of memory."""
    return int(Path("/proc/meminfo").read_text().split()[1]) * 1024


def channel(name: str) -> Path | None:
    """Return the virtio port of this name."""
    for entry in Path("/sys/class/virtio-ports").glob("*"):
        if (entry / "name").read_text().strip() == name:
            return Path("/dev", entry.name)
    return None


def end(how: str) -> None:
    """Power off or restart; never returns."""
    os.sync()
    Path("/proc/sysrq-trigger").write_text("o" if how == "off" else "b")
    time.sleep(60)


def on_power_button(act: Callable[[], None]) -> None:
    """Call ``act`` when the power button is pressed, which is how a host asks for a shutdown by ACPI."""
    for place in Path("/dev/input").glob("event*"):
        threading.Thread(target=_watch, args=(place, act), daemon=True).start()


def _watch(place: Path, act: Callable[[], None]) -> None:
    size = struct.calcsize("llHHi")
    with suppress(OSError), place.open("rb", buffering=0) as events:
        while event := events.read(size):
            if struct.unpack("llHHi", event)[2:] == _POWER:
                act()
