"""QEMU's own log of a guest, which libvirt keeps: where it is, and how the guest has ended by it."""

import os
import re
from pathlib import Path

from goldsmith.host.domains import SYSTEM

_SYSTEM = Path("/var/log/libvirt/qemu")
_STARTED = ": starting up libvirt"
_ENDED = re.compile(r": shutting down, reason=(\w+)")
_KILLED = re.compile(r": terminating on signal \d+")
_BY_LIBVIRT = re.compile(
    r"from pid \d+ \((?:\S*/)?(?:libvirtd|virtqemud)\)"
)  # so it ends a QEMU whose guest is off


def qemu_log(name: str, uri: str) -> Path:
    """Return where the libvirt at ``uri`` writes what the QEMU of a guest says; only root reads the system's."""
    if uri.startswith(SYSTEM):
        return _SYSTEM / f"{name}.log"
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "libvirt/qemu/log" / f"{name}.log"


def shut_down_by_itself(log: Path) -> bool | None:
    """Say whether the guest has shut itself down when its QEMU ended last; None where the log does not tell.

    A guest whose host went down, or whose QEMU was killed with libvirt not there, has no end in its log.
    """
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    by_itself: bool | None = None
    killed = False
    for line in lines:
        if _STARTED in line:
            by_itself, killed = False, False
        elif _KILLED.search(line) and not _BY_LIBVIRT.search(line):
            by_itself, killed = False, True  # libvirt writes the end of this as a shutdown, too
        elif end := _ENDED.search(line):
            by_itself = end[1] == "shutdown" and not killed
    return by_itself
