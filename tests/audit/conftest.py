"""A Debian, a RHEL 7 and a RHEL 6 as facts built by hand, good in every check, to be spoiled one by one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from goldsmith.audit.facts import Container, Expected, Facts, FileSystem, Guest, Partition, Search, System
from goldsmith.audit.tree import Entry, Kind, Tree

MIB = 1 << 20
UUID = "8d407cc0-500f-4ca0-8763-d92eba4eb47a"
GRUB_CFG = f"""
set default="0"
function gfxmode {{
	set gfxpayload="${{1}}"
}}
menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux-simple' {{
	if [ x$grub_platform = xxen ]; then insmod xzio; fi
	linux	/boot/vmlinuz-6.1.0-18-amd64 root=UUID={UUID} ro console=tty0 console=ttyS0,115200n8
	initrd	/boot/initrd.img-6.1.0-18-amd64
}}
submenu 'Advanced options for Debian GNU/Linux' $menuentry_id_option 'gnulinux-advanced' {{
	menuentry 'Debian GNU/Linux, with Linux 6.1.0-18-amd64 (recovery mode)' --class debian {{
		linux	/boot/vmlinuz-6.1.0-18-amd64 root=UUID={UUID} ro single
		initrd	/boot/initrd.img-6.1.0-18-amd64
	}}
}}
"""
GRUB2_CFG = """
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
else
   set default="${saved_entry}"
fi
menuentry 'Red Hat Enterprise Linux (3.10.0-1160.el7) 7.9' --class red $menuentry_id_option 'one' {
	linux16 /vmlinuz-3.10.0-1160.el7.x86_64 root=LABEL=root ro console=tty0 console=ttyS0,115200n8
	initrd16 /initramfs-3.10.0-1160.el7.x86_64.img
}
"""
GRUB_CONF = """default=0
timeout=1
title Red Hat Enterprise Linux 6 (2.6.32-754.el6.x86_64)
	root (hd0,0)
	kernel /boot/vmlinuz-2.6.32-754.el6.x86_64 ro root=LABEL=root console=tty0 console=ttyS0,115200n8
	initrd /boot/initramfs-2.6.32-754.el6.x86_64.img
"""
UNITS = ("cloud-init-local", "cloud-init", "cloud-config", "cloud-final")
COMMON = {
    "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534::/:/bin/false\n",
    "/etc/group": "root:x:0:\n",
    "/etc/shadow": "root:!!:19000:0:99999:7:::\nsshd:!:19000::::::\n",
    "/etc/ssh/sshd_config": "# PasswordAuthentication yes\nPasswordAuthentication no\n",
    "/etc/sudoers": "root ALL=(ALL:ALL) ALL\n",
    "/etc/cloud/cloud.cfg": "datasource_list: [ConfigDrive, OpenStack]\n",
}
SYSTEMD = {"/etc/machine-id": ""}
SYSTEMD_LINKS = {
    f"/etc/systemd/system/cloud-init.target.wants/{unit}.service": f"/usr/lib/systemd/system/{unit}.service"
    for unit in UNITS
} | {"/etc/systemd/system/multi-user.target.wants/sshd.service": "/usr/lib/systemd/system/sshd.service"}


@dataclass(frozen=True)
class Sample:
    """A guest that can be changed by files: text, or None to remove one; ``links`` by where they point."""

    profile: str
    distro: str
    major: int
    files: Mapping[str, str]
    links: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)

    def with_files(self, files: Mapping[str, str | None]) -> "Sample":
        merged = {**self.files, **files}
        return replace(self, files={path: text for path, text in merged.items() if text is not None})

    def with_links(self, links: Mapping[str, str | None]) -> "Sample":
        merged = {**self.links, **links}
        return replace(self, links={path: to for path, to in merged.items() if to is not None})

    def but(self, **changes: Any) -> "Sample":
        """Change a field of the container, the guest, the system, or the facts themselves."""
        return replace(self, changes={**self.changes, **changes})

    def tree(self) -> Tree:
        entries = {"/": Entry(Kind.FOLDER)}
        for path in (*self.files, *self.links):
            for parent in list(Path(path).parents)[:-1]:
                entries.setdefault(str(parent), Entry(Kind.FOLDER))
        entries |= {path: Entry(Kind.FILE, size=len(text)) for path, text in self.files.items()}
        entries |= {path: Entry(Kind.LINK, target=to) for path, to in self.links.items()}
        return Tree(entries, texts=dict(self.files))

    def facts(self) -> Facts:
        container = Container(
            Path("/images/x.qcow2"),
            "qcow2",
            virtual_size=3072 * MIB,
            actual_size=600 * MIB,
            compat="1.1",
            compression="zlib",
            faults=(),
        )
        system = System("/dev/sda2", "linux", self.distro, self.major, 9, "A product", "x86_64", "deb")
        guest = Guest(
            partitions=(Partition("/dev/sda1", MIB, 2 * MIB), Partition("/dev/sda2", 3 * MIB, 900 * MIB)),
            filesystems=(FileSystem("/dev/sda2", "ext4", uuid=UUID, label="root", faults=()),),
            tree=self.tree(),
            packages=self.packages,
        )
        expected = Expected("qcow2", 3072 * MIB, self.distro, self.major)
        left = dict(self.changes)
        system = _changed(system, left)
        guest = _changed(replace(guest, systems=(system,)), left)
        container = _changed(container, left)
        facts = Facts(container, self.profile, expected, guest, Search(2))
        return _changed(facts, left)


def _changed(value: Any, changes: dict[str, Any]) -> Any:
    own = {name: changes.pop(name) for name in list(changes) if name in type(value).__dataclass_fields__}
    return replace(value, **own)


@pytest.fixture
def debian() -> Sample:
    files = {
        **COMMON,
        **SYSTEMD,
        "/etc/fstab": f"# root\nUUID={UUID} / ext4 errors=remount-ro 0 1\n",
        "/etc/default/grub": 'GRUB_CMDLINE_LINUX_DEFAULT="console=tty0 console=ttyS0,115200n8"\n',
        "/boot/grub/grub.cfg": GRUB_CFG,
        "/boot/vmlinuz-6.1.0-18-amd64": "kernel",
        "/boot/vmlinuz-5.10.0-28-amd64": "kernel",
        "/boot/initrd.img-6.1.0-18-amd64": "initrd",
        "/usr/bin/cloud-init": "x",
        "/usr/bin/growpart": "x",
    }
    links = {**SYSTEMD_LINKS, "/etc/resolv.conf": "../run/systemd/resolve/stub-resolv.conf"}
    packages = {"cloud-init": "22.4.2", "cloud-guest-utils": "0.33"}
    return Sample("debian", "debian", 12, files, links, packages)


@pytest.fixture
def rhel7() -> Sample:
    files = {
        **COMMON,
        **SYSTEMD,
        "/etc/fstab": "LABEL=root / xfs defaults 0 0\n",
        "/etc/selinux/config": "SELINUX=enforcing\nSELINUXTYPE=targeted\n",
        "/etc/default/grub": 'GRUB_CMDLINE_LINUX_DEFAULT="console=tty0 console=ttyS0,115200n8"\n',
        "/boot/grub2/grub.cfg": GRUB2_CFG,
        "/boot/grub2/grubenv": "# GRUB Environment Block\nsaved_entry=one\n####",
        "/boot/vmlinuz-3.10.0-1160.el7.x86_64": "kernel",
        "/boot/vmlinuz-0-rescue-abc": "kernel",
        "/boot/initramfs-3.10.0-1160.el7.x86_64.img": "initrd",
    }
    links = {**SYSTEMD_LINKS, "/etc/systemd/system/default.target": "/lib/systemd/system/multi-user.target"}
    packages = {"cloud-init": "19.4", "cloud-utils-growpart": "0.29"}
    return Sample("rhel7", "rhel", 7, files, links, packages)


@pytest.fixture
def rhel6() -> Sample:
    files = {
        **COMMON,
        "/etc/fstab": "LABEL=root / ext4 defaults 1 1\n",
        "/etc/selinux/config": "SELINUX=enforcing\n",
        "/etc/sysconfig/network": "NETWORKING=yes\nHOSTNAME=localhost.localdomain\n",
        "/boot/grub/grub.conf": GRUB_CONF,
        "/boot/vmlinuz-2.6.32-754.el6.x86_64": "kernel",
        "/boot/initramfs-2.6.32-754.el6.x86_64.img": "initrd",
    }
    packages = {"cloud-init": "0.7.5", "cloud-utils-growpart": "0.27", "acpid": "1.0.10"}
    return Sample("rhel6", "rhel", 6, files, {"/boot/grub/menu.lst": "./grub.conf"}, packages)


@pytest.fixture
def sample(request: pytest.FixtureRequest) -> Callable[[str], Sample]:
    return lambda name: request.getfixturevalue(name)  # type: ignore[no-any-return]
