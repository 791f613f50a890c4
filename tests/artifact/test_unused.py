"""Free clusters of an NTFS, found in a disk and overwritten without writing the rest of the disk."""

import struct

import pytest

from goldsmith.artifact import qemuimg, unused
from goldsmith.artifact.unused import Range
from goldsmith.errors import ToolError
from goldsmith.host.process import LocalHost

HOST = LocalHost()
START = 1 << 20


def boot(clusters, *, sector=512, per_cluster=8):
    data = bytearray(512)
    shown = per_cluster if per_cluster <= 128 else 256 - (per_cluster.bit_length() - 1)
    struct.pack_into("<8sHB", data, 3, b"NTFS    ", sector, shown)
    struct.pack_into("<Q", data, 40, clusters * per_cluster)
    return bytes(data)


def volume(bits, **facts):
    """Return a volume whose clusters are in use where the text has a 1."""
    octets = [bits[at : at + 8].ljust(8, "1")[::-1] for at in range(0, len(bits), 8)]
    return unused.volume(boot(len(bits), **facts), bytes(int(one, 2) for one in octets), start=START)


def places(found):
    return [((one.start - START) // 4096, one.length // 4096) for one in found]


def test_runs_of_free_clusters_are_found_where_the_image_holds_data():
    ntfs = volume("11001111000011110000000011111110")
    assert places(ntfs.free_within(Range(0, 1 << 30))) == [(2, 2), (8, 4), (16, 8), (31, 1)]
    assert places(ntfs.free_within(Range(START + 9 * 4096, 10 * 4096))) == [(9, 3), (16, 3)]


def test_half_a_cluster_that_the_image_holds_is_found_as_that_half():
    found = list(volume("1011").free_within(Range(START, 4096 + 512)))
    assert found == [Range(START + 4096, 512)]


def test_what_is_outside_of_the_volume_is_not_touched():
    ntfs = volume("0000")
    assert list(ntfs.free_within(Range(0, START))) == []
    assert list(ntfs.free_within(Range(START + 4 * 4096, 1 << 20))) == []


def test_clusters_larger_than_64_kib_are_told_by_a_power_of_two():
    assert volume("10", per_cluster=4096).cluster == 2 << 20
    assert volume("10", sector=4096, per_cluster=1).cluster == 4096


@pytest.mark.parametrize(
    ("sector", "bitmap", "words"),
    [(bytes(512), b"\0", "not that of an NTFS"), (boot(64), b"\0", "1 bytes for 64 clusters")],
)
def test_what_is_no_ntfs_is_refused(sector, bitmap, words):
    with pytest.raises(ToolError, match=words):
        unused.volume(sector, bitmap, start=0)


def test_deleted_bytes_beside_a_file_are_gone_and_the_file_is_not(tmp_path, tool_on_path):
    tool_on_path("qemu-img")
    tool_on_path("qemu-io")
    raw, below, disk = tmp_path / "raw", tmp_path / "below.qcow2", tmp_path / "disk.qcow2"
    with raw.open("wb") as file:
        file.truncate(4 << 20)
        file.seek(START)
        file.write(b"K" * 4096 + b"S" * 4096 + b"K" * 4096)
    qemuimg.convert(HOST, raw, below, src_format="raw")
    qemuimg.create_overlay(HOST, below, disk, relative=True)
    held = unused.with_data(HOST, disk)
    assert sum(one.length for one in held) < 1 << 20
    free = [one for part in held for one in volume("101" + "0" * 61).free_within(part)]
    assert unused.overwrite(HOST, disk, free) >= 4096
    qemuimg.convert(HOST, disk, tmp_path / "after", format="raw")
    after = (tmp_path / "after").read_bytes()
    assert after[START : START + 3 * 4096] == b"K" * 4096 + bytes(4096) + b"K" * 4096
    assert after.count(b"K") == 2 * 4096


def test_the_pieces_of_a_disk_are_no_lines_of_the_log(tmp_path, tool_on_path):
    tool_on_path("qemu-img")
    tool_on_path("qemu-io")
    host = LocalHost(log=tmp_path / "log")
    qemuimg.create(HOST, tmp_path / "disk.qcow2", 1 << 20)
    unused.with_data(host, tmp_path / "disk.qcow2")
    assert unused.overwrite(host, tmp_path / "disk.qcow2", [Range(0, 4096)]) == 4096
    assert not (tmp_path / "log").exists()


def test_nothing_to_overwrite_needs_no_program(tmp_path):
    assert unused.overwrite(HOST, tmp_path / "none.qcow2", []) == 0


def test_a_disk_that_cannot_be_written_is_an_error(tmp_path, tool_on_path):
    tool_on_path("qemu-img")
    tool_on_path("qemu-io")
    qemuimg.create(HOST, tmp_path / "small.qcow2", 1 << 20)
    with pytest.raises(ToolError, match="qemu-io"):
        unused.overwrite(HOST, tmp_path / "small.qcow2", [Range(1 << 21, 4096)])
