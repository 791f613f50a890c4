"""A Debian, a RHEL 7 and a RHEL 6 as values, good in every check, to be spoiled one by one or written to a disk."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from goldsmith.audit.facts import (
    Container,
    Expected,
    Facts,
    FileSystem,
    Guest,
    Initramfs,
    Partition,
    Search,
    System,
)
from goldsmith.audit.tree import Entry, Kind, Tree

MIB = 1 << 20
UUID = "8d407cc0-500f-4ca0-8763-d92eba4eb47a"
BOOT_CODE = (b"\xeb\x63\x90".ljust(0x180, b"\0") + b"GRUB \0Geom\0Hard Disk\0Read\0 Error\r\n").ljust(
    440, b"\0"
)
DRIVERS = frozenset({"virtio_blk", "virtio_pci", "virtio_scsi", "virtio_net"})
PAIR = "console=tty0 console=ttyS0,115200n8"
EL6, EL7 = "2.6.32-754.el6.x86_64", "3.10.0-1160.el7.x86_64"
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
GRUB2_CFG = f"""
if [ "${{next_entry}}" ] ; then
   set default="${{next_entry}}"
else
   set default="${{saved_entry}}"
fi
menuentry 'Red Hat Enterprise Linux (3.10.0-1160.el7) 7.9' --class red $menuentry_id_option 'one' {{
	linux16 /boot/vmlinuz-{EL7} root=LABEL=root ro net.ifnames=0 biosdevname=0 {PAIR}
	initrd16 /boot/initramfs-{EL7}.img
}}
"""
GRUB_CONF = f"""default=0
timeout=1
title Red Hat Enterprise Linux 6 ({EL6})
	root (hd0,0)
	kernel /boot/vmlinuz-{EL6} ro root=LABEL=root {PAIR}
	initrd /boot/initramfs-{EL6}.img
"""
CLOUD_CFG = """users: [default]
disable_root: 1
ssh_pwauth: 0
cloud_init_modules:
 - migrator
 - [bootcmd, always]
 - resolv-conf
system_info:
  default_user:
    name: cloud-user
    lock_passwd: true
    sudo: ["ALL=(ALL) NOPASSWD:ALL"]
"""
UNITS = ("cloud-init-local", "cloud-init", "cloud-config", "cloud-final")
COMMON = {
    "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534::/:/bin/false\n",
    "/etc/group": "root:x:0:\n",
    "/etc/shadow": "root:!!:19000:0:99999:7:::\nsshd:!:19000::::::\n",
    "/etc/ssh/sshd_config": "# PasswordAuthentication yes\nPasswordAuthentication no\n",
    "/etc/sudoers": "root ALL=(ALL:ALL) ALL\n",
    "/etc/cloud/cloud.cfg": CLOUD_CFG,
    "/etc/cloud/cloud.cfg.d/90_goldsmith.cfg": "datasource_list: [ConfigDrive, OpenStack]\n",
}
RHEL = {
    "/etc/selinux/config": "SELINUX=enforcing\nSELINUXTYPE=targeted\n",
    "/etc/sysconfig/network-scripts/ifcfg-eth0": (
        "TYPE=Ethernet\nDEVICE=eth0\nONBOOT=yes\nBOOTPROTO=dhcp\nNM_CONTROLLED=no\n"
    ),
    "/etc/sysconfig/network-scripts/ifcfg-lo": "DEVICE=lo\nIPADDR=127.0.0.1\nONBOOT=yes\n",
    "/etc/sysconfig/kernel": "UPDATEDEFAULT=yes\nDEFAULTKERNEL=kernel\n",
    "/etc/rhsm/rhsm.conf": "[server]\nhostname = subscription.rhsm.redhat.com\nproxy_hostname =\nproxy_password =\n",
    "/etc/yum.conf": "[main]\ncachedir=/var/cache/yum/$basearch/$releasever\ngpgcheck=1\n",
    "/etc/yum.repos.d/epel.repo": "[epel]\nbaseurl=https://example.org/epel/$releasever/\n",
    "/etc/yum.repos.d/media.repo": "[media]\nbaseurl=file:///media/cdrom/\nenabled=0\n",
}
SYSTEMD_LINKS = {
    f"/etc/systemd/system/cloud-init.target.wants/{unit}.service": f"/usr/lib/systemd/system/{unit}.service"
    for unit in UNITS
} | {"/etc/systemd/system/multi-user.target.wants/sshd.service": "/usr/lib/systemd/system/sshd.service"}
SYSV_LINKS = {
    f"/etc/rc.d/rc3.d/S{number}{name}": f"../init.d/{name}"
    for number, name in enumerate(("network", "acpid", "sshd", *UNITS), 10)
}
LABELS = {
    "/etc/shadow": "system_u:object_r:shadow_t:s0",
    "/etc/passwd": "system_u:object_r:passwd_file_t:s0",
    "/etc/cloud/cloud.cfg": "system_u:object_r:etc_t:s0",
    "/etc/ssh/sshd_config": "system_u:object_r:etc_t:s0",
    "/etc/sysconfig/network-scripts/ifcfg-eth0": "system_u:object_r:net_conf_t:s0",
}
LABELS7 = {**LABELS, "/etc/default/grub": "system_u:object_r:etc_t:s0"}


@dataclass(frozen=True)
class Sample:
    """A guest that can be changed by files: text, or None to remove one; ``links`` by where they point."""

    profile: str
    distro: str
    major: int
    files: Mapping[str, str]
    links: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] | None = None
    initrd: str = ""
    root: str = "ext4"
    labels: Mapping[str, str] = field(default_factory=dict)
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
            filesystems=(
                FileSystem("/dev/sda2", self.root, uuid=UUID, label="root", faults=(), features=frozenset()),
            ),
            tree=self.tree(),
            packages=self.packages,
            boot_code=BOOT_CODE,
            labels=self.labels,
            initramfs=Initramfs(self.initrd, DRIVERS),
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


def debian() -> Sample:
    files = {
        **COMMON,
        "/etc/machine-id": "",
        "/etc/apt/sources.list": "deb http://mirror.example.com/debian bookworm main\n",
        "/etc/fstab": f"# root\nUUID={UUID} / ext4 errors=remount-ro 0 1\n",
        "/etc/default/grub": f'GRUB_CMDLINE_LINUX_DEFAULT="{PAIR}"\n',
        "/boot/grub/grub.cfg": GRUB_CFG,
        "/boot/vmlinuz-6.1.0-18-amd64": "kernel",
        "/boot/vmlinuz-5.10.0-28-amd64": "kernel",
        "/boot/initrd.img-6.1.0-18-amd64": "initrd",
        "/usr/bin/cloud-init": "x",
        "/usr/bin/growpart": "x",
    }
    links = {**SYSTEMD_LINKS, "/etc/resolv.conf": "../run/systemd/resolve/stub-resolv.conf"}
    packages = {"cloud-init": "22.4.2", "cloud-guest-utils": "0.33"}
    return Sample("debian", "debian", 12, files, links, packages, "/boot/initrd.img-6.1.0-18-amd64")


def rhel7() -> Sample:
    files = {
        **COMMON,
        **RHEL,
        "/etc/redhat-release": "Red Hat Enterprise Linux Server release 7.9 (Maipo)\n",
        "/etc/machine-id": "",
        "/etc/fstab": "LABEL=root / xfs defaults 0 0\n",
        "/etc/sysconfig/network": "NETWORKING=yes\nNOZEROCONF=yes\n",
        "/etc/default/grub": f'GRUB_CMDLINE_LINUX="net.ifnames=0"\nGRUB_CMDLINE_LINUX_DEFAULT="{PAIR}"\n',
        "/boot/grub2/grub.cfg": GRUB2_CFG,
        "/boot/grub2/grubenv": "# GRUB Environment Block\nsaved_entry=one\n####",
        f"/boot/vmlinuz-{EL7}": "kernel",
        "/boot/vmlinuz-0-rescue-abc": "kernel",
        f"/boot/initramfs-{EL7}.img": "initrd",
        f"/usr/lib/modules/{EL7}/modules.builtin": "kernel/drivers/virtio/virtio.ko\n",
    }
    links = {
        **SYSTEMD_LINKS,
        "/etc/rc.d/rc3.d/S10network": "../init.d/network",
        "/etc/systemd/system/default.target": "/lib/systemd/system/multi-user.target",
    }
    packages = {"cloud-init": "19.4", "cloud-utils-growpart": "0.29"}
    return Sample("rhel7", "rhel", 7, files, links, packages, f"/boot/initramfs-{EL7}.img", "xfs", LABELS7)


def rhel6() -> Sample:
    files = {
        **COMMON,
        **RHEL,
        "/etc/redhat-release": "Red Hat Enterprise Linux Server release 6.10 (Santiago)\n",
        "/etc/fstab": "LABEL=root / ext4 defaults 1 1\n",
        "/etc/sysconfig/network": "NETWORKING=yes\nHOSTNAME=localhost.localdomain\nNOZEROCONF=yes\n",
        "/etc/udev/rules.d/75-persistent-net-generator.rules": "#\n",
        "/boot/grub/grub.conf": GRUB_CONF,
        f"/boot/vmlinuz-{EL6}": "kernel",
        f"/boot/initramfs-{EL6}.img": "initrd",
    }
    links = {**SYSV_LINKS, "/boot/grub/menu.lst": "./grub.conf", "/etc/grub.conf": "../boot/grub/grub.conf"}
    packages = {"cloud-init": "0.7.5", "cloud-utils-growpart": "0.27", "acpid": "1.0.10"}
    return Sample("rhel6", "rhel", 6, files, links, packages, f"/boot/initramfs-{EL6}.img", labels=LABELS)


def rhel9() -> Sample:
    """RHEL 7's files, but for what changed: boot entries in files of their own, NetworkManager with keyfiles."""
    old, kernel = rhel7(), "5.14.0-503.el9.x86_64"
    new = {
        "/etc/redhat-release": "Red Hat Enterprise Linux release 9.5 (Plow)\n",
        "/etc/sysconfig/kernel": "UPDATEDEFAULT=yes\nDEFAULTKERNEL=kernel-core\n",
        "/etc/NetworkManager/system-connections/eth0.nmconnection": "[connection]\ntype=ethernet\n",
        "/boot/grub2/grub.cfg": 'set default="${saved_entry}"\ninsmod blscfg\nblscfg\n',
        "/boot/grub2/grubenv": f"saved_entry=abc-{kernel}\nkernelopts=root=LABEL=root ro {PAIR}\n",
        f"/boot/loader/entries/abc-{kernel}.conf": (
            f"title RHEL 9\nlinux /boot/vmlinuz-{kernel}\ninitrd /boot/initramfs-{kernel}.img\noptions $kernelopts\n"
        ),
        f"/boot/vmlinuz-{kernel}": "kernel",
        f"/boot/initramfs-{kernel}.img": "initrd",
    }
    gone = [
        path
        for path in old.files
        if EL7 in path or path.endswith(("ifcfg-eth0", "ifcfg-lo", "sysconfig/network", "default/grub"))
    ]
    grub = {"/etc/default/grub": f'GRUB_CMDLINE_LINUX="{PAIR}"\nGRUB_ENABLE_BLSCFG=true\n'}
    manager = {
        "/etc/systemd/system/multi-user.target.wants/NetworkManager.service": "/usr/lib/systemd/system/x"
    }
    guest = replace(old, profile="rhel8+", major=9, initrd=f"/boot/initramfs-{kernel}.img", labels={**LABELS})
    return guest.with_files({**dict.fromkeys(gone), **new, **grub}).with_links(
        {"/etc/rc.d/rc3.d/S10network": None, **manager}
    )


def other() -> Sample:
    """A Linux that is known to libguestfs, but not to the checks."""
    return replace(debian(), profile="generic-linux", distro="archlinux", packages=None)


GUESTS = {"debian": debian, "rhel7": rhel7, "rhel6": rhel6, "rhel8+": rhel9, "generic-linux": other}
