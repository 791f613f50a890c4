"""Phony RHEL 6 and RHEL 7 disks through the real libguestfs: good ones pass, spoiled copies are found out in all."""

from dataclasses import replace
from functools import reduce
from pathlib import Path

import pytest

from goldsmith.audit.checks import CHECKS
from goldsmith.audit.facts import Expected
from goldsmith.audit.run import audit
from goldsmith.host import accel, guestfs
from goldsmith.host.process import LocalHost

from . import phony
from .disks import SIZE, Disk, missing_tools, write_disks
from .phony import EL6, EL7, PAIR
from .spoilings import CLOUD, ETH0, GENERATOR, REDHAT, RHSM, SCRIPTS, SOURCES, edit, files, last_line, links

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(bool(missing_tools()), reason=f"not installed: {', '.join(missing_tools())}"),
]
SECRET = "activation-key-0815-4711"
# What a spoiled guest on a sound disk image cannot show.
ELSEWHERE = {"O-C1", "O-C2", "O-C3", "O-C4", "O-C5", "O-C6", "O-C7", "O-C9"}

BOTH = (
    last_line("/etc/fstab", "/dev/vda3 none swap sw 0 0"),
    edit("/etc/selinux/config", "enforcing", "permissive"),
    files({"/etc/sysconfig/kernel": "UPDATEDEFAULT=no\nDEFAULTKERNEL=kernel\n"}),
    last_line(ETH0, "HWADDR=52:54:00:11:22:33"),
    files({f"{SCRIPTS}/ifcfg-ens3": "DEVICE=ens3\n"}),
    edit("/etc/sysconfig/network", "NOZEROCONF=yes\n", ""),
    files({"/etc/udev/rules.d/70-persistent-net.rules": "x"}),
    edit("/etc/shadow", "root:!!:", "root:$6$salt$hash:"),
    last_line("/etc/shadow", "ann:$6$salt$hash:1::::::"),
    last_line("/etc/passwd", "ann:x:1000:1000::/home/ann:/bin/bash"),
    files({"/home/ann/.ssh/authorized_keys": "ssh-rsa x", "/home/goldsmith/x": ""}),
    files({"/etc/ssh/sshd_config": "PasswordAuthentication yes\n", "/etc/ssh/ssh_host_rsa_key": "key"}),
    files({"/var/lib/dbus/machine-id": "0123", "/etc/resolv.conf": "nameserver 192.168.122.1\n"}),
    files({"/var/lib/dhclient/dhclient-eth0.leases": "lease {}", "/var/lib/random-seed": "x"}),
    edit(CLOUD, " - resolv-conf\n", ""),
    edit(CLOUD, "ssh_pwauth: 0\n", ""),
    edit(CLOUD, "name: cloud-user", "name: centos"),
    files({SOURCES: "datasource_list: [None]\n", "/var/lib/cloud/instances/i-1/x": "x"}),
    files({"/etc/pki/consumer/cert.pem": "x", REDHAT: "[a]\nenabled = 1\n"}),
    edit(RHSM, "proxy_password =", "proxy_password = secret"),
    last_line("/etc/yum.conf", "proxy=http://10.0.0.1:3128"),
    files({"/etc/environment": "http_proxy=http://10.0.0.1:3128\n", "/tmp/ks-script-1": SECRET}),
    files({"/root/.bash_history": "passwd\n", "/var/log/messages": "x", "/var/cache/yum/x/primary": "x"}),
)
SEVEN = (
    *BOTH,
    edit("/boot/grub2/grub.cfg", " ro ", " ro rhgb crashkernel=auto "),
    edit("/boot/grub2/grub.cfg", "net.ifnames=0 ", ""),
    files({"/etc/default/grub": f'GRUB_CMDLINE_LINUX="console=tty0"\nGRUB_CMDLINE_LINUX_DEFAULT="{PAIR}"\n'}),
    files({"/boot/vmlinuz-3.10.0-1160.119.1.el7.x86_64": "kernel"}),
    links({"/etc/systemd/system/default.target": "/lib/systemd/system/graphical.target"}),
    links({"/etc/systemd/system/cloud-init.target.wants/cloud-final.service": None}),
    files({"/etc/machine-id": "0123456789abcdef\n", "/etc/hostname": "builder7\n"}),
)
SIX = (
    *BOTH,
    edit("/boot/grub/grub.conf", " console=tty0", " crashkernel=128M"),
    files({"/boot/vmlinuz-2.6.32-754.35.1.el6.x86_64": "kernel"}),
    links({"/etc/grub.conf": None}),
    files({GENERATOR: 'ACTION!="add", GOTO="end"\n', "/etc/sysconfig/rhn/systemid": "<x/>"}),
    last_line("/etc/sysconfig/network", "HOSTNAME=builder6"),
    links({"/etc/rc.d/rc3.d/S11acpid": None}),
)
GROWING = ("virtio_blk", "virtio_pci", "virtio_scsi", "00-growroot.sh")


def spoiled(guest, changes):
    guest = reduce(lambda one, change: change(one), changes, guest)
    labels = {path: label for path, label in guest.labels.items() if path != "/etc/passwd"}
    return replace(guest, packages={"cloud-init": "1.0"}, labels=labels)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rhel")
    env = guestfs.environment(accel.detect(LocalHost(), state=folder), cache=Path("/var/tmp"))
    six, seven = phony.rhel6(), phony.rhel7()
    six = replace(six, packages={**six.packages, "dracut-modules-growroot": "0.20"})
    poor = {"drivers": ("virtio_blk", "virtio_pci"), "sound": False}
    disks = {
        "six": Disk(six, GROWING),
        "seven": Disk(seven),
        "poorsix": Disk(spoiled(six, SIX), **poor),
        "poorseven": Disk(spoiled(seven, SEVEN), **poor),
    }
    return write_disks(disks, folder, env), env


def audited(images, name, major):
    files, env = images
    return audit(
        files[name],
        host=LocalHost(),
        env=env,
        format="qcow2",
        secrets=[SECRET],
        expected=Expected(
            virtual_size=SIZE, distro="rhel", major=major, firmware="bios", growroot=major == 6
        ),
    )


def poor(report):
    return {one.id: one.detail for one in report.checks if one.status in ("failed", "warning")}


@pytest.mark.parametrize(("name", "major", "kernel"), [("six", 6, EL6), ("seven", 7, EL7)])
def test_a_guest_as_the_manual_wants_it_passes_every_check(images, name, major, kernel):
    report = audited(images, name, major)
    assert poor(report) == {}
    assert [one.id for one in report.checks if one.status == "skipped"] == []
    assert report.profile == f"rhel{major}"
    found = {one.id: one.found for one in report.checks}
    assert found["O-L45"] == f"/boot/vmlinuz-{kernel}"
    assert found["O-L21"].startswith("cloud-init 0.7.5-1.el " if major == 6 else "cloud-init 19.4-1.el ")
    assert "shadow_t" in found["O-L38"]


@pytest.mark.parametrize(("name", "major"), [("poorsix", 6), ("poorseven", 7)])
def test_each_spoiling_of_a_copy_is_found_and_nothing_else(images, name, major):
    report = audited(images, name, major)
    wanted = {check.id for check in CHECKS if f"rhel{major}" in check.profiles} - ELSEWHERE
    assert {one.id for one in report.checks} >= wanted
    found = poor(report)
    assert set(found) == wanted
    assert found["O-L40"].startswith(f"no virtio_scsi in /boot/initramfs-{EL6 if major == 6 else EL7}.img")
    assert found["O-L48"].startswith(
        "ext4 with 64bit, metadata_csum" if major == 6 else "xfs with bigtime, inobtcnt, reflink"
    )
    assert found["O-L38"].startswith("/etc/passwd without a label")
    assert "/dev/sda2 behind /dev/sda1" in found["O-C8"]
    assert all(one.fix for one in report.checks if one.id in wanted)
