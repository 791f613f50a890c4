"""Disk images through qemu-img: its answers as values, its files written whole or not at all.

Formats have the names of the Image API (``vhd``, not qemu's ``vpc``). A format is always said, never guessed
by qemu-img: a raw disk can hold whatever looks like a header.
"""

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldsmith.artifact.target import Target, flags, settled
from goldsmith.errors import HostError, UsageError
from goldsmith.host.files import fsync_tree
from goldsmith.host.process import Host, Limits, Listener, Output

FIX = "install the package qemu-utils (Debian, Ubuntu) or qemu-img (Fedora, RHEL)"
THREADS = 8  # qemu-img's coroutines for reading and writing; its default is 8, its most 16
_QEMU_NAMES = {"vhd": "vpc"}
_OUR_NAMES = {theirs: ours for ours, theirs in _QEMU_NAMES.items()}
_PROGRESS = re.compile(r"\(\s*(\d+(?:\.\d+)?)/100%\)")
_CHECK_DONE = (0, 2, 3, 63)  # clean, corrupt, leaks only, a format without checks
_NO_CHECKS = 63
# Headers may come from anybody. To read one takes little; to check all tables of 10 TiB takes most of this.
QUESTION = Limits(memory=2 << 30, cpu=60)
WORK = Limits(memory=8 << 30, nice=10)  # a look at the same disk goes on beside, on one processor
CHECKING = Limits(memory=4 << 30, cpu=1800)

OnPercent = Callable[[float], None]


@dataclass(frozen=True)
class ImageInfo:
    """What the header of an image says; sizes in bytes."""

    format: str
    virtual_size: int
    actual_size: int  # allocated on disk
    cluster_size: int | None = None
    compression: str | None = None  # of compressed clusters, if there are any: zlib, zstd
    subformat: str | None = None  # of vmdk: streamOptimized, monolithicSparse, ...
    backing: str | None = None
    backing_format: str | None = None
    data_file: str | None = None
    encrypted: bool = False
    dirty: bool = False
    corrupt: bool = False
    snapshots: int = 0

    @property
    def compressed(self) -> bool | None:
        """Say whether the data is compressed; None where only ``check`` can tell (qcow2)."""
        return None if self.format == "qcow2" else self.subformat == "streamOptimized"

    @property
    def alone(self) -> bool:
        """Say whether the file holds all of the disk."""
        return self.backing is None and self.data_file is None


@dataclass(frozen=True)
class Checked:
    """The result of reading all metadata of an image. ``leaks`` waste space, the others are damage."""

    supported: bool = True
    corruptions: int = 0
    errors: int = 0
    leaks: int = 0
    allocated_clusters: int = 0
    compressed_clusters: int = 0

    @property
    def good(self) -> bool:
        return not self.corruptions and not self.errors


def info(host: Host, path: Path, format: str) -> ImageInfo:  # noqa: A002  the Image API's word
    """Return what the header says; ToolError when the file is not of this format."""
    done = _run(
        host,
        "info",
        "-f",
        qemu_name(format),
        "--output=json",
        "-U",
        path,
        fix=f"see `qemu-img info {path.absolute()}`",
        limits=QUESTION,
    )
    facts = json.loads(done.stdout)
    inner = facts.get("format-specific", {}).get("data", {})
    return ImageInfo(
        format=_OUR_NAMES.get(facts["format"], facts["format"]),
        virtual_size=facts["virtual-size"],
        actual_size=facts.get("actual-size", 0),
        cluster_size=facts.get("cluster-size"),
        compression=inner.get("compression-type"),
        subformat=inner.get("create-type"),
        backing=facts.get("full-backing-filename") or facts.get("backing-filename"),
        backing_format=facts.get("backing-filename-format"),
        data_file=inner.get("data-file"),
        encrypted=bool(facts.get("encrypted")),
        dirty=bool(facts.get("dirty-flag")),
        corrupt=bool(inner.get("corrupt")),
        snapshots=len(facts.get("snapshots", ())),
    )


def check(host: Host, path: Path, format: str) -> Checked:  # noqa: A002
    """Read all metadata of an image; damage is an answer, not an error."""
    done = _run(
        host,
        "check",
        "-f",
        qemu_name(format),
        "--output=json",
        "-U",
        path,
        ok=_CHECK_DONE,
        limits=CHECKING,
        fix="the image cannot be read to its end: make it again",
    )
    if done.code == _NO_CHECKS:
        return Checked(supported=False)
    facts: Mapping[str, Any] = json.loads(done.stdout)
    return Checked(
        corruptions=facts.get("corruptions", 0),
        errors=facts.get("check-errors", 0),
        leaks=facts.get("leaks", 0),
        allocated_clusters=facts.get("allocated-clusters", 0),
        compressed_clusters=facts.get("compressed-clusters", 0),
    )


def compare(
    host: Host,
    one: Path,
    one_format: str,
    other: Path,
    other_format: str,
    *,
    on_progress: OnPercent | None = None,
) -> bool:
    """Say whether a guest reads the same from both disks; zeros past the end of one are no difference."""
    formats = ("-f", qemu_name(one_format), "-F", qemu_name(other_format))
    heard = percent(on_progress)
    return (
        _run(host, "compare", "-p", "-U", *formats, one, other, ok=(0, 1), on_line=heard, limits=WORK).code
        == 0
    )


def convert(
    host: Host,
    src: Path,
    dst: Path,
    *,
    src_format: str = "qcow2",
    format: str = "qcow2",  # noqa: A002
    compression: str | None = "none",
    to: Target | None = None,
    on_progress: OnPercent | None = None,
) -> None:
    """Write the whole disk ``src``, with all its layers, to the new file ``dst``.

    ``to`` says more of what it becomes than ``format`` and ``compression`` do. ``on_progress`` gets per cent. ``dst``
    appears when it is whole and on the disk; UsageError if it exists already.
    """
    options = flags(settled(to or Target(format, compression or "none")))
    _must_be_new(dst)
    aside = dst.with_name(f".{dst.name}.{os.getpid()}.part")
    try:
        _run(
            host,
            *("convert", "-p", "-m", str(THREADS), *options),
            *("-f", qemu_name(src_format), "-O", qemu_name(to.format if to else format), src, aside),
            on_line=percent(on_progress),
            limits=WORK,
        )
        fsync_tree(aside)
        _name(aside, dst)
    finally:
        aside.unlink(missing_ok=True)


def percent(on_progress: OnPercent | None) -> Listener:
    """Return a listener to what qemu-img says with ``-p``."""

    def heard(line: str) -> None:
        if on_progress and (found := _PROGRESS.findall(line)):
            on_progress(float(found[-1]))

    return heard


def create(host: Host, path: Path, size: int, *, format: str = "qcow2") -> None:  # noqa: A002
    """Make a new empty disk of ``size`` bytes."""
    _must_be_new(path)
    _run(host, "create", "-q", "-f", qemu_name(format), path, str(size))


def grow(host: Host, path: Path, size: int) -> None:
    """Make the disk in a qcow2 file larger: ``size`` bytes, none of them written."""
    _run(host, "resize", "-q", "-f", "qcow2", path, str(size))


def create_overlay(
    host: Host, backing: Path, overlay: Path, *, relative: bool, backing_format: str = "qcow2"
) -> None:
    """Make a new qcow2 layer on ``backing``, which must not change from now on.

    With ``relative`` the way to it is stored as seen from the overlay's folder, so both can move together.
    """
    _must_be_new(overlay)
    _run(host, "create", "-q", "-f", "qcow2", *_backing(overlay, backing, backing_format, relative), overlay)


def create_live_overlay(host: Host, below: Path, overlay: Path) -> None:
    """Make a layer on a disk that a running guest still writes to, for the snapshot that freezes that disk.

    The disk is not opened, since the guest holds its lock; its virtual size is read without one.
    """
    _must_be_new(overlay)
    size = info(host, below, "qcow2").virtual_size
    stored = _as_seen_from(overlay.parent, below)
    _run(host, "create", "-q", "-u", "-f", "qcow2", "-F", "qcow2", "-b", stored, overlay, str(size))


def measure(host: Host, disk: Path, disk_format: str = "qcow2") -> int:
    """Return the bytes that a flat, uncompressed qcow2 of this disk with all its layers needs at most."""
    driver = qemu_name(disk_format)
    done = _run(host, "measure", "--output=json", "-U", "-f", driver, "-O", "qcow2", disk, limits=CHECKING)
    return int(json.loads(done.stdout)["required"])


def rebase_unsafe(
    host: Host, overlay: Path, backing: Path, *, relative: bool, backing_format: str = "qcow2"
) -> None:
    """Tell an overlay where its backing file is now, which must have the same content as before."""
    _run(host, "rebase", "-u", "-f", "qcow2", *_backing(overlay, backing, backing_format, relative), overlay)


def _backing(overlay: Path, backing: Path, backing_format: str, relative: bool) -> Sequence[str]:  # noqa: FBT001
    if not backing.is_file():
        raise HostError(f"the layer below {overlay.name} is not there: {backing}", fix="build it again")
    stored = _as_seen_from(overlay.parent, backing) if relative else str(backing.absolute())
    return ("-F", qemu_name(backing_format), "-b", stored)


def _as_seen_from(folder: Path, path: Path) -> str:
    """Return the way from ``folder`` to a file; what is before a colon in its first part is no protocol."""
    way = os.path.relpath(path, folder)
    return f"./{way}" if ":" in way.partition("/")[0] else way


def _run(host: Host, *argv: str | Path, fix: str = "", **options: Any) -> Output:
    try:
        return host.run("qemu-img", *argv, fix=fix, **options)
    except HostError as error:
        if error.evidence:  # it ran, and found no room
            raise
        raise HostError(error.problem, fix=FIX) from None


def qemu_name(format: str) -> str:  # noqa: A002  the word of the Image API
    return _QEMU_NAMES.get(format, format)


def _must_be_new(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise UsageError(f"{path} exists already", fix="name a new file, or remove it")


def _name(aside: Path, path: Path) -> None:
    """Give the finished file its name, unless somebody has taken it meanwhile."""
    try:
        path.hardlink_to(aside)
    except FileExistsError:
        _must_be_new(path)
    except OSError:  # a file system without hard links
        aside.replace(path)
    fsync_tree(path)
