"""What virt-install leaves behind when it is killed: copies of kickstarts, kernels and initrds.

--initrd-inject puts the kickstart into a copy of the installer's initrd, readable for qemu, and virt-install removes
that copy at its end (virtinst/install/installertreemedia.py, installerinject.py). A kickstart may hold secrets.
"""

import os
import re
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

SYSTEM = Path("/var/lib/libvirt/boot")
_TAIL = 4 << 20  # bytes at the end of an initrd that hold the injected archive
_GZIP = re.compile(rb"\x1f\x8b\x08")
_SIGNED = re.compile(rb"^# goldsmith build=(\S+) state=(.*)$", re.MULTILINE)


def signature(build: str, state: Path) -> str:
    """Return the last line of a kickstart, by which a copy of it is known for this build's."""
    return f"# goldsmith build={build} state={state}\n"


def scratch_folders() -> tuple[Path, ...]:
    """Return where virt-install puts its copies: libvirt's folder, and the user's for session connections."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return (SYSTEM, Path(cache) / "virt-manager" / "boot")


def is_of(said: str, state: Path) -> bool:
    """Say whether a signature means this state folder, however that was written when it was made."""
    return "\0" not in said and os.path.realpath(said) == os.path.realpath(state)


def folders_of(uri: str) -> tuple[Path, ...]:
    """Return those of them that the guests of this libvirt alone use."""
    system, own = scratch_folders()
    if uri.startswith("qemu:///"):
        return (system,) if uri.startswith("qemu:///system") else (own,)
    return ()


def remove_copies(state: Path, is_mine: Callable[[str], bool], *, folders: tuple[Path, ...]) -> list[Path]:
    """Remove what was left of builds of this state folder for whose id ``is_mine`` says so; return what it was."""
    removed = []
    for path in (one for folder in folders for one in _candidates(folder)):
        for build, where in _SIGNED.findall(_injected(path)):
            if is_of(os.fsdecode(where), state) and is_mine(build.decode(errors="replace")):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
                removed.append(path)
                break
    return removed


def remove_unused(
    named: Callable[[], str], *, folders: tuple[Path, ...], older_than: float = 600.0
) -> list[Path]:
    """Remove the kernels and initrds that a killed virt-install left, and return them.

    They are the user's own, older than ``older_than`` seconds, in no description of a guest (``named`` gives all of
    them), and no process has them open.
    """
    found = [one for folder in folders for one in _candidates(folder) if one.name.startswith("virtinst-")]
    left = [one for one in found if _is_old(one, older_than)]
    if not left:
        return []
    known, opened = named(), _open_files()
    removed = []
    for path in left:
        with suppress(OSError):
            if path.is_file() and str(path) not in known and path.resolve() not in opened:
                path.unlink()
                removed.append(path)
    return removed


def _is_old(path: Path, seconds: float) -> bool:
    with suppress(OSError):
        found = path.lstat()
        return found.st_uid == os.getuid() and max(found.st_mtime, found.st_ctime) < time.time() - seconds
    return False


def _open_files() -> set[Path]:
    opened = set()
    for one in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # it ended meanwhile, or is another user's
            opened.add(one.readlink())
    return opened


def _candidates(folder: Path) -> Iterator[Path]:
    with suppress(OSError):  # not there, or not ours to read
        yield from sorted([*folder.glob("virtinst-*"), *folder.glob("tmp*")])


def _injected(path: Path) -> bytes:
    """Return what was injected into an initrd, or the file that was about to be."""
    with suppress(OSError):
        if path.is_dir():
            return b"\n".join(one.read_bytes() for one in path.iterdir() if one.is_file())
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            tail = file.read()
        for found in reversed(list(_GZIP.finditer(tail))):
            with suppress(zlib.error):
                if _SIGNED.search(text := zlib.decompressobj(31).decompress(tail[found.start() :])):
                    return text
    return b""
