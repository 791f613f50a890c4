"""A disk with data, holes and a ragged end, in the formats that the tests start from."""

import os
import random
import struct
import subprocess
from pathlib import Path

import pytest

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
MIB = 1 << 20
SIZE = 40 * MIB + 1536  # ends in the middle of every cluster, grain, block and cylinder


def run(*argv):
    env = {**os.environ, "PATH": SYSTEM_PATH}
    return subprocess.run([str(word) for word in argv], check=True, env=env, capture_output=True, text=True)


def raw_of(path: Path, driver: str, folder: Path) -> bytes:
    """Return the disk in an image as qemu-img alone reads it."""
    out = folder / "back.raw"
    run("qemu-img", "convert", "-f", driver, "-O", "raw", path, out)
    return out.read_bytes()


@pytest.fixture(scope="session")
def disk(tmp_path_factory):
    path = tmp_path_factory.mktemp("disk") / "disk.raw"
    with path.open("wb") as file:
        file.truncate(SIZE)
        entry = struct.pack("<B3sB3sII", 0x80, b"\0\2\0", 0x83, b"\0\0\0", 2048, 40000)
        file.seek(446)
        file.write(entry)
        file.seek(510)
        file.write(b"\x55\xaa")
        for at in (1, 9, 33):
            file.seek(at * MIB + 4096)
            file.write(random.Random(at).randbytes(200_000) + b"words that compress " * 9000)
        file.seek(SIZE - 100)
        file.write(b"the very end".ljust(100, b"."))
    return path


@pytest.fixture
def tools(tool_on_path):
    for name in ("qemu-img", "qemu-io"):
        tool_on_path(name)


@pytest.fixture
def medium(tmp_path):
    import pycdlib

    path = tmp_path / "medium.iso"
    iso = pycdlib.PyCdlib()
    iso.new(vol_ident="MEDIUM", interchange_level=4)
    (tmp_path / "content").write_bytes(os.urandom(300_000))
    iso.add_file(str(tmp_path / "content"), "/DATA.;1")
    iso.write(str(path))
    iso.close()
    return path
