# SPDX-License-Identifier: GPL-2.0-or-later
"""Install this machine from a kickstart: the order of things."""

import configparser
import json
import os
import time
import traceback
from dataclasses import dataclass, replace
from pathlib import Path

from goldsmith.media.installer import ending, payload
from goldsmith.media.installer.answers import Answers, When
from goldsmith.media.installer.boot import read_boot
from goldsmith.media.installer.disks import Layout, lay_out, storage_steps
from goldsmith.media.installer.grub import Kernel, bootloader_steps
from goldsmith.media.installer.kickstart import KickstartProblem, read_kickstart, read_pre_scripts
from goldsmith.media.installer.machine import Machine, sysrq
from goldsmith.media.installer.redhat import install as redhat
from goldsmith.media.installer.redhat.release import Release
from goldsmith.media.installer.scripts import run_scripts
from goldsmith.media.installer.source import bring_up_network, find_kickstart
from goldsmith.media.installer.steps import InstallProblem, Run
from goldsmith.media.installer.system import configuration_steps
from goldsmith.media.installer.voice import BANNER, Voice, voice


@dataclass(frozen=True)
class Medium:
    """What the medium stands in for; ``redhat``: the guest is to look like it, too."""

    release: Release
    redhat: bool = False


def read_medium(folder: Path) -> Medium:
    treeinfo = configparser.ConfigParser()
    treeinfo.read(folder / ".treeinfo")
    about = json.loads((folder / "LiveOS/payload.json").read_text(encoding="utf-8"))
    return Medium(Release(treeinfo["general"]["version"]), bool(about.get("redhat")))


def install(machine: Machine, medium: Medium) -> None:
    """Do everything; leaves only by the machine's end."""
    generation = medium.release.generation
    say = voice(generation)
    machine.say(say.started.format(release=medium.release.version))
    kickstart = find_kickstart(machine)
    if kickstart is None:
        ending.ask(machine)
        return
    cmdline = machine.boot.cmdline
    answers = Answers()
    try:
        machine.reach("pre")
        scripts = read_pre_scripts(kickstart, generation)
        if scripts:
            machine.say(say.pre)
            run_scripts(machine, scripts, When.PRE, say)
        answers = read_kickstart(kickstart, generation)
        cmdline = cmdline or answers.cmdline
        build(machine, answers, say, kickstart, medium)
    except KickstartProblem as problem:
        ending.fail_to_parse(machine, say, str(problem), cmdline=cmdline)
    except InstallProblem as problem:
        try:
            run_scripts(machine, answers.scripts, When.ERROR, say)
        except InstallProblem as second:
            machine.note(str(second))
        ending.fail(machine, say, str(problem), cmdline=cmdline)
    ending.finish(machine, say, answers.ending)


def build(machine: Machine, answers: Answers, say: Voice, kickstart: Path, medium: Medium) -> None:
    """Make the new system, phase by phase."""
    generation = medium.release.generation
    for line in say.checking:
        machine.say(line)
    if any(one.activate for one in answers.networks) or answers.url.startswith(("http", "ftp")):
        bring_up_network(machine)
    image = payload.find_payload(machine, answers)
    if medium.redhat:
        have = redhat.choose_packages(machine, answers, medium.release)
        answers = replace(answers, storage=redhat.old_features(answers.storage, medium.release))
    else:
        have = payload.read_packages(machine, image)
        payload.check_packages(machine, answers.packages, have)
    machine.reach("storage")
    try:
        layout = lay_out(answers.storage, machine.disks())
    except InstallProblem as problem:
        text = f"storage configuration failed: {problem}" if generation >= 7 else str(problem)
        machine.say(text)
        raise
    machine.carry_out(storage_steps(layout, say.creating))
    run_scripts(machine, answers.scripts, When.PRE_INSTALL, say)
    machine.reach("payload")
    for line in say.payload:
        machine.say(line)
    payload.unpack(machine, image, say, () if answers.method == "liveimg" else have)
    # mksquashfs gives the root folder of an image to the user who made it, whatever its options say
    machine.carry_out(Run((*tool, str(machine.root))) for tool in (("chown", "0:0"), ("chmod", "0755")))
    if say.installed:
        machine.say(say.installed)
    machine.mount_kernel_folders()
    if medium.redhat:
        redhat.configure(machine, answers, layout, say, medium.release, have)
    else:
        configure(machine, answers, layout, say)
    if generation == 6:
        ending.save_kickstart(machine, kickstart)
    machine.reach("post")
    machine.say(say.post)
    run_scripts(machine, answers.scripts, When.POST, say)
    if generation != 6:
        ending.save_kickstart(machine, kickstart)
    machine.reach("end")


def configure(machine: Machine, answers: Answers, layout: Layout, say: Voice) -> None:
    machine.reach("bootloader")
    machine.say(say.bootloader)
    machine.carry_out(bootloader_steps(answers.bootloader, layout, find_kernel(machine.root), machine.boot))
    machine.reach("configuration")
    machine.carry_out(configuration_steps(answers, layout, say))


def find_kernel(root: Path) -> Kernel:
    """Return the newest kernel of the new system."""
    found = sorted((root / "boot").glob("vmlinuz-*"), key=lambda one: one.stat().st_mtime)
    if not found:
        raise InstallProblem("The payload has no kernel in /boot.")
    return Kernel(found[-1].name.removeprefix("vmlinuz-"))


def main() -> None:
    print(f"\n{BANNER}\nStarting installer, one moment...", flush=True)
    machine = Machine(read_boot(Path("/proc/cmdline").read_text()))
    try:
        install(machine, read_medium(payload.MEDIUM))
    except Exception:  # noqa: BLE001  a bug must be seen on the console, too
        traceback.print_exc()
        print("An unknown error has occured. This is a bug of the stand-in installer.", flush=True)
        time.sleep(ending.PATIENCE)
        os.sync()
        sysrq("o")


if __name__ == "__main__":
    main()
