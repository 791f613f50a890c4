"""One look into an image: disk, file systems, operating systems, and the files that checks declare."""

from collections.abc import Sequence
from dataclasses import replace

from goldsmith.audit.appliance import Appliance
from goldsmith.audit.bootmenu import Menu, read_menu
from goldsmith.audit.disks import boot_code, filesystems, find_disk, partitions
from goldsmith.audit.facts import Guest
from goldsmith.audit.initramfs import open_initramfs
from goldsmith.audit.listing import list_tree, read_texts
from goldsmith.audit.survey import READS, survey
from goldsmith.audit.systems import find_systems, mount
from goldsmith.audit.tree import Tree, Unseen
from goldsmith.audit.windows import look_into_windows


def look(
    appliance: Appliance,
    *,
    sees: Sequence[str],
    reads: Sequence[str],
    labels: Sequence[str] = (),
    keys: Sequence[str] = (),
) -> Guest:
    """Return what the appliance shows. File systems are checked before anything mounts them.

    ``sees`` and ``reads`` are the globs of the checks, ``labels`` paths whose SELinux context they want, ``keys``
    the registry keys; only into a Linux and a Windows is looked.
    """
    appliance.ask("run", must=True)
    disks = appliance.text("list-devices", must=True).split()
    disk = find_disk(appliance, disks[0]) if disks else None
    found = list(filesystems(appliance, disk)) if disk else []
    parts = disk.parts if disk else ()
    guest = Guest(
        partitions=parts or tuple(part for name in disks for part in partitions(appliance, name)),
        filesystems=tuple(sorted(found, key=lambda one: one.device)),  # blkid keeps no order
        boot_code=boot_code(appliance, disks[0]) if disks else b"",
    )
    guest = replace(guest, systems=find_systems(appliance, disks, disk, found))
    if len(guest.systems) != 1:
        return replace(guest, reason=f"the image holds {len(guest.systems)} operating systems, not one")
    system = guest.systems[0]
    if system.kind == "windows":
        return look_into_windows(appliance, guest, sees=sees, reads=reads, keys=keys)
    if system.kind != "linux":
        return replace(guest, reason=f"the files of {system.kind or 'this kind of guest'} are not looked at")
    return _look_into_linux(appliance, guest, [*sees, *reads], reads, labels)


def _look_into_linux(
    appliance: Appliance, guest: Guest, sees: Sequence[str], reads: Sequence[str], labels: Sequence[str]
) -> Guest:
    (system,) = guest.systems
    if not mount(appliance, system):
        return replace(guest, reason=f"the root file system {system.root} cannot be mounted")
    reads = [*reads, *READS]
    tree = read_texts(appliance, list_tree(appliance, [*sees, *READS]), reads)
    menu = _menu(tree)
    held = survey(appliance, system, tree, menu.default if menu else None)
    return replace(
        guest,
        tree=tree,
        packages={one.name: one.version for one in held.packages} if held.packages else None,
        inventory=held,
        labels={path: _label(appliance, path) for path in labels if path in tree.entries},
        initramfs=open_initramfs(appliance, tree, menu.default if menu else None),
    )


def _menu(tree: Tree) -> Menu | None:
    try:
        return read_menu(tree)
    except Unseen:  # the checks of the menu will tell
        return None


def _label(appliance: Appliance, path: str) -> str:
    return appliance.text("lgetxattr", path, "security.selinux").strip("\0\n ")
