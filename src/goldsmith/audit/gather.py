"""One look into an image: disk, file systems, operating systems, and the files that checks declare."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from goldsmith.audit.appliance import Appliance
from goldsmith.audit.facts import FileSystem, Guest, Partition, System
from goldsmith.audit.listing import list_tree, read_texts

_DEVICE = re.compile(r"/dev/[A-Za-z0-9/_.+-]+")  # goes into scripts, so nothing else may
_FSCK = {
    "ext": "e2fsck -fn {}",
    "xfs": "xfs_repair -n {}",
    "vfat": "fsck.vfat -n {}",
}
_JOURNAL = "skipping journal recovery"


def look(appliance: Appliance, *, sees: Sequence[str], reads: Sequence[str]) -> Guest:
    """Return what the appliance shows. File systems are checked before anything mounts them.

    ``sees`` and ``reads`` are the globs of the checks; only the files of a Linux are looked at.
    """
    appliance.ask("run", must=True)
    disks = appliance.text("list-devices", must=True).split()
    guest = Guest(
        partitions=tuple(part for disk in disks for part in _partitions(appliance, disk)),
        filesystems=tuple(_filesystems(appliance, disks)),
    )
    roots = [root for root in appliance.text("inspect-os").split() if _DEVICE.fullmatch(root)]
    guest = replace(guest, systems=tuple(_system(appliance, root) for root in roots))
    if len(guest.systems) != 1:
        return replace(guest, reason=f"the image holds {len(roots)} operating systems, not one")
    system = guest.systems[0]
    if system.kind != "linux":
        return replace(guest, reason=f"the files of {system.kind or 'this kind of guest'} are not looked at")
    if not _mount(appliance, system):
        return replace(guest, reason=f"the root file system {system.root} cannot be mounted")
    tree = read_texts(appliance, list_tree(appliance, [*sees, *reads]), reads)
    return replace(guest, tree=tree, packages=_packages(appliance, system))


def _partitions(appliance: Appliance, disk: str) -> Iterator[Partition]:
    for block in appliance.text("part-list", disk).split("}"):
        numbers = {name: int(value) for name, value in re.findall(r"part_(\w+): (\d+)", block)}
        if numbers.keys() >= {"num", "start", "end"}:
            separator = "p" if disk[-1].isdigit() else ""
            yield Partition(f"{disk}{separator}{numbers['num']}", numbers["start"], numbers["end"])


def _filesystems(appliance: Appliance, disks: Sequence[str]) -> Iterator[FileSystem]:
    for block in appliance.shell("blkid -o export").split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        device, kind = values.get("DEVNAME", ""), values.get("TYPE", "")
        own = device.rstrip("0123456789") not in disks and device.startswith("/dev/sd")
        if not kind or own or not _DEVICE.fullmatch(device):
            continue  # a bare partition table, or the disk of the appliance itself
        yield FileSystem(
            device,
            kind,
            uuid=values.get("UUID", ""),
            label=values.get("LABEL", ""),
            part_uuid=values.get("PARTUUID", ""),
            part_label=values.get("PARTLABEL", ""),
            faults=_faults(appliance, device, kind),
        )


def _faults(appliance: Appliance, device: str, kind: str) -> tuple[str, ...] | None:
    command = _FSCK.get("ext" if re.fullmatch(r"ext[234]", kind) else kind)
    if command is None:
        return None
    said = appliance.shell(
        f"{command.format(device)} > /tmp/fsck 2>&1; r=$?; tail -n 30 /tmp/fsck; echo rc=$r"
    )
    *lines, end = said.splitlines() or [""]
    if end == "rc=0" and _JOURNAL not in said:
        return ()
    if end == "rc=127":
        return (f"{command.split()[0]} is missing in the appliance (package libguestfs-xfs)",)
    telling = [line for line in lines if "?" in line or "journal" in line or "log" in line] or lines
    return tuple(telling[:3]) or ("the check gave no result",)


def _system(appliance: Appliance, root: str) -> System:
    def get(what: str) -> str:
        return appliance.text(f"inspect-get-{what}", root).strip()

    mounts = {}
    for line in get("mountpoints").splitlines():
        point, _, device = line.rpartition(": ")
        if point.startswith("/") and point.isprintable() and _DEVICE.fullmatch(device):
            mounts[point] = device
    return System(
        root=root,
        kind=get("type"),
        distro=get("distro"),
        major=_number(get("major-version")),
        minor=_number(get("minor-version")),
        product=get("product-name"),
        arch=get("arch"),
        package_format=get("package-format"),
        mounts=mounts,
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


def _mount(appliance: Appliance, system: System) -> bool:
    for point in sorted(system.mounts, key=len):
        appliance.ask("mount-ro", system.mounts[point], point)
    return appliance.text("is-dir", "/etc").strip() == "true"


def _packages(appliance: Appliance, system: System) -> dict[str, str] | None:
    if system.package_format == "deb":
        return _debs(appliance.text("egrep", "^(Package|Status|Version):", "/var/lib/dpkg/status"))
    if system.package_format == "rpm":
        said = appliance.text("inspect-list-applications2", system.root)
        found = re.findall(r"app2_name: (\S+)[^}]*?app2_version: (\S*)", said)
        return dict(found) or None
    return None


def _debs(text: str) -> dict[str, str] | None:
    """Return the installed packages; those that only left their configuration do not count."""
    packages, name, installed = {}, "", False
    for line in text.splitlines():
        field, _, value = line.partition(": ")
        if field == "Package":
            name, installed = value, False
        elif field == "Status":
            installed = value.endswith(" installed")
        elif field == "Version" and installed:
            packages[name] = value
    return packages or None
