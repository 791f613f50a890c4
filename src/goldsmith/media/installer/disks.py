# SPDX-License-Identifier: GPL-2.0-or-later
"""From the storage commands to partitions with places, and the steps that make them."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from goldsmith.media.installer.answers import Partition, Storage
from goldsmith.media.installer.steps import InstallProblem, Mount, Run, Say, Step

MIB = 1024 * 1024
TYPES = {
    "dos": {"swap": "82", "": "83"},
    "gpt": {"swap": "S", "biosboot": "21686148-6449-6E6F-744E-656564454649"},
}
NO_ROOM = "Could not allocate requested partitions: not enough free space on disks."
PRIMARIES = 4


@dataclass(frozen=True)
class Disk:
    name: str  # vda
    size: int  # bytes
    labelled: bool = False  # has a partition table


@dataclass(frozen=True)
class Volume:
    """A partition with its place; ``start`` and ``size`` in MiB."""

    device: str  # /dev/vda1
    part: Partition
    start: int
    size: int
    uuid: str

    @property
    def mounted(self) -> bool:
        return self.part.mount.startswith("/")


@dataclass(frozen=True)
class Layout:
    disk: str
    table: str  # dos or gpt
    volumes: tuple[Volume, ...]

    def at(self, mount: str) -> Volume | None:
        return next((one for one in self.volumes if one.part.mount == mount), None)

    @property
    def root(self) -> Volume:
        found = self.at("/")
        assert found  # lay_out() refuses a layout without one
        return found


def lay_out(storage: Storage, disks: Mapping[str, Disk]) -> Layout:
    """Choose the disk and place the partitions; raises InstallProblem with Anaconda's text."""
    disk = _choose(storage, disks)
    if (disk.labelled and not storage.clear) or (not disk.labelled and not storage.initialise):
        raise InstallProblem(NO_ROOM)
    parts = storage.partitions or (_automatic(storage, disk) if storage.auto else ())
    if not any(one.mount == "/" for one in parts):
        raise InstallProblem("You have not defined a root partition (/), which is required for installation.")
    table = "gpt" if storage.table == "gpt" else "dos"
    if table == "dos" and len(parts) > PRIMARIES:
        raise InstallProblem(f"This stand-in makes at most {PRIMARIES} partitions on an msdos disklabel.")
    for one in parts:
        _check(one)
    return Layout(f"/dev/{disk.name}", table, _place(parts, disk))


def _choose(storage: Storage, disks: Mapping[str, Disk]) -> Disk:
    named = [one for one in storage.partitions if one.disk]
    for one in named:
        if one.disk not in disks:
            raise InstallProblem(_at(one, f'Disk "{one.disk}" given in partition command does not exist.'))
    usable = [
        disk
        for name, disk in disks.items()
        if name not in storage.ignored and (not storage.only or name in storage.only)
    ]
    wanted = {one.disk for one in named}
    if len(wanted) > 1:
        raise InstallProblem("This stand-in partitions one disk only.")
    found = disks[wanted.pop()] if wanted else next(iter(usable), None)
    if found is None or found not in usable:
        raise InstallProblem("No usable disks have been found.")
    return found


def _at(one: Partition, text: str) -> str:
    return f"The following problem occurred on line {one.line} of the kickstart file:\n\n{text}"


def _check(one: Partition) -> None:
    known = one.fstype in {"ext2", "ext3", "ext4", "xfs", "swap", "biosboot"}
    if not known or not (one.mount.startswith("/") or one.mount in {"swap", "biosboot"}):
        raise InstallProblem(
            _at(one, f"This stand-in cannot make {one.mount} with file system {one.fstype}.")
        )
    if not one.format:
        raise InstallProblem(_at(one, "This stand-in formats every partition; --noformat is not possible."))


def _automatic(storage: Storage, disk: Disk) -> tuple[Partition, ...]:
    """Return plain partitions where Anaconda would have made LVM: the stand-in has none."""
    whole = disk.size // MIB
    boot = Partition("/boot", storage.auto_fstype, 500)
    swap = Partition("swap", "swap", min(2048, whole // 10))
    root = Partition("/", storage.auto_fstype, 1024, grow=True)
    return (boot, swap, root) if storage.auto_swap else (boot, root)


def _place(parts: Sequence[Partition], disk: Disk) -> tuple[Volume, ...]:
    room = disk.size // MIB - 2 - sum(one.size for one in parts)  # 1 MiB before, 1 behind
    if room < 0:
        raise InstallProblem(NO_ROOM)
    sizes = [one.size for one in parts]
    growing = [index for index, one in enumerate(parts) if one.grow]
    for left, index in enumerate(growing):
        share = room // (len(growing) - left)
        if parts[index].largest:
            share = min(share, max(0, parts[index].largest - sizes[index]))
        sizes[index] += share
        room -= share
    volumes, start = [], 1
    infix = "p" if disk.name[-1].isdigit() else ""
    for number, (one, size) in enumerate(zip(parts, sizes, strict=True), 1):
        volumes.append(Volume(f"/dev/{disk.name}{infix}{number}", one, start, size, str(uuid.uuid4())))
        start += size
    return tuple(volumes)


def storage_steps(layout: Layout, creating: str) -> list[Step]:
    """Return the steps from a bare disk to mounted file systems.

    ``creating`` is Anaconda's line for a new file system, with ``{fstype}`` and ``{device}``.
    """
    steps: list[Step] = [
        Say(f"Creating disklabel on {layout.disk}"),
        Run(("wipefs", "--all", "--quiet", layout.disk)),
        Run(("sfdisk", "--quiet", "--wipe=always", layout.disk), stdin=_table(layout)),
        Run(("udevadm", "settle"), optional=True),
    ]
    for one in layout.volumes:
        if one.part.fstype == "biosboot":
            continue
        steps.append(Say(creating.format(fstype=one.part.fstype, device=one.device)))
        steps.append(Run(_mkfs(one)))
    mounted = sorted((one for one in layout.volumes if one.mounted), key=lambda one: one.part.mount)
    steps += [Mount(one.device, one.part.mount, one.part.options) for one in mounted]
    return steps


def _table(layout: Layout) -> str:
    kinds = TYPES[layout.table]
    lines = [f"label: {layout.table}"]
    boot = layout.at("/boot") or layout.root
    for one in layout.volumes:
        kind = kinds.get(one.part.fstype, kinds.get("", "L"))
        flag = ", bootable" if layout.table == "dos" and one == boot else ""
        lines.append(f"start={one.start}MiB, size={one.size}MiB, type={kind}{flag}")
    return "\n".join(lines) + "\n"


def _mkfs(one: Volume) -> tuple[str, ...]:
    label = ("-L", one.part.label) if one.part.label else ()
    extra = tuple(one.part.make.split())
    if one.part.fstype == "swap":
        return ("mkswap", "-U", one.uuid, *label, one.device)
    if one.part.fstype == "xfs":
        return ("mkfs.xfs", "-q", "-f", "-m", f"uuid={one.uuid}", *label, *extra, one.device)
    return (f"mkfs.{one.part.fstype}", "-q", "-F", "-U", one.uuid, *label, *extra, one.device)


def fstab(layout: Layout) -> str:
    lines = ["# made by the stand-in installer from the kickstart's part lines"]
    for one in layout.volumes:
        part = one.part
        if part.fstype == "swap":
            lines.append(f"UUID={one.uuid} none swap defaults 0 0")
        elif one.mounted:
            check = 0 if part.fstype == "xfs" else 1 if part.mount == "/" else 2
            dump = 0 if part.fstype == "xfs" else 1
            lines.append(
                f"UUID={one.uuid} {part.mount} {part.fstype} {part.options or 'defaults'} {dump} {check}"
            )
    return "\n".join(lines) + "\n"


def with_uuids(layout: Layout, uuids: Sequence[str]) -> Layout:
    """Return the same layout with given identifiers, for a plan that can be compared."""
    pairs = zip(layout.volumes, uuids, strict=True)
    return replace(layout, volumes=tuple(replace(one, uuid=given) for one, given in pairs))
