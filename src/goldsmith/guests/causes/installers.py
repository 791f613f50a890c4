"""Failures that Anaconda tells alike in all its versions (the stand-in installer speaks like it).

Sources: rhinstaller/anaconda, branches rhel6-branch, rhel7-branch and rhel-8; python-meh for its crash report; Beaker's
list of install failures.
"""

import re

from goldsmith.guests.causes.failure import Failure, detail

SHOW = "goldsmith render shows the file; goldsmith validate names the line of the template"
_PACKAGE = "remove it from install.packages, or add the repository that has it to install.repos"
SCRIPT = "its last lines are above; they are the script's own"
MEDIUM = "compare the medium's sha256 with the vendor's; goldsmith media list shows what is kept"
CRASH = (
    detail(
        r"^\s*File \"([^\"]+)\", line (\d+), in (\S+)",
        " at {1}:{2} in {3}",
        order=r"Traceback \(most recent call (first|last)\)",  # python-meh writes the one, Python the other
    ),
    detail(
        r"^((?:[\w.]+\.)?(?:\w*(?:Error|Exception|Fault|Failure)\b(?::? .*)?|(?:[A-Z][a-z]+){2,}: \S.*))$",
        ": {1}",
    ),
)
EXIT = (
    detail(r"Error code (-?\d+) running the kickstart script", " with exit status {1}"),
    detail(r"No (?:match for argument:|package) (\S+)", "; package {1} was not found", every=True),
)
ENDS = r"The installer will now terminate"
MEMORY = "raise machine.memory"
EXACT = (detail(r"The exact error message is:", ": {1}", until=ENDS),)

SAME = (
    Failure(
        re.compile(r"Error code (-?\d+) running the kickstart script at line (\d+)"),
        "the kickstart script at line {2} ended with exit status {1}",
        SCRIPT,
        waits=True,  # only one with --erroronfail ends the install
        line=2,
        example="Error code 3 running the kickstart script at line 61",
        source="pyanaconda/kickstart.py, AnacondaKSScript.run",
    ),
    Failure(
        re.compile(r"There was an error running the kickstart script at line (\d+)"),
        "the kickstart script at line {1} failed",
        SCRIPT,
        line=1,
        details=EXIT,
        example="There was an error running the kickstart script at line 61.  This is a fatal error and "
        "installation will be aborted.",
        source="pyanaconda/kickstart.py, AnacondaKSScript.run",
    ),
    Failure(
        re.compile(
            r"[Mm]issing packages?:\s*(.*?)\.?$|The following packages (?:are missing|were not available): (.*)|"
            r"(?:You have specified that the|The) package '([^']+)' (?:should be installed|is required)"
        ),
        "package {1}{2}{3} is not on the medium or in its repositories",
        _PACKAGE,
        example="Missing package: no-such-package",
        source="pyanaconda/packaging/yumpayload.py; pyanaconda/errors.py; dnf, exceptions.py, MarkingErrors",
    ),
    Failure(
        re.compile(
            r"[Mm]issing groups(?: or modules)?:\s*(.*?)\.?$|The following groups (?:are missing|were not available): "
            r"(.*)|(?:You have specified that the|The) group '([^']+)' (?:should be installed|is required)"
        ),
        "group {1}{2}{3} is not on the medium or in its repositories",
        _PACKAGE,
        example="The group 'core' is required for this installation. This group does not exist.",
        source="pyanaconda/errors.py; dnf, exceptions.py, MarkingErrors",
    ),
    Failure(
        re.compile(r"No match for argument: (\S+)"),
        "package {1} is not on the medium or in its repositories",
        _PACKAGE,
        waits=True,  # it may have been to be removed, or be a script's own
        example="No match for argument: no-such-package",
        source="dnf, cli/commands/install.py and remove.py",
    ),
    Failure(
        re.compile(r"The following software marked for installation has errors"),
        "the packages cannot be installed together, or not from this source",
        "see install.packages and install.repos; do the repositories belong to this medium?",
        details=(detail(r"(?:caused by an error with|^)\s*your installation source", ": {1}", until=ENDS),),
        example="The following software marked for installation has errors.",
        source="pyanaconda/errors.py; pyanaconda/modules/payloads/payload/dnf",
    ),
    Failure(
        re.compile(r"The following error occurred while installing\."),
        "the packages could not be installed",
        "see install.packages and install.repos, and disk.size",
        details=(detail(r"installation will be aborted\.?\s*$", ": {1}", until=rf"{ENDS}|Press ENTER"),),
        example="The following error occurred while installing.  This is a fatal error and installation will be "
        "aborted.",
        source="pyanaconda/errors.py",
    ),
    Failure(
        re.compile(r"The following error occurred while installing the boot loader"),
        "the boot loader could not be installed",
        "see the bootloader command of the kickstart, and machine.firmware",
        details=(detail(r"continue with installation\?", ": {1}", until=ENDS),),
        example="The following error occurred while installing the boot loader. The system will not be bootable. "
        "Would you like to ignore this and continue with installation?",
        source="pyanaconda/errors.py",
    ),
    Failure(
        re.compile(r"Traceback \(most recent call last\)"),
        "a Python program of the installer crashed",
        "its traceback is above",
        vague=True,
        waits=True,  # it may be of a script that goes on
        details=CRASH,
        example="Traceback (most recent call last):",
        source="Python, as Anaconda 13.21 and 21 end where python-meh is not yet there",
    ),
)

TOO_SMALL = "the disk is too small for what is to be installed"
LARGER = "raise disk.size, or mend the sizes of part"
STORAGE = (
    Failure(
        re.compile(r"Disk \"(\S+?)\" given in (\w+) command does not exist|Specified nonexistent disk (\S+)"),
        "the kickstart names a disk that is not there: {1}{3}",
        "disk.bus decides the name: vda with virtio, sda with scsi, sata and ide",
        example='Disk "sda" given in ignoredisk command does not exist.',
        source="pyanaconda/kickstart.py, IgnoreDisk and ClearPart; RHEL 6: kickstart.py",
    ),
    Failure(
        re.compile(
            # "No disks detected" alone is said by others, too, such as kdump.
            r"No disks detected\.\s+Please shut down|No usable disks|Sorry, (?:no|no usable) disks|"
            r"no valid devices were found on which to create"
        ),
        "the installer sees no disk",
        "the build machine's disk.bus needs a driver that this installer has",
        example="storage configuration failed: No usable disks selected",
        source="blivet/partitioning.py; pyanaconda/errors.py; storage/partitioning.py",
    ),
    Failure(
        re.compile(
            r"not enough free space on disks|Unable to allocate requested partition scheme|"
            r"Could not allocate requested partitions|for the following reason\(s\): .*insufficient disk space|"
            r"[Nn]ot enough free space on selected disks|You need more space on the following file ?systems|"
            r"Your selected packages require \d+ MB"
        ),
        TOO_SMALL,
        LARGER,
        details=(detail(r"You need more space on the following file ?systems:?", ": {1}", until=ENDS),),
        example="Unable to allocate requested partition scheme.",
        source="blivet/partitioning.py",
    ),
    Failure(
        re.compile(r"The following errors? occurred with your partitioning"),
        "the disk layout has errors",
        "mend part and clearpart of the kickstart",
        details=(detail(r"The following errors? occurred with your partitioning", ": {1}", until=ENDS),),
        example="The following errors occurred with your partitioning:",
        source="pyanaconda/ui/tui; anaconda 13.21, iw/partition_gui.py",
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
