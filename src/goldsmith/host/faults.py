"""What the operating system refuses, in words that a user can act on."""

import errno

from goldsmith.errors import HostError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)
_MISPLACED = (errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG)
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
