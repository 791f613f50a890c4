"""One way or more to spoil a good guest for each check, as data."""

from dataclasses import replace

from goldsmith.audit.facts import Expected, FileSystem, Hit, Initramfs, Partition, Search

from .phony import DRIVERS, LABELS, PAIR

MIB = 1 << 20
HOME = {"/home/ann/.ssh/id": "x"}
# As read from new disks: the first sector by parted 3.5, and what xfs_db 6.1 says of mkfs.xfs's defaults.
PARTED = bytes.fromhex("fab800108ed0bc00b0b800008ed88ec0fbbe007cbf0006b90002f3a4ea210600").ljust(440, b"\0")
NEW_XFS = "v5,nlink,dirv2,attr2,projid32bit,crc,ftype,finobt,sparse_inodes,reflink,inobtcnt,bigtime"


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


CLOUD = "/etc/cloud/cloud.cfg"
SOURCES = "/etc/cloud/cloud.cfg.d/90_goldsmith.cfg"
SCRIPTS = "/etc/sysconfig/network-scripts"
ETH0 = f"{SCRIPTS}/ifcfg-eth0"
GENERATOR = "/etc/udev/rules.d/75-persistent-net-generator.rules"
REDHAT = "/etc/yum.repos.d/redhat.repo"
RHSM = "/etc/rhsm/rhsm.conf"
GROWN = but(expected=Expected(growroot=True), initramfs=Initramfs("/boot/i", DRIVERS | {"00-growroot.sh"}))

# check, guest, what is spoiled, words of the finding, and what else must be so for the guest to be asked
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
    (
        "O-L7",
        "rhel7",
        edit("/boot/grub2/grub.cfg", "ttyS0,115200n8", "ttyS0"),
        "console=tty0, console=ttyS0 in",
    ),
    ("O-L9", "rhel6", edit("/boot/grub/grub.conf", PAIR, ""), "no console= in"),
    ("O-L9", "rhel6", edit("/boot/grub/grub.conf", PAIR, f"{PAIR} console=tty0"), "console=tty0 in"),
    ("O-L9", "rhel6", files({"/boot/grub/grub.conf": None}), "no boot menu"),
    ("O-L10", "rhel6", links({"/boot/grub/menu.lst": None}), "menu.lst is absent"),
    ("O-L10", "rhel6", links({"/etc/grub.conf": "grub.old"}), "/etc/grub.conf leads to grub.old"),
    ("O-L11", "debian", but(boot_code=bytes(440)), "neither"),
    ("O-L11", "rhel7", but(boot_code=b"\x33\xc0 some other loader"), "neither"),
    ("O-L11", "debian", but(boot_code=PARTED), "neither"),
    (
        "O-L11",
        "rhel7",
        but(expected=Expected(firmware="uefi")),
        "none for uefi; expected a boot loader for uefi",
    ),
    ("O-L40", "rhel7", but(initramfs=None), "names no initramfs"),
    (
        "O-L40",
        "rhel7",
        but(initramfs=Initramfs("/boot/i", DRIVERS - {"virtio_scsi"})),
        "no virtio_scsi in /boot/i",
    ),
    ("O-L40", "debian", but(initramfs=Initramfs("/boot/i", reason="it is no archive")), "it is no archive"),
    ("O-L41", "rhel6", but(initramfs=Initramfs("/boot/i", DRIVERS)), "no growroot in /boot/i", GROWN),
    ("O-L42", "rhel7", edit("/boot/grub2/grub.cfg", " ro ", " ro crashkernel=auto "), "crashkernel=auto"),
    (
        "O-L42",
        "rhel7",
        links(
            {
                "/etc/systemd/system/multi-user.target.wants/kdump.service": "/usr/lib/systemd/system/kdump.service"
            }
        ),
        "wants/kdump.service",
    ),
    ("O-L42", "rhel6", links({"/etc/rc.d/rc3.d/S20kdump": "../init.d/kdump"}), "S20kdump"),
    ("O-G3", "rhel7", files({"/etc/sysconfig/kernel": "UPDATEDEFAULT=no\n"}), "UPDATEDEFAULT=no"),
    ("O-G3", "rhel6", files({"/etc/sysconfig/kernel": None}), "no /etc/sysconfig/kernel"),
    ("O-L1", "rhel7", last_line(ETH0, 'HWADDR="52:54:00:11:22:33"'), "HWADDR="),
    ("O-L1", "rhel7", edit(ETH0, "ONBOOT=yes\n", ""), "no ONBOOT"),
    ("O-L1", "rhel7", last_line(ETH0, "ONBOOT=yes"), "6 lines, some twice"),
    ("O-L1", "rhel7", files({ETH0: None}), "absent"),
    ("O-L1b", "rhel6", edit(ETH0, "BOOTPROTO=dhcp", "BOOTPROTO=static"), "BOOTPROTO=static"),
    ("O-L2", "rhel7", files({f"{SCRIPTS}/ifcfg-ens3": "DEVICE=ens3\n"}), "ifcfg-ens3"),
    ("O-L2", "rhel6", last_line(ETH0, "UUID=0c6f1a5e"), "UUID in"),
    (
        "O-L2",
        "rhel7",
        files({"/etc/NetworkManager/system-connections/a": "[ethernet]\nmac-address=52:54:00:11:22:33\n"}),
        "mac-address in",
    ),
    ("O-L3", "rhel7", edit("/etc/sysconfig/network", "NOZEROCONF=yes\n", ""), "no NOZEROCONF"),
    ("O-L3", "rhel6", last_line("/etc/sysconfig/network", "NOZEROCONF=yes"), "yes, NOZEROCONF"),
    ("O-L5", "rhel6", files({GENERATOR: None}), "absent"),
    ("O-L5", "rhel6", last_line(GENERATOR, 'SUBSYSTEM!="net", GOTO="end"'), "SUBSYSTEM!="),
    ("O-L6", "rhel7", edit("/boot/grub2/grub.cfg", "net.ifnames=0 ", ""), "no net.ifnames=0 in Red Hat"),
    ("O-L38", "rhel7", but(labels={**LABELS, "/etc/passwd": ""}), "/etc/passwd without a label"),
    (
        "O-L38",
        "rhel6",
        but(labels={"/etc/shadow": "system_u:object_r:etc_t:s0", "/etc/passwd": "a:b:file_t:s0"}),
        "/etc/passwd file_t, /etc/shadow etc_t",
    ),
    ("O-L48", "rhel7", but(filesystems=(FileSystem("/dev/sda2", "ext4"),)), "ext4; expected xfs"),
    (
        "O-L48",
        "rhel7",
        but(filesystems=(FileSystem("/dev/sda2", "xfs", features=frozenset(NEW_XFS.split(","))),)),
        "xfs with bigtime, inobtcnt, reflink",
    ),
    (
        "O-L48",
        "rhel6",
        but(filesystems=(FileSystem("/dev/sda2", "ext4", features=frozenset({"metadata_csum"})),)),
        "ext4 with metadata_csum",
    ),
    ("O-L48", "rhel6", but(filesystems=(FileSystem("/dev/sda2", "ext4"),)), "could not be read"),
    ("O-L18", "rhel7", edit(CLOUD, " - resolv-conf\n", ""), "not among the modules"),
    ("O-L18", "rhel6", files({CLOUD: "cloud_init_modules: [a\n"}), "/etc/cloud/cloud.cfg:2:1"),
    ("O-L18", "rhel7", last_line(CLOUD, "manage_resolv_conf: true"), "without resolv_conf:"),
    (
        "O-L18",
        "rhel7",
        files({"/etc/cloud/cloud.cfg.d/99_own.cfg": "cloud_init_modules: [growpart]\n"}),
        "not among the modules",
    ),
    ("O-L19", "rhel7", edit(CLOUD, "name: cloud-user", "name: centos"), "default_user centos"),
    ("O-L19", "rhel7", edit(CLOUD, "lock_passwd: true", "lock_passwd: no"), "lock_passwd: no"),
    ("O-L19", "rhel6", edit(CLOUD, "NOPASSWD:", ""), "sudo: ALL=(ALL) ALL"),
    (
        "O-L19",
        "rhel6",
        files({"/etc/cloud/cloud.cfg.d/99_own.cfg": "system_info: {default_user: {name: root}}\n"}),
        "default_user root",
    ),
    ("O-L23", "rhel6", links({"/etc/rc.d/rc3.d/S11acpid": None}), "acpid not enabled"),
    (
        "O-L22",
        "rhel7",
        links({"/etc/rc.d/rc3.d/S10network": None}),
        "NetworkManager.service or network.service",
    ),
    ("O-L27", "rhel7", files({"/etc/pki/consumer/cert.pem": "x"}), "/etc/pki/consumer/cert.pem"),
    ("O-L27", "rhel6", files({"/etc/pki/entitlement/1.pem": "x"}), "/etc/pki/entitlement/1.pem"),
    ("O-L28", "rhel7", files({REDHAT: "[a]\nenabled = 1\n"}), "a in /etc/yum.repos.d/redhat.repo"),
    ("O-L28", "rhel6", files({REDHAT: "[b]\nenabled=0\nsslclientkey=/etc/pki/x.pem\n"}), "b in"),
    ("O-L28", "rhel6", files({REDHAT: "enabled=0\n"}), "cannot be read"),
    ("O-L29", "rhel7", edit(RHSM, "proxy_password =", "proxy_password = x"), "proxy_password"),
    (
        "O-L29",
        "rhel6",
        edit(RHSM, "subscription.rhsm.redhat.com", "sat.example.org"),
        "hostname sat.example.org",
    ),
    ("O-L30", "rhel6", files({"/etc/sysconfig/rhn/systemid": "<x/>"}), "/etc/sysconfig/rhn/systemid"),
    (
        "O-L46",
        "rhel7",
        last_line("/etc/yum.conf", "proxy=http://proxy.example.org:3128"),
        "proxy= (/etc/yum.conf",
    ),
    (
        "O-L46",
        "rhel6",
        files({"/etc/yum.repos.d/b.repo": "[b]\nbaseurl=http://192.168.122.1/rhel6\n"}),
        "192.168.122.1 is a private address (/etc/yum.repos.d/b.repo [b])",
    ),
    (
        "O-L46",
        "rhel7",
        files({"/etc/yum.repos.d/b.repo": "[b]\nbaseurl=http://u:secret@example.org/\n"}),
        "credentials in a URL of example.org",
    ),
    (
        "O-L46",
        "rhel7",
        files({"/etc/yum.repos.d/b.repo": "[b]\nmirrorlist=http://mirror/list\n"}),
        "mirror is a name of one network",
    ),
    ("O-G4", "debian", last_line("/etc/apt/sources.list", "deb file:/mnt/x ./"), "on the guest's own disk"),
    (
        "O-G4",
        "debian",
        last_line("/etc/apt/sources.list", "deb http://10.0.0.2/x y z"),
        "10.0.0.2 is a private",
    ),
    ("O-G5", "rhel7", files({"/etc/environment": "https_proxy=http://10.0.0.1:3128\n"}), "/etc/environment"),
    (
        "O-G5",
        "debian",
        files({"/etc/apt/apt.conf.d/01p": 'Acquire::http::Proxy "http://p:8000";\n'}),
        "/etc/apt/apt.conf.d/01p",
    ),
    ("O-L34", "rhel7", files({"/var/cache/yum/x86_64/7/base/primary.sqlite": "x"}), "primary.sqlite"),
    ("O-L34", "debian", files({"/var/cache/apt/archives/a_1.deb": "x"}), "a_1.deb"),
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
        files({"/etc/ssh/sshd_config": "#PasswordAuthentication no\n", CLOUD: "x: y\n"}),
        "no setting, so yes",
    ),
    (
        "O-L17",
        "debian",
        files({"/etc/ssh/sshd_config": "PasswordAuthentication yes\n", CLOUD: "ssh_pwauth: yes\n"}),
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
    ("O-L20", "debian", files({SOURCES: "users: [default]\n"}), "no datasource_list"),
    ("O-L20", "rhel6", files({SOURCES: "datasource_list: [\n"}), "90_goldsmith.cfg:2:1"),
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
