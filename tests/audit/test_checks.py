"""Each check both ways: it is content with a good guest, and finds the one thing that was spoiled."""

from dataclasses import replace

import pytest

from goldsmith.audit.checks import BY_ID, CHECKS
from goldsmith.audit.facts import Expected, FileSystem, Hit, Partition, Search
from goldsmith.audit.report import Status
from goldsmith.audit.run import answers

MIB = 1 << 20
HOME = {"/home/ann/.ssh/id": "x"}


def files(paths):
    return lambda guest: guest.with_files(paths)


def links(paths):
    return lambda guest: guest.with_links(paths)


def but(**changes):
    return lambda guest: guest.but(**changes)


def edit(path, old, new):
    def change(guest):
        assert old in guest.files[path]
        return guest.with_files({path: guest.files[path].replace(old, new)})

    return change


def last_line(path, line):
    return lambda guest: guest.with_files({path: guest.files[path] + line + "\n"})


# check, guest, what is spoiled, words of the finding
SPOILED = [
    ("O-C1", "debian", but(format="raw"), "raw; expected qcow2"),
    ("O-C2", "debian", but(extras=("a backing file",)), "a backing file"),
    ("O-C2", "debian", but(dangers=("data_file: Image has data_file set",), guest=None), "data_file"),
    ("O-C3", "debian", but(faults=("3 leaks",)), "3 leaks"),
    ("O-C4", "debian", but(compression="zstd"), "zstd"),
    ("O-C5", "debian", but(virtual_size=3072 * MIB + 512), "3221225984 bytes"),
    ("O-C5", "debian", but(virtual_size=4096 * MIB), "at most 3072 MiB"),
    ("O-C6", "debian", but(actual_size=3000 * MIB), "98% of the virtual size"),
    ("O-C7", "debian", but(systems=()), "no operating system"),
    ("O-C7", "debian", but(major=11), "expected debian 12"),
    ("O-C7", "debian", but(kind="windows"), "windows; expected a guest for profile debian"),
    (
        "O-C8",
        "debian",
        but(partitions=(Partition("/dev/sda2", 1, 2), Partition("/dev/sda3", 3, 4))),
        "/dev/sda3 behind",
    ),
    ("O-C8", "debian", but(root="/dev/rhel/root"), "is no partition"),
    (
        "O-C9",
        "debian",
        but(filesystems=(FileSystem("/dev/sda2", "ext4", faults=("Inode 12 ... Fix? no",)),)),
        "Inode 12",
    ),
    (
        "O-S1",
        "debian",
        but(search=Search(2, 0, (Hit(2, "UTF-16", 4711),))),
        "secret 2 as UTF-16 at byte 4711",
    ),
    ("O-L4", "debian", files({"/etc/udev/rules.d/70-persistent-net.rules": "x"}), "70-persistent-net.rules"),
    ("O-L7", "debian", edit("/boot/grub/grub.cfg", " console=ttyS0,115200n8", ""), "console=tty0 last"),
    ("O-L7", "debian", files({"/boot/grub/grub.cfg": None}), "no boot menu"),
    ("O-L7", "rhel7", edit("/boot/grub2/grub.cfg", " ro ", " ro rhgb "), "rhgb in /boot/grub2/grub.cfg"),
    ("O-L7", "rhel6", edit("/boot/grub/grub.conf", "console=tty0 console=ttyS0,115200n8", ""), "no console="),
    ("O-L8", "debian", files({"/etc/default/grub": 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n'}), "quiet"),
    (
        "O-L8",
        "rhel7",
        last_line("/etc/default/grub", 'GRUB_CMDLINE_LINUX="console=ttyS0"'),
        "console= in GRUB_CMDLINE_LINUX",
    ),
    ("O-L37", "rhel7", files({"/etc/selinux/config": "SELINUX=permissive\n"}), "permissive"),
    ("O-L37", "rhel6", files({"/.autorelabel": ""}), "/.autorelabel"),
    (
        "O-L39",
        "debian",
        files({"/etc/fstab": "UUID=0000 / ext4 defaults 0 1\n"}),
        "UUID=0000 for /, which has UUID=8d40",
    ),
    ("O-L39", "debian", last_line("/etc/fstab", "/dev/vda3 none swap sw 0 0"), "/dev/vda3"),
    ("O-L39", "debian", last_line("/etc/fstab", "LABEL=gone /data ext4 defaults 0 0"), "LABEL=gone"),
    ("O-L39", "debian", last_line("/etc/fstab", "srv:/x /x nfs defaults 0 0"), "srv:/x"),
    ("O-L39", "debian", files({"/etc/fstab": None}), "no line for /"),
    (
        "O-L45",
        "debian",
        files({"/boot/vmlinuz-6.10.0-2-amd64": "k"}),
        "expected /boot/vmlinuz-6.10.0-2-amd64",
    ),
    (
        "O-L45",
        "debian",
        files({"/boot/initrd.img-6.1.0-18-amd64": None}),
        "initrd.img-6.1.0-18-amd64 does not exist",
    ),
    ("O-L45", "debian", files({"/boot/initrd.img-6.1.0-18-amd64": ""}), "does not exist"),
    ("O-L45", "rhel7", edit("/boot/grub2/grubenv", "=one", "=gone"), "an entry that is not there"),
    ("O-L45", "rhel7", files({"/boot/vmlinuz-3.10.0-1160.2.1.el7.x86_64": "k"}), "1160.2.1"),
    ("O-L45", "rhel6", edit("/boot/grub/grub.conf", "default=0", "default=1"), "an entry that is not there"),
    (
        "O-L47",
        "rhel7",
        links({"/etc/systemd/system/default.target": "/lib/systemd/system/graphical.target"}),
        "graphical",
    ),
    ("O-L12", "debian", files({"/etc/shadow": "root:$6$a$b:1::::::\n"}), "a usable password"),
    ("O-L12", "debian", files({"/etc/shadow": "root:!$6$a$b:1::::::\n"}), "a locked hash"),
    ("O-L12", "debian", files({"/etc/shadow": "root::1::::::\n"}), "no password at all"),
    ("O-L12", "debian", files({"/etc/shadow": None}), "0 lines for root"),
    ("O-L12", "rhel7", files({"/etc/shadow": "root:*:1::::::\n"}), "*; expected !!"),
    ("O-L13", "debian", last_line("/etc/passwd", "ann:x:1000:1000::/home/ann:/bin/bash"), "ann (1000)"),
    ("O-L13", "rhel6", last_line("/etc/passwd", "ann:x:500:500::/home/ann:/bin/bash"), "ann (500)"),
    ("O-L13", "debian", files({"/etc/passwd": ""}), "no accounts"),
    ("O-L14", "debian", last_line("/etc/shadow", "ann:$6$x$y:1::::::"), "ann"),
    ("O-L14", "debian", last_line("/etc/shadow", "ann::1::::::"), "ann"),
    ("O-L14", "debian", files({"/etc/shadow-": "root:$6$x$y:1::::::\n"}), "root in /etc/shadow-"),
    ("O-L14", "debian", last_line("/etc/passwd", "old:abJnggxhB/yWI:7:7::/:/bin/sh"), "old in /etc/passwd"),
    ("O-L15", "debian", files({"/root/.ssh/authorized_keys": "ssh-rsa x"}), "/root/.ssh"),
    ("O-L15", "debian", files(HOME), "/home/ann/.ssh"),
    (
        "O-L15",
        "debian",
        files({"/etc/ssh/authorized_keys.d/root": "", "/etc/ssh/authorized_keys": ""}),
        "/etc/ssh/auth",
    ),
    (
        "O-L17",
        "debian",
        files({"/etc/ssh/sshd_config": "#PasswordAuthentication no\n"}),
        "no setting, so yes",
    ),
    (
        "O-L17",
        "debian",
        files({"/etc/ssh/sshd_config": "PasswordAuthentication yes\n"}),
        "Authentication yes",
    ),
    ("O-G1", "debian", last_line("/etc/group", "goldsmith:x:1000:"), "/etc/group"),
    (
        "O-G1",
        "debian",
        files({"/etc/sudoers.d/90-cloud-init-users": "goldsmith ALL=(ALL) NOPASSWD:ALL\n"}),
        "90-cloud",
    ),
    ("O-G1", "debian", files({"/home/goldsmith/.profile": ""}), "/home/goldsmith"),
    ("O-L16", "debian", files({"/etc/ssh/ssh_host_rsa_key": "k"}), "ssh_host_rsa_key"),
    ("O-L25", "debian", files({"/etc/machine-id": None}), "absent"),
    ("O-L25", "debian", files({"/etc/machine-id": "0123456789abcdef0123456789abcdef\n"}), "33 bytes"),
    ("O-L26", "debian", files({"/var/lib/dbus/machine-id": "0123"}), "4 bytes"),
    ("O-L35", "rhel7", files({"/etc/resolv.conf": "nameserver 192.168.122.1\n"}), "192.168.122.1"),
    ("O-L36", "debian", files({"/etc/hostname": "builder7\n"}), "builder7"),
    ("O-L36", "rhel6", files({"/etc/sysconfig/network": "HOSTNAME=builder6\n"}), "builder6"),
    ("O-L43", "debian", files({"/var/lib/dhcp/dhclient.eth0.leases": "lease {}"}), "dhclient.eth0.leases"),
    ("O-L44", "debian", files({"/var/lib/systemd/random-seed": "x"}), "random-seed"),
    ("O-L20", "debian", files({"/etc/cloud/cloud.cfg": "users: [default]\n"}), "no datasource_list"),
    (
        "O-L20",
        "debian",
        files({"/etc/cloud/cloud.cfg.d/91.cfg": "datasource_list: [ NoCloud, None ]"}),
        "NoCloud, None",
    ),
    (
        "O-L21",
        "debian",
        lambda guest: replace(guest, packages={"cloud-init": "1"}),
        "cloud-guest-utils missing",
    ),
    ("O-L21", "rhel6", lambda guest: replace(guest, packages=None), "/usr/bin/cloud-init"),
    (
        "O-L22",
        "debian",
        links({"/etc/systemd/system/cloud-init.target.wants/cloud-final.service": None}),
        "cloud-final",
    ),
    ("O-L22", "debian", files({"/etc/cloud/cloud-init.disabled": ""}), "cloud-init.disabled"),
    (
        "O-L22",
        "debian",
        links({"/etc/systemd/system/cloud-final.service": "/dev/null"}),
        "cloud-final.service not enabled",
    ),
    (
        "O-L24",
        "debian",
        files({"/var/lib/cloud/instances/i-1/boot-finished": ""}),
        "/var/lib/cloud/instances/i-1",
    ),
    ("O-L24", "debian", files({"/var/lib/cloud/seed/nocloud/user-data": ""}), "/var/lib/cloud/seed/nocloud"),
    ("O-L31", "rhel7", files({"/root/anaconda-ks.cfg": ""}), "/root/anaconda-ks.cfg"),
    ("O-L31", "debian", files({"/etc/goldsmith-install-ok": ""}), "/etc/goldsmith-install-ok"),
    (
        "O-L32",
        "debian",
        files({"/var/log/apt/term.log": "x", "/var/log/empty": ""}),
        "/var/log/apt/term.log;",
    ),
    ("O-L33", "debian", files({"/root/.bash_history": "passwd\n"}), "/root/.bash_history"),
    ("O-G2", "debian", files({"/tmp/fetch.sh": "x"}), "/tmp/fetch.sh"),
]


def result(guest, ident):
    (found,) = answers(guest.facts(), {}, [BY_ID[ident]])
    return found


def test_every_check_is_spoiled_at_least_once():
    assert {ident for ident, *_ in SPOILED} == set(BY_ID)


@pytest.mark.parametrize("name", ["debian", "rhel7", "rhel6"])
def test_a_good_guest_passes_every_check_of_its_profile(sample, name):
    found = list(answers(sample(name).facts(), {}))
    assert [one.detail for one in found if one.status not in (Status.OK, Status.SKIPPED)] == []
    assert {one.id for one in found} == {check.id for check in CHECKS if name in check.profiles}


@pytest.mark.parametrize(("ident", "name", "spoil", "words"), SPOILED)
def test_a_spoiled_guest_is_found_out(sample, ident, name, spoil, words):
    guest = sample(name)
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
            files({"/etc/cloud/cloud.cfg": "datasource_list:\n  # ours\n- ConfigDrive\n- Ec2\nx: y\n"}),
            "ConfigDrive, Ec2",
        ),
        ("O-L26", "debian", links({"/var/lib/dbus/machine-id": "/etc/machine-id"}), "a link"),
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
    found = result(change(sample(name)), ident)
    assert found.status == Status.OK, found.detail
    assert words in found.detail


def test_ids_are_unique_and_texts_complete():
    assert len(BY_ID) == len(CHECKS)
    for check in CHECKS:
        assert all((check.title, check.why, check.source, check.expected, check.fix)), check.id
        assert check.profiles
