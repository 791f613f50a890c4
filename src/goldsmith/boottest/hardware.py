"""The machine that an image's properties promise to run on, and whom its cloud-init lets in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from goldsmith.audit.check import Profile
from goldsmith.audit.facts import Guest, System
from goldsmith.audit.run import profile_of

MIB = 1 << 20
_MEMORY = {Profile.WINDOWS: 4096, Profile.RHEL8: 2048}  # MiB, where the catalog names none
_USERS = {
    Profile.DEBIAN: "debian",
    Profile.RHEL6: "cloud-user",
    Profile.RHEL7: "cloud-user",
    Profile.RHEL8: "cloud-user",
}
_OWN_USERS = ("ubuntu", "almalinux", "rocky", "centos", "fedora", "opensuse", "alpine", "freebsd", "arch")


@dataclass(frozen=True)
class Hardware:
    """What the cloud would give a guest of this image; ``memory`` in bytes, ``agent`` is promised to answer."""

    profile: Profile
    user: str
    system: str  # a name that libosinfo may know, "" where nothing tells
    machine_type: str
    firmware: str
    bus: str
    nic: str
    memory: int
    agent: bool = False
    tpm: bool = False
    secure_boot: bool = False
    vcpus: int = 2

    @property
    def windows(self) -> bool:
        return self.profile is Profile.WINDOWS

    @property
    def legacy_ssh(self) -> bool:
        """RHEL 6's sshd knows no ECDSA, and no signature newer than RSA with SHA-1."""
        return self.profile is Profile.RHEL6


def promised(properties: Mapping[str, str], *, min_ram: int, profile: Profile) -> Hardware:
    """Return what Nova would make of the properties; ``min_ram`` in MiB, 0 where the catalog says none.

    A guest gets exactly ``min_ram``: the catalog promises that it runs with so little.
    """
    distro = properties.get("os_distro", "")
    legacy = profile is Profile.RHEL6
    own = distro if distro in _OWN_USERS else _USERS.get(profile, "")
    return Hardware(
        profile=profile,
        user=properties.get("os_admin_user") or own,
        system=f"{distro}{properties.get('os_version', '')}",
        machine_type=_machine_type(properties.get("hw_machine_type", ""), "pc" if legacy else "q35"),
        firmware=properties.get("hw_firmware_type", "bios"),
        bus=properties.get("hw_disk_bus", "virtio"),
        nic=properties.get("hw_vif_model", "virtio"),
        memory=(min_ram or _MEMORY.get(profile, 1024)) * MIB,
        agent=properties.get("hw_qemu_guest_agent", "").lower() in ("yes", "true", "1"),
        tpm=bool(properties.get("hw_tpm_version") or properties.get("hw_tpm_model")),
        secure_boot=properties.get("os_secure_boot") == "required",
    )


def profile_promised(properties: Mapping[str, str]) -> Profile | None:
    """Return the profile that the properties name; None where they name no system."""
    distro, version = properties.get("os_distro", ""), properties.get("os_version", "")
    if properties.get("os_type") == "windows" or distro == "windows":
        return Profile.WINDOWS
    if not distro:
        return None
    first = re.match(r"\d+", version)
    return profile_of([System("", "linux", distro, int(first[0]) if first else 0, 0)])


def seen_properties(guest: Guest) -> Mapping[str, str]:
    """Return the properties that a look into an image tells, for one that no catalog describes."""
    firmware = "bios" if guest.boot_code.strip(b"\0") or not guest.boot_code else "uefi"
    if len(guest.systems) != 1:
        return {"hw_firmware_type": firmware}
    (system,) = guest.systems
    version = f"{system.major}.{system.minor}" if system.minor else str(system.major)
    return {
        "hw_firmware_type": firmware,
        "os_type": system.kind,
        "os_distro": "windows" if system.kind == "windows" else system.distro,
        "os_version": version,
    }


def _machine_type(said: str, default: str) -> str:
    """Return q35 or pc; Nova takes versioned names too, such as pc-q35-6.2 and pc-i440fx-7.0."""
    if not said:
        return default
    return "q35" if "q35" in said else "pc"
