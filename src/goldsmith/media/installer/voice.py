# SPDX-License-Identifier: GPL-2.0-or-later
"""Anaconda's console texts, by the generation of RHEL that the medium stands in for."""

from dataclasses import dataclass

BANNER = "Goldsmith stand-in installer (not Anaconda)"


@dataclass(frozen=True)
class Voice:
    """An empty text means that this generation says nothing there."""

    started: str
    pre: str
    checking: tuple[str, ...]
    creating: str  # {fstype} {device}
    payload: tuple[str, ...]
    package: str  # {name} {number} {total}
    image: str  # {percent}
    installed: str
    bootloader: str
    configuring: tuple[str, ...]
    network: str
    users: str
    post: str
    parse_error: str  # {text}; pykickstart's own text names the line
    script_error: str  # {line} {log} {text}
    ends: tuple[str, ...]
    power: str  # what is said just before the machine goes off


SEVEN = Voice(
    started="anaconda 21.48.22-standin for Red Hat Enterprise Linux {release} started.",
    pre="Running pre-installation scripts",
    checking=("Starting automated install", "Checking software selection", "Generating updated storage configuration",
              "Checking storage configuration...", "Setting up the installation environment"),
    creating="Creating {fstype} on {device}",
    payload=("Starting package installation process",),
    package="Installing {name} ({number}/{total})",
    image="Installing software {percent}%",
    installed="Performing post-installation setup tasks",
    bootloader="Installing boot loader",
    configuring=("Configuring installed system",),
    network="Writing network configuration",
    users="Creating users",
    post="Running post-installation scripts",
    parse_error="{text}",
    script_error="There was an error running the kickstart script at line {line}.  This is a fatal error and "
    "installation will be aborted.  The details of this error are:\n\n{text}",
    ends=("Installation complete.  Press return to quit",),
    power="Powering off.",
)  # fmt: skip
SIX = Voice(
    started="Running anaconda 13.21-standin, the Red Hat Enterprise Linux {release} system installer - please wait.",
    pre="Running pre-installation scripts",
    checking=("Examining storage devices", "In progress", "Completed"),
    creating="Creating {fstype} filesystem on {device}",
    payload=("Retrieving installation information.", "Starting installation process",
             "Preparing transaction from installation source"),
    package="Installing {name}\nPackages completed: {number} of {total}",
    image="Packages completed: {percent} of 100",
    installed="",
    bootloader="Installing bootloader.",
    configuring=("Performing post-installation configuration",),
    network="",
    users="",
    post="Running post-installation scripts",
    parse_error="The following error was found while parsing the kickstart configuration file:\n\n{text}",
    script_error="There was an error running the kickstart script at line {line}.  You may examine the output in "
    "{log}.  This is a fatal error and installation will be aborted.  Press the OK button to exit the installer.",
    ends=("terminating anaconda...done", "sending termination signals...done", "sending kill signals...done",
          "disabling swap...", "unmounting filesystems..."),
    power="powering off system",
)  # fmt: skip


def voice(generation: int) -> Voice:
    return SIX if generation == 6 else SEVEN
