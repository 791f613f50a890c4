"""Kernels, ramdisks, file systems, media, and what is no image."""

import gzip
import lzma
import struct
import zipfile

import pycdlib
import pytest

from goldsmith.artifact.introspect import headers, inspect
from goldsmith.formats.source import open_file
from goldsmith.host.process import LocalHost

from .conftest import MIB, run

CPIO = b"070701" + b"0" * 104 + b"TRAILER!!!\0\0\0\0"


def bzimage(version=b"6.1.0-56-amd64 (builder@host) #1 SMP", *, paragraphs=640):
    head = bytearray(0x3000)
    head[0:2] = b"MZ"
    head[0x1F1] = 3
    head[0x1F4:0x1F8] = struct.pack("<I", paragraphs)
    head[0x1FE:0x200] = b"\x55\xaa"
    head[0x202:0x206] = b"HdrS"
    head[0x206:0x208] = struct.pack("<H", 0x20F)
    head[0x20E:0x210] = struct.pack("<H", 0x600)
    head[0x236] = 1
    head[0x800 : 0x800 + len(version)] = version
    return bytes(head)


def look(tmp_path, data):
    path = tmp_path / "x"
    path.write_bytes(data)
    with open_file(path) as source:
        return headers(source)


def test_a_kernel_is_known_by_its_setup_header(tmp_path):
    found = look(tmp_path, bzimage())
    assert (found.format, found.safe) == ("aki", True)
    assert found.header.details["version"] == "6.1.0-56-amd64"
    assert found.header.details["architecture"] == "x86_64"
    assert found.header.details["boot_protocol"] == "2.15"
    assert found.header.details["efi_stub"] is True


def test_a_kernel_that_is_cut_off_is_damaged(tmp_path):
    assert look(tmp_path, bzimage(paragraphs=100_000)).damage == (
        "it is shorter than its header says: it is cut off",
    )


def test_other_kernels_are_known_too(tmp_path):
    elf = (
        b"\x7fELF\2\1\1"
        + bytes(9)
        + struct.pack("<HH", 2, 62)
        + bytes(4096)
        + b"Linux version 4.18.0-1.el8 (x)"
    )
    arm = bytearray(4096)
    arm[0x38:0x3C] = b"ARM\x64"
    assert look(tmp_path, elf).header.details == {
        "kind": "ELF", "architecture": "x86_64", "version": "4.18.0-1.el8",
    }  # fmt: skip
    assert look(tmp_path, bytes(arm)).format == "aki"
    program = look(tmp_path, elf.replace(b"Linux version", b"Minix version"))
    assert "whether it is a kernel is not known" in program.notes[0]


@pytest.mark.parametrize(("pack", "name"), [
    (bytes, None), (gzip.compress, "gzip"), (lzma.compress, "xz"),
    (lambda data: b"\x28\xb5\x2f\xfd" + data, "zstd"), (lambda data: b"\x02\x21\x4c\x18" + data, "lz4"),
])  # fmt: skip
def test_a_ramdisk_is_known_by_what_is_in_it(tmp_path, pack, name):
    found = look(tmp_path, pack(CPIO * 20))
    assert (found.format, found.safe) == ("ari", True)
    assert found.header.details["compression"] == name
    assert bool(found.notes) == (name in ("zstd", "lz4"))


def test_a_compressed_image_is_no_ramdisk(tmp_path):
    found = look(tmp_path, gzip.compress(b"QFI\xfb\0\0\0\3" + bytes(4096)))
    assert (found.format, found.problems) == (
        "raw", ("it is compressed with gzip, and what is in it is no ramdisk: unpack it first",),
    )  # fmt: skip


def test_archives_are_no_images(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr("disk.vmdk", "x" * 1000)
    assert "it is a zip archive" in look(tmp_path, (tmp_path / "a.zip").read_bytes()).problems[0]
    tar = bytearray(2048)
    tar[257:262] = b"ustar"
    assert "as an OVA is" in look(tmp_path, bytes(tar)).problems[0]


@pytest.mark.parametrize(("kind", "options"), [("ext4", []), ("ext2", []), ("xfs", ["-f"])])
def test_a_bare_file_system_is_an_ami(tmp_path, kind, options):
    path = tmp_path / "x.img"
    with path.open("wb") as file:
        file.truncate(320 * MIB if kind == "xfs" else 16 * MIB)
    run(f"mkfs.{kind}", "-q", *options, "-L", "root", path)
    with open_file(path) as source:
        found = headers(source)
    assert (found.format, found.safe) == ("ami", True)
    details = found.header.details
    assert (details["filesystem"], details["filesystem_label"]) == (kind, "root")
    assert details["filesystem_size"] == path.stat().st_size == found.header.virtual_size
    with path.open("r+b") as file:
        file.truncate(8 * MIB)
    with open_file(path) as source:
        assert "it is cut off" in headers(source).damage[0]


@pytest.fixture
def medium(tmp_path):
    path = tmp_path / "x.iso"
    iso = pycdlib.PyCdlib()
    iso.new(vol_ident="RHEL-7.9 Server.x86_64", interchange_level=4)
    for name in ("BOOT.;1", "EFI.;1"):
        (tmp_path / "boot").write_bytes(b"boot" * 512)
        iso.add_file(str(tmp_path / "boot"), f"/{name}")
    iso.add_eltorito("/BOOT.;1", bootcatfile="/BOOT.CAT;1")
    iso.add_eltorito("/EFI.;1", efi=True)
    iso.write(str(path))
    iso.close()
    return path


def test_a_medium_tells_its_volume_its_firmware_and_its_system(medium, fake_tool):
    fake_tool(
        "osinfo-detect", 'echo "Media is bootable."; echo "Media is an installer for OS \'Red (x86_64)\'"'
    )
    fake_tool("osinfo-query", "printf 'Short ID\\n---\\n rhel7.9\\n'")
    with open_file(medium) as source:
        found = inspect(source, LocalHost())
    details = found.header.details
    assert (found.format, found.safe) == ("iso", True)
    assert (details["volume_id"], details["os"]) == ("RHEL-7.9 Server.x86_64", "rhel7.9")
    assert (details["bootable"], details["boot"]) == (True, ["bios", "uefi"])


def test_a_medium_for_sticks_too_is_one_format(medium, fake_tool):
    fake_tool("osinfo-detect", "exit 1")
    with medium.open("r+b") as file:
        file.seek(446)
        file.write(struct.pack("<B3sB3sII", 0x80, b"\0\2\0", 0x17, b"\0\0\0", 64, 100))
        file.seek(510)
        file.write(b"\x55\xaa")
    with open_file(medium) as source:
        found = inspect(source, LocalHost())
    assert (found.format, found.safe, found.header.details["hybrid"]) == ("iso", True, True)
    assert found.header.details["os"] is None


def test_a_medium_that_is_cut_off_is_damaged(medium):
    with medium.open("r+b") as file:
        file.truncate(medium.stat().st_size - 2048)
    with open_file(medium) as source:
        assert "it is cut off" in headers(source).damage[0]


def test_without_libosinfo_a_medium_is_only_not_named(medium):
    with open_file(medium) as source:
        found = inspect(source, LocalHost())
    assert found.notes == ("libosinfo is not installed, so the system is not named",)
    assert found.safe
