# SPDX-License-Identifier: GPL-2.0-or-later
"""The parts of an installation that differ where the medium stands in for RHEL."""

import fnmatch
import shutil
from dataclasses import replace
from pathlib import Path

from goldsmith.media.installer.answers import Answers, Storage
from goldsmith.media.installer.disks import Layout, fstab
from goldsmith.media.installer.machine import Machine
from goldsmith.media.installer.redhat.dress import dress
from goldsmith.media.installer.redhat.guest import Guest
from goldsmith.media.installer.redhat.loader import loader_steps
from goldsmith.media.installer.redhat.packages import CORE, offers
from goldsmith.media.installer.redhat.release import Release
from goldsmith.media.installer.redhat.settings import (
    language_steps,
    network_steps,
    security_steps,
    service_steps,
)
from goldsmith.media.installer.steps import InstallProblem, Say, Step, Write
from goldsmith.media.installer.system import account_steps
from goldsmith.media.installer.voice import Voice

# What the file systems of the time had not yet.
_FEATURES = {
    (6, "ext4"): "-O ^metadata_csum,^64bit,^orphan_file",
    (7, "ext4"): "-O ^metadata_csum,^metadata_csum_seed,^orphan_file",
    (7, "xfs"): "-m crc=1,finobt=0,rmapbt=0,reflink=0,bigtime=0,inobtcount=0 -i sparse=0",
}


def old_features(storage: Storage, release: Release) -> Storage:
    """Return the same partitions with the file system features of the release."""
    parts = []
    for one in storage.partitions:
        options = _FEATURES.get((release.generation, one.fstype), "")
        parts.append(replace(one, make=f"{options} {one.make}".strip()))
    return replace(storage, partitions=tuple(parts))


def choose_packages(machine: Machine, answers: Answers, release: Release) -> list[str]:
    """Return what is installed: @core and what was asked for; fail as Anaconda does for what does not exist.

    Packages that are not on the medium are there where the kickstart names a repository.
    """
    known = offers(release)
    there = {name for name, one in known.items() if one.on_medium or answers.repos}
    chosen = {name for name in there if known[name].place == CORE}
    wanted = answers.packages
    for group in wanted.groups:
        machine.note(f"@{group}: taken for @core")
    gone = []
    for name in wanted.wanted:
        hits = fnmatch.filter(there, name)
        chosen.update(hits)
        if not hits:
            gone.append(name)
    for pattern in wanted.unwanted:
        chosen -= {name for name in chosen if fnmatch.fnmatch(name, pattern)}
    for name in gone:
        if not wanted.ignore_missing:
            machine.say(f"Missing package: {name}")
    if gone and not wanted.ignore_missing:
        raise InstallProblem(
            f"You have specified that the package '{gone[0]}' should be installed.  This package does not exist."
        )
    return sorted(chosen)


def configure(
    machine: Machine, answers: Answers, layout: Layout, voice: Voice, release: Release, packages: list[str]
) -> None:
    """Turn the unpacked payload into a RHEL-like system as the kickstart describes it."""
    guest = dress(machine.root, release, packages)
    _copy_resolver(guest)
    machine.carry_out([Write("/etc/fstab", fstab(layout))])
    machine.reach("bootloader")
    machine.say(voice.bootloader)
    kdump = answers.kdump and (release.generation == 6 or "kexec-tools" in packages)
    machine.carry_out(loader_steps(guest, answers.bootloader, layout, machine.boot, kdump=kdump))
    machine.reach("configuration")
    steps: list[Step] = [Say(line) for line in voice.configuring]
    steps += language_steps(guest, answers)
    steps += [Say(voice.network)] if voice.network else []
    steps += network_steps(guest, answers.networks, cards())
    steps += [Say(voice.users)] if voice.users else []
    steps += account_steps(answers)
    steps += security_steps(guest, answers, packages)
    steps += service_steps(guest, answers)
    machine.carry_out(steps)


def _copy_resolver(guest: Guest) -> None:
    """Give the scripts the installer's name servers; like Anaconda, leave them in the new system."""
    own = Path("/etc/resolv.conf")
    if own.is_file():
        shutil.copyfile(own, guest.path("/etc/resolv.conf"))
    else:
        guest.write("/etc/resolv.conf", "")


def cards() -> dict[str, str]:
    """Return the addresses of the machine's network cards by name."""
    found = sorted(Path("/sys/class/net").glob("e*"))
    return {card.name: (card / "address").read_text(encoding="utf-8").strip() for card in found}
