"""Whether the guest is ready for a cloud: cloud-init, its data sources, its services, room to grow."""

import itertools
import re

from goldsmith.audit.check import SYSTEMD, Finding, Profile, bad, check, good, some
from goldsmith.audit.facts import Facts

_CONFIG = ("/etc/cloud/cloud.cfg", "/etc/cloud/cloud.cfg.d/*.cfg")
_WANTS = tuple(
    f"{folder}/{target}.wants/*"
    for folder in ("/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
    for target in (
        "multi-user.target",
        "cloud-init.target",
        "cloud-config.target",
        "sockets.target",
        "sysinit.target",
    )
)
_SPENT = (
    "/var/lib/cloud/instance",
    "/var/lib/cloud/instances/*",
    "/var/lib/cloud/data/*",
    "/var/lib/cloud/sem/*",
    "/var/lib/cloud/seed/**",
)
_OFF = ("/etc/cloud/cloud-init.disabled",)
# Each line: names of which one must be there; newer releases of cloud-init and OpenSSH renamed theirs.
_UNITS = (
    ("cloud-init-local.service",),
    ("cloud-init.service", "cloud-init-network.service"),
    ("cloud-config.service",),
    ("cloud-final.service",),
    ("ssh.service", "sshd.service", "ssh.socket", "sshd.socket"),
)
_PACKAGES = {
    Profile.DEBIAN: ("cloud-init", "cloud-guest-utils"),
    Profile.RHEL6: ("cloud-init", "cloud-utils-growpart", "acpid"),
    Profile.RHEL7: ("cloud-init", "cloud-utils-growpart"),
    Profile.RHEL8: ("cloud-init", "cloud-utils-growpart"),
}
_PROGRAMS = ("/usr/bin/cloud-init", "/usr/bin/growpart")


@check(
    "O-L20",
    "the data sources are named",
    why="the built-in list tries every cloud there is, and waits for the answer of each",
    source="cloud-init, datasource_list",
    expected="a datasource_list with ConfigDrive, and OpenStack or Ec2",
    fix="write datasource_list: [ConfigDrive, OpenStack, Ec2] to /etc/cloud/cloud.cfg.d/90_goldsmith.cfg",
    reads=_CONFIG,
)
def data_sources(facts: Facts) -> Finding:
    named: list[str] | None = None
    for path in (path for pattern in _CONFIG for path in facts.files.match(pattern)):
        named = _named_sources(facts.files.text(path) or "") or named
    if named is None:
        return bad("no datasource_list")
    fits = "ConfigDrive" in named and {"OpenStack", "Ec2"} & set(named)
    return good(", ".join(named)) if fits else bad(", ".join(named))


def _named_sources(text: str) -> list[str]:
    """Return the list, of either YAML style. The text is the guest's, so no YAML reader is let loose on it."""
    lines = [re.sub(r"(^|\s)#.*", "", line) for line in text.splitlines()]
    for number, line in enumerate(lines):
        if re.match(r"datasource_list\s*:", line):
            more = itertools.takewhile(lambda one: not one[:1].isalpha(), lines[number + 1 :])
            return re.findall(r"\w+", " ".join([line.partition(":")[2], *more]))
    return []


@check(
    "O-L21",
    "cloud-init and growpart are installed",
    why="without them no key, no name and no larger disk reaches the guest",
    source="OpenStack Virtual Machine Image Guide, image requirements",
    expected="cloud-init and growpart",
    fix="a customize step packages: {install: [cloud-init, cloud-utils-growpart]} (Debian: cloud-guest-utils)",
    sees=_PROGRAMS,
)
def packages(facts: Facts) -> Finding:
    wanted = _PACKAGES.get(Profile(facts.profile))
    installed = facts.look.packages
    if wanted and installed is not None:
        missing = [name for name in wanted if name not in installed]
        return (
            bad(f"{some(missing)} missing")
            if missing
            else good(" ".join(f"{n} {installed[n]}" for n in wanted))
        )
    missing = [path for path in _PROGRAMS if facts.files.at(path) is None]
    return bad(f"{some(missing)} missing") if missing else good(some(_PROGRAMS))


@check(
    "O-L22",
    "cloud-init and SSH start with the guest",
    why="an installed service that nobody starts leaves a guest that cannot be entered",
    source="cloud-init, boot stages; systemd.unit(5)",
    expected="the four services of cloud-init and the SSH server enabled",
    fix="systemctl enable cloud-init-local cloud-init cloud-config cloud-final sshd (Debian: ssh)",
    profiles=SYSTEMD,
    sees=[*_WANTS, *_OFF, "/etc/systemd/system/*"],
)
def units(facts: Facts) -> Finding:
    if off := facts.files.match(_OFF[0]):
        return bad(off[0])
    wanted = {path.rpartition("/")[2] for pattern in _WANTS for path in facts.files.match(pattern)}
    links = facts.files.entries
    masked = {
        name for name in wanted if (e := links.get(f"/etc/systemd/system/{name}")) and e.target == "/dev/null"
    }
    missing = [" or ".join(names) for names in _UNITS if not set(names) & (wanted - masked)]
    return bad(f"{some(missing)} not enabled") if missing else good("all enabled")


@check(
    "O-L24",
    "cloud-init has not run yet",
    why="it takes its own traces for a finished first start and skips keys, names and growth",
    source="cloud-init clean",
    expected="/var/lib/cloud without instances, data, semaphores and seeds",
    fix="cloud-init clean --logs --seed, or rm -rf /var/lib/cloud/* as the last customize step",
    sees=_SPENT,
)
def not_run(facts: Facts) -> Finding:
    hits = [path for pattern in _SPENT for path in facts.files.match(pattern)]
    return bad(some(hits)) if hits else good("empty")


CHECKS = (data_sources, packages, units, not_run)
