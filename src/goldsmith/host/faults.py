"""What the operating system refuses, in words that a user can act on."""

import errno
from collections.abc import Sequence

from goldsmith.errors import HostError, ToolError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_MISPLACED = (errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG)
_NO_LIBVIRT = (
    "Failed to connect socket to",
    "Cannot recv data: Connection reset",
    "End of file while reading data",
)
_ILL = (errno.EIO, errno.ESTALE, errno.ENOMEM, errno.EMFILE, errno.ENFILE)


def host_fault(error: OSError) -> HostError | None:
    """Return the error to show where this host is to blame; None where it can only be a bug."""
    fixes = {
        _FULL: "make room (goldsmith store prune --apply), or give --state a folder on a bigger disk",
        _CLOSED: "see to its permissions, or give --state a folder that you may write to",
        _MISPLACED: "name another folder or file there, with --state for the state folder",
        _ILL: "see the kernel's log (dmesg); goldsmith doctor checks this host",
    }
    where = f"{error.filename}: " if error.filename else ""
    for numbers, fix in fixes.items():
        if error.errno in numbers:
            return HostError(f"{where}{error.strerror}", fix=fix)
    return None


def tool_fault(problem: str, fix: str, tail: Sequence[str]) -> ToolError | HostError:
    """Return the error to show for a tool that failed; this host's, where its last lines say so."""
    if any("No space left on device" in line for line in tail):
        room = "make room (goldsmith store prune --apply), or give --state a folder on a bigger disk"
        return HostError(f"no space left for a tool: {problem}", fix=room, evidence=tail)
    if any(words in line for line in tail for words in _NO_LIBVIRT):
        again = "start it again (goldsmith doctor shows how), then repeat the command"
        return HostError(f"libvirt went away from a tool: {problem}", fix=again, evidence=tail)
    return ToolError(problem, fix=fix, evidence=tail)
