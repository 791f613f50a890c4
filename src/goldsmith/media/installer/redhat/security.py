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


def fixfiles(guest: Guest, args: Sequence[str]) -> int:
    """Label everything for ``restore`` and ``relabel``; ``onboot`` leaves the mark for the next start."""
    if "onboot" in args:
        guest.path("/.autorelabel").touch()
    elif {"restore", "relabel"} & set(args):
        label(guest, "/", below=True)
    return 0


def label(guest: Guest, name: str, *, below: bool) -> int:
    """Label a path and return how many files that were."""
    rules = list(_rules(guest))
    done = 0
    for path in _walk(guest.path(name)) if below else (guest.path(name),):
        inside = "/" + str(path.relative_to(guest.root)).removeprefix(".")
        if inside.startswith(_OTHERS):
            continue
        for pattern, context in rules:
            if pattern.fullmatch(inside):
                os.setxattr(path, ATTRIBUTE, context + b"\0", follow_symlinks=False)
                done += 1
                break
    return done


def _rules(guest: Guest) -> Iterator[tuple[re.Pattern[str], bytes]]:
    """Yield the rules, the last of the file first: it wins."""
    lines = guest.path(CONTEXTS).read_text(encoding="utf-8").splitlines()
    for line in reversed(lines):
        words = line.split()
        if len(words) >= 2 and not line.startswith("#"):
            yield re.compile(words[0]), words[-1].encode()


def _walk(top: Path) -> Iterator[Path]:
    yield top
    if top.is_dir() and not top.is_symlink():
        for folder, folders, files in os.walk(top):
            folders[:] = [one for one in folders if not Path(folder, one).is_mount()]
            yield from (Path(folder, one) for one in (*folders, *files))
