# SPDX-License-Identifier: GPL-2.0-or-later
"""The squashfs image that becomes the new system, and what it is asked to hold."""

import fnmatch
import json
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from goldsmith.media.installer.answers import Answers, Packages
from goldsmith.media.installer.machine import Machine
from goldsmith.media.installer.steps import InstallProblem
from goldsmith.media.installer.voice import Voice

MEDIUM = Path("/run/install/repo")
OWN = MEDIUM / "LiveOS/payload.squashfs"
STATUS = "var/lib/dpkg/status"


def find_payload(machine: Machine, answers: Answers) -> Path:
    """Return the image: that of ``liveimg``, else the medium's own."""
    if answers.method in ("cdrom", ""):
        return OWN
    if answers.method != "liveimg":
        raise InstallProblem(
            f"This stand-in installs from its own medium or by liveimg, not by {answers.method}."
        )
    url = urlsplit(answers.url)
    if url.scheme in ("", "file"):
        found = Path(url.path)
        if not found.is_file():
            raise InstallProblem(f"Failed to fetch {answers.url}: no such file")
        return found
    machine.say(f"Downloading {answers.url}")
    try:
        return Path(urllib.request.urlretrieve(answers.url, "/tmp/payload.squashfs")[0])
    except (urllib.error.URLError, ValueError, OSError) as error:
        raise InstallProblem(f"Failed to fetch {answers.url}: {error}") from None


def package_names(status: str) -> list[str]:
    """Return the installed packages of a dpkg status file, in its order."""
    names = []
    for stanza in status.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line and line[0] != " ")
        if fields.get("Status", "").endswith(" installed"):
            names.append(fields["Package"])
    return names


def missing(packages: Packages, have: Sequence[str]) -> list[str]:
    """Return the wanted packages that the payload does not hold; names may be shell patterns."""
    return [name for name in packages.wanted if not fnmatch.filter(have, name)]


def check_packages(machine: Machine, packages: Packages, have: Sequence[str]) -> None:
    """Fail as Anaconda does for a package that does not exist."""
    for name in packages.unwanted:
        if fnmatch.filter(have, name):
            machine.note(f"-{name}: the payload is an image; the package stays")
    for group in packages.groups:
        machine.note(f"@{group}: recorded only, the payload has no groups")
    gone = missing(packages, have)
    for name in gone:
        if packages.ignore_missing:
            machine.note(f"Missing package: {name} (--ignoremissing)")
        else:
            machine.say(f"Missing package: {name}")
    if gone and not packages.ignore_missing:
        raise InstallProblem(
            f"You have specified that the package '{gone[0]}' should be installed.  This package does not exist."
        )


def read_packages(machine: Machine, image: Path) -> list[str]:
    return package_names(machine.run(("unsquashfs", "-cat", str(image), STATUS)))


def unpack(machine: Machine, image: Path, voice: Voice, names: Sequence[str]) -> None:
    """Unpack ``image`` into the new system and say how far it is.

    ``names`` are announced one by one where the kickstart installs packages; an image is told in percent.
    """
    about = image.with_name("payload.json")
    total = int(json.loads(about.read_text())["bytes"]) if about.is_file() else 0
    done = threading.Event()
    teller = threading.Thread(target=_tell, args=(machine, voice, list(names), total, done), daemon=True)
    teller.start()
    try:
        machine.run(("unsquashfs", "-f", "-q", "-n", "-d", str(machine.root), str(image)))
    finally:
        done.set()
        teller.join()


def _tell(machine: Machine, voice: Voice, names: list[str], total: int, done: threading.Event) -> None:
    before = _used(machine.root)
    said = 0
    while True:
        finished = done.wait(1.0)
        share = 1.0 if finished else min(0.99, (_used(machine.root) - before) / total) if total else 0.0
        goal = int(share * (len(names) or 100))
        if names:
            for number in range(said + 1, goal + 1):
                machine.say(voice.package.format(name=names[number - 1], number=number, total=len(names)))
        elif goal > said or finished:
            machine.say(voice.image.format(percent=goal))
        said = max(said, goal)
        if finished:
            return


def _used(folder: Path) -> int:
    stat = os.statvfs(folder)
    return (stat.f_blocks - stat.f_bfree) * stat.f_frsize
