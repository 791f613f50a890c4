"""Failures of Anaconda (the stand-in installer speaks like it).

Sources: rhinstaller/anaconda, branches rhel6-branch, rhel7-branch and rhel-8; python-meh for its crash report; Beaker's
list of install failures.
"""

import re

from goldsmith.guests.causes.content import CONTENT, REPOSITORY
from goldsmith.guests.causes.failure import Failure, detail
from goldsmith.guests.causes.linux import EARLY_BOOT, FIRMWARE, KERNEL

_SHOW = "goldsmith render shows the file; goldsmith validate names the line of the template"
_SCRIPT = "its last lines are above; they are the script's own"
_MEDIUM = "compare the medium's sha256 with the vendor's; goldsmith media list shows what is kept"
_CRASH = (
    detail(r"^\s*File \"([^\"]+)\", line (\d+), in (\S+)", " at {1}:{2} in {3}", first=True),
    detail(r"^((?:[\w.]+\.)?\w*(?:Error|Exception|Fault|Failure)\b(?::? .*)?)$", ": {1}"),
)
_EXIT = (detail(r"(?:Error code|exit(?:ed with)? (?:status|code)) (-?\d+)", " with exit status {1}"),)

_SAME = (
    Failure(
        re.compile(r"Error code (\d+) running the kickstart script at line (\d+)"),
        "the kickstart script at line {2} ended with exit status {1}",
        _SCRIPT,
        line=2,
        example="Error code 3 running the kickstart script at line 61",
        source="pyanaconda/kickstart.py, AnacondaKSScript.run",
    ),
    Failure(
        re.compile(r"There was an error running the kickstart script at line (\d+)"),
        "the kickstart script at line {1} failed",
        _SCRIPT,
        line=1,
        details=_EXIT,
        example="There was an error running the kickstart script at line 61.  This is a fatal error and "
        "installation will be aborted.",
        source="pyanaconda/kickstart.py, AnacondaKSScript.run",
    ),
    Failure(
        re.compile(
            r"Missing package:\s*(\S*?)\.?$|No match for argument: (\S+)|The following (?:packages|groups) (?:are "
            r"missing|were not available): (.*)"
        ),
        "package {1}{2}{3} is not on the medium or in its repositories",
        "remove it from install.packages, or add the repository that has it to install.repos",
        example="Missing package: no-such-package",
        source="pyanaconda/packaging/yumpayload.py",
    ),
)

_STORAGE = (
    Failure(
        re.compile(r"Disk \"(\S+?)\" given in (\w+) command does not exist|Specified nonexistent disk (\S+)"),
        "the kickstart names a disk that is not there: {1}{3}",
        "disk.bus decides the name: vda with virtio, sda with scsi, sata and ide",
        example='Disk "sda" given in ignoredisk command does not exist.',
        source="pyanaconda/kickstart.py, IgnoreDisk and ClearPart; RHEL 6: kickstart.py",
    ),
    Failure(
        re.compile(r"No disks (?:selected|found|detected)|No usable disks|Sorry, (?:no|no usable) disks"),
        "the installer sees no disk",
        "the build machine's disk.bus needs a driver that this installer has",
        example="No usable disks have been found.",
        source="pyanaconda/ui/lib/disks.py; storage/partitioning.py",
    ),
    Failure(
        re.compile(
            r"Not enough space in file systems for the current software selection(?:\. An additional (.*?) is "
            r"needed)?|not enough free space on disks|Unable to allocate requested partition scheme|"
            r"Could not allocate requested partitions|(?:Error: )?insufficient (?:disk )?space"
        ),
        "the disk is too small for what is to be installed",
        "raise disk.size, or mend the sizes of part",
        details=(detail(r"An additional (.*?) is needed", ": {1} more is needed"),),
        example="Not enough space in file systems for the current software selection. An additional 812.4 MiB is "
        "needed.",
        source="pyanaconda/packaging/__init__.py; blivet/partitioning.py",
    ),
    Failure(
        re.compile(r"storage configuration failed:?\s*(.*)"),
        "the disk layout failed: {1}",
        "mend part and clearpart; the lines after it say what does not fit",
        vague=True,
        example="storage configuration failed: autopart failed:",
        source="pyanaconda/ui/tui/spokes/storage.py",
    ),
)

ANACONDA = (
    Failure(
        re.compile(r"The following problem occurred on line (\d+) of the kickstart file"),
        "the installer does not accept line {1} of the kickstart",
        _SHOW,
        line=1,
        example="The following problem occurred on line 12 of the kickstart file:\n\nUnknown command: bogus",
        source="pykickstart/errors.py",
    ),
    *_SAME,
    *_STORAGE,
    Failure(
        re.compile(r"can't find /ks\.cfg|[Ff]ailed to fetch kickstart|Can't get kickstart"),
        "the installer did not find its kickstart",
        "report it: Goldsmith puts the kickstart into the initrd",
        example="dracut-cmdline[104]: Warning: can't find /ks.cfg!",
        source="anaconda, dracut/fetch-kickstart-disk",
    ),
    Failure(
        re.compile(
            r"can't find installer (?:main )?image|Failed to find a root filesystem|"
            r"failed to (?:download|fetch) .*(?:squashfs|install)\.img"
        ),
        "the installer did not find the rest of itself on the medium",
        _MEDIUM,
        details=(detail(r"((?:https?|ftp)://\S+)", ": {1}"),),
        example="dracut-initqueue[288]: Warning: can't find installer main image path in .treeinfo",
        source="anaconda, dracut/anaconda-lib.sh",
    ),
    Failure(
        re.compile(
            r"Failed to set up installation source|Error setting up (?:base repository|software source)|"
            r"Installation source not set up"
        ),
        "the installer could not use its source of packages",
        f"from a medium: {_MEDIUM}; from a tree: is its address right, and is it reached?",
        vague=True,
        example="Failed to set up installation source; check the repo url",
        source="pyanaconda/ui/tui/spokes/source.py",
    ),
    Failure(
        re.compile(
            r"Please make your choice from above|Press ENTER to (?:exit|continue)|Press enter to exit"
        ),
        "the installer asks a question and waits for an answer",
        "the kickstart is incomplete, or was not read; goldsmith render shows it",
        vague=True,
        details=(detail(r"^\s*\d+\) \[!\] (.+?)\s*(?:\d+\)|$)", ": {1}"),),
        example="  Please make your choice from above ['q' to quit | 'b' to begin installation |",
        source="pyanaconda/ui/tui, simpleline",
    ),
    Failure(
        re.compile(r"An unknown error has occurr?ed|exception report$"),
        "the installer crashed",
        "its traceback is above; a recipe that does without the part it names may help",
        details=_CRASH,
        example="anaconda 21.48.22.159-1 exception report",
        source="python-meh; pyanaconda/exception.py",
    ),
    Failure(
        re.compile(r"What do you want to do now\?"),
        "the installer crashed and asks what to do",
        "its traceback is above",
        vague=True,
        details=_CRASH,
        example="What do you want to do now?",
        source="python-meh, ui/text.py",
    ),
    *CONTENT,
    Failure(
        re.compile(r"The installation was stopped due to (.*)"),
        "the installer stopped due to {1}",
        "read the console above it",
        vague=True,
        example="The installation was stopped due to an error which occurred while running in non-interactive "
        "cmdline mode.",
        source="pyanaconda/errors.py",
    ),
    Failure(
        re.compile(r"Running in cmdline mode, no interactive debugging allowed"),
        "the installer met an error and ended",
        "read the console above it",
        vague=True,
        details=_CRASH,
        example="Running in cmdline mode, no interactive debugging allowed.",
        source="pyanaconda/exception.py",
    ),
    *EARLY_BOOT,
    *KERNEL,
    *REPOSITORY,
    *FIRMWARE,
)

ANACONDA_6 = (
    Failure(
        re.compile(r"The following problem occurred on line (\d+) of the kickstart file"),
        "the installer does not accept line {1} of the kickstart",
        _SHOW,
        line=1,
        example="The following problem occurred on line 12 of the kickstart file:",
        source="pykickstart/errors.py",
    ),
    Failure(
        re.compile(r"The following error was found while parsing the kickstart"),
        "the installer does not accept the kickstart",
        _SHOW,
        vague=True,  # the line with the number comes after it
        example="The following error was found while parsing the kickstart configuration file:",
        source="anaconda 13.21, kickstart.py",
    ),
    Failure(
        re.compile(r"Command line mode requires all choices|Can't have a question in command line mode"),
        "the installer has a question that the kickstart does not answer, and would wait for ever",
        "add the command that answers it to the kickstart",
        details=(
            detail(r"^(?:In interactive step (\S+))", ": step {1}"),
            detail(r"^(You have multiple network devices|Question: .*|Warning: .*|.*\?)$", ": {1}"),
        ),
        example="Can't have a question in command line mode!",
        source="anaconda 13.21, cmdline.py",
    ),
    *_SAME,
    *_STORAGE,
    Failure(
        re.compile(r"Unable to read package metadata"),
        "the repository could not be read",
        f"{_MEDIUM}; of a tree: does it hold repodata/?",
        example="Unable to read package metadata. This may be due to a missing repodata directory.",
        source="anaconda 13.21, yuminstall.py",
    ),
    Failure(
        re.compile(
            r"disc was not found in any of your (?:CDROM drives|drives)|No (?:driver|hard drives) (?:were )?found"
        ),
        "the installer does not find its medium",
        _MEDIUM,
        example="The Red Hat Enterprise Linux Server disc was not found in any of your CDROM drives.",
        source="anaconda 13.21, loader/cdinstall.c",
    ),
    Failure(
        re.compile(r"exception report$"),
        "the installer crashed",
        "its traceback is above; a recipe that does without the part it names may help",
        details=_CRASH,
        example="anaconda 13.21.263 exception report",
        source="python-meh",
    ),
    Failure(
        re.compile(
            r"install exited abnormally|Anaconda died after receiving signal|I can't recover from this"
        ),
        "the installer crashed",
        "read the console above it",
        vague=True,
        details=(detail(r"died after receiving signal (\d+)", " on signal {1}"), *_CRASH),
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
    *CONTENT,
    *EARLY_BOOT,
    *KERNEL,
    *REPOSITORY,
    *FIRMWARE,
)
