# SPDX-License-Identifier: GPL-2.0-or-later
"""rpm's questions about what is installed."""

import fnmatch
from collections.abc import Sequence

from goldsmith.media.installer.redhat.guest import Guest
from goldsmith.media.installer.redhat.rpmdb import Package


def rpm(guest: Guest, args: Sequence[str]) -> int:
    """Answer ``-q`` with its kin, carry out ``-e``; take note of everything else."""
    short = "".join(word[1:] for word in args if word.startswith("-") and not word.startswith("--"))
    form, names, skip = "", [], False
    for at, word in enumerate(args):
        if skip:
            skip = False
        elif word in ("--qf", "--queryformat"):
            form, skip = args[at + 1], True
        elif word.startswith(("--qf=", "--queryformat=")):
            form = word.partition("=")[2]
        elif not word.startswith("-"):
            names.append(word)
    if "q" in short or "--query" in args:
        return _query(guest, names, form, every="a" in short or "--all" in args, args=args)
    if "e" in short or "--erase" in args:
        return _erase(guest, names)
    return 0


def _query(guest: Guest, names: Sequence[str], form: str, *, every: bool, args: Sequence[str]) -> int:
    have = guest.installed()
    if every:
        for one in have:
            if not names or any(fnmatch.fnmatch(one.name, name) for name in names):
                _show(guest, one, form)
        return 0
    missing = 0
    for name in names:
        hits = [
            one for one in have if name in (one.name, str(one), f"{one.name}-{one.version}-{one.release}")
        ]
        for one in hits:
            _show(guest, one, form)
        if not hits:
            missing += 1
            provides = "--whatprovides" in args
            guest.say(f"no package provides {name}" if provides else f"package {name} is not installed")
    return missing


def _show(guest: Guest, one: Package, form: str) -> None:
    if not form:
        guest.say(str(one))
        return
    text = form.replace("\\n", "\n").replace("\\t", "\t")
    for tag, value in (
        ("NAME", one.name), ("VERSION", one.version), ("RELEASE", one.release), ("ARCH", one.arch), ("EPOCH", "(none)"),
        ("EPOCHNUM", "0"), ("NEVRA", str(one)), ("NVRA", str(one)), ("INSTALLTIME", "1"),
    ):  # fmt: skip
        for spelled in (f"%{{{tag}}}", f"%{{{tag.lower()}}}", f"%{{{tag.capitalize()}}}"):
            text = text.replace(spelled, value)
    print(text, end="", flush=True)


def _erase(guest: Guest, names: Sequence[str]) -> int:
    have = guest.installed()
    for name in names:
        if not any(one.name == name for one in have):
            guest.complain(f"error: package {name} is not installed")
            return 1
    for name in names:
        guest.take_away(name)
    guest.keep([one for one in have if one.name not in names])
    return 0
