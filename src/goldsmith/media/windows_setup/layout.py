"""The disk layout of an answer file: read, checked, and carried out."""

import subprocess
import time
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from goldsmith.media.windows_setup.answers import NS, text_at

MIB = 2**20
GPT_TYPES = {
    "EFI": "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
    "MSR": "E3C9E316-0B5C-4DB8-817D-F92DF00215AE",
    "PRIMARY": "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7",
}


class LayoutError(Exception):
    """The disk cannot be made as the answer file says; ``str`` is what Setup's window says."""


@dataclass(frozen=True)
class Partition:
    """``size`` is in MiB, 0 for all that is left."""

    number: int
    kind: str
    size: int
    format: str = ""
    label: str = ""
    letter: str = ""
    active: bool = False


def read_layout(disk: ET.Element, *, uefi: bool) -> Sequence[Partition]:
    """Return the partitions of one Disk element; raises LayoutError where they cannot be."""
    if text_at(disk, "WillWipeDisk").lower() != "true":
        raise LayoutError("Windows could not prepare the computer: the disk is not wiped")
    made = [
        Partition(
            int(text_at(one, "Order")),
            text_at(one, "Type").upper(),
            0 if text_at(one, "Extend").lower() == "true" else int(text_at(one, "Size", "-1")),
        )
        for one in disk.iterfind(f"{NS}CreatePartitions/{NS}CreatePartition")
    ]
    made.sort(key=lambda one: one.number)
    if not made or any(one.size < 0 for one in made):
        raise LayoutError("A partition has neither Size nor Extend")
    if any(one.size == 0 for one in made[:-1]):
        raise LayoutError("A partition that takes the rest of the disk is not the last one")
    if any(one.kind not in GPT_TYPES for one in made):
        raise LayoutError("A partition has an unknown Type")
    kinds = {one.kind for one in made}
    if uefi != ("EFI" in kinds) or (not uefi and "MSR" in kinds):
        how = (
            "UEFI: it needs an EFI and no active"
            if uefi
            else "BIOS: it takes primary partitions, no EFI or MSR"
        )
        raise LayoutError(f"Windows cannot be installed to this disk. The computer starts by {how} partition")
    changes = {
        int(text_at(one, "PartitionID")): one
        for one in disk.iterfind(f"{NS}ModifyPartitions/{NS}ModifyPartition")
    }
    if set(changes) - {one.number for one in made}:
        raise LayoutError("ModifyPartition names a partition that is not created")
    done = [_modified(one, changes.get(one.number)) for one in made]
    if not uefi and sum(one.active for one in done) != 1:
        raise LayoutError("Setup was unable to use the existing system partition: exactly one must be Active")
    return done


def _modified(one: Partition, change: ET.Element | None) -> Partition:
    if change is None:
        return one
    file_system = text_at(change, "Format").upper()
    if one.kind == "MSR" and file_system:
        raise LayoutError("The MSR partition cannot be formatted")
    if one.kind == "EFI" and file_system != "FAT32":
        raise LayoutError("The EFI partition must be FAT32")
    if file_system not in ("", "NTFS", "FAT32"):
        raise LayoutError(f"There is no file system {file_system}")
    return replace(
        one, format=file_system, label=text_at(change, "Label"), letter=text_at(change, "Letter"),
        active=text_at(change, "Active").lower() == "true",
    )  # fmt: skip


def make(device: Path, partitions: Sequence[Partition], *, uefi: bool) -> None:
    """Write the partition table and the file systems; raises LayoutError where the disk is too small."""
    lines = ["label: gpt" if uefi else "label: dos", "unit: sectors"]
    for one in partitions:
        words = [f"size={one.size * MIB // 512}"] if one.size else []
        words.append(f"type={GPT_TYPES[one.kind]}" if uefi else "type=7")
        words += ["bootable"] if one.active and not uefi else []
        lines.append(", ".join(words))
    _run(["sfdisk", "--wipe", "always", "--quiet", str(device)], "\n".join(lines) + "\n")
    for one in partitions:
        place = part(device, one.number)
        _wait_for(place)
        if one.format == "NTFS":
            _run(["mkntfs", "--quick", "--quiet", "--label", one.label or "Local Disk", str(place)])
        elif one.format == "FAT32":
            _run(["mkfs.fat", "-F", "32", "-n", (one.label or "SYSTEM").upper()[:11], str(place)])


def part(device: Path, number: int) -> Path:
    return Path(f"{device}{number}")


def _wait_for(place: Path) -> None:
    for _ in range(50):
        if place.exists():
            return
        time.sleep(0.1)
    raise LayoutError(f"the partition {place} does not appear")


def _run(argv: Sequence[str], text: str = "") -> None:
    done = subprocess.run(argv, input=text, text=True, capture_output=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise LayoutError(f"{argv[0]}: {last}")


def write_boot_code(device: Path, boot: Path) -> None:
    """Put GRUB into the first sectors of a disk with an MBR: what bootsect.exe does for Windows."""
    code, core = (boot / "boot.img").read_bytes(), (boot / "core.img").read_bytes()
    with device.open("r+b") as disk:
        disk.write(code[:440])
        disk.seek(512)
        if len(core) > 1024 * 1024 - 512:
            raise LayoutError("the boot code does not fit before the first partition")
        disk.write(core)


def disk_id(device: Path) -> bytes:
    """Return the four bytes by which MountedDevices names a disk with an MBR."""
    with device.open("rb") as disk:
        disk.seek(0x1B8)
        return disk.read(4)
