"""The copies of kickstarts that virt-install leaves behind when it is killed.

--initrd-inject puts the kickstart into a copy of the installer's initrd, readable for qemu, and virt-install removes
that copy at its end (virtinst/install/installertreemedia.py, installerinject.py). A kickstart may hold secrets.
"""

import os
import re
import shutil
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
