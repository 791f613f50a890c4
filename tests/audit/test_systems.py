"""A plain Linux is known without libguestfs's inspection; the appliance's scripts run here, on folders for disks."""

import os
import subprocess
from pathlib import Path

import pytest

from goldsmith.audit.disks import Disk, find_disk
from goldsmith.audit.facts import FileSystem, Partition, System
from goldsmith.audit.fstab import mounts
from goldsmith.audit.release import release
from goldsmith.audit.survey import _listed
from goldsmith.audit.systems import find_systems

from .disks import MIB

ROOT, BOOT, SWAP = "c0ffee00-0000-4000-8000-000000000001", "c0ffee00-0000-4000-8000-000000000002", "c0ffee-3"
ELF = b"\x7fELF\2\1\1".ljust(16, b"\0") + b"\3\0\x3e\0\1\0\0\0" + b"\0" * 40
INSPECTED = {
    "inspect-os": "/dev/sda9\n",
    "inspect-get-type": "linux\n",
    "inspect-get-distro": "inspected\n",
    "inspect-get-mountpoints": "/: /dev/sda9\n",
}
SLOW = System("/dev/sda9", "linux", "inspected", 0, 0, mounts={"/": "/dev/sda9"})
DEBIAN = {
    "etc/fstab": f"# made by hand\nUUID={ROOT} / ext4 errors=remount-ro 0       1\n"
    "/dev/sr0 /media/cdrom0 udf,iso9660 user,noauto 0 0\n",
    "usr/lib/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n',
    "etc/debian_version": "12.5\n",
    "usr/bin/bash": ELF,
}
RHEL7 = {
    "etc/fstab": f"\n/dev/mapper/rhel-root / xfs defaults 0 0\nUUID={BOOT} /boot xfs defaults 0 0\n"
    "/dev/mapper/rhel-swap swap swap defaults 0 0\ntmpfs /tmp tmpfs size=1g 0 0\nnfs:/srv /srv nfs _netdev 0 0\n",
    "etc/os-release": 'NAME="Red Hat Enterprise Linux Server"\nVERSION="7.9 (Maipo)"\nID="rhel"\n'
    'VERSION_ID="7.9"\nPRETTY_NAME="Red Hat Enterprise Linux Server 7.9 (Maipo)"\nANSI_COLOR="0;31"\n\n',
    "etc/redhat-release": "Red Hat Enterprise Linux Server release 7.9 (Maipo)\n",
    "usr/bin/bash": ELF,
}
RHEL6 = {
    "etc/fstab": "LABEL=root / ext4 defaults 1 1\n/dev/vda2 swap swap defaults 0 0\nproc /proc proc defaults 0 0\n",
    "etc/redhat-release": "Red Hat Enterprise Linux Server release 6.10 (Santiago)\n",
    "bin/bash": ELF,
}


class Bench:
    """An appliance whose shell is the one of this host; folders stand for file systems, ``mount`` is a link."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self.kinds: dict[str, FileSystem] = {}
        tools = {
            "mount": f'd={folder}/disks/$(echo $3 | tr / _); [ -d $d ] && ln -s $d "$4"',
            "umount": 'rm "$1"',
            "blkid": f"cat {folder}/disks/$(echo $6 | tr / _).type 2>/dev/null; true",
        }
        for name in ("bin", "disks", "sys/block/sda", "mapper"):
            (folder / name).mkdir(parents=True)
        for name, script in tools.items():
            (folder / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
            (folder / "bin" / name).chmod(0o755)
        (folder / "sys/block/sda/dev").write_text("8:0\n")
        (folder / "mapper/control").touch()

    def text(self, command, *words, must=False):
        self.asked.append(" ".join([command, *words]))
        return INSPECTED.get(command, "")

    ask = text

    def shell(self, script):
        assert "'" not in script
        for path, name in (("/sysroot", "root"), ("/sys/block", "sys/block"), ("/dev/mapper/*", "mapper/*")):
            script = script.replace(path, f"{self.folder}/{name}")
        path = f"{self.folder}/bin:/usr/bin:/bin:/usr/sbin:/sbin"
        ran = subprocess.run(
            ["sh", "-c", script], env={"PATH": path}, capture_output=True, text=True, check=True
        )
        return ran.stdout.replace(f"{self.folder}/sys", "/sys").replace(
            f"{self.folder}/mapper", "/dev/mapper"
        )

    def partition(self, number, kind="", files=None, links=None, **facts):
        shown = self.folder / f"sys/block/sda/sda{number}"
        shown.mkdir()
        for name, value in (("partition", number), ("start", 2048 * number), ("size", 2048)):
            (shown / name).write_text(f"{value}\n")
        self._hold(f"/dev/sda{number}", kind, files, links, facts)

    def volume(self, group, name, kind="", files=None, links=None, **facts):
        (self.folder / "mapper" / f"{group}-{name}").touch()
        self._hold(f"/dev/{group}/{name}", kind, files, links, facts)

    def _hold(self, device, kind, files, links, facts):
        if kind:
            self.kinds[device] = FileSystem(device, kind, **facts)
        if files is None:
            return
        place = self.place(device)
        place.mkdir()
        for path, data in files.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_bytes(data.encode() if isinstance(data, str) else data)
        for path, target in (links or {}).items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).symlink_to(target)

    def place(self, device):
        return self.folder / "disks" / device.replace("/", "_")

    def systems(self):
        disk = find_disk(self, "/dev/sda")
        found = find_systems(self, ["/dev/sda"], disk, list(self.kinds.values()))
        assert not (self.folder / "root").exists(), "something stayed mounted"
        return found


MERGED = {"bin": "usr/bin"}
DEBIAN_LINKS = {**MERGED, "etc/os-release": "../usr/lib/os-release"}


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path / "bench")


def a_debian(bench, files=None, links=None):
    bench.partition(1, "ext4", {**DEBIAN, **(files or {})}, {**DEBIAN_LINKS, **(links or {})}, uuid=ROOT)


def inspected(bench):
    return "inspect-os" in bench.asked


def test_a_debian_on_one_partition_is_known_by_its_files(bench):
    a_debian(bench)
    mounts = {"/": "/dev/sda1"}
    assert bench.systems() == (
        System("/dev/sda1", "linux", "debian", 12, 5, "12.5", "x86_64", "deb", mounts),
    )
    assert not inspected(bench)


def test_a_rhel_7_with_boot_efi_and_volumes_is_mounted_as_its_fstab_says(bench):
    bench.partition(1, "vfat", {"EFI/BOOT/BOOTX64.EFI": "x"}, uuid="ABCD-1234")
    bench.partition(2, "xfs", {"grub2/grub.cfg": "", "vmlinuz": ""}, uuid=BOOT)
    bench.partition(3, "LVM2_member")
    bench.partition(14)  # a BIOS boot partition holds nothing that can be mounted
    files = {
        **RHEL7,
        "etc/fstab": RHEL7["etc/fstab"] + "UUID=ABCD-1234 /boot/efi vfat umask=0077,shortname=winnt 0 0\n",
    }
    bench.volume("rhel", "root", "xfs", files, MERGED)
    bench.volume("rhel", "swap", "swap", uuid=SWAP)
    (system,) = bench.systems()
    assert not inspected(bench)
    assert system == System(
        *(
            "/dev/rhel/root",
            "linux",
            "rhel",
            7,
            9,
            "Red Hat Enterprise Linux Server 7.9 (Maipo)",
            "x86_64",
            "rpm",
        ),
        {"/": "/dev/rhel/root", "/boot": "/dev/sda2", "/boot/efi": "/dev/sda1"},
    )


def test_a_rhel_6_is_known_by_its_release_file(bench):
    bench.partition(1, "ext4", RHEL6, label="root")
    bench.partition(2, "swap", uuid=SWAP)
    (system,) = bench.systems()
    assert not inspected(bench)
    assert (system.distro, system.major, system.minor, system.package_format) == ("rhel", 6, 10, "rpm")
    assert system.product == "Red Hat Enterprise Linux Server release 6.10 (Santiago)"
    assert system.mounts == {"/": "/dev/sda1"}


HURT = "ID=debian\nVERSION_ID=12\nPRETTY_NAME="
UNUSUAL = {
    "a root that is no folder of its own": {"links": {"etc": "/etc"}, "files": None},
    "a link out of the root": {"links": {"etc/os-release": "/../../../../etc/os-release"}},
    "a link in the way": {"links": {"usr": "/usr"}, "files": {"etc/fstab": DEBIAN["etc/fstab"]}},
    "no fstab": {"files": {"etc/fstab": ""}},
    "a device that nobody found": {
        "files": {"etc/fstab": f"{DEBIAN['etc/fstab']}/dev/vdb1 /data ext4 defaults\n"}
    },
    "another root": {"files": {"etc/fstab": "UUID=other / ext4 defaults 0 1\n"}},
    "a partition's UUID": {"files": {"etc/fstab": "PARTUUID=1-01 / ext4 defaults 0 1\n"}},
    "no newline at the end": {"files": {"etc/fstab": f"UUID={ROOT} / ext4"}},
    "an fstab for a shell": {"files": {"etc/fstab": f"UUID={ROOT} / ext4 a,$(touch$IFS/tmp/hurt) 0 1\n"}},
    "a huge fstab": {"files": {"etc/fstab": "#\n" * 40_000 + DEBIAN["etc/fstab"]}},
    "crypttab": {"files": {"etc/crypttab": "x"}},
    "a product for a shell": {"files": {"usr/lib/os-release": f'{HURT}"$(id)"\n'}},
    "a product with control characters": {"files": {"usr/lib/os-release": f'{HURT}"\x1b[0m"\n'}},
    "a product twice": {"files": {"usr/lib/os-release": f'{HURT}"a"\nPRETTY_NAME="b"\n'}},
    "another file in the row": {"files": {"etc/lsb-release": "DISTRIB_ID=LinuxMint\n"}},
    "an unknown distribution": {
        "files": {"usr/lib/os-release": 'ID=almalinux\nVERSION_ID="9"\nPRETTY_NAME="A"\n'}
    },
    "a huge version": {"files": {"etc/debian_version": "9" * 30}},
    "a testing release": {"files": {"etc/debian_version": "trixie/sid\n"}},
    "another machine": {"files": {"usr/bin/bash": ELF[:18] + b"\3\0" + ELF[20:]}},
    "half a program": {"files": {"usr/bin/bash": ELF[:19]}},
    "a BSD": {"files": {"netbsd": "x"}},
    "a boot loader at the top": {"files": {"grub/grub.conf": "x"}},
    "Windows besides": {"files": {"WINDOWS/system32/cmd.exe": "x"}},
    "bytes that are no text": {"files": {"etc/debian_version": b"\xff\xfe\n"}},
    "a name like another": {"files": {"ETC/fstab": "x"}},
}


@pytest.mark.parametrize("unusual", UNUSUAL.values(), ids=UNUSUAL)
def test_whatever_is_unusual_is_left_to_libguestfs(bench, unusual):
    links = unusual.get("links", {})
    files = unusual.get("files", {})
    bench.partition(
        1,
        "ext4",
        {path: data for path, data in {**DEBIAN, **(files or {})}.items() if path.split("/")[0] not in links}
        if files is not None
        else {"usr/bin/bash": ELF},
        {path: to for path, to in {**DEBIAN_LINKS, **links}.items() if path not in (files or {})}
        if files is not None
        else {**MERGED, **links},
        uuid=ROOT,
    )
    assert bench.systems() == (SLOW,)
    assert not Path("/tmp/hurt").exists()


def test_a_fifo_in_place_of_a_file_is_not_opened(bench):
    a_debian(bench)
    for path in ("etc/debian_version", "usr/bin/bash"):
        (bench.place("/dev/sda1") / path).unlink()
        os.mkfifo(bench.place("/dev/sda1") / path)
    assert bench.systems() == (SLOW,)


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        ("ext4", DEBIAN),  # a second root
        ("ext4", {"bin/x": "", "local/x": "", "share/x": "", "src/x": ""}),  # a /usr of its own
        ("ext4", None),  # cannot be mounted
        ("vfat", {"DOS/COMMAND.COM": ""}),
        ("vfat", {"Etc/fstab": ""}),
        ("ntfs", {}),
        ("btrfs", {}),
        ("crypto_LUKS", None),
        ("linux_raid_member", None),
        ("iso9660", {}),
        ("", {"etc/fstab": ""}),  # blkid does not know it, the kernel does
    ],
)
def test_a_second_file_system_that_may_change_the_answer_is_left_to_libguestfs(bench, kind, files):
    a_debian(bench)
    bench.partition(2, kind, files)
    assert bench.systems() == (SLOW,)


def test_volumes_that_blkid_did_not_name_are_left_to_libguestfs(bench):
    a_debian(bench)
    bench.volume("thin", "pool_tmeta")
    assert bench.systems() == (SLOW,)


def test_two_file_systems_of_one_name_are_left_to_libguestfs(bench):
    a_debian(bench)
    bench.partition(2, "ext4", {"lost+found/x": ""}, uuid=ROOT)
    assert bench.systems() == (SLOW,)


def test_a_partition_of_windows_own_kinds_is_left_to_libguestfs(bench):
    a_debian(bench)
    place = bench.place("/dev/sda1")
    place.with_name(f"{place.name}.type").write_text("e3c9e316-0b5c-4db8-817d-f92df00215ae\n")
    assert bench.systems() == (SLOW,)


def test_what_answers_nothing_is_left_to_libguestfs(bench, monkeypatch):
    a_debian(bench)
    disk = find_disk(bench, "/dev/sda")
    monkeypatch.setattr(bench, "shell", lambda script: "")
    assert find_systems(bench, ["/dev/sda"], disk, list(bench.kinds.values())) == (SLOW,)


def test_the_kernel_tells_the_partitions_of_a_disk_under_any_name(bench):
    a_debian(bench)
    bench.partition(10, "swap")
    assert find_disk(bench, "/dev/sdb") == Disk(
        "/dev/sdb",
        "/dev/sda",
        (Partition("/dev/sdb1", MIB, 2 * MIB - 1), Partition("/dev/sdb10", 10 * MIB, 11 * MIB - 1)),
    )
    (bench.folder / "sys/block/sda/sda10/size").write_text("2\n")
    assert find_disk(bench, "/dev/sdb").parts == (), "an extended partition may be larger than Linux shows"


@pytest.mark.parametrize(
    ("files", "named"),
    [
        (
            {
                "os-release": 'ID=ubuntu\nVERSION_ID="22.04"\nPRETTY_NAME="Ubuntu 22.04.4 LTS"\n',
                "lsb-release": "x",
            },
            ("ubuntu", 22, 4, "Ubuntu 22.04.4 LTS", "deb"),
        ),
        (
            {"os-release": 'ID=fedora\nVERSION_ID=39\nPRETTY_NAME="Fedora Linux 39 (Cloud Edition)"\n'},
            ("fedora", 39, 0, "Fedora Linux 39 (Cloud Edition)", "rpm"),
        ),
        (
            {"os-release": 'ID="rhel"\nVERSION_ID="8.0"\nPRETTY_NAME="RHEL 8.0"\n'},
            ("rhel", 8, 0, "RHEL 8.0", "rpm"),
        ),
        (
            {
                "os-release": 'ID="centos"\nVERSION_ID="7"\nPRETTY_NAME="CentOS Linux 7 (Core)"\n',
                "centos-release": "CentOS Linux release 7.9.2009 (Core)\n",
            },
            ("centos", 7, 9, "CentOS Linux release 7.9.2009 (Core)", "rpm"),
        ),
        (
            {
                "os-release": 'ID="centos"\nVERSION_ID="9"\nPRETTY_NAME="CentOS Stream 9"\n',
                "centos-release": "CentOS Stream release 9\n",
            },
            ("centos", 9, 0, "CentOS Stream release 9", "rpm"),
        ),
        (
            {"centos-release": "CentOS release 6.10 (Final)\n"},
            ("centos", 6, 10, "CentOS release 6.10 (Final)", "rpm"),
        ),
        ({"centos-release": "CentOS release 6.10 release 5.1\n"}, None),
        ({"centos-release": "CentOS release 6.99999 (Final)\n"}, None),
        ({"redhat-release": "Red Hat Enterprise Linux AS release 4 (Nahant Update 8)\n"}, None),
        ({"redhat-release": "Fedora release 12 (Constantine)\n"}, None),
        ({"debian_version": "6.0\n"}, None),
        ({"os-release": "ID=debian\nVERSION_ID=\nPRETTY_NAME=x\n", "debian_version": "12.5\n"}, None),
        ({}, None),
    ],
)
def test_release_files_say_what_libguestfs_makes_of_them(files, named):
    found = release(files, set(files))
    assert (found and (found.distro, found.major, found.minor, found.product, found.package_format)) == named


@pytest.mark.parametrize(
    ("line", "device"),
    [
        ("/dev/xvda2 /data ext4", "/dev/sda2"),
        ("LABEL=data /data ext4 noauto,x-systemd.automount 0 2", "/dev/sda2"),
        ("/dev/vg/data /data xfs", "/dev/vg/data"),
        ("/dev/root /data xfs", "/dev/sda1"),
        ("/data2 /data none bind 0 0", ""),
        ("/swapfile none swap sw 0 0", ""),
        ("/dev/disk/by-uuid/u-2 /data ext4 defaults 0 0", None),
        ('LABEL="data" /data ext4 defaults 0 0', None),
        ("LABEL=data /data/ ext4 defaults 0 0", None),
        ("LABEL=data /data btrfs subvol=a 0 0", None),
        ("LABEL=data /data ext4 defaults 0 0 # mine", None),
        ("LABEL=data / ext4 defaults 0 0", None),
        ("/dev/md0 /data ext4 defaults 0 0", None),
        ("LABEL=data /data ext4,xfs defaults 0 0", None),
        ("LABEL=data", None),
    ],
)
def test_a_line_of_fstab_is_one_found_device_or_nothing_at_all(line, device):
    found = [
        FileSystem("/dev/sda1", "ext4", uuid="u-1"),
        FileSystem("/dev/sda2", "ext4", uuid="u-2", label="data"),
        FileSystem("/dev/vg/data", "xfs"),
    ]
    points = mounts(
        f"UUID=u-1 / ext4 defaults 0 1\n{line}\n", "/dev/sda1", found, Disk("/dev/sda", "/dev/sdb")
    )
    expected = {"/": "/dev/sda1", **({"/data": device} if device else {})}
    assert points == (None if device is None else expected)


def test_before_libguestfs_lists_packages_it_inspects_and_all_is_mounted_again(bench):
    system = System("/dev/sda1", "linux", "rhel", 7, 9, mounts={"/": "/dev/sda1", "/boot": "/dev/sda2"})
    assert _listed(bench, system) is None
    assert bench.asked[:2] == ["inspect-get-roots", "inspect-os"]
    assert bench.asked[-4:] == [
        "mount-ro /dev/sda1 /",
        "mount-ro /dev/sda2 /boot",
        "is-dir /etc",
        "inspect-list-applications2 /dev/sda1",
    ]
