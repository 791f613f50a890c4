"""One disk image into another format: written, compared with what it came from, and only then in its place."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from goldsmith.artifact import qemuimg
from goldsmith.artifact.introspect import Inspection, inspect, refusal
from goldsmith.artifact.target import Target, must_fit, settled
from goldsmith.errors import GateError, GoldsmithError, HostError, UsageError
from goldsmith.formats.source import open_file
from goldsmith.host.aside import aside
from goldsmith.host.files import copy, fsync_tree, human_size, need_space, sha256_of
from goldsmith.host.process import Host

WHOLE = ("iso", "aki", "ari")  # have no other form; they are passed through
_MOST = 64 << 40  # bytes of a disk; a header can promise more, and reading it would never end
_SLACK = 64 << 20  # bytes that maps and logs of a format may take

OnStep = Callable[[str, float], None]  # what is done, and its per cent


@dataclass(frozen=True)
class Converted:
    """What was written, and what its format made of the size."""

    file: Path
    format: str
    size: int  # bytes of the file
    virtual_size: int
    virtual_size_before: int
    passed_through: bool = False  # the same bytes as before


def convert(
    host: Host, source: Path, out: Path, wish: Target, *, force: bool = False, on_step: OnStep | None = None
) -> Converted:
    """Write ``source`` as ``out`` in another format; its name appears when it is whole and the same disk.

    Raises GateError for an image that is dangerous or damaged, UsageError for what the formats do not have,
    HostError without room.
    """
    found = admitted(host, source)
    if found.format in WHOLE or wish.format in (*WHOLE, "ami"):
        return _passed_through(found, source, out, wish, force=force, on_step=on_step)
    target = settled(wish)
    before = found.header.virtual_size or 0
    must_fit(target, before)
    src_format = "raw" if found.format == "ami" or found.format is None else found.format
    need_space(out.parent, qemuimg.measure(host, source, src_format) + _SLACK, what=f"{out.name}")
    with placed(out, force=force) as whole:
        rewrite(host, source, src_format, whole, target, on_step=on_step)
        after = qemuimg.info(host, whole, target.format).virtual_size
    return Converted(out, target.format, out.stat().st_size, after, before)


def admitted(host: Host, source: Path) -> Inspection:
    """Return what an image is. Raises GateError with all its problems when no program should open it."""
    with open_file(source) as file:
        found = inspect(file, host)
    if not found.safe:
        raise refusal(source, found.problems)
    if (found.header.virtual_size or 0) > _MOST:
        raise GateError(
            f"{source} promises a disk of {human_size(found.header.virtual_size or 0)}",
            fix="no cloud has such disks; get it again from somebody you trust",
        )
    return found


def rewrite(
    host: Host, source: Path, src_format: str, out: Path, target: Target, *, on_step: OnStep | None = None
) -> None:
    """Write the new file ``out`` and read both again. Raises GoldsmithError when a guest would see a difference."""
    write, compare = (_step(on_step, name) for name in (f"writing {target.format}", "comparing"))
    qemuimg.convert(host, source, out, src_format=src_format, to=target, on_progress=write)
    if qemuimg.compare(host, source, src_format, out, target.format, on_progress=compare):
        return
    out.unlink()
    raise GoldsmithError(
        f"the {target.format} file does not hold the same disk as {source.name}; it was removed",
        fix="try it again; if it stays so, test memory and disks of this host",
    )


def _step(on_step: OnStep | None, name: str) -> Callable[[float], None]:
    return lambda percent: on_step(name, percent) if on_step else None


def _passed_through(
    found: Inspection, source: Path, out: Path, wish: Target, *, force: bool, on_step: OnStep | None
) -> Converted:
    """Copy what is of the wanted format already. Raises UsageError for all other pairs."""
    if found.format != wish.format:
        raise UsageError(
            f"{source} is {_article(found.format)}, and cannot become {wish.format}", fix=_way(found, wish)
        )
    if wish != Target(wish.format):
        raise UsageError(f"{wish.format} is passed through as it is", fix="leave the other options out")
    need_space(out.parent, source.stat().st_size, what=out.name)
    step, done, size = _step(on_step, "copying"), 0, found.size

    def heard(count: int) -> None:
        nonlocal done
        done += count
        step(done * 100 / max(1, size))

    with placed(out, force=force) as whole:
        copy(source, whole, on_bytes=heard)
        if sha256_of(source) != sha256_of(whole):
            raise HostError(f"{source} changed while it was copied", fix="try it again")
    virtual = found.header.virtual_size or size
    return Converted(out, wish.format, size, virtual, virtual, passed_through=True)


def _article(name: str | None) -> str:
    kinds = {
        "iso": "an ISO medium",
        "aki": "a kernel (AKI)",
        "ari": "a ramdisk (ARI)",
        "ami": "a file system (AMI)",
    }
    return kinds.get(name or "", f"a {name} disk")


def _way(found: Inspection, wish: Target) -> str:
    if found.format == "iso":
        return "install a disk from it (goldsmith build RECIPE --iso IT), or register the medium as it is: --to iso"
    if wish.format == "iso":
        return "a disk does not become a medium; upload the disk itself"
    return "give the disk image that it came from"


@contextmanager
def placed(out: Path, *, force: bool) -> Iterator[Path]:
    """Give a path beside ``out`` to write to; at the end it gets the name ``out``, or is removed.

    Raises UsageError where the name is taken and not to be replaced, also when it was taken meanwhile.
    """
    must_be_free(out, force=force)
    with aside(out.parent, out.name) as folder:
        whole = folder / out.name
        yield whole
        fsync_tree(whole)
        place(whole, out, force=force)


def must_be_free(out: Path, *, force: bool) -> None:
    """Raise UsageError where a file of this name cannot be made."""
    if out.is_dir():
        raise UsageError(f"{out} is a folder", fix=f"name a file in it, such as {out / 'disk'}")
    if (out.exists() or out.is_symlink()) and not force:
        raise UsageError(f"{out} exists already", fix="name another file, or replace it with --force")
    if not out.parent.is_dir():
        raise UsageError(f"there is no folder {out.parent}", fix=f"mkdir -p {out.parent}")


def place(whole: Path, out: Path, *, force: bool) -> None:
    """Give a finished file its name. Raises UsageError where the name was taken meanwhile and is not to be replaced."""
    if force:
        whole.replace(out)
    else:
        try:
            out.hardlink_to(whole)  # unlike a rename, it fails if the name was taken meanwhile
        except FileExistsError:
            must_be_free(out, force=False)
        except OSError:  # a file system without hard links
            whole.replace(out)
    fsync_tree(out)
