"""How Anaconda's console is read (RHEL 7 and RHEL 6; the stand-in installer speaks like it).

Strings: rhinstaller/anaconda branches rhel6-branch and rhel7-branch. Why installs fail is in causes/anaconda.py.
"""

import re

from goldsmith.guests.causes.anaconda import ANACONDA
from goldsmith.guests.causes.anaconda6 import ANACONDA_6
from goldsmith.guests.family import Console, patterns

_STEPS = tuple(
    (rf"GOLDSMITH-STEP {word}", name)
    for word, name in (
        ("registering", "registering"),
        ("updating", "updating"),
        ("installing", "installing what the medium lacks"),
        ("unregistering", "unregistering"),
    )
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
    failures=ANACONDA,
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
    failures=ANACONDA_6,
    progress=re.compile(
        r"Packages completed: (?P<done>\d+) of (?P<total>\d+)|Installing software (?P<percent>\d+)%"
    ),
)
