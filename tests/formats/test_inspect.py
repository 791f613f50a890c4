"""What inspection says of images that qemu-img wrote, held against qemu-img's own words."""

import json
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from goldsmith.artifact.introspect import headers, inspect
from goldsmith.formats.source import open_file
from goldsmith.host.process import LocalHost

from .conftest import COMPRESSED, MADE, MIB, SIZE, SYSTEM_PATH, run
from .hostile import differencing

ALL = [*MADE, *COMPRESSED, "disk.raw"]
API = {"raw": "raw", "qcow2": "qcow2", "vmdk": "vmdk", "vpc": "vhd", "vhdx": "vhdx", "vdi": "vdi"}


@pytest.fixture(autouse=True)
def tools(tool_on_path):
    for name in ("qemu-img", "qemu-io"):
        tool_on_path(name)


def look(path, **options):
    with open_file(Path(path)) as source:
        return inspect(source, LocalHost(), **options)


def qemu(path, driver):
    said = subprocess.run(
        ["qemu-img", "info", "--output=json", "-f", driver, str(path)],
        capture_output=True, check=True, env={"PATH": SYSTEM_PATH},
    )  # fmt: skip
    return json.loads(said.stdout)


@pytest.mark.parametrize("name", ALL)
def test_format_and_size_are_what_qemu_says_whatever_the_name(images, tmp_path, name):
    driver = {**{one: pair[0] for one, pair in MADE.items()}, "disk.raw": "raw"}.get(name, "qcow2")
    lying = tmp_path / "holiday.jpg"
    lying.symlink_to(images[name])
    found = look(lying)
    facts = qemu(images[name], driver)
    assert found.format == API[driver]
    assert found.header.virtual_size == facts["virtual-size"]
    assert (found.problems, found.safe) == ((), True)


@pytest.mark.parametrize("name", ALL)
def test_the_partitions_inside_are_read_from_every_format(images, name):
    found = look(images[name])
    assert found.table.kind == "gpt"
    assert [
        (one.number, one.start, one.size, one.type, one.name, one.bootable) for one in found.partitions
    ] == [
        (1, MIB, 4 * MIB, "linux", "root", True),
        (2, 5 * MIB, 22461 * 512, "efi system", "EFI", False),
    ]


def test_what_a_qcow2_says(images):
    found = {name: look(images[name]) for name in ("v2.qcow2", "v3.qcow2", "zlib.qcow2", "zstd.qcow2")}
    assert [one.header.compression for one in found.values()] == [None, None, "zlib", "zstd"]
    assert [one.header.details["version"] for one in found.values()] == [2, 3, 3, 3]
    assert found["v3.qcow2"].header.cluster_size == 65536
    assert found["v3.qcow2"].checked.allocated_clusters > 0
    assert found["v3.qcow2"].allocated <= found["v3.qcow2"].size + 4096


def test_a_stream_optimized_vmdk_tells_what_nova_wants_to_know(images):
    header = look(images["stream.vmdk"]).header
    assert header.properties == {"vmware_disktype": "streamOptimized", "vmware_adaptertype": "buslogic"}
    assert header.compression == "zlib"
    assert header.details["create_type"] == "streamOptimized"
    assert header.details["adapter_type"] == "buslogic"
    assert header.details["hardware_version"] == "4"
    assert header.details["geometry"].count("/") == 2


def test_the_example_of_the_manual_is_read_as_the_manual_says(tmp_path):
    descriptor = b"""# Disk DescriptorFile
version=1
CID=d5a0bce5
parentCID=ffffffff
createType="streamOptimized"

# Extent description
RDONLY 209714 SPARSE "generated-stream.vmdk"

# The Disk Data Base
#DDB

ddb.adapterType = "buslogic"
ddb.geometry.cylinders = "102"
ddb.geometry.heads = "64"
ddb.geometry.sectors = "32"
ddb.virtualHWVersion = "4"
"""
    head = struct.pack("<4sIIQQQQIQQQBccccH", b"KDMV", 3, 3 << 16 | 1, 209714, 128, 1, 20, 512, 0, 21, 128,
                       0, b"\n", b" ", b"\r", b"\n", 1)  # fmt: skip
    path = tmp_path / "so-disk.vmdk"
    path.write_bytes((head.ljust(512, b"\0") + descriptor).ljust(MIB, b"\0"))
    with open_file(path) as source:
        found = headers(source)
    assert found.header.properties == {"vmware_disktype": "streamOptimized", "vmware_adaptertype": "buslogic"}
    assert found.header.details["geometry"] == "102/64/32"
    assert found.header.details["hardware_version"] == "4"
    assert found.header.virtual_size == 209714 * 512
    assert found.safe


def test_a_sparse_vmdk_is_called_sparse(images):
    assert look(images["sparse.vmdk"]).header.properties["vmware_disktype"] == "sparse"


def test_what_the_footer_of_a_vhd_says(images):
    fixed, dynamic = look(images["fixed.vhd"]).header, look(images["dynamic.vhd"]).header
    assert (fixed.details["type"], dynamic.details["type"]) == ("fixed", "dynamic")
    assert fixed.details["creator"] == "QEMU"
    assert fixed.virtual_size == SIZE < dynamic.virtual_size
    assert len(str(fixed.details["uuid"])) == 36
    assert str(fixed.details["created_at"]).startswith("20")


def test_what_vhdx_and_vdi_say(images):
    vhdx, vdi = look(images["fixed.vhdx"]).header, look(images["static.vdi"]).header
    assert vhdx.details["type"] == "fixed"
    assert vhdx.details["logical_sector_size"] == 512
    assert str(vhdx.details["creator"]).startswith("QEMU")
    assert (vdi.details["type"], vdi.cluster_size) == ("static", MIB)


def test_snapshots_are_named(images, tmp_path):
    path = images.copy("v3.qcow2", tmp_path)
    run("qemu-img", "snapshot", "-c", "before", path)
    found = look(path)
    assert [one.name for one in found.header.snapshots] == ["before"]
    assert "1 internal snapshots" in found.notes[0]
    assert found.safe


DANGERS = {
    "backing": (["create", "-f", "qcow2", "-F", "qcow2", "-b", "v3.qcow2"], [], "qcow2", "needs another file below"),
    "data file": (
        ["create", "-f", "qcow2", "-o", "data_file=ext.raw,data_file_raw=on"], ["1M"], "qcow2", "external data file",
    ),
    "flat": (["create", "-f", "vmdk", "-o", "subformat=monolithicFlat"], ["1M"], "vmdk", "flat extents"),
    "two files": (
        ["create", "-f", "vmdk", "-o", "subformat=twoGbMaxExtentSparse"], ["1M"], "vmdk", "only the description",
    ),
    "qed": (["create", "-f", "qed"], ["1M"], None, "no cloud takes"),
    "parallels": (["create", "-f", "parallels"], ["1M"], None, "no cloud takes"),
}  # fmt: skip


@pytest.mark.parametrize("name", DANGERS)
def test_dangerous_images_are_told_and_no_program_opens_them(images, tmp_path, fake_tool, name):
    before, after, format_, words = DANGERS[name]
    images.copy("v3.qcow2", tmp_path)
    subprocess.run(
        ["qemu-img", *before, "x", *after],
        check=True,
        cwd=tmp_path,
        env={"PATH": SYSTEM_PATH},
        capture_output=True,
    )
    never = [fake_tool(tool, "exit 1") for tool in ("qemu-img", "qemu-io")]
    found = look(tmp_path / "x")
    assert found.format == format_
    assert words in "; ".join(found.dangers)
    assert not found.safe
    assert [tool.calls for tool in never] == [[], []]


@pytest.mark.parametrize(("method", "name"), [(1, "aes"), (2, "luks"), (9, "unknown")])
def test_an_encrypted_qcow2_is_dangerous(images, tmp_path, fake_tool, method, name):
    path = images.copy(
        "v3.qcow2", tmp_path
    )  # qemu-img measures processor time for LUKS, and fails now and then
    with path.open("r+b") as file:
        file.seek(32)
        file.write(struct.pack(">I", method))
    tool = fake_tool("qemu-img", "exit 1")
    found = look(path)
    assert (found.format, found.header.encryption) == ("qcow2", name)
    assert found.dangers == (f"it is encrypted ({name}): no cloud can read it without its key",)
    assert tool.calls == []


def test_a_raw_luks_is_dangerous(tmp_path):
    path = tmp_path / "x.img"
    path.write_bytes((b"LUKS\xba\xbe\0\1aes" + bytes(29) + b"xts-plain64").ljust(MIB, b"\0"))
    found = look(path)
    assert (found.format, found.container, found.header.encryption) == ("raw", "luks", "luks")
    assert found.dangers == ("it is encrypted with LUKS: no cloud can read it without its key",)


def test_a_differencing_vhd_is_dangerous(images, tmp_path):
    assert look(differencing(images, tmp_path)).dangers == ("it needs another file below it (a parent)",)


def test_two_formats_in_one_file_are_no_format(images, tmp_path):
    path = images.copy("v3.qcow2", tmp_path)
    with path.open("r+b") as file:  # the mark of an ISO medium, where a qcow2 has its reference counts
        file.seek(32769)
        file.write(b"CD001\1")
    found = look(path)
    assert found.format is None
    assert found.dangers == ("it claims to be several formats at once: iso, qcow2",)


def test_a_vhd_footer_behind_a_qcow2_is_a_second_format(images, tmp_path):
    path = images.copy("v3.qcow2", tmp_path)
    footer = bytearray(images["fixed.vhd"].read_bytes()[-512:])
    footer[48:56] = struct.pack(">Q", path.stat().st_size)
    footer[64:68] = bytes(4)
    footer[64:68] = struct.pack(">I", ~sum(footer) & 0xFFFFFFFF)
    with path.open("ab") as file:
        file.write(footer)
    assert look(path).dangers == ("it claims to be several formats at once: qcow2, vhd",)


CUTS = [(name, part) for name in ALL for part in (0.93, 0.6, 0.3)]


@pytest.mark.parametrize(("name", "part"), CUTS)
def test_a_file_that_is_cut_off_is_damaged_in_every_format(images, tmp_path, name, part):
    path = images.copy(name, tmp_path)
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * part) // 512 * 512)
    found = look(path)
    assert found.damage, found
    assert not found.safe


BY_OURSELVES = [(name, part) for name, part in CUTS if name != "extended.qcow2"]


@pytest.mark.parametrize(("name", "part"), BY_OURSELVES)
def test_most_cuts_are_seen_without_any_program(images, tmp_path, fake_tool, name, part):
    fake_tool("qemu-img", "exit 63")
    fake_tool("qemu-io", "exit 1")
    path = images.copy(name, tmp_path)
    with path.open("r+b") as file:
        file.truncate(int(path.stat().st_size * part) // 512 * 512)
    assert look(path).damage


def test_qemu_img_check_finds_what_headers_do_not_show(images, tmp_path):
    path = images.copy("v3.qcow2", tmp_path)
    with path.open("r+b") as file:  # the first reference counts
        file.seek(2 * 65536)
        file.write(bytes(64))
    assert "qemu-img check found" in look(path).damage[0]
    assert look(path, check=False).damage == ()


def test_every_tool_is_told_the_format_and_has_limits(images, tmp_path, fake_tool):
    limits = tmp_path / "limits"
    img = fake_tool("qemu-img", f'cat /proc/self/limits > {limits}; exec qemu-img "$@"')
    io = fake_tool("qemu-io", 'exec qemu-io "$@"')
    assert look(images["dynamic.vhdx"]).table
    assert img.calls[0][:3] == ["check", "-f", "vhdx"]
    assert io.calls[0][:4] == ["-r", "-U", "-f", "vhdx"]
    rows = {line[:25].strip(): line[25:].split()[:2] for line in limits.read_text().splitlines()}
    assert rows["Max cpu time"] == ["1800", "1800"]
    assert rows["Max address space"] == [str(4 << 30)] * 2


def test_without_qemu_img_the_headers_are_still_told(images, tmp_path):
    (tmp_path / "bin" / "qemu-img").unlink()
    found = look(images["v3.qcow2"])
    assert found.safe
    assert "not checked: qemu-img is not installed" in found.notes[0]


def test_an_empty_file_is_nothing(tmp_path):
    path = tmp_path / "x.qcow2"
    path.touch()
    found = look(path)
    assert (found.format, found.problems) == (None, ("the file is empty",))


def test_ten_gib_are_inspected_in_a_blink(tmp_path):
    import time

    path = tmp_path / "big.qcow2"
    raw = tmp_path / "big.raw"
    raw.touch()
    with raw.open("r+b") as file:
        file.truncate(10 << 30)
    run("qemu-img", "create", "-q", "-f", "qcow2", path, "10G")
    with path.open("r+b") as file:
        file.truncate(10 << 30)
    look(raw)  # imports oslo.utils
    for one in (raw, path):
        started = time.process_time()
        with open_file(one) as source:
            assert headers(source).header.virtual_size == 10 << 30
        assert time.process_time() - started < 0.5  # 3 to 20 ms; a busy machine must not fail it


def test_a_stream_optimized_vmdk_is_not_read_whole(images):
    read = []
    with open_file(images["stream.vmdk"]) as file:

        class Counted:
            name, size = file.name, 8 << 30  # as if there were gigabytes between its head and its tail

            def read(self, offset, length):
                read.append(length)
                near = offset if offset < file.size else offset - self.size + file.size
                return file.read(near, length)

        found = headers(Counted())
    assert found.format == "vmdk"
    assert not found.dangers
    assert sum(read) < 16 << 20


def test_a_copy_of_it_by_another_name_is_the_same(images, tmp_path):
    other = tmp_path / "x.iso"
    shutil.copy(images["v3.qcow2"], other)
    one, two = look(images["v3.qcow2"]).as_json(), look(other).as_json()
    assert {**one, "name": "", "allocated_size": 0} == {**two, "name": "", "allocated_size": 0}
