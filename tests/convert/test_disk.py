"""Conversions by the real qemu-img, compared byte by byte with what qemu-img itself reads back."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

from goldsmith.artifact.introspect import inspect
from goldsmith.artifact.target import Target, settled
from goldsmith.cli.main import run as goldsmith
from goldsmith.convert.disk import convert
from goldsmith.errors import GateError, GoldsmithError, HostError, UsageError
from goldsmith.formats.source import open_file
from goldsmith.host.process import LocalHost
from goldsmith.recipe.outputs import output_schemas

from .conftest import MIB, SIZE, raw_of, run

pytestmark = pytest.mark.usefixtures("tools")
HOST = LocalHost()
QEMU = {"vhd": "vpc"}
WISHES = [
    Target("raw"),
    Target("qcow2"),
    Target("qcow2", "none"),
    Target("qcow2", "zstd"),
    Target("qcow2", compat="v2"),
    Target("vmdk"),
    Target("vmdk", subformat="monolithicSparse", adapter="ide"),
    Target("vdi"),
    Target("vdi", subformat="static"),
    Target("vhd"),
    Target("vhd", subformat="fixed"),
    Target("vhdx"),
    Target("vhdx", subformat="fixed"),
]


def look(path):
    with open_file(path) as source:
        return inspect(source, HOST)


@pytest.mark.parametrize("wish", WISHES, ids=str)
def test_every_format_holds_the_same_bytes_and_is_what_was_asked_for(disk, tmp_path, wish):
    out, back = tmp_path / "out", tmp_path / "again.raw"
    done = convert(HOST, disk, out, wish)
    bytes_now = raw_of(out, QEMU.get(wish.format, wish.format), tmp_path)
    assert bytes_now[:SIZE] == disk.read_bytes()
    assert not any(bytes_now[SIZE:])
    assert done.virtual_size == len(bytes_now) >= done.virtual_size_before == SIZE
    found = look(out)
    assert (found.format, found.safe) == (wish.format, True)
    assert (
        convert(HOST, out, back, Target("raw")).virtual_size == done.virtual_size
    )  # and every format is read again
    assert back.read_bytes()[:SIZE] == disk.read_bytes()
    wanted = settled(wish)
    details = found.header.details
    if wish.format == "qcow2":
        assert (details["compat"], found.header.compression or "none") == (wanted.compat, wanted.compression)
    if wish.format == "vmdk":
        assert details["create_type"] == wanted.subformat
        assert str(details["adapter_type"]).lower() == wanted.adapter
    if wish.format in ("vdi", "vhd", "vhdx"):
        assert details["type"] == wanted.subformat


@pytest.mark.parametrize("wish", WISHES, ids=str)
def test_holes_stay_holes(disk, tmp_path, wish):
    out = tmp_path / "out"
    convert(HOST, disk, out, wish)
    assert out.stat().st_blocks * 512 < 8 * MIB  # of 40; the data is 1.2 MiB


def test_what_a_disk_is_called_does_not_matter(disk, tmp_path):
    first, lying = tmp_path / "a.qcow2", tmp_path / "disk.raw"
    convert(HOST, disk, first, Target("qcow2"))
    first.rename(lying)
    convert(HOST, lying, tmp_path / "b.vmdk", Target("vmdk"))
    assert raw_of(tmp_path / "b.vmdk", "vmdk", tmp_path)[:SIZE] == disk.read_bytes()


def test_a_medium_is_passed_through_and_becomes_nothing_else(medium, tmp_path):
    done = convert(HOST, medium, tmp_path / "copy.iso", Target("iso"))
    assert done.passed_through
    assert (tmp_path / "copy.iso").read_bytes() == medium.read_bytes()
    with pytest.raises(
        UsageError, match="is an ISO medium, and cannot become qcow2\n  fix: install a disk from it"
    ):
        convert(HOST, medium, tmp_path / "x", Target("qcow2"))


@pytest.mark.parametrize(("format_", "data"), [
    ("ari", b"070701" + b"0" * 4096),
    ("aki", b"\x7fELF\2\1\1" + bytes(9) + b"\2\0\x3e\0" + bytes(500) + b"Linux version 6.1.0 (x)"),
])  # fmt: skip
def test_kernels_and_ramdisks_are_passed_through(tmp_path, format_, data):
    path = tmp_path / "part"
    path.write_bytes(data)
    convert(HOST, path, tmp_path / "copy", Target(format_))
    assert (tmp_path / "copy").read_bytes() == data
    with pytest.raises(UsageError, match="cannot become raw\n  fix: give the disk image that it came from"):
        convert(HOST, path, tmp_path / "x", Target("raw"))


def test_a_file_system_is_a_machine_image_already_or_a_disk_without_partitions(tmp_path):
    path = tmp_path / "root.img"
    with path.open("wb") as file:
        file.truncate(8 * MIB)
    run("mkfs.ext4", "-q", path)
    assert convert(HOST, path, tmp_path / "copy.ami", Target("ami")).passed_through
    assert (tmp_path / "copy.ami").read_bytes() == path.read_bytes()
    convert(HOST, path, tmp_path / "x.qcow2", Target("qcow2"))
    assert raw_of(tmp_path / "x.qcow2", "qcow2", tmp_path) == path.read_bytes()


@pytest.mark.parametrize(("words", "problem"), [
    (["--to", "qcow2", "--compat", "v2", "--compression", "zstd"], "version 2 knows no zstd"),
    (["--to", "raw", "--compression", "zlib"], "raw with zlib compression does not exist"),
    (["--to", "vmdk", "--compression", "zstd"], "has zlib compression, not zstd"),
    (["--to", "vmdk", "--subformat", "fixed"], "vmdk has no subformat fixed\n  fix: choose one of streamOptimized"),
    (["--to", "vhd", "--adapter", "ide"], "vhd has no adapter\n  fix: leave --adapter out; it is for vmdk"),
    (["--to", "vdi", "--compat", "v3"], "vdi has no compat"),
    (["--to", "iso"], "is a raw disk, and cannot become iso"),
    (["--to", "qcow2", "--kernel", "k"], "--kernel and --ramdisk belong to --to ami"),
    (["--to", "ami", "--compression", "zlib"], "ami has no options"),
    (["--to", "qed"], "'qed' is not one of"),
])  # fmt: skip
def test_what_a_format_does_not_have_is_refused_before_anything_is_written(
    disk, tmp_path, capsys, words, problem
):
    out = tmp_path / "out"
    assert goldsmith(["convert", str(disk), str(out), *words]) == 2
    assert problem in capsys.readouterr().err
    assert not out.exists()


def test_unsafe_images_are_refused_with_all_their_problems(disk, tmp_path, capsys, fake_tool):
    overlay, out = tmp_path / "over.qcow2", tmp_path / "out"
    run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", disk, overlay)
    tool = fake_tool("qemu-img", "exit 1")
    assert goldsmith(["convert", str(overlay), str(out), "--to", "raw"]) == 5
    assert "needs another file below it (a backing file)\n  fix: get it again" in capsys.readouterr().err
    assert tool.calls == []
    assert not out.exists()


def test_a_name_that_qemu_would_read_as_another_file_is_the_name_of_a_file(
    disk, tmp_path, monkeypatch, capsys
):
    """The headers that were looked into are those of the file of this name; qemu-img is to open no other one."""
    monkeypatch.chdir(tmp_path)
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret".ljust(MIB))
    run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", secret, "evil.qcow2")
    run("qemu-img", "create", "-q", "-f", "qcow2", tmp_path / "harmless", str(MIB))
    name = '{"driver":"qcow2","file":{"driver":"file","filename":"evil.qcow2"}}'
    (tmp_path / "harmless").rename(tmp_path / f"json:{name}")
    assert goldsmith(["convert", f"json:{name}", "out.raw", "--to", "raw"]) == 0
    assert not any((tmp_path / "out.raw").read_bytes())


@pytest.mark.parametrize("folder", ["", "fat:rw/", "a:b/"])
def test_a_colon_in_the_name_of_a_file_or_its_folder_is_no_protocol(disk, tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    Path(folder).mkdir(exist_ok=True)
    image, out = f"{folder}nbd:x.qcow2", f"{folder}nbd:y.vmdk"
    run("qemu-img", "convert", "-O", "qcow2", disk, tmp_path / image)
    assert goldsmith(["inspect", image]) == 0
    assert goldsmith(["convert", image, out, "--to", "vmdk"]) == 0
    assert goldsmith(["inspect", out]) == 0


def test_damaged_images_are_refused(disk, tmp_path):
    image = tmp_path / "x.qcow2"
    convert(HOST, disk, image, Target("qcow2", "none"))
    with image.open("r+b") as file:
        file.truncate(600_000)
    with pytest.raises(GateError, match="cut off"):
        convert(HOST, image, tmp_path / "out", Target("raw"))


def test_a_disk_that_no_cloud_has_is_refused(tmp_path):
    image = tmp_path / "x.qcow2"
    run("qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=2M", image, "100T")
    with pytest.raises(GateError, match="promises a disk of 100 TiB"):
        convert(HOST, image, tmp_path / "out", Target("raw"))


def test_a_disk_too_large_for_a_vhd_is_refused(tmp_path):
    image = tmp_path / "x.qcow2"
    run("qemu-img", "create", "-q", "-f", "qcow2", image, "3T")
    with pytest.raises(
        UsageError, match="a VHD holds 2 TiB at most, and the disk has 3 TiB\n  fix: use --to vhdx"
    ):
        convert(HOST, image, tmp_path / "out", Target("vhd"))


def test_without_room_nothing_is_begun(disk, tmp_path, fake_tool):
    tool = fake_tool(
        "qemu-img",
        'case "$1" in measure) echo \'{"required": 999999999999999}\';; *) exec qemu-img "$@";; esac',
    )
    with pytest.raises(HostError, match=r"out needs 909.5 TiB in"):
        convert(HOST, disk, tmp_path / "out", Target("raw"))
    assert "convert" not in [call[0] for call in tool.calls]


def test_a_file_that_is_there_stays_unless_it_is_to_be_replaced(disk, tmp_path, capsys):
    out = tmp_path / "out"
    out.write_text("mine")
    words = ["convert", str(disk), str(out), "--to", "qcow2"]
    assert goldsmith(words) == 2
    assert "exists already\n  fix: name another file, or replace it with --force" in capsys.readouterr().err
    assert out.read_text() == "mine"
    assert goldsmith([*words, "--force"]) == 0
    assert look(out).format == "qcow2"
    assert goldsmith(["convert", str(disk), str(tmp_path / "no" / "out"), "--to", "raw"]) == 2
    assert goldsmith(["convert", str(disk), str(tmp_path), "--to", "raw", "--force"]) == 2


def test_an_image_may_replace_itself(disk, tmp_path):
    image = tmp_path / "x"
    convert(HOST, disk, image, Target("qcow2"))
    convert(HOST, image, image, Target("vmdk"), force=True)
    assert look(image).format == "vmdk"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_difference_is_found_and_the_file_is_not_kept(disk, tmp_path, fake_tool):
    spoil = 'for last; do :; done; printf x | dd of="$last" bs=1 seek=10000000 conv=notrunc 2>/dev/null'
    fake_tool(
        "qemu-img", f'if [ "$1" = convert ]; then qemu-img "$@" && {spoil}; else exec qemu-img "$@"; fi'
    )
    out = tmp_path / "out"
    with pytest.raises(GoldsmithError, match=r"does not hold the same disk as disk.raw; it was removed"):
        convert(HOST, disk, out, Target("raw"))
    assert not out.exists()
    assert list(tmp_path.glob(".out*")) == []


def test_progress_comes_for_both_steps(disk, tmp_path):
    steps = []
    convert(
        HOST,
        disk,
        tmp_path / "out",
        Target("qcow2"),
        on_step=lambda name, percent: steps.append((name, percent)),
    )
    assert {name for name, _ in steps} == {"writing qcow2", "comparing"}
    assert steps[-1] == ("comparing", 100)


def test_many_threads_and_the_format_are_always_said(disk, tmp_path, fake_tool):
    tool = fake_tool("qemu-img", 'exec qemu-img "$@"')
    convert(HOST, disk, tmp_path / "out", Target("qcow2"))
    assert [call[0] for call in tool.calls] == ["measure", "convert", "compare", "info"]
    assert all("-f" in call for call in tool.calls)
    assert tool.calls[1][1:6] == ["-p", "-m", "8", "-c", "-W"]


def test_json_is_one_document_as_its_schema_says(disk, tmp_path, capsys):
    assert goldsmith(["convert", str(disk), str(tmp_path / "out"), "--to", "vhd", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    jsonschema.validate(said, output_schemas()["convert"])
    assert (said["format"], said["virtual_size"], said["virtual_size_before"]) == ("vhd", SIZE, SIZE)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_conversion_that_is_interrupted_leaves_nothing(disk, tmp_path, fake_tool, sign):
    pid = tmp_path / "pid"
    slow = f'echo $$ > {pid}; for last; do :; done; echo half > "$last"; exec sleep 60'
    fake_tool("qemu-img", f'if [ "$1" = convert ]; then {slow}; else exec qemu-img "$@"; fi')
    folder = tmp_path / "here"
    folder.mkdir()
    words = [sys.executable, "-m", "goldsmith", "convert", str(disk), str(folder / "out"), "--to", "raw"]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (pid.exists() and pid.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(sign)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; all was cleaned up" in said
    assert list(folder.iterdir()) == []
    assert not Path("/proc", pid.read_text().strip()).exists()


def test_a_conversion_that_is_killed_leaves_no_half_file_under_its_name(disk, tmp_path, fake_tool):
    begun = tmp_path / "begun"
    fake_tool(
        "qemu-img", f'if [ "$1" = compare ]; then touch {begun}; exec sleep 60; else exec qemu-img "$@"; fi'
    )
    out = tmp_path / "out"
    words = [sys.executable, "-m", "goldsmith", "convert", str(disk), str(out), "--to", "raw"]
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not begun.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait(60)
    assert not out.exists()


def test_a_file_system_without_hard_links_is_good_enough(disk, tmp_path, monkeypatch):
    def no_links(self, target):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", no_links)  # the file system's answer, not our code
    convert(HOST, disk, tmp_path / "out", Target("raw"))
    assert (tmp_path / "out").read_bytes() == disk.read_bytes()
