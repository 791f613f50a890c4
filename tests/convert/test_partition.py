"""AMI, AKI and ARI out of real disks, by the real libguestfs: every byte as it went in."""

import gzip
import json
import os
import random
import struct

import pytest

from goldsmith.cli.main import run as goldsmith
from goldsmith.convert.partition import Wanted, extract
from goldsmith.errors import GateError, UsageError
from goldsmith.host import accel, guestfs
from goldsmith.host.process import LocalHost

from . import lvm
from .conftest import MIB, run

pytestmark = pytest.mark.real
OLD, NEW = "5.10.0-9-amd64", "6.1.0-18-amd64"
MENU = f"""
set default="1"
menuentry 'New' {{
	linux	/vmlinuz-{NEW} root=LABEL=root ro
	initrd	/initrd.img-{NEW}
}}
menuentry 'Old, and still the default' {{
	linux	/vmlinuz-{OLD} root=LABEL=root ro
	initrd	/initrd.img-{OLD}
}}
"""


def kernel(version):
    head = bytearray(0x900)
    head[0x1F1], head[0x1FE:0x200], head[0x202:0x206] = 3, b"\x55\xaa", b"HdrS"
    head[0x1F4:0x1F8] = struct.pack("<I", 1000)
    head[0x206:0x208], head[0x20E:0x210] = struct.pack("<H", 0x20F), struct.pack("<H", 0x600)
    head[0x800 : 0x800 + len(version) + 1] = version.encode() + b"\0"
    return bytes(head) + random.Random(version).randbytes(300_000)


def ramdisk(version):
    return gzip.compress(
        b"070701" + b"0" * 104 + version.encode() + random.Random(version).randbytes(50_000), mtime=0
    )


def guest(folder, *, menu, volume=False):
    """Write a Debian with /boot on a partition of its own; return its disk and the bytes of its root file system.

    With ``volume`` that lies in a logical volume.
    """
    root, boot = folder / "root", folder / "boot"
    for name in ("etc", "bin", "usr/bin", "var/lib/dpkg", "boot", "lib", "sbin", "root"):
        (root / name).mkdir(parents=True)
    (boot / "grub").mkdir(parents=True)
    (root / "etc/debian_version").write_text("12.5\n")
    (root / "etc/os-release").write_text('ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian"\n')
    (root / "etc/fstab").write_text("LABEL=root / ext4 defaults 0 1\nLABEL=boot /boot ext4 defaults 0 2\n")
    (root / "root/data").write_bytes(os.urandom(2 * MIB))
    for version in (OLD, NEW):
        (boot / f"vmlinuz-{version}").write_bytes(kernel(version))
        (boot / f"initrd.img-{version}").write_bytes(ramdisk(version))
    if menu:
        (boot / "grub/grub.cfg").write_text(MENU)
    sizes = {"boot": 16, "root": 48}
    disk, at = folder / "disk.raw", 1
    sector = bytearray(512)
    with disk.open("wb") as file:
        file.truncate((3 + sum(sizes.values())) * MIB)
        for number, (name, size) in enumerate(sizes.items()):
            part = folder / f"{name}.img"
            run("mke2fs", "-q", "-t", "ext4", "-L", name, "-d", folder / name, part, f"{size}M")
            before = lvm.head(size * MIB) if volume and name == "root" else b""
            file.seek(at * MIB)
            file.write(before + part.read_bytes())
            size += len(before) // MIB
            fields = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0x83, b"\0\0\0", at * 2048, size * 2048)
            sector[446 + number * 16 : 462 + number * 16] = fields
            at += size
        sector[510:] = b"\x55\xaa"
        file.seek(0)
        file.write(sector)
    return disk, (folder / "root.img").read_bytes()


@pytest.fixture(scope="module")
def env(tmp_path_factory):
    host = LocalHost()
    state = tmp_path_factory.mktemp("state")
    return guestfs.environment(accel.detect(host, state=state), cache=state.parent)


@pytest.fixture(scope="module")
def guests(tmp_path_factory):
    """Return two guests: one whose boot menu starts the older kernel, one without a menu, its root in LVM."""
    return [
        guest(tmp_path_factory.mktemp("menu"), menu=True),
        guest(tmp_path_factory.mktemp("none"), menu=False, volume=True),
    ]


def test_one_start_gives_all_three_by_the_default_entry(guests, tmp_path, capsys):
    disk, root = guests[0]
    image = tmp_path / "disk, with a comma.qcow2"  # which qemu's options have to be told twice
    run("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", disk, image)
    outs = {name: tmp_path / name for name in ("ami", "aki", "ari")}
    words = ["convert", str(image), str(outs["ami"]), "--to", "ami", "--kernel", str(outs["aki"])]
    assert goldsmith([*words, "--ramdisk", str(outs["ari"]), "--json"]) == 0
    assert outs["ami"].read_bytes() == root
    assert outs["aki"].read_bytes() == kernel(OLD)
    assert outs["ari"].read_bytes() == ramdisk(OLD)
    assert outs["ami"].stat().st_blocks * 512 < 12 * MIB
    said = json.loads(capsys.readouterr().out)
    assert [part["origin"] for part in said["parts"]] == [
        "/dev/sda2", f"/boot/vmlinuz-{OLD}", f"/boot/initrd.img-{OLD}",
    ]  # fmt: skip
    assert said["kernel_chosen_by"] == "the default entry of /boot/grub/grub.cfg"
    for name, path in outs.items():
        assert goldsmith(["inspect", str(path), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["format"] == name


def test_without_a_menu_the_newest_kernel_is_taken_and_a_root_in_lvm_comes_out_whole(guests, tmp_path, env):
    disk, root = guests[1]
    wanted = Wanted(ami=tmp_path / "a", aki=tmp_path / "k", ari=tmp_path / "r")
    taken = extract(LocalHost(), disk, wanted, env=env)
    assert (taken.root, taken.region) == ("/dev/vg/root", None)
    assert (tmp_path / "a").read_bytes() == root
    assert (tmp_path / "a").stat().st_blocks * 512 < 12 * MIB
    assert taken.chosen == "the newest kernel in /boot"
    assert (tmp_path / "k").read_bytes() == kernel(NEW)
    assert (tmp_path / "r").read_bytes() == ramdisk(NEW)


def test_a_disk_without_a_guest_gives_nothing(tmp_path, env):
    disk = tmp_path / "empty.raw"
    with disk.open("wb") as file:
        file.truncate(8 * MIB)
    with pytest.raises(
        UsageError, match="the image holds 0 operating systems, not one Linux\n  fix: give an image"
    ):
        extract(LocalHost(), disk, Wanted(ami=tmp_path / "out"), env=env)
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("bin", "empty.raw")] == []


def test_an_unsafe_disk_is_not_looked_into(guests, tmp_path, env):
    overlay = tmp_path / "over.qcow2"
    run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", guests[0][0], overlay)
    with pytest.raises(GateError, match="a backing file"):
        extract(LocalHost(), overlay, Wanted(ami=tmp_path / "out"), env=env)
