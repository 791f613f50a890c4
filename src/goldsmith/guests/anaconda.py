"""How Anaconda's console is read (RHEL 7 and RHEL 6; the stand-in installer speaks like it).

Strings: rhinstaller/anaconda branches rhel6-branch and rhel7-branch, and Beaker's list of install failures.
"""

import re

from goldsmith.guests.family import KERNEL_FAILURES, Console, Failure, failures, patterns

_PRE_POST_FIX = "read the lines above; the script is the %pre/%post of the recipe's kickstart"

# What kickstarts/parts/content.sh says, after it has unregistered the guest.
_CONTENT = failures(
    (
        r"GOLDSMITH-FAILED registration: (.*)",
        "the guest could not be registered: {1}",
        "see install.subscription and the secrets it names; or choose another install.content.origin",
    ),
    (
        r"GOLDSMITH-FAILED unregister: (.*)",
        "the guest could not be unregistered: {1}",
        "remove the system goldsmith-build by hand where it was registered, then build again",
    ),
    (
        r"GOLDSMITH-FAILED (repository|package): (.*)",
        "{2}",
        "name in install.subscription.repos the repository that has it; the lines above are yum's",
    ),
    (r"GOLDSMITH-FAILED \w+: (.*)", "the update failed: {1}", "the lines above are yum's"),
)
_STEPS = tuple(
    (rf"GOLDSMITH-STEP {word}", name)
    for word, name in (
        ("registering", "registering"),
        ("updating", "updating"),
        ("installing", "installing what the medium lacks"),
        ("unregistering", "unregistering"),
    )
)

_VAGUE = (
    Failure(
        re.compile(r"The installation was stopped due to (.*)"),
        "the installer stopped due to {1}",
        "read the console above it",
        vague=True,
    ),
    Failure(
        re.compile(r"Running in cmdline mode, no interactive debugging allowed"),
        "the installer met an error and ended",
        "read the console above it",
        vague=True,
    ),
)

RHEL7 = Console(
    phases=patterns(
        (r"Linux version \d", "booting the installer"),
        (r"Starting installer, one moment", "starting the installer"),
        (r"Running pre-installation scripts", "running %pre"),
        (r"Starting automated install", "reading the kickstart"),
        (r"Checking storage configuration|Generating updated storage configuration", "planning the disk"),
        (r"Creating disklabel on|Creating \w+ on /dev/", "creating file systems"),
        (r"Starting package installation|Installing software|Deploying payload", "installing packages"),
        (r"Performing post-installation setup tasks|Configuring installed system", "configuring the system"),
        (r"Installing boot loader", "installing the boot loader"),
        (r"Running post-installation scripts", "running %post"),
        *_STEPS,
        (r"Installation complete", "finishing"),
        (r"Power down\.|Powering off\.", "powering off"),
    ),
    failures=(
        *failures(
            (
                r"The following problem occurred on line (\d+) of the kickstart file",
                "the installer does not accept line {1} of the kickstart",
                "goldsmith render shows the file; goldsmith validate names the line of the template",
            ),
            (r"storage configuration failed:?\s*(.*)", "the disk layout failed: {1}", "mend part/clearpart"),
            (
                r"Missing package:\s*(\S*)",
                "package {1} is not on the medium or in its repositories",
                "remove it from install.packages, or add the repository that has it to install.repos",
            ),
            (
                r"There was an error running the kickstart script at line (\d+)",
                "the kickstart script at line {1} failed",
                _PRE_POST_FIX,
            ),
            (
                r"Error code (\d+) running the kickstart script at line (\d+)",
                "the kickstart script at line {2} ended with exit status {1}",
                _PRE_POST_FIX,
            ),
            (
                r"can't find /ks\.cfg|[Ff]ailed to fetch kickstart|Can't get kickstart",
                "the installer did not find its kickstart",
                "report it: Goldsmith puts the kickstart into the initrd",
            ),
            (
                r"dracut-initqueue timeout|Entering emergency mode|Warning: Could not boot|dracut:/#",
                "the installer's early boot ended in its emergency shell",
                "is the medium whole? compare its sha256",
            ),
            (
                r"Please make your choice from above|What do you want to do now\?|Press enter to exit",
                "the installer asks a question and waits for an answer",
                "the kickstart is incomplete, or was not read; goldsmith render shows it",
            ),
            (r"An unknown error has occured", "the installer crashed", "read its traceback above"),
        ),
        *_CONTENT,
        *_VAGUE,
        *KERNEL_FAILURES,
    ),
    progress=re.compile(
        r"Installing \S+ \((?P<done>\d+)/(?P<total>\d+)\)|Installing software (?P<percent>\d+)%"
    ),
)

RHEL6 = Console(
    phases=patterns(
        (r"Linux version \d", "booting the installer"),
        (r"anaconda installer init|Greetings\.", "starting the installer"),
        (r"Running anaconda [\d.]+", "reading the kickstart"),
        (r"Examining storage devices", "planning the disk"),
        (r"Creating \w+ filesystem on|Creating \w+ on /dev/", "creating file systems"),
        (r"Starting installation process|Retrieving installation information", "installing packages"),
        (r"Installing bootloader|Installing boot loader", "installing the boot loader"),
        (r"Performing post-installation configuration", "configuring the system"),
        (r"Running post-installation scripts", "running %post"),
        *_STEPS,
        (r"terminating anaconda\.\.\.done|sending termination signals", "finishing"),
        (r"Power down\.|powering off system", "powering off"),
    ),
    failures=(
        *failures(
            (
                r"The following (?:error was found while parsing|problem occurred on line (\d+) of) the kickstart",
                "the installer does not accept the kickstart (line {1})",
                "goldsmith render shows the file; goldsmith validate names the line of the template",
            ),
            (
                r"Command line mode requires all choices|Can't have a question in command line mode",
                "the installer has a question that the kickstart does not answer, and would wait for ever",
                "the text after it names the question; add the command to the kickstart",
            ),
            (
                r"There was an error running the kickstart script at line (\d+)",
                "the kickstart script at line {1} failed",
                _PRE_POST_FIX,
            ),
            (
                r"Error code (\d+) running the kickstart script at line (\d+)",
                "the kickstart script at line {2} ended with exit status {1}",
                _PRE_POST_FIX,
            ),
            (r"Could not allocate requested partitions", "the disk layout does not fit", "raise disk.size"),
            (
                r"Specified nonexistent disk (\S*)",
                "the kickstart names a disk that is not there: {1}",
                "use vda",
            ),
            (r"Unable to read package metadata", "the repository could not be read", "is the medium whole?"),
            (
                r"Missing package:\s*(\S*)",
                "package {1} is not on the medium or in its repositories",
                "remove it from install.packages, or add the repository that has it to install.repos",
            ),
            (
                r"install exited abnormally|Anaconda died after receiving signal|I can't recover from this",
                "the installer crashed",
                "read the console above it",
            ),
            (r"Error downloading kickstart file", "the installer did not find its kickstart", "report it"),
        ),
        *_CONTENT,
        *KERNEL_FAILURES,
    ),
    progress=re.compile(
        r"Packages completed: (?P<done>\d+) of (?P<total>\d+)|Installing software (?P<percent>\d+)%"
    ),
)
