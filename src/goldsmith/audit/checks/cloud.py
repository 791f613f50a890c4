"""Whether the guest is ready for a cloud: cloud-init, its data sources, its services, room to grow."""

from typing import Any

from goldsmith.audit import cloudconfig
from goldsmith.audit.check import RHEL, SYSTEMD, Finding, Profile, absent, bad, check, good, some
from goldsmith.audit.cloudconfig import Unreadable, mapping, merged, switched_off
from goldsmith.audit.facts import Facts

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
_SYSV = ("cloud-init-local", "cloud-init", "cloud-config", "cloud-final", "sshd", "network", "acpid")
_RUNLEVEL = "/etc/rc.d/rc3.d/S*"
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
# A script of System V on RHEL 7; NetworkManager everywhere else.
_NETWORK = ("NetworkManager.service", "network.service", "systemd-networkd.service")
_PACKAGES = {
    Profile.DEBIAN: ("cloud-init", "cloud-guest-utils"),
    Profile.RHEL6: ("cloud-init", "cloud-utils-growpart", "acpid"),
    Profile.RHEL7: ("cloud-init", "cloud-utils-growpart"),
    Profile.RHEL8: ("cloud-init", "cloud-utils-growpart"),
}
_PROGRAMS = ("/usr/bin/cloud-init", "/usr/bin/growpart")
_POWER_BUTTON = "/usr/sbin/acpid"


@check(
    "O-L20",
    "the data sources are named",
    why="the built-in list tries every cloud there is, and waits for the answer of each",
    source="cloud-init, datasource_list",
    expected="a datasource_list with ConfigDrive, and OpenStack or Ec2",
    fix="write datasource_list: [ConfigDrive, OpenStack, Ec2] to /etc/cloud/cloud.cfg.d/90_goldsmith.cfg",
    reads=cloudconfig.FILES,
)
def data_sources(facts: Facts) -> Finding:
    try:
        named = merged(facts.files).get("datasource_list")
    except Unreadable as error:
        return bad(str(error))
    if not isinstance(named, list) or not named:
        return bad("no datasource_list")
    names = [str(name) for name in named]
    fits = "ConfigDrive" in names and {"OpenStack", "Ec2"} & set(names)
    return good(", ".join(names)) if fits else bad(", ".join(names))


@check(
    "O-L18",
    "cloud-init runs its module resolv-conf",
    why="the manual asks for it; with manage_resolv_conf but no resolv_conf mapping the module ends in an error",
    source="vendor manual; cloud-init, cc_resolv_conf",
    expected="resolv-conf in cloud_init_modules, and resolv_conf: where manage_resolv_conf is true",
    fix="cloud_init: {add_module: resolv-conf} in the customize steps of the recipe",
    profiles=frozenset({Profile.RHEL6, Profile.RHEL7}),
    reads=cloudconfig.FILES,
)
def resolv_module(facts: Facts) -> Finding:
    try:
        settings = merged(facts.files)
    except Unreadable as error:
        return bad(str(error))
    modules = [_first(one).replace("_", "-") for one in _list(settings.get("cloud_init_modules"))]
    if "resolv-conf" not in modules:
        return bad("not among the modules" if modules else "no cloud_init_modules")
    managed = settings.get("manage_resolv_conf")
    if managed is None or switched_off(managed):
        return good("it runs, and does nothing without manage_resolv_conf: true")
    return (
        good("it runs")
        if mapping(settings, "resolv_conf")
        else bad("manage_resolv_conf without resolv_conf:")
    )


@check(
    "O-L19",
    "cloud-init makes the user of the guest",
    why="it is the only way in: locked for passwords, with the key of the tenant and the right to become root",
    source="vendor manual; cloud-init, users and groups",
    expected="default_user cloud-user (RHEL 8 and later: any but root), lock_passwd, sudo without password",
    fix="cloud_init: {default_user: cloud-user} in the customize steps of the recipe",
    profiles=RHEL,
    reads=cloudconfig.FILES,
)
def default_user(facts: Facts) -> Finding:
    try:
        user = mapping(merged(facts.files), "system_info", "default_user")
    except Unreadable as error:
        return bad(str(error))
    name = user.get("name")
    fits = name not in (None, "root") if facts.profile == Profile.RHEL8 else name == "cloud-user"
    if not fits:
        return bad(f"default_user {name}" if name else "no default_user")
    if switched_off(user.get("lock_passwd", True)):
        return bad(f"{name} with lock_passwd: {user['lock_passwd']}")
    rules = " ".join(str(one) for one in _list(user.get("sudo")))
    return (
        good(f"{name}, {rules}")
        if "NOPASSWD:" in rules.replace(" ", "")
        else bad(f"{name}, sudo: {rules or 'no'}")
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _first(module: Any) -> str:
    """Return the name of a module, which may stand in a list with how often it runs."""
    return str((_list(module) or [""])[0])


@check(
    "O-L21",
    "cloud-init and growpart are installed",
    why="without them no key, no name and no larger disk reaches the guest",
    source="OpenStack Virtual Machine Image Guide, image requirements",
    expected="cloud-init and growpart",
    fix="a customize step packages: {install: [cloud-init, cloud-utils-growpart]} (Debian: cloud-guest-utils)",
    sees=[*_PROGRAMS, _POWER_BUTTON],
)
def packages(facts: Facts) -> Finding:
    wanted = _PACKAGES.get(Profile(facts.profile), ())
    if facts.profile == Profile.RHEL6 and facts.expected.growroot:
        wanted = (*wanted, "dracut-modules-growroot")
    installed = facts.look.packages
    if wanted and installed is not None:
        missing = [name for name in wanted if name not in installed]
        found = " ".join(f"{name} {installed[name]}" for name in wanted if name in installed)
        return bad(f"{some(missing)} missing") if missing else good(found)
    programs = (*_PROGRAMS, _POWER_BUTTON) if facts.profile == Profile.RHEL6 else _PROGRAMS
    missing = [path for path in programs if facts.files.at(path) is None]
    unread = "; the package database could not be read, so their programs were looked for" if wanted else ""
    return bad(f"{some(missing)} missing{unread}") if missing else good(some(programs) + unread)


@check(
    "O-L22",
    "cloud-init and SSH start with the guest",
    why="an installed service that nobody starts leaves a guest that cannot be entered",
    source="cloud-init, boot stages; systemd.unit(5)",
    expected="the four services of cloud-init and the SSH server enabled",
    fix="systemctl enable cloud-init-local cloud-init cloud-config cloud-final sshd (Debian: ssh)",
    profiles=SYSTEMD,
    sees=[*_WANTS, *_OFF, "/etc/systemd/system/*", _RUNLEVEL],
)
def units(facts: Facts) -> Finding:
    if off := facts.files.match(_OFF[0]):
        return bad(off[0])
    wanted = {path.rpartition("/")[2] for pattern in _WANTS for path in facts.files.match(pattern)}
    links = facts.files.entries
    masked = {
        name for name in wanted if (e := links.get(f"/etc/systemd/system/{name}")) and e.target == "/dev/null"
    }
    needed = (*_UNITS, _NETWORK) if facts.profile in RHEL else _UNITS
    running = (wanted - masked) | {f"{name}.service" for name in _started(facts)}
    missing = [" or ".join(names) for names in needed if not set(names) & running]
    return bad(f"{some(missing)} not enabled") if missing else good("all enabled")


def _started(facts: Facts) -> set[str]:
    """Return the services that System V's runlevel 3 starts."""
    names = (path.rpartition("/")[2] for path in facts.files.match(_RUNLEVEL))
    return {name[3:] for name in names if name[1:3].isdigit()}


@check(
    "O-L23",
    "cloud-init, SSH, network and the power button start with the guest",
    why="an installed service that nobody starts leaves a guest that cannot be entered, or not shut down",
    source="cloud-init 0.7.5, sysvinit; chkconfig(8)",
    expected=f"{', '.join(_SYSV)} on in runlevel 3",
    fix="chkconfig NAME on, for each, in %post or a customize step",
    profiles=frozenset({Profile.RHEL6}),
    sees=[_RUNLEVEL],
)
def services(facts: Facts) -> Finding:
    missing = [name for name in _SYSV if name not in _started(facts)]
    return bad(f"{some(missing)} not enabled") if missing else good("all on")


not_run = absent(
    "O-L24",
    "cloud-init has not run yet",
    *_SPENT,
    why="it takes its own traces for a finished first start and skips keys, names and growth",
    source="cloud-init clean",
    expected="/var/lib/cloud without instances, data, semaphores and seeds",
    fix="cloud-init clean --logs --seed, or rm -rf /var/lib/cloud/* as the last customize step",
)

CHECKS = (resolv_module, default_user, data_sources, packages, units, services, not_run)
