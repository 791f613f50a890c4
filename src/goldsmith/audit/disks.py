"""What lies on the disks of an image: boot code, partitions, file systems and whether they are sound."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from goldsmith.audit import ntfs
from goldsmith.audit.appliance import DEVICE, Appliance
from goldsmith.audit.facts import FileSystem, Partition

_BOOT_CODE = 440  # bytes of the first sector that belong to the boot loader
_FSCK = {
    "ext": "e2fsck -fn {}",
    "xfs": "xfs_repair -n {}",
    "vfat": "fsck.vfat -n {}",
}
_FEATURES = {
    "ext": 'dumpe2fs -h {} 2>/dev/null | sed -n "s/^Filesystem features: */features=/p"',
    "xfs": 'xfs_db -r -c version {} 2>/dev/null | sed -n "s/^versionnum.*= */features=/p"',
}
_JOURNAL = "skipping journal recovery"
# Every disk but the appliance's own by its name, then its partitions: name, start, length in sectors of 512 bytes.
_FOREIGN = (
    'for d in /sys/block/[hsv]d*; do [ "$(cat $d/dev)" = "$(mountpoint -d /)" ] && continue; echo /dev/${d##*/}; '
    "for p in $d/${d##*/}*; do [ -e $p/partition ] && read s < $p/start && read n < $p/size "
    '&& echo "/dev/${p##*/} $s $n"; done; done; true'
)
_SECTOR = 512
_EXTENDED = 2  # sectors that Linux shows of an extended partition, which may be as large as the disk


@dataclass(frozen=True)
class Disk:
    """The disk of an image by its two names: libguestfs's, and the kernel's, which scripts of the appliance see.

    They differ when a disk was slow to appear. ``parts`` is empty where the kernel does not tell all of them.
    """

    name: str
    real: str
    parts: tuple[Partition, ...] = ()

    def shown(self, device: str) -> str:
        """Return what libguestfs calls a device of the kernel, or "" for one that is not the image's."""
        if re.fullmatch(re.escape(self.real) + r"p?\d*", device):
            return self.name + device.removeprefix(self.real)
        if volume := re.fullmatch(r"/dev/mapper/((?:[^-]|--)+)-((?:[^-]|--)+)", device):
            return "/dev/" + "/".join(part.replace("--", "-") for part in volume.groups())
        return "" if re.match(r"/dev/[hsv]d", device) else device

    def kernel(self, device: str) -> str:
        """Return what the kernel calls a device of libguestfs; logical volumes have one name."""
        return self.real + device.removeprefix(self.name) if device.startswith(self.name) else device


def find_disk(appliance: Appliance, name: str) -> Disk:
    """Return the only disk that the appliance does not run from, which libguestfs calls ``name``."""
    lines = [line.split() for line in appliance.shell(_FOREIGN).splitlines()]
    names = [line[0] for line in lines if len(line) == 1 and DEVICE.fullmatch(line[0])]
    if len(names) != 1:
        return Disk(name, name)
    disk = Disk(name, names[0])
    parts = [(disk.shown(line[0]), int(line[1]), int(line[2])) for line in lines if len(line) == 3]
    if any(length <= _EXTENDED for _, _, length in parts):
        return disk
    parts.sort(key=lambda part: part[1])
    return replace(
        disk,
        parts=tuple(
            Partition(device, start * _SECTOR, (start + length) * _SECTOR - 1)
            for device, start, length in parts
        ),
    )


def boot_code(appliance: Appliance, disk: str) -> bytes:
    """Return the code that a BIOS would run from this disk; all zero where there is none."""
    return appliance.ask("pread-device", disk, str(_BOOT_CODE), "0")


def partitions(appliance: Appliance, disk: str) -> Iterator[Partition]:
    for block in appliance.text("part-list", disk).split("}"):
        numbers = {name: int(value) for name, value in re.findall(r"part_(\w+): (\d+)", block)}
        if numbers.keys() >= {"num", "start", "end"}:
            separator = "p" if disk[-1].isdigit() else ""
            yield Partition(f"{disk}{separator}{numbers['num']}", numbers["start"], numbers["end"])


def filesystems(appliance: Appliance, disk: Disk) -> Iterator[FileSystem]:
    """Yield what blkid finds on the image; the appliance's own disk is left out."""
    for block in appliance.shell("blkid -o export").split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        device, kind = values.get("DEVNAME", ""), values.get("TYPE", "")
        if not kind or not DEVICE.fullmatch(device) or not (shown := disk.shown(device)):
            continue
        found = FileSystem(
            shown,
            kind,
            uuid=values.get("UUID", ""),
            label=values.get("LABEL", ""),
            part_uuid=values.get("PARTUUID", ""),
            part_label=values.get("PARTLABEL", ""),
        )
        yield _examined(appliance, found, device)


def kernel_name(appliance: Appliance, disk: str) -> str:
    return find_disk(appliance, disk).real


def kernel_device(appliance: Appliance, device: str) -> str:
    """Return what scripts of the appliance call a partition that libguestfs calls so, or a disk."""
    disk = next((one for one in appliance.text("list-devices").split() if device.startswith(one)), device)
    return find_disk(appliance, disk).kernel(device)


def _examined(appliance: Appliance, found: FileSystem, device: str) -> FileSystem:
    """Return the file system with its faults and features, where its kind is known, by one script."""
    if found.kind == "ntfs":
        return replace(found, faults=ntfs.faults(appliance, device))
    kind = "ext" if re.fullmatch(r"ext[234]", found.kind) else found.kind
    if (command := _FSCK.get(kind)) is None:
        return found
    ask = _FEATURES.get(kind, "true").format(device)
    said = appliance.shell(
        f"{ask}; {command.format(device)} > /tmp/fsck 2>&1; r=$?; tail -n 30 /tmp/fsck; echo rc=$r"
    )
    lines = said.splitlines()
    features = None
    if lines and lines[0].startswith("features="):
        features = frozenset(re.findall(r"\w+", lines.pop(0).removeprefix("features=").lower()))
    return replace(found, faults=_faults(lines, command.split()[0]), features=features)


def _faults(said: Sequence[str], program: str) -> tuple[str, ...]:
    *lines, end = said or [""]
    if end == "rc=0" and not any(_JOURNAL in line for line in lines):
        return ()
    if end == "rc=127":
        return (f"{program} is missing in the appliance (package libguestfs-xfs)",)
    telling = [line for line in lines if "?" in line or "journal" in line or "log" in line] or lines
    return tuple(telling[:3]) or ("the check gave no result",)
