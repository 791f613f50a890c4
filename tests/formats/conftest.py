"""One disk in every format that qemu-img writes, made once; the tests change copies."""

import os
import random
import shutil
import struct
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
MIB = 1 << 20
SIZE = 16 * MIB - 512  # no whole number of MiB, nor of cylinders
LINUX = UUID("0fc63daf-8483-4772-8e79-3d69d8477de4")
ESP = UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")

MADE = {
    "v3.qcow2": ("qcow2", "compat=1.1"),
    "v2.qcow2": ("qcow2", "compat=0.10"),
    "small.qcow2": ("qcow2", "cluster_size=512"),
    "extended.qcow2": ("qcow2", "extended_l2=on"),
    "sparse.vmdk": ("vmdk", "subformat=monolithicSparse"),
    "stream.vmdk": ("vmdk", "subformat=streamOptimized,adapter_type=buslogic"),
    "dynamic.vhd": ("vpc", "subformat=dynamic"),
    "exact.vhd": ("vpc", "subformat=dynamic,force_size=on"),
    "fixed.vhd": ("vpc", "subformat=fixed,force_size=on"),
    "dynamic.vdi": ("vdi", "static=off"),
    "static.vdi": ("vdi", "static=on"),
    "dynamic.vhdx": ("vhdx", "subformat=dynamic"),
    "fixed.vhdx": ("vhdx", "subformat=fixed"),
}
COMPRESSED = {"zlib.qcow2": "compression_type=zlib", "zstd.qcow2": "compression_type=zstd"}


def gpt(size: int, parts: list[tuple[UUID, int, int, str]], *, sector: int = 512) -> dict[int, bytes]:
    """Return the sectors of a GPT by their offset; ``parts`` are type, first and last sector, and name."""
    entries = b"".join(
        kind.bytes_le + UUID(int=number).bytes_le + struct.pack("<QQQ", first, last, 4 * (number == 1))
        + name.encode("utf-16-le").ljust(72, b"\0")
        for number, (kind, first, last, name) in enumerate(parts, 1)
    ).ljust(128 * 128, b"\0")  # fmt: skip
    last = size // sector - 1

    def head(here: int, other: int, table: int) -> bytes:
        fields = (here, other, 34, last - 34, UUID(int=7).bytes_le, table, 128, 128, zlib.crc32(entries))
        body = struct.pack("<QQQQ16sQIII", *fields)
        start = b"EFI PART\0\0\1\0" + struct.pack("<I", 92)
        checksum = zlib.crc32(start + bytes(8) + body)
        return start + struct.pack("<II", checksum, 0) + body

    mbr = bytearray(512)
    mbr[446:462] = struct.pack("<B3sB3sII", 0, b"\0\2\0", 0xEE, b"\xff\xff\xff", 1, last)
    mbr[510:] = b"\x55\xaa"
    table = len(entries) // sector
    return {
        0: bytes(mbr),
        sector: head(1, last, 2),
        2 * sector: entries,
        (last - table) * sector: entries,
        last * sector: head(last, 1, last - table),
    }


@dataclass(frozen=True)
class Images:
    """The folder of the images; ``raw`` is the disk that is in all of them."""

    folder: Path
    raw: Path

    def __getitem__(self, name: str) -> Path:
        return self.folder / name

    def copy(self, name: str, folder: Path) -> Path:
        return Path(shutil.copy(self.folder / name, folder / name))


def run(*argv: object) -> None:
    env = {**os.environ, "PATH": SYSTEM_PATH}
    subprocess.run([str(word) for word in argv], check=True, env=env, capture_output=True)


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Images:
    folder = tmp_path_factory.mktemp("images")
    raw = folder / "disk.raw"
    with raw.open("wb") as file:
        file.truncate(SIZE)
        for at, data in gpt(SIZE, [(LINUX, 2048, 10239, "root"), (ESP, 10240, 32700, "EFI")]).items():
            file.seek(at)
            file.write(data)
        for at in (1, 5, 14):
            file.seek(at * MIB)
            file.write(random.Random(at).randbytes(300_000) + b"words that compress " * 9000)
    for name, (driver, options) in MADE.items():
        run("qemu-img", "convert", "-f", "raw", "-O", driver, "-o", options, raw, folder / name)
    for name, options in COMPRESSED.items():
        run("qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", "-o", options, raw, folder / name)
    return Images(folder, raw)
