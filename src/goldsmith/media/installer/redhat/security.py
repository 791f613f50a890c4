# SPDX-License-Identifier: GPL-2.0-or-later
"""SELinux labels, really set; which label a path has comes from the policy's file_contexts, as for setfiles."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from goldsmith.media.installer.redhat.guest import Guest

CONTEXTS = "/etc/selinux/targeted/contexts/files/file_contexts"
ATTRIBUTE = "security.selinux"
_OTHERS = ("/dev", "/proc", "/sys", "/run")  # other file systems


def getenforce(guest: Guest, args: Sequence[str]) -> int:  # noqa: ARG001
    guest.say("Disabled")  # the payload's kernel has no SELinux
    return 0


def restorecon(guest: Guest, args: Sequence[str]) -> int:
    """Set the labels of paths, with ``-R`` of all below them."""
    flags = "".join(word[1:] for word in args if word.startswith("-"))
    code = 0
    for name in (word for word in args if not word.startswith("-")):
        if not os.path.lexists(guest.path(name)):
            guest.complain(f"restorecon:  lstat({name}) failed:  No such file or directory")
            code = 255
            continue
        label(guest, name, below="R" in flags or "r" in flags)
    return code


def setfiles(guest: Guest, args: Sequence[str]) -> int:
    """Set labels by a list of contexts: ``setfiles [-F] FILE_CONTEXTS PATH...``."""
    names = [word for word in args if not word.startswith("-")]
    if len(names) < 2 or not guest.path(names[0]).is_file():
        guest.complain(
            "usage: setfiles [-diIDlmnpqvEFWT] [-e excludedir] [-r alt_root_path] spec_file pathname..."
        )
        return 255
    for name in names[1:]:
        label(guest, name, below=True)
    return 0


def fixfiles(guest: Guest, args: Sequence[str]) -> int:
    """Label everything for ``restore`` and ``relabel``; ``onboot`` leaves the mark for the next start."""
    if "onboot" in args:
        guest.path("/.autorelabel").touch()
    elif {"restore", "relabel"} & set(args):
        label(guest, "/", below=True)
    return 0


def label(guest: Guest, name: str, *, below: bool) -> int:
    """Label a path and return how many files that were."""
    pattern, contexts = _rules(guest)
    done = 0
    for path in _walk(guest.path(name)) if below else (guest.path(name),):
        inside = "/" + str(path.relative_to(guest.root)).removeprefix(".")
        found = None if inside.startswith(_OTHERS) else pattern.fullmatch(inside)
        if found and found.lastindex:
            os.setxattr(path, ATTRIBUTE, contexts[found.lastindex - 1], follow_symlinks=False)
            done += 1
    return done


def _rules(guest: Guest) -> tuple[re.Pattern[str], list[bytes]]:
    """Return one pattern with a group for each rule, and the labels; the last of the file comes first: it wins."""
    lines = guest.path(CONTEXTS).read_text(encoding="utf-8").splitlines()
    rows = [line.split() for line in reversed(lines) if line.strip() and not line.startswith("#")]
    groups = [f"({row[0].replace('(', '(?:')})" for row in rows]
    return re.compile("|".join(groups)), [row[-1].encode() + b"\0" for row in rows]


def _walk(top: Path) -> Iterator[Path]:
    yield top
    if top.is_dir() and not top.is_symlink():
        for folder, folders, files in os.walk(top):
            folders[:] = [one for one in folders if not Path(folder, one).is_mount()]
            yield from (Path(folder, one) for one in (*folders, *files))
