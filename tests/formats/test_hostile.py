"""Headers from anybody: whatever the bytes say, there is an answer, soon, and never a traceback."""

import itertools
import json
import subprocess
import time
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goldsmith.artifact.introspect import headers
from goldsmith.formats import content, partitions
from goldsmith.formats.source import Damaged, open_file

from .conftest import COMPRESSED, MADE, SYSTEM_PATH
from .hostile import FLAT, HOSTILE, vmdk

SOON = 2.0  # seconds of processor time for one image, on a busy machine; 5 ms is usual
NAMES = [*MADE, *COMPRESSED, "disk.raw"]
# Where the fields are that decide: (start, length) by format; negative from the end of the file.
PLACES = {
    "qcow2": [(0, 120), (65536, 64), (196608, 64), (262144, 256)],
    "vmdk": [(0, 80), (512, 400), (512 * 21, 64), (-1024, 80)],
    "vhd": [(0, 100), (512, 64), (1536, 64), (-512, 100)],
    "vdi": [(0, 512), (512, 64)],
    "vhdx": [(65536, 80), (192 << 10, 128), (2 << 20, 256), ((2 << 20) + 65536, 64), (1 << 20, 64)],
    "raw": [(0, 512), (512, 96), (1024, 256)],
}
SHARP = st.sampled_from(
    [b"\0" * 8, b"\xff" * 8, b"\x7f" + b"\xff" * 7, b"\x80" + b"\0" * 7, b"\1", b"\0" * 7 + b"\1"]
)


class Bytes:
    """A file in memory; it counts what is asked of it."""

    name = "x"

    def __init__(self, data):
        self.data, self.size, self.asked = data, len(data), 0

    def read(self, offset, length):
        assert 0 <= length <= 64 << 20, f"{length} bytes were asked for at once"
        self.asked += 1
        return bytes(self.data[offset : offset + length]) if offset >= 0 else b""


def settled(data):
    source = Bytes(data)
    started = time.process_time()
    found = headers(source)
    if found.header.disk and not found.problems:
        with suppress(Damaged, NotImplementedError):
            partitions.read(found.header.disk)
    assert time.process_time() - started < SOON
    assert source.asked < 5000
    document = found.as_json()
    assert document["safe"] == (not document["problems"])
    for text in (str(document["details"]), *document["problems"], *document["notes"]):
        assert text.isprintable()
    return found


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_changed_headers_of_every_format_have_an_answer(images, name, data):
    content = bytearray(images[name].read_bytes())
    places = PLACES["raw" if name == "disk.raw" else name.rpartition(".")[2]]
    for _ in range(data.draw(st.integers(1, 4))):
        start, length = data.draw(st.sampled_from(places))
        at = start % len(content) + data.draw(st.integers(0, length))
        new = data.draw(SHARP | st.binary(min_size=1, max_size=16))
        content[at : at + len(new)] = new
    settled(content)


@settings(max_examples=200, deadline=None)
@given(
    magic=st.sampled_from(
        [b"QFI\xfb\0\0\0\2", b"QFI\xfb\0\0\0\3", b"KDMV\1\0\0\0", b"conectix", b"vhdxfile", b"QED\0", b"COWD",
         b"LUKS\xba\xbe\0\1", b"LUKS\xba\xbe\0\2", b"# Disk DescriptorFile\n", b"\x1f\x8b\x08", b"\xfd7zXZ\0",
         b"\x28\xb5\x2f\xfd", b"070701", b"\x7fELF\2\1", b"MZ", b"XFSB", b"<html>", b""]
    ),
    rest=st.binary(max_size=3000),
    zeros=st.sampled_from([0, 1 << 12, 1 << 16, 1 << 20]),
)  # fmt: skip
def test_any_bytes_behind_any_magic_have_an_answer(magic, rest, zeros):
    settled(magic + rest + bytes(zeros))


@settings(max_examples=100, deadline=None)
@given(sector=st.binary(min_size=512, max_size=512), rest=st.binary(max_size=2048))
def test_any_boot_sector_has_an_answer(sector, rest):
    partitions.read(Bytes(sector[:510] + b"\x55\xaa" + rest))
    content.look(Bytes(sector + rest))


@pytest.mark.parametrize("table", ["chain", "many"])
def test_logical_partitions_that_never_end_do(table):
    """A chain of extended partitions that leads back to its start, or to ever further ones."""
    disk = bytearray(1 << 20)
    disk[446:462] = b"\0\0\0\0\x05\0\0\0" + (1).to_bytes(4, "little") + (2000).to_bytes(4, "little")
    for at in range(512):
        disk[at * 512 + 510 : at * 512 + 512] = b"\x55\xaa"
        if at:
            following = 0 if table == "chain" else at
            disk[at * 512 + 446 : at * 512 + 478] = (
                b"\0\0\0\0\x83\0\0\0" + (1).to_bytes(4, "little") * 2
                + b"\0\0\0\0\x05\0\0\0" + following.to_bytes(4, "little") + (9).to_bytes(4, "little")
            )  # fmt: skip
    assert len(partitions.read(Bytes(disk)).partitions) <= 61


@pytest.mark.parametrize("name", HOSTILE)
def test_an_image_that_reaches_for_other_files_is_told_by_its_bytes(images, tmp_path, name):
    make, words = HOSTILE[name]
    with open_file(make(images, tmp_path)) as file:
        assert words in "; ".join(headers(file).problems)


GOOD = [
    "version=1",
    "CID=1",
    "parentCID=ffffffff",
    'createType="monolithicSparse"',
    'RW 2048 SPARSE "sparse.vmdk"',
]
LINES = [
    "version=1", "CID=1", "parentCID=ffffffff", "ParentCID=1", 'createType="monolithicSparse"',
    'createtype="monolithicSparse"', 'createType="streamOptimized"', ' createType="monolithicFlat"',
    'createType="twoGbMaxExtentSparse"', "# a remark", "#" * 600, 'RW 2048 SPARSE "sparse.vmdk"', FLAT,
    'RW +2048 FLAT "secret.txt" 0', 'RW -1 SPARSE "secret.txt"', 'rw 2048 flat "secret.txt" 0',
    'RW 2048 ZERO', 'parentFileNameHint="/etc/hostname"', '# parentFileNameHint="/etc/hostname"',
    'xparentFileNameHintx"/etc/hostname"', 'ddb.adapterType = "ide"', "\0",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_vmdk_that_is_accepted_names_no_other_file_to_qemu(images, tmp_path, line):
    for at, empty, sectors in itertools.product(range(len(GOOD) + 1), (False, True), (1, 20)):
        words = "\n".join(["# Disk DescriptorFile", *GOOD[:at], line, *GOOD[at:], ""])
        path = vmdk(images, tmp_path, edit=lambda _, words=words: words, empty=empty, sectors=sectors)
        with open_file(path) as file:
            found = headers(file)
        if found.safe:
            assert_alone(path, str(found.format))


def assert_alone(path, driver):
    """See that QEMU opens no file but this one."""
    said = subprocess.run(
        ["qemu-img", "info", "--output=json", "-f", driver, path],
        capture_output=True, env={"PATH": SYSTEM_PATH}, check=False,
    )  # fmt: skip
    facts = json.loads(said.stdout) if said.returncode == 0 else {}
    assert "backing-filename" not in facts
    for one in facts.get("format-specific", {}).get("data", {}).get("extents", ()):
        assert one["filename"] == str(path)
    assert b"hostname" not in said.stderr
    assert b"secret.txt" not in said.stderr
