# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the kickstart is: in the initramfs, on a disk, on a CD, behind a URL."""

import shutil
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

from goldsmith.media.installer.machine import Machine
from goldsmith.media.installer.payload import MEDIUM
from goldsmith.media.installer.steps import InstallProblem

COPY = Path("/run/install/ks.cfg")
INITRAMFS = Path("/run/install/initramfs")  # /init copies here what was injected


def find_kickstart(machine: Machine) -> Path | None:
    """Return a copy of the kickstart, or None where none was given and no disk is labelled OEMDRV."""
    where = machine.boot.kickstart
    if not where:
        device = _labelled(machine, "OEMDRV")
        return _from_disk(machine, device, "/ks.cfg") if device else None
    scheme, _, rest = where.partition(":")
    match scheme:
        case "file":
            found = INITRAMFS / rest.lstrip("/")
            if not found.is_file():
                machine.say(f"can't find {rest}!")
                return None
            return Path(shutil.copy(found, COPY))
        case "hd":
            name, _, path = rest.partition(":")
            label = name.removeprefix("LABEL=")
            device = _labelled(machine, label) if label != name else f"/dev/{name.removeprefix('/dev/')}"
            found_there = _from_disk(machine, device, path) if device else None
            if not found_there:
                machine.say(f"Can't get kickstart from {where}")
            return found_there
        case "cdrom":
            return _from_cd(machine, rest or "/ks.cfg")
        case "http" | "https" | "ftp":
            return _from_url(machine, where)
    raise InstallProblem(f"This stand-in cannot read a kickstart from {where}")


def _labelled(machine: Machine, label: str) -> str:
    return machine.run(("blkid", "-L", label), optional=True).strip()


def _from_disk(machine: Machine, device: str, path: str) -> Path | None:
    folder = Path("/run/install/isodir")
    folder.mkdir(parents=True, exist_ok=True)
    machine.run(("mount", "-o", "ro", device, str(folder)), optional=True)
    try:
        with suppress(FileNotFoundError):
            return Path(shutil.copy(folder / path.lstrip("/"), COPY))
        return None
    finally:
        machine.run(("umount", str(folder)), optional=True)


def _from_cd(machine: Machine, path: str) -> Path:
    """Look on every CD until the file appears; Anaconda waits for ever, too."""
    while True:
        own = MEDIUM / path.lstrip("/")
        if own.is_file():
            return Path(shutil.copy(own, COPY))
        for device in sorted(Path("/dev").glob("sr*")):
            if found := _from_disk(machine, str(device), path):
                return found
        time.sleep(2)


def _from_url(machine: Machine, url: str) -> Path | None:
    bring_up_network(machine)
    try:
        return Path(urllib.request.urlretrieve(url, COPY)[0])
    except (urllib.error.URLError, OSError) as error:
        machine.say(f"failed to fetch kickstart from {url}: {error}")
        return None


def bring_up_network(machine: Machine) -> None:
    """Ask for an address on the first network card that answers."""
    for card in sorted(Path("/sys/class/net").iterdir()):
        if card.name != "lo":
            machine.run(("ip", "link", "set", card.name, "up"), optional=True)
            argv = (
                "busybox",
                "udhcpc",
                "-i",
                card.name,
                "-n",
                "-q",
                "-t",
                "6",
                "-s",
                "/usr/lib/standin/udhcpc",
            )
            if "obtained" in machine.run(argv, optional=True):
                return
    machine.note("no network: no card got an address by DHCP")
