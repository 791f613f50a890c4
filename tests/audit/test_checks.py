"""Each check both ways: it is content with a good guest, and finds the one thing that was spoiled."""

from dataclasses import replace

import pytest

from goldsmith.audit.check import Profile
from goldsmith.audit.checks import BY_ID, CHECKS
from goldsmith.audit.facts import Expected, Initramfs
from goldsmith.audit.report import Status
from goldsmith.audit.run import answers

from .phony import EL7, GUESTS
from .spoilings import CLOUD, GENERATOR, REDHAT, SPOILED, but, edit, files, last_line, links

slots = links({"/etc/udev/rules.d/80-net-name-slot.rules": "/dev/null"})


def result(guest, ident):
    (found,) = answers(guest.facts(), {}, [BY_ID[ident]])
    return found


def test_every_check_is_spoiled_at_least_once():
    for_linux = {check.id for check in CHECKS if check.profiles - {Profile.WINDOWS}}
    assert {ident for ident, *_ in SPOILED} == for_linux


@pytest.mark.parametrize("name", GUESTS)
def test_a_good_guest_passes_every_check_of_its_profile(sample, name):
    found = list(answers(sample(name).facts(), {}))
    assert [one.detail for one in found if one.status not in (Status.OK, Status.SKIPPED)] == []
    assert {one.id for one in found} == {check.id for check in CHECKS if name in check.profiles}


@pytest.mark.parametrize("case", SPOILED, ids=lambda case: f"{case[0]} {case[1]} {case[3]}"[:60])
def test_a_spoiled_guest_is_found_out(sample, case):
    ident, name, spoil, words, *before = case
    guest = sample(name)
    for change in before:
        guest = change(guest)
    assert result(guest, ident).status == Status.OK
    found = result(spoil(guest), ident)
    assert found.status == (Status.FAILED if BY_ID[ident].severity == "error" else Status.WARNING)
    assert words in found.detail
    assert found.fix
    assert found.why


@pytest.mark.parametrize(
    ("ident", "name", "change", "words"),
    [
        ("O-C1", "debian", but(expected=Expected()), "qcow2, by its content"),
        ("O-C8", "debian", but(root="/dev/sda", partitions=()), "without a partition table"),
        ("O-L12", "debian", files({"/etc/shadow": "root:*:1::::::\n"}), "*"),
        (
            "O-L17",
            "debian",
            files({"/etc/ssh/sshd_config": "", "/etc/cloud/cloud.cfg": "ssh_pwauth: 0\n"}),
            "cloud-init",
        ),
        (
            "O-L20",
            "debian",
            files(
                {"/etc/cloud/cloud.cfg.d/95.cfg": "datasource_list:\n  # ours\n- ConfigDrive\n- Ec2\nx: y\n"}
            ),
            "ConfigDrive, Ec2",
        ),
        ("O-L26", "debian", links({"/var/lib/dbus/machine-id": "/etc/machine-id"}), "a link"),
        (
            "O-L17",
            "rhel7",
            files({"/etc/ssh/sshd_config": "PasswordAuthentication yes\n"}),
            "PasswordAuthentication yes; cloud-init writes no",
        ),
        ("O-L5", "rhel6", links({GENERATOR: "/dev/null"}), "a link to /dev/null"),
        ("O-L6", "rhel7", slots, "80-net-name-slot.rules is a link"),
        ("O-L11", "debian", files({"/boot/efi/EFI/debian/grubx64.efi": "x"}), "grubx64.efi"),
        ("O-L18", "rhel7", last_line(CLOUD, "manage_resolv_conf: true\nresolv_conf: {rotate: 1}"), "it runs"),
        (
            "O-L21",
            "rhel6",
            files({"/usr/bin/cloud-init": "x", "/usr/bin/growpart": "x", "/usr/sbin/acpid": "x"}),
            "the package database could not be read",
        ),
        ("O-L28", "rhel7", files({REDHAT: "# empty\n[a]\nenabled=0\n"}), "nothing enabled"),
        (
            "O-L40",
            "rhel7",
            files({f"/usr/lib/modules/{EL7}/modules.builtin": "kernel/virtio_scsi.ko\nx/virtio_blk.ko\n"}),
            "/boot/i",
        ),
        ("O-L42", "rhel7", edit("/boot/grub2/grub.cfg", " ro ", " ro crashkernel=no "), "none"),
        ("O-L35", "rhel7", files({"/etc/resolv.conf": "nameserver 127.0.0.53\n"}), "127.0.0.53"),
        ("O-L36", "debian", files({"/etc/hostname": "localhost\n"}), "localhost"),
        (
            "O-L45",
            "rhel7",
            edit("/boot/grub2/grubenv", "=one", "=Red Hat Enterprise Linux (3.10.0-1160.el7) 7.9"),
            "vmlinuz-3.10",
        ),
    ],
)
def test_other_good_ways_pass_too(sample, ident, name, change, words):
    guest = change(sample(name))
    if "could not be read" in words:
        guest = replace(guest, packages=None)
    if words == "/boot/i":
        guest = guest.but(initramfs=Initramfs("/boot/i", frozenset({"virtio_pci"})))
    found = result(guest, ident)
    assert found.status == Status.OK, found.detail
    assert words in found.detail


def test_ids_are_unique_and_texts_complete():
    assert len(BY_ID) == len(CHECKS)
    for check in CHECKS:
        assert all((check.title, check.why, check.source, check.expected, check.fix)), check.id
        assert check.profiles
