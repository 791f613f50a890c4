"""What goes wrong between an installer or a guest and where its packages come from.

Sources: the texts of kickstarts/parts/content.sh; urlgrabber and yum (RHEL 6 and 7), librepo and dnf (RHEL 8 and
later), which name curl's error numbers.
"""

import re

from goldsmith.guests.causes.failure import Failure, detail

# What kickstarts/parts/content.sh says, after it has unregistered the guest.
CONTENT = (
    Failure(
        re.compile(r"GOLDSMITH-FAILED registration: (.*)"),
        "the guest could not be registered: {1}",
        "see install.subscription and the secrets it names; or choose another install.content.origin",
        example="GOLDSMITH-FAILED registration: None of the subscriptions for the activation key were available",
        source="kickstarts/parts/content.sh",
    ),
    Failure(
        re.compile(r"GOLDSMITH-FAILED unregister: (.*)"),
        "the guest could not be unregistered: {1}",
        "remove the system goldsmith-build by hand where it was registered, then build again",
        example="GOLDSMITH-FAILED unregister: Network error, unable to connect to server",
        source="kickstarts/parts/content.sh",
    ),
    Failure(
        re.compile(r"GOLDSMITH-FAILED (?:repository|package): (.*)"),
        "{1}",
        "name in install.subscription.repos the repository that has it; the lines above are yum's",
        example="GOLDSMITH-FAILED package: No package cloud-init available.",
        source="kickstarts/parts/content.sh",
    ),
    Failure(
        re.compile(r"GOLDSMITH-FAILED \w+: (.*)"),
        "the update failed: {1}",
        "the lines above are yum's",
        example="GOLDSMITH-FAILED update: Error: Package: kernel-3.10.0 requires linux-firmware",
        source="kickstarts/parts/content.sh",
    ),
)

_NET = "does the network of the build machine (machine.network) reach it, and is its DHCP server's DNS right?"
_NO_DNS = f"the guest has no DNS, or the name is wrong: {_NET}"
REPOSITORY = (
    Failure(
        re.compile(
            r"(?:Could not|Couldn't) resolve host(?: ?name)?[:' ]+(?:for )?([\w.:/-]+)|"
            r"([\w-]+(?:\.[\w-]+)+): (?:Temporary failure in name resolution|Name or service not known)"
        ),
        "a host name could not be looked up: {1}{2}",
        _NO_DNS,
        passing=True,
        waits=True,  # there may be another mirror, and a script may ask for what it can do without
        example='[Errno 14] curl#6 - "Could not resolve host: mirror.example.com; Name or service not known"',
        source="curl error 6, as yum and dnf show it",
    ),
    Failure(
        re.compile(
            r"(?:Could not|Couldn't) resolve host|Temporary failure in name resolution|Name or service not known"
        ),
        "a host name could not be looked up",
        _NO_DNS,
        passing=True,
        waits=True,
        example="socket.gaierror: [Errno -2] Name or service not known",
        source="glibc, gai_strerror",
    ),
    Failure(
        re.compile(
            r"(?:Failed connect to|Failed to connect to|couldn't connect to host|Connection timed out after)"
            r" ?([\w.:-]*)"
        ),
        "a repository could not be reached: {1}",
        _NET,
        passing=True,
        waits=True,
        example='[Errno 14] curl#7 - "Failed connect to 192.0.2.10:80; No route to host"',
        source="curl errors 7 and 28",
    ),
    Failure(
        re.compile(
            r"(https?://\S+): \[Errno 14\] (?:HTTPS? Error (\d+)|PYCURL ERROR 22 .*error: (\d+))|"
            r"Status code: (\d+) for (\S+)"
        ),
        "a repository answered {2}{3}{4}: {1}{5}",
        "is the address of install.repos right, and complete up to the folder that holds repodata/?",
        waits=True,
        example="http://mirror.example.com/7/os/repodata/repomd.xml: [Errno 14] HTTP Error 404 - Not Found",
        source="urlgrabber; librepo",
    ),
    Failure(
        re.compile(
            r"Cannot retrieve repository metadata \(repomd\.xml\) for repository: (\S+?)\. |"
            r"Failed to download metadata for repo '([^']+)'|Cannot find a valid baseurl for repo: (\S+)"
        ),
        "the repository {1}{2}{3} could not be read",
        "the lines above say why; see install.repos",
        details=(
            detail(r"Status code: (\d+) for (\S+)", ": {2} answered {1}"),
            detail(r"(https?://\S+): \[Errno 14\] HTTPS? Error (\d+)", ": {1} answered {2}"),
            detail(r"(?:Could not|Couldn't) resolve host:? '?([\w.-]+)", ": there is no host {1}"),
        ),
        passing=True,
        waits=True,
        example="Failed to download metadata for repo 'appstream': Cannot download repomd.xml",
        source="yum, yumRepo.py; dnf, repo.py",
    ),
)
