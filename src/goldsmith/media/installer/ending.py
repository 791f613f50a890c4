# SPDX-License-Identifier: GPL-2.0-or-later
"""How an installation ends, well or badly; in both cases mostly by a power-off, as with Anaconda."""

import shutil
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path

from goldsmith.media.installer.machine import Machine, sysrq, wait_for_ever
from goldsmith.media.installer.voice import Voice

PATIENCE = 5.0  # seconds that an error stays on the console; Anaconda waits 180
CMDLINE_ERROR = """
Running in cmdline mode, no interactive debugging allowed.
The exact error message is:

{text}.

The installer will now terminate.
"""
MENU = """
 1) [!] Installation source               2) [!] Software selection
 3) [!] Installation Destination          4) [!] Root password
  Please make your choice from above ['q' to quit | 'b' to begin installation |
  'r' to refresh]: """


def save_kickstart(machine: Machine, kickstart: Path) -> None:
    """Leave the kickstart and the logs in the new system, as far as ``inst.nosave`` lets it."""
    text = kickstart.read_text(encoding="utf-8")
    if machine.boot.saves("input_ks"):
        machine.write("/root/original-ks.cfg", text, 0o600)
    if machine.boot.saves("output_ks"):
        head = "# Kickstart file written by the stand-in installer: what it was given.\n"
        machine.write("/root/anaconda-ks.cfg", head + text, 0o600)
    if machine.boot.saves("logs"):
        folder = machine.inside("/var/log/anaconda")
        folder.mkdir(parents=True, exist_ok=True)
        for log in [
            machine.logs / "anaconda.log",
            machine.logs / "program.log",
            *machine.logs.glob("ks-script-*.log"),
        ]:
            if log.is_file():
                shutil.copyfile(log, folder / log.name)
                (folder / log.name).chmod(0o600)


def finish(machine: Machine, voice: Voice, ending: str) -> None:
    """End a good installation as the kickstart says; without such a command the machine stays on."""
    for line in voice.ends:
        machine.say(line)
    machine.leave()
    if ending == "reboot":
        machine.say("Rebooting." if voice.power.endswith(".") else "rebooting system")
        sysrq("b")
    if ending == "poweroff":
        _power_off(machine, voice)
    machine.say("System halted.")
    wait_for_ever()


def fail(machine: Machine, voice: Voice, text: str, *, cmdline: bool) -> None:
    """End a bad installation: by a power-off, which in text mode first waits for the enter key, for ever."""
    if not cmdline:
        machine.say(f"\n{text}\n\nPress enter to exit")
        if not sys.stdin.readline():  # a console without input
            wait_for_ever()
    elif voice.parse_error == "{text}":  # the generation that explains itself
        machine.say(CMDLINE_ERROR.format(text=text.rstrip(".")))
    else:
        for line in (text, *voice.ends):
            machine.say(line)
    time.sleep(PATIENCE)
    machine.leave()
    _power_off(machine, voice)


def fail_to_parse(machine: Machine, voice: Voice, text: str, *, cmdline: bool) -> None:
    """Show what is wrong with the kickstart; the RHEL 6 installer then hangs for ever."""
    machine.say(voice.parse_error.format(text=text))
    if voice.parse_error != "{text}" or not cmdline:
        machine.say("Press enter to exit")
        wait_for_ever()
    machine.say("The installer will now terminate.")
    time.sleep(PATIENCE)
    _power_off(machine, voice)


def ask(machine: Machine) -> None:
    """Stand for the menu of an installer that has no kickstart."""
    machine.say(MENU)
    wait_for_ever()


def _power_off(machine: Machine, voice: Voice) -> None:
    machine.say(voice.power)
    with suppress(termios.error):
        termios.tcdrain(sys.stdout.fileno())  # the line must be out before the kernel speaks
    sysrq("o")
