"""The state folder, closed to the other users of this host: what none of them may list, and what QEMU's user passes."""

import os
import stat
from contextlib import suppress
from pathlib import Path

PRIVATE = 0o700
PASSED = 0o711  # QEMU runs as another user: it opens what it knows the whole path of, and lists nothing
_FILE = 0o600

# Patterns of folders and files in a state folder. The names of layers and images are digests, and their files may be
# read by whoever knows the name: so no other user may list them, or read what tells them.
_FOLDERS = {
    ".": PASSED,
    "boot-tests": PRIVATE,
    "builds": PRIVATE,
    "cache": PASSED,
    "catalog": PASSED,
    "catalog/certificates": PRIVATE,
    "catalog/evidence": PRIVATE,
    "catalog/images": PASSED,
    "catalog/images/??": PASSED,
    "catalog/incoming": PRIVATE,
    "clouds": PRIVATE,
    "nightly": PASSED,
    "push": PRIVATE,
    "report": PRIVATE,
    "run": PASSED,
    "store": PASSED,
    "store/layers": PASSED,
    "store/locks": PRIVATE,
    "store/media": PASSED,
    "store/media/made": PASSED,
    "store/media/partial": PRIVATE,
    "transfer": PRIVATE,
}
_FILES = ("digests.json*", "catalog/index*", "nightly/*.json")


def make_folder(folder: Path, mode: int = PRIVATE) -> None:
    """Make a folder that gives others no more than ``mode``, or close the one that is there; raises OSError."""
    folder.mkdir(mode=mode, parents=True, exist_ok=True)
    close(folder, mode)


def close(path: Path, mode: int) -> None:
    """Take from group and others what is more than ``mode``, and let all pass that it lets pass.

    What belongs to another user, or to all as ``/tmp`` does, is closed by nobody; what cannot be done is no error.
    """
    with suppress(OSError):
        there = path.stat()
        now = stat.S_IMODE(there.st_mode)
        wanted = now | (mode & 0o111)
        if there.st_uid == os.geteuid() and not now & stat.S_ISVTX:
            wanted &= ~0o077 | mode
        if wanted != now:
            path.chmod(wanted)


def close_state(state: Path) -> None:
    """Close all that is there of a state folder: older versions of Goldsmith left it open."""
    for pattern, mode in _FOLDERS.items():
        for folder in [state] if pattern == "." else state.glob(pattern):
            close(folder, mode)
    for path in (one for pattern in _FILES for one in state.glob(pattern)):
        if path.is_file():
            close(path, _FILE)
