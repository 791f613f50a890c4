"""NTFS in the appliance: whether it was left clean, and a mount that changes nothing and knows no case."""

from goldsmith.audit.appliance import DEVICE, Appliance

_PROBED = {  # exit status of ntfs-3g.probe
    0: "",
    12: "it is no NTFS",
    13: "its metadata is corrupt",
    14: "it is hibernated or was left by fast start",
    15: "it was not shut down cleanly: its journal has to be replayed",
}


def faults(appliance: Appliance, device: str) -> tuple[str, ...]:
    """Return what speaks against a clean shutdown; the file system must not be mounted."""
    said = appliance.shell(
        f"ntfs-3g.probe --readwrite {device} > /tmp/probe 2>&1; r=$?; "
        f'ntfsinfo -mf {device} 2>/dev/null | grep "Volume Flags"; tail -n 3 /tmp/probe; echo rc=$r'
    )
    *lines, end = said.splitlines() or [""]
    if end == "rc=127":
        return ("ntfs-3g is missing in the appliance (package ntfs-3g)",)
    code = int(end.removeprefix("rc=")) if end.removeprefix("rc=").isdigit() else -1
    probed = _PROBED.get(code, " ".join(lines[-1:]) or "the check gave no result")
    dirty = any("Volume Flags" in line and "DIRTY" in line for line in lines)
    return tuple(filter(None, (probed, "its volume is marked dirty" if dirty else "")))


def mount(appliance: Appliance, device: str) -> bool:
    """Mount read-only as the guest's root, all names in lower case, and return whether that worked.

    One that is dirty or hibernated can be mounted as well: what its journal holds is then not seen.
    """
    appliance.ask("mount-vfs", "ro,ignore_case", "lowntfs-3g", device, "/")
    return device in appliance.text("mounts").split()


def volumes(appliance: Appliance) -> list[str]:
    """Return the devices that hold an NTFS."""
    lines = (line.rpartition(": ") for line in appliance.text("list-filesystems").splitlines())
    return [device for device, _, kind in lines if kind.strip() == "ntfs" and DEVICE.fullmatch(device)]


def mount_windows(appliance: Appliance) -> str:
    """Mount the volume that holds Windows and return its device; "" when none does, nothing is mounted then."""
    for device in volumes(appliance):
        if mount(appliance, device) and appliance.text("is-dir", "/windows/system32").strip() == "true":
            return device
        appliance.ask("umount-all")
    return ""
