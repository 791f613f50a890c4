"""Failures of Anaconda of RHEL 7 and later.

Sources: rhinstaller/anaconda, branches rhel7-branch and rhel-8; python-meh for its crash report; Beaker's list of
install failures.
"""

import re

from goldsmith.guests.causes.content import CONTENT, REPOSITORY
from goldsmith.guests.causes.failure import Failure, detail
from goldsmith.guests.causes.firmware import FIRMWARE
from goldsmith.guests.causes.installers import (
    CRASH,
    ENDS,
    EXACT,
    LARGER,
    MEDIUM,
    MEMORY,
    SAME,
    SHOW,
    STORAGE,
    TOO_SMALL,
)
from goldsmith.guests.causes.linux import EARLY_BOOT, KERNEL

ANACONDA = (
    Failure(
        re.compile(r"The following problem occurred on line (\d+) of the kickstart file"),
        "the installer does not accept line {1} of the kickstart",
        SHOW,
        line=1,
        example="The following problem occurred on line 12 of the kickstart file:\n\nUnknown command: bogus",
        source="pykickstart/errors.py",
    ),
    Failure(
        re.compile(r"An error occurred during reading the kickstart file"),
        "the installer does not accept the kickstart",
        SHOW,
        vague=True,  # its text, which comes after it, may name a line or a disk
        details=(detail(r"An error occurred during reading the kickstart file", ": {1}", until=ENDS),),
        example="An error occurred during reading the kickstart file:",
        source="pyanaconda/kickstart.py of RHEL 8 and later, parseKickstart",
    ),
    Failure(
        # A graphical one that is told to need more than there is goes on in text mode.
        re.compile(r"requires (\d+) MB of memory to install, but you only have (\d+) MB on this machine"),
        "the installer needs {1} MB of memory and has {2} MB",
        MEMORY,
        example="Red Hat Enterprise Linux requires 1280 MB of memory to install, but you only have 941 MB on this "
        "machine.",
        source="anaconda 21, anaconda; pyanaconda/startup_utils.py, check_memory",
    ),
    *SAME,
    *STORAGE,
    Failure(
        re.compile(
            r"Not enough space in file systems for the current software selection(?:\. An additional .*? is needed)?"
        ),
        TOO_SMALL,
        LARGER,
        waits=True,  # an estimate: in cmdline mode it is told, and the install goes on
        reach=3,  # from the summary hub past the packages
        details=(detail(r"An additional (.*?) is needed", ": by an estimate {1} more is needed"),),
        example="Not enough space in file systems for the current software selection. An additional 812.4 MiB is "
        "needed.",
        source="pyanaconda/ui/tui/hubs/summary.py; pyanaconda/ui/lib/space.py",
    ),
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
            r"failed to (?:download|fetch) (?:stage2 from|.*(?:squashfs|install)\.img)"
        ),
        "the installer did not find the rest of itself on the medium",
        f"from a medium: {MEDIUM}; from a tree: is its address right, and is it reached?",
        consequence=True,
        details=(detail(r"failed to (?:download|fetch) (?:stage2 from )?((?:https?|ftp)://\S+)", ": {1}"),),
        example="dracut-initqueue[288]: Warning: can't find installer main image path in .treeinfo",
        source="anaconda, dracut/anaconda-lib.sh",
    ),
    Failure(
        re.compile(
            r"Failed to set up installation source|Error setting up (?:base repository|software source)|"
            r"Installation source not set up"
        ),
        "the installer could not use its source of packages",
        f"from a medium: {MEDIUM}; from a tree: is its address right, and is it reached?",
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
        details=(detail(r"\d+\) \[!\] (.+?)\s*(?=\d+\) \[|$)", ": {1}", every=True),),
        example="  Please make your choice from above ['q' to quit | 'b' to begin installation |",
        source="pyanaconda/ui/tui, simpleline",
    ),
    Failure(
        re.compile(r"An unknown error has occurr?ed|exception report\b"),
        "the installer crashed",
        "its traceback is above; a recipe that does without the part it names may help",
        details=CRASH,
        example="anaconda 21.48.22.159-1 exception report",
        source="python-meh; pyanaconda/exception.py",
    ),
    Failure(
        re.compile(r"What do you want to do now\?"),
        "the installer crashed and asks what to do",
        "its traceback is above",
        vague=True,
        details=CRASH,
        example="What do you want to do now?",
        source="python-meh, ui/text.py",
    ),
    *CONTENT,
    Failure(
        re.compile(r"^pyanaconda\.errors\.ScriptError\b"),
        "a %pre script with --erroronfail failed",
        "logs/anaconda.log of the build's folder may have its output; goldsmith render shows the script",
        vague=True,  # the installer's log has its line and its exit status
        example="pyanaconda.errors.ScriptError",
        source="pyanaconda/errors.py of RHEL 8 and later, ErrorHandler.cb before there is a user interface",
    ),
    Failure(
        re.compile(r"The installation was stopped due to (an error|incomplete spokes|[^.]*)"),
        "the installer stopped due to {1}",
        "read the console above it",
        vague=True,
        details=EXACT,
        example="The installation was stopped due to an error which occurred while running in non-interactive "
        "cmdline mode.",
        source="pyanaconda/errors.py",
    ),
    Failure(
        re.compile(rf"Running in cmdline mode, no interactive debugging allowed|{ENDS}"),
        "the installer met an error and ended",
        "read the console above it",
        vague=True,
        details=(*EXACT, *CRASH),
        example="Running in cmdline mode, no interactive debugging allowed.",
        source="pyanaconda/exception.py",
    ),
    Failure(
        re.compile(r"Pane is dead"),
        "the installer ended by itself",
        "read the console above it",
        vague=True,
        details=CRASH,
        example="Pane is dead",
        source="tmux, in which Anaconda runs",
    ),
    *EARLY_BOOT,
    *KERNEL,
    *REPOSITORY,
    *FIRMWARE,
)
