"""Failures of Anaconda of RHEL 6.

Sources: rhinstaller/anaconda, branch rhel6-branch (13.21); python-meh; Beaker's list of install failures.
"""

import re

from goldsmith.guests.causes.content import CONTENT, REPOSITORY
from goldsmith.guests.causes.failure import Failure, detail
from goldsmith.guests.causes.firmware import FIRMWARE
from goldsmith.guests.causes.installers import CRASH, MEDIUM, MEMORY, SAME, SHOW, STORAGE
from goldsmith.guests.causes.linux import EARLY_BOOT, KERNEL

_QUESTION = "the installer has a question that the kickstart does not answer, and would wait for ever"
_ANSWER = "add the command that answers it to the kickstart"
ANACONDA_6 = (
    Failure(
        re.compile(r"The following problem occurred on line (\d+) of the kickstart file"),
        "the installer does not accept line {1} of the kickstart",
        SHOW,
        line=1,
        example="The following problem occurred on line 12 of the kickstart file:",
        source="pykickstart/errors.py",
    ),
    Failure(
        re.compile(r"The following error was found while parsing the kickstart|\bKickstart Error\b"),
        "the installer does not accept the kickstart",
        SHOW,
        vague=True,  # the line with the number comes after it
        example="The following error was found while parsing the kickstart configuration file:",
        source="anaconda 13.21, kickstart.py",
    ),
    Failure(
        re.compile(
            r"In interactive step \w+|Can't have a question in command line mode|"
            r"You have multiple network devices on this system"
        ),
        _QUESTION,
        _ANSWER,
        details=(
            detail(r"In interactive step (\w+)", ": step {1}"),
            detail(r"^\(?((?:passphrase|getLUKS|enableNetwork|question)\w*)", ": {1}"),
            detail(r"^(You have multiple network devices.*)$", ": {1}"),
        ),
        example="In interactive step cleardiskssel, can't continue",
        source="anaconda 13.21, cmdline.py",
    ),
    Failure(
        re.compile(r"Command line mode requires all choices"),
        _QUESTION,
        _ANSWER,
        vague=True,  # the title and the text of the question come after it, and may name the cause
        details=(detail(r"Command line mode requires all choices", ": {1}", until=r"^\(?'?\w+'?,? \["),),
        example="Command line mode requires all choices to be specified in a kickstart configuration file.",
        source="anaconda 13.21, cmdline.py, messageWindow",
    ),
    Failure(
        re.compile(
            r"You do not have enough RAM to\s+install\b"
        ),  # one "to use the graphical installer" goes on
        "the installer needs more memory than the machine has",
        MEMORY,
        example="You do not have enough RAM to install Red Hat Enterprise Linux on this machine.",
        source="anaconda 13.21, loader/loader.c, checkForRam; anaconda, check_memory",
    ),
    *SAME,
    *STORAGE,
    Failure(
        re.compile(r"Unable to read package metadata"),
        "the repository could not be read",
        f"{MEDIUM}; of a tree: does it hold repodata/?",
        example="Unable to read package metadata. This may be due to a missing repodata directory.",
        source="anaconda 13.21, yuminstall.py",
    ),
    Failure(
        re.compile(
            r"disc was not found in any of your (?:CDROM drives|drives)|No (?:driver|hard drives) (?:were )?found"
        ),
        "the installer does not find its medium",
        MEDIUM,
        example="The Red Hat Enterprise Linux Server disc was not found in any of your CDROM drives.",
        source="anaconda 13.21, loader/cdinstall.c",
    ),
    Failure(
        re.compile(r"exception report\b"),
        "the installer crashed",
        "its traceback is above; a recipe that does without the part it names may help",
        details=CRASH,
        example="anaconda 13.21.263 exception report",
        source="python-meh",
    ),
    Failure(
        re.compile(
            r"install exited abnormally|Anaconda died after receiving signal|I can't recover from this|"
            r"The system will be rebooted when you press Ctrl-C"
        ),
        "the installer crashed",
        "read the console above it",
        vague=True,
        details=(detail(r"died after receiving signal (\d+)", " on signal {1}"), *CRASH),
        example="install exited abnormally [1/1]",
        source="anaconda 13.21, loader/init.c",
    ),
    Failure(
        re.compile(r"Error downloading kickstart file|Can't open kickstart file"),
        "the installer did not find its kickstart",
        "report it: Goldsmith puts the kickstart into the initrd",
        example="Error downloading kickstart file",
        source="anaconda 13.21, loader/kickstart.c",
    ),
    Failure(
        re.compile(r"No method given for cmdline mode"),
        "the kickstart names no source of packages",
        "it needs cdrom, harddrive, nfs or url; goldsmith render shows it",
        example="No method given for cmdline mode, aborting",
        source="anaconda 13.21, loader/loader.c",
    ),
    Failure(
        re.compile(r"Press (?:the |')?OK'?(?: button)? to exit the installer"),
        "the installer met an error and ended",
        "read the console above it",
        vague=True,
        details=CRASH,
        example="Press 'OK' to exit the installer.",
        source="anaconda 13.21, kickstart.py",
    ),
    *CONTENT,
    *EARLY_BOOT,
    *KERNEL,
    *REPOSITORY,
    *FIRMWARE,
)
