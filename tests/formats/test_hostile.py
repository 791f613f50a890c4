"""Headers from anybody: whatever the bytes say, there is an answer, soon, and never a traceback."""

import time
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goldsmith.artifact.introspect import headers
from goldsmith.formats import content, partitions
from goldsmith.formats.source import Damaged

from .conftest import COMPRESSED, MADE

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
