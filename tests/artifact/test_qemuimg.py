import os
from dataclasses import replace

import pytest

from goldsmith.artifact.qemuimg import (
    Checked,
    check,
    compare,
    convert,
    create,
    create_live_overlay,
    create_overlay,
    info,
    measure,
    rebase_unsafe,
)
from goldsmith.errors import HostError, ToolError, UsageError
from goldsmith.host.process import LocalHost

SIZE = 4 << 20
HOST = LocalHost()


@pytest.fixture(autouse=True)
def qemu_img(tool_on_path):
    tool_on_path("qemu-img")


@pytest.fixture
def raw(tmp_path):
    path = tmp_path / "disk.raw"
    with path.open("wb") as file:
        file.write(b"some text that compresses " * 20_000 + os.urandom(100_000))
        file.truncate(SIZE)
    return path


@pytest.fixture
def qcow2(raw, tmp_path):
    path = tmp_path / "disk.qcow2"
    convert(HOST, raw, path, src_format="raw")
    return path


def test_a_new_disk_is_empty_and_has_the_size_asked_for(tmp_path):
    create(HOST, tmp_path / "new.qcow2", SIZE)
    found = info(HOST, tmp_path / "new.qcow2", "qcow2")
    assert (found.format, found.virtual_size, found.cluster_size) == ("qcow2", SIZE, 65536)
    assert found.alone
    assert not any((found.dirty, found.corrupt, found.encrypted, found.snapshots))
    assert check(HOST, tmp_path / "new.qcow2", "qcow2").allocated_clusters == 0


@pytest.mark.parametrize(
    ("format_", "compression"),
    [
        ("raw", None),
        ("qcow2", None),
        ("qcow2", "none"),
        ("qcow2", "zlib"),
        ("qcow2", "zstd"),
        ("vmdk", None),
        ("vmdk", "zlib"),
        ("vdi", None),
        ("vhd", None),
        ("vhdx", None),
    ],
)
def test_every_format_holds_the_same_disk(qcow2, tmp_path, format_, compression):
    out = tmp_path / f"out.{format_}"
    percent: list[float] = []
    convert(HOST, qcow2, out, format=format_, compression=compression, on_progress=percent.append)
    assert compare(HOST, qcow2, "qcow2", out, format_)
    found = info(HOST, out, format_)
    assert found.format == format_
    assert found.virtual_size >= SIZE
    assert found.alone
    assert percent == sorted(percent)
    assert percent[-1] == 100
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []
    if format_ == "vmdk":
        assert found.compressed == (compression is not None)
        assert found.subformat == ("streamOptimized" if compression else "monolithicSparse")
    if format_ == "qcow2":
        assert (check(HOST, out, "qcow2").compressed_clusters > 0) == (compression in ("zlib", "zstd"))
        assert found.compression == ("zstd" if compression == "zstd" else "zlib")


def test_a_compressed_disk_is_smaller(qcow2, tmp_path):
    for name in ("zlib", "zstd"):
        convert(HOST, qcow2, tmp_path / name, compression=name)
        assert (tmp_path / name).stat().st_size < qcow2.stat().st_size / 2


@pytest.mark.parametrize(("format_", "compression"), [("raw", "zlib"), ("vdi", "zlib"), ("qcow2", "lzma")])
def test_a_compression_that_does_not_exist_is_refused(qcow2, tmp_path, format_, compression):
    with pytest.raises(
        UsageError, match=f"{format_} with {compression} compression does not exist\n  fix: choose"
    ):
        convert(HOST, qcow2, tmp_path / "out", format=format_, compression=compression)


def test_nothing_is_ever_replaced(qcow2, tmp_path):
    mine = tmp_path / "mine"
    mine.write_bytes(b"mine")
    for work in (
        lambda: convert(HOST, qcow2, mine),
        lambda: create(HOST, mine, SIZE),
        lambda: create_overlay(HOST, qcow2, mine, relative=True),
    ):
        with pytest.raises(UsageError, match="mine exists already"):
            work()
    assert mine.read_bytes() == b"mine"


def test_a_conversion_that_fails_leaves_nothing(tmp_path):
    bad = tmp_path / "bad.qcow2"
    bad.write_bytes(b"no header" * 100)
    with pytest.raises(ToolError, match="Image is not in qcow2 format"):
        convert(HOST, bad, tmp_path / "out.raw", format="raw")
    assert list(tmp_path.glob("*out*")) == []
    assert list(tmp_path.glob(".*out*")) == []


def test_a_full_disk_is_a_matter_of_the_host(qcow2, fake_tool, tmp_path):
    fake_tool("qemu-img", "echo 'qemu-img: error while writing: No space left on device' >&2; exit 1")
    with pytest.raises(HostError, match=r"No space left on device\n  fix: make room"):
        convert(HOST, qcow2, tmp_path / "out")


def test_a_missing_qemu_img_names_its_package(qcow2, tmp_path):
    (tmp_path / "bin" / "qemu-img").unlink()
    with pytest.raises(HostError, match="qemu-img is not installed\n  fix: install the package qemu-utils"):
        info(HOST, qcow2, "qcow2")


def test_a_format_is_taken_at_its_word_and_checked(raw, qcow2):
    with pytest.raises(ToolError, match="Image is not in qcow2 format"):
        info(HOST, raw, "qcow2")
    assert info(HOST, qcow2, "raw").virtual_size == qcow2.stat().st_size


def test_damage_is_an_answer(qcow2):
    assert check(HOST, qcow2, "qcow2").good
    with qcow2.open("r+b") as file:
        file.seek(65536)  # the table of reference counts
        file.write(b"\0" * 8)
    assert not check(HOST, qcow2, "qcow2").good


def test_a_format_without_checks_says_so(raw):
    assert check(HOST, raw, "raw") == Checked(supported=False)


def test_different_disks_differ(qcow2, tmp_path):
    create(HOST, tmp_path / "empty.qcow2", SIZE)
    assert not compare(HOST, qcow2, "qcow2", tmp_path / "empty.qcow2", "qcow2")


def test_an_overlay_moves_with_the_layer_below_it(qcow2, tmp_path):
    home, away = tmp_path / "store", tmp_path / "away"
    (home / "a").mkdir(parents=True)
    (home / "b").mkdir()
    qcow2.rename(home / "a" / "disk.qcow2")
    create_overlay(HOST, home / "a" / "disk.qcow2", home / "b" / "disk.qcow2", relative=True)
    home.rename(away)
    found = info(HOST, away / "b" / "disk.qcow2", "qcow2")
    assert (found.backing, found.backing_format) == (str(away / "b" / "../a/disk.qcow2"), "qcow2")
    assert not found.alone
    assert compare(HOST, away / "a" / "disk.qcow2", "qcow2", away / "b" / "disk.qcow2", "qcow2")


def test_an_overlay_may_name_its_layer_in_full(raw, tmp_path):
    create_overlay(HOST, raw, tmp_path / "over.qcow2", relative=False, backing_format="raw")
    found = info(HOST, tmp_path / "over.qcow2", "qcow2")
    assert (found.backing, found.backing_format) == (str(raw), "raw")


def test_a_layer_with_a_colon_in_its_name_is_found_from_beside_it(qcow2, tmp_path):
    below = qcow2.rename(tmp_path / "nbd:one.qcow2")
    create_overlay(HOST, below, tmp_path / "over.qcow2", relative=True)
    assert compare(HOST, below, "qcow2", tmp_path / "over.qcow2", "qcow2")
    create_live_overlay(HOST, below, tmp_path / "live.qcow2")
    assert compare(HOST, below, "qcow2", tmp_path / "live.qcow2", "qcow2")


def test_an_overlay_needs_its_layer(tmp_path):
    with pytest.raises(HostError, match=r"the layer below over.qcow2 is not there: .*gone.qcow2"):
        create_overlay(HOST, tmp_path / "gone.qcow2", tmp_path / "over.qcow2", relative=True)


def test_a_layer_that_moved_is_found_after_a_rebase(qcow2, tmp_path):
    over = tmp_path / "over.qcow2"
    create_overlay(HOST, qcow2, over, relative=False)
    moved = tmp_path / "elsewhere" / "disk.qcow2"
    moved.parent.mkdir()
    qcow2.rename(moved)
    with pytest.raises(ToolError, match="No such file"):
        check(HOST, over, "qcow2")
    rebase_unsafe(HOST, over, moved, relative=True)
    assert check(HOST, over, "qcow2").good
    assert info(HOST, over, "qcow2").backing == str(tmp_path / "elsewhere/disk.qcow2")


def test_what_an_info_says_of_a_disk_it_says_of_its_copy(qcow2, tmp_path):
    convert(HOST, qcow2, tmp_path / "copy.qcow2")
    one, other = (info(HOST, path, "qcow2") for path in (qcow2, tmp_path / "copy.qcow2"))
    assert replace(one, actual_size=0) == replace(other, actual_size=0)


def test_a_layer_for_a_running_guest_leaves_the_disk_below_alone(qcow2, tmp_path):
    over = tmp_path / "over.qcow2"
    before = qcow2.read_bytes()
    create_live_overlay(HOST, qcow2, over)
    assert qcow2.read_bytes() == before
    found = info(HOST, over, "qcow2")
    assert (found.virtual_size, found.backing, found.backing_format) == (SIZE, str(qcow2), "qcow2")
    assert compare(HOST, qcow2, "qcow2", over, "qcow2")
    with pytest.raises(UsageError, match=r"over\.qcow2 exists already"):
        create_live_overlay(HOST, qcow2, over)


def test_a_copy_fits_into_the_room_that_was_measured(qcow2, tmp_path):
    convert(HOST, qcow2, tmp_path / "copy.qcow2")
    assert 0 < (tmp_path / "copy.qcow2").stat().st_size <= measure(HOST, qcow2)


def test_a_conversion_lets_others_go_first(qcow2, tmp_path, fake_tool):
    tool = fake_tool("qemu-img", 'nice > "$BIN/../nice"; exec qemu-img "$@"')
    convert(HOST, qcow2, tmp_path / "out.qcow2", compression="zlib")
    assert tool.calls
    assert int((tmp_path / "nice").read_text()) == min(19, os.nice(0) + 10)
