"""Images that would make a program read other files, or that contradict themselves; made from good ones."""

import re
import struct
import subprocess
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from uuid import UUID

from .conftest import MIB, SYSTEM_PATH, Images

Make = Callable[[Images, Path], Path]

PARAMETERS = UUID("caa16737-fa36-4d43-b3b6-33f0aa44e76b")
FLAT = 'RW 2048 FLAT "secret.txt" 0'
# A program that takes the first line of this for the kind does not see the second.
TWO_KINDS = f'createtype="monolithicSparse"\nversion=1\ncreateType="monolithicFlat"\n{FLAT}'
FAR = "#" * 600 + "\n"  # more than the sector that the header admits to
BEHIND = f'createtype="monolithicSparse"\nRW 2048 SPARSE "x"\n{FAR}createType="monolithicFlat"\n{FLAT}'


def _made(before: list[str], after: list[str], images: Images, folder: Path) -> Path:
    """Return what qemu-img makes with these options, in a folder where a good qcow2 is."""
    images.copy("v3.qcow2", folder)
    words = ["qemu-img", "create", "-f", *before, "x", *after]
    subprocess.run(words, check=True, cwd=folder, env={"PATH": SYSTEM_PATH}, capture_output=True)
    return folder / "x"


def _changed(name: str, changes: Mapping[int, bytes], images: Images, folder: Path) -> Path:
    path = images.copy(name, folder)
    data = bytearray(path.read_bytes())
    for at, new in changes.items():
        data[at : at + len(new)] = new
    path.write_bytes(data)
    return path


def _cut(name: str, images: Images, folder: Path) -> Path:
    path = images.copy(name, folder)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size * 3 // 10 // 512 * 512)
    return path


def vmdk(
    images: Images, folder: Path, *, edit: Callable[[str], str], empty: bool = False, sectors: int = 20
) -> Path:
    """Return a sparse VMDK with another descriptor; an ``empty`` one has a disk of no size in its header."""
    path = images.copy("sparse.vmdk", folder)
    (folder / "secret.txt").write_bytes(bytes(MIB))
    data = bytearray(path.read_bytes())
    words = data[512 : data.index(0, 512)].decode()
    data[512 : 512 + 20 * 512] = edit(words).encode().ljust(20 * 512, b"\0")
    data[36:44] = struct.pack("<Q", sectors)
    if empty:
        data[12:20] = bytes(8)
    path.write_bytes(data)
    return path


def extents(text: str) -> Callable[[str], str]:
    """Return an edit that puts other lines in place of the one extent."""
    return lambda words: re.sub(r"(?m)^RW .*$", text, words)


def kinds(text: str) -> Callable[[str], str]:
    """Return an edit that puts other lines in place of the kind and of the one extent."""
    return lambda words: re.sub(r"(?m)^createType=.*$", text, extents("")(words))


def parent(text: str) -> Callable[[str], str]:
    return lambda words: words.replace("parentCID=ffffffff", text)


def differencing(images: Images, folder: Path) -> Path:
    """Return a VHD that says of itself that it needs a parent."""
    path = images.copy("dynamic.vhd", folder)
    data = bytearray(path.read_bytes())
    for at in (0, len(data) - 512):
        data[at + 60 : at + 64] = struct.pack(">I", 4)
        data[at + 64 : at + 68] = bytes(4)
        data[at + 64 : at + 68] = struct.pack(">I", ~sum(data[at : at + 512]) & 0xFFFFFFFF)
    path.write_bytes(data)
    return path


def vhdx_with_parent(images: Images, folder: Path) -> Path:
    path = images.copy("dynamic.vhdx", folder)
    data = bytearray(path.read_bytes())
    entry = data.index(PARAMETERS.bytes_le)
    (item,) = struct.unpack_from("<I", data, entry + 16)
    data[data.rindex(b"metadata", 0, entry) + item + 4] |= 2
    path.write_bytes(data)
    return path


def luks(images: Images, folder: Path) -> Path:
    path = folder / "luks.img"
    path.write_bytes((b"LUKS\xba\xbe\0\1aes" + bytes(29) + b"xts-plain64").ljust(MIB, b"\0"))
    return path


def page(images: Images, folder: Path) -> Path:
    path = folder / "page.img"
    path.write_bytes(b"<!doctype html><title>404</title>" + b" " * 4096)
    return path


NULL = 'json:{"driver":"null-co"}'
SOME_PARENT = 'parentCID={}\nparentFileNameHint="/etc/hostname"'
# What is hostile, and words of the problem that everybody has to tell.
HOSTILE: dict[str, tuple[Make, str]] = {
    "qcow2 on another": (partial(_made, ["qcow2", "-F", "qcow2", "-b", "v3.qcow2"], []), "(a backing file)"),
    "qcow2 on json": (partial(_made, ["qcow2", "-u", "-F", "raw", "-b", NULL], ["1M"]), "(a backing file)"),
    "qcow2 with data": (partial(_made, ["qcow2", "-o", "data_file=e,data_file_raw=on"], ["1M"]), "external data"),
    "qcow2 of tomorrow": (partial(_changed, "v3.qcow2", {79: b"\x20"}), "features that nobody here knows"),
    "qcow2 encrypted": (partial(_changed, "v3.qcow2", {32: b"\0\0\0\2"}), "it is encrypted (luks)"),
    "qcow2 marked as corrupt": (partial(_changed, "v3.qcow2", {79: b"\x02"}), "marked as corrupt"),
    "qcow2 and iso": (partial(_changed, "v3.qcow2", {32769: b"CD001\1"}), "several formats at once: iso, qcow2"),
    "luks": (luks, "it is encrypted with LUKS"),
    "vmdk flat": (partial(_made, ["vmdk", "-o", "subformat=monolithicFlat"], ["1M"]), "flat extents"),
    "vmdk split": (partial(_made, ["vmdk", "-o", "subformat=twoGbMaxExtentSparse"], ["1M"]), "only the description"),
    "vmdk of two kinds": (partial(vmdk, edit=kinds(TWO_KINDS), empty=True), "flat extents"),
    "vmdk of two kinds, far": (partial(vmdk, edit=kinds(BEHIND), empty=True, sectors=1), "flat extents"),
    "vmdk without a size": (partial(vmdk, edit=str, empty=True), "its header gives its disk no size"),
    "vmdk sparse and flat": (partial(vmdk, edit=extents(FLAT)), "flat extents"),
    "vmdk of two extents": (partial(vmdk, edit=extents(f'RW 2048 SPARSE "sparse.vmdk"\n{FLAT}')), "flat extents"),
    "vmdk on another": (partial(vmdk, edit=parent(SOME_PARENT.format("12345678"))), "(a parent)"),
    "vmdk on another, denied": (partial(vmdk, edit=parent(SOME_PARENT.format("ffffffff"))), "(a parent)"),
    "vmdk on another, remarked": (
        partial(vmdk, edit=parent('parentCID=ffffffff\n#parentFileNameHint="/etc/hostname"')), "(a parent)",
    ),
    "vmdk on another, far": (
        partial(vmdk, edit=lambda words: words + FAR + SOME_PARENT.format("ffffffff"), sectors=1), "(a parent)",
    ),
    "vmdk on something": (partial(vmdk, edit=parent("parentCID=12345678")), "(a parent)"),
    "vhd on another": (differencing, "(a parent)"),
    "vhdx on another": (vhdx_with_parent, "(a parent)"),
    "qed": (partial(_made, ["qed"], ["1M"]), "no cloud takes"),
    "parallels": (partial(_made, ["parallels"], ["1M"]), "no cloud takes"),
    "a page": (page, "it is a text"),
    **{f"{name}, cut": (partial(_cut, name), "cut off") for name in (
        "v3.qcow2", "sparse.vmdk", "stream.vmdk", "dynamic.vhd", "dynamic.vdi", "dynamic.vhdx",
    )},
}  # fmt: skip
