"""From an image's properties to the machine that a cloud would give it."""

import pytest

from goldsmith.audit.check import Profile
from goldsmith.audit.facts import Guest, System
from goldsmith.boottest.hardware import profile_promised, promised, seen_properties


def test_the_properties_decide():
    said = {
        "os_distro": "rhel",
        "os_version": "7.9",
        "os_admin_user": "ann",
        "hw_machine_type": "pc-i440fx-7.0",
        "hw_firmware_type": "uefi",
        "hw_disk_bus": "scsi",
        "hw_vif_model": "e1000",
        "hw_qemu_guest_agent": "yes",
        "hw_tpm_version": "2.0",
        "os_secure_boot": "required",
    }
    found = promised(said, min_ram=768, profile=Profile.RHEL7)
    assert (found.user, found.system, found.machine_type, found.firmware) == ("ann", "rhel7.9", "pc", "uefi")
    assert (found.bus, found.nic, found.memory) == ("scsi", "e1000", 768 << 20)
    assert (found.agent, found.tpm, found.secure_boot) == (True, True, True)


@pytest.mark.parametrize(
    ("profile", "distro", "user", "machine_type", "memory"),
    [
        (Profile.RHEL6, "rhel", "cloud-user", "pc", 1024),
        (Profile.RHEL8, "rhel", "cloud-user", "q35", 2048),
        (Profile.RHEL8, "rocky", "rocky", "q35", 2048),
        (Profile.DEBIAN, "debian", "debian", "q35", 1024),
        (Profile.DEBIAN, "ubuntu", "ubuntu", "q35", 1024),
        (Profile.GENERIC_LINUX, "", "", "q35", 1024),
        (Profile.WINDOWS, "windows", "", "q35", 4096),
    ],
)
def test_what_nobody_promised_is_that_of_the_system(profile, distro, user, machine_type, memory):
    found = promised({"os_distro": distro}, min_ram=0, profile=profile)
    assert (found.user, found.machine_type, found.memory >> 20) == (user, machine_type, memory)
    assert (found.firmware, found.bus, found.nic, found.agent) == ("bios", "virtio", "virtio", False)
    assert found.legacy_ssh == (profile is Profile.RHEL6)


@pytest.mark.parametrize(
    ("said", "profile"),
    [
        ({"os_distro": "rhel", "os_version": "6.10"}, Profile.RHEL6),
        ({"os_distro": "almalinux", "os_version": "9.4"}, Profile.RHEL8),
        ({"os_distro": "debian"}, Profile.DEBIAN),
        ({"os_distro": "arch"}, Profile.GENERIC_LINUX),
        ({"os_type": "windows"}, Profile.WINDOWS),
        ({"os_type": "linux"}, None),
    ],
)
def test_the_properties_name_the_profile(said, profile):
    assert profile_promised(said) == profile


@pytest.mark.parametrize(("code", "firmware"), [(b"\0" * 440, "uefi"), (b"\xeb" + b"\0" * 439, "bios")])
def test_a_disk_without_boot_code_starts_by_uefi(code, firmware):
    guest = Guest(systems=(System("/dev/sda1", "linux", "centos", 7, 9),), boot_code=code)
    found = seen_properties(guest)
    assert found == {
        "hw_firmware_type": firmware,
        "os_type": "linux",
        "os_distro": "centos",
        "os_version": "7.9",
    }
    assert seen_properties(Guest(boot_code=code)) == {"hw_firmware_type": firmware}
