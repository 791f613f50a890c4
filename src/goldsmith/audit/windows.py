"""The look into a Windows: its registry, its boot store and the files that checks declare."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from goldsmith.audit import ntfs
from goldsmith.audit.appliance import DEVICE, Appliance
from goldsmith.audit.disks import kernel_name
from goldsmith.audit.facts import Guest
from goldsmith.audit.hives import read_hives
from goldsmith.audit.listing import list_tree, read_texts
from goldsmith.audit.registry import Registry
from goldsmith.audit.windows_survey import KEYS, SEES, survey_windows

_CONFIG = "/windows/system32/config"
_HIVES = {name: f"{_CONFIG}/{name.lower()}" for name in ("SOFTWARE", "SYSTEM", "SAM")}
BOOT = "BCD"
_GUID = 36  # characters; the type of an MBR's partition is 0x7
_STORES = {"vfat": "/EFI/Microsoft/Boot/BCD", "ntfs": "/boot/bcd"}  # of UEFI and of BIOS


def look_into_windows(
    appliance: Appliance, guest: Guest, *, sees: Sequence[str], reads: Sequence[str], keys: Sequence[str]
) -> Guest:
    """Return the guest with its files, registry and kinds of partitions.

    A system volume that cannot be mounted gives a guest without them, and the reason.
    """
    (system,) = guest.systems
    kinds = _partition_kinds(appliance, [part.device for part in guest.partitions])
    boot = _boot_store(appliance, guest, [key for key in keys if _hive(key) == BOOT])
    appliance.ask("umount-all")
    if not ntfs.mount(appliance, system.root):
        return replace(
            guest, partition_kinds=kinds, reason=f"the system volume {system.root} cannot be mounted"
        )
    patterns = [pattern.lower() for pattern in (*sees, *reads, *SEES)]
    keys = [*keys, *KEYS]
    tree = replace(list_tree(appliance, patterns), ignore_case=True)
    tree = read_texts(appliance, tree, [pattern.lower() for pattern in reads])
    registry = read_hives(appliance, _HIVES, [key for key in keys if _hive(key) != BOOT])
    guest = replace(guest, tree=tree, registry=registry.joined(boot), partition_kinds=kinds)
    return replace(guest, inventory=survey_windows(system, tree, registry))


def _hive(declaration: str) -> str:
    return declaration.partition("\\")[0].upper()


def _partition_kinds(appliance: Appliance, devices: Sequence[str]) -> Mapping[str, str]:
    """Return the GPT types of partitions in capitals; of an MBR ``active`` or "".

    By blkid in one script: libguestfs's own commands start a program a partition, up to a second each.
    """
    devices = [one for one in devices if DEVICE.fullmatch(one)]
    disk = devices[0].rstrip("0123456789") if devices else ""
    real = kernel_name(appliance, disk)
    script = "; ".join(
        f"echo DEVNAME={one}; blkid -p -o export {real + one.removeprefix(disk)} | grep PART_ENTRY"
        for one in devices
    )
    kinds: dict[str, str] = {}
    device = ""
    for line in appliance.shell(script).splitlines():
        name, _, value = line.partition("=")
        if name == "DEVNAME":
            device = value
            kinds[device] = ""
        elif name == "PART_ENTRY_TYPE" and len(value) == _GUID:
            kinds[device] = value.upper()
        elif name == "PART_ENTRY_FLAGS" and value == "0x80":
            kinds[device] = "active"
    return kinds


def _boot_store(appliance: Appliance, guest: Guest, wanted: Sequence[str]) -> Registry:
    """Return the boot configuration; that of an EFI system partition is the one in use where there is one."""
    for kind, path in _STORES.items():
        for system in guest.filesystems:
            if system.kind != kind:
                continue
            appliance.ask("umount-all")
            if kind == "ntfs":
                ntfs.mount(appliance, system.device)
            else:
                appliance.ask("mount-ro", system.device, "/")
            if appliance.text("is-file", path).strip() == "true":
                return read_hives(appliance, {BOOT: path}, wanted)
    return Registry({}, tuple(wanted), {BOOT: "no partition holds a boot configuration (BCD)"})
