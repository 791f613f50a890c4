"""Whether Cloudbase-Init is set up as a cloud needs it, has not run yet, and clock, RDP and disks fit."""

from goldsmith.audit.check import Finding, Profile, Severity, absent, bad, check, good, moot, some
from goldsmith.audit.cloudbase import MAIN, UNATTEND, Config, faults, parsed
from goldsmith.audit.facts import Facts

WINDOWS = frozenset({Profile.WINDOWS})
_HOME = "/Program Files/Cloudbase Solutions/Cloudbase-Init"
_CONF = f"{_HOME}/conf/cloudbase-init.conf"
_UNATTEND = f"{_HOME}/conf/cloudbase-init-unattend.conf"
_RAN = (
    r"SOFTWARE\Cloudbase Solutions\Cloudbase-Init\*",
    r"SOFTWARE\WOW6432Node\Cloudbase Solutions\Cloudbase-Init\*",
)
_TERMINAL = r"SYSTEM\CurrentControlSet\Control\Terminal Server"
_ZONE = r"SYSTEM\CurrentControlSet\Control\TimeZoneInformation"
_DISKS = r"SYSTEM\CurrentControlSet\Services\partmgr\Parameters"
_ONLINE_ALL = 1


def _config(facts: Facts, path: str) -> Config:
    text = facts.files.text(path)
    return Config(fault="is absent") if text is None else parsed(text)


@check(
    "O-W11",
    "Cloudbase-Init is configured",
    why="a wrong option shows only in the cloud: no key, no name, or an instance that reboots for ever",
    source="Cloudbase-Init, conf/default.py, conf/cloudconfig.py",
    expected="both files parse; OpenStack's metadata services, config drives, a bounded pass specialize",
    fix="windows.cloudbase in the recipe; goldsmith render shows both files",
    profiles=WINDOWS,
    reads=[_CONF, _UNATTEND],
)
def configured(facts: Facts) -> Finding:
    found = [
        f"{path.rpartition('/')[2]}: {fault}"
        for path, rules in ((_CONF, MAIN), (_UNATTEND, UNATTEND))
        for fault in faults(_config(facts, path), rules)
    ]
    if found:
        return bad(some(found))
    services = _config(facts, _CONF).classes("metadata_services")
    return good(", ".join(services) or "the default metadata services")


@check(
    "O-W12",
    "Cloudbase-Init has not run yet",
    why="it takes its own record for a finished first start and skips what it lists",
    source="Cloudbase-Init, osutils/windows.py, registry of plugins by instance",
    expected="no keys below SOFTWARE\\Cloudbase Solutions\\Cloudbase-Init",
    fix='reg delete "HKLM\\SOFTWARE\\Cloudbase Solutions\\Cloudbase-Init" /f, and SetSetupComplete.cmd before Sysprep',
    profiles=WINDOWS,
    keys=_RAN,
)
def not_run(facts: Facts) -> Finding:
    found = [key.path for pattern in _RAN for key in facts.registry.match(pattern)]
    return bad(some(found)) if found else good("none")


no_cloudbase_logs = absent(
    "O-W13",
    "Cloudbase-Init's logs are empty",
    f"{_HOME}/log/*.log*",
    why="they tell of the build's network, and hide where an instance's own log begins",
    source="Cloudbase-Init, log_dir",
    expected="no log with content",
    fix="delete them after SetSetupComplete.cmd, before Sysprep",
    severity=Severity.WARNING,
    profiles=WINDOWS,
    empty_is_good=True,
)


@check(
    "O-W16",
    "Remote Desktop is as the recipe says",
    why="an open port that nobody asked for, or a server that nobody can reach",
    source="cloudbase/windows-openstack-imaging-tools; Microsoft, fDenyTSConnections",
    expected="fDenyTSConnections as windows.rdp says",
    fix="windows.rdp in the recipe",
    profiles=WINDOWS,
    keys=[f"{_TERMINAL}:fDenyTSConnections"],
)
def remote_desktop(facts: Facts) -> Finding:
    denied = facts.registry.number(_TERMINAL, "fDenyTSConnections")
    found = "off" if denied is None or denied else "on"
    if facts.windows.rdp is None:
        return good(found)
    wanted = "on" if facts.windows.rdp else "off"
    return good(found) if found == wanted else bad(found, expected=wanted)


@check(
    "O-W17",
    "it reads the hardware clock as Nova sets it",
    why="with os_type=windows Nova gives the clock in local time; read as UTC every instance is hours off",
    source="OpenStack Nova, libvirt driver; Microsoft, RealTimeIsUniversal",
    expected="RealTimeIsUniversal absent or 0",
    fix="windows.cloudbase.real_time_clock_utc: false; reg delete ...\\TimeZoneInformation /v RealTimeIsUniversal",
    profiles=WINDOWS,
    keys=[f"{_ZONE}:RealTimeIsUniversal"],
    reads=[_CONF],
)
def clock(facts: Facts) -> Finding:
    value = facts.registry.number(_ZONE, "RealTimeIsUniversal")
    later = _config(facts, _CONF).true("real_time_clock_utc", default=False)
    found = f"RealTimeIsUniversal {'absent' if value is None else value}"
    if facts.windows.clock_utc:
        return good(found) if value or later else bad(found, expected="1, or real_time_clock_utc=true")
    if later:
        return bad("real_time_clock_utc=true in cloudbase-init.conf")
    return bad(found) if value else good(found)


@check(
    "O-W18",
    "further volumes come online",
    why="Windows servers leave disks on a shared bus offline, so volumes attached by a cloud are not there",
    source="Cloudbase-Init, SANPolicyPlugin; the number 1 for OnlineAll is unverified",
    expected="SanPolicy 1, or san_policy=OnlineAll with SANPolicyPlugin",
    fix="san_policy=OnlineAll and SANPolicyPlugin in cloudbase-init.conf",
    severity=Severity.WARNING,
    profiles=WINDOWS,
    keys=[f"{_DISKS}:SanPolicy"],
    reads=[_CONF],
)
def volumes_online(facts: Facts) -> Finding:
    value = facts.registry.number(_DISKS, "SanPolicy")
    if value == _ONLINE_ALL:
        return good("SanPolicy 1")
    config = _config(facts, _CONF)
    policy = (config.get("san_policy") or "none").lower()
    if policy == "onlineall" and "SANPolicyPlugin" in config.classes("plugins"):
        return good("set by Cloudbase-Init on the first start")
    if policy not in ("none", "onlineall"):
        return moot(f"cloudbase-init.conf asks for {config.get('san_policy')}")
    return bad(f"SanPolicy {'absent' if value is None else value}")


CHECKS = (configured, not_run, no_cloudbase_logs, remote_desktop, clock, volumes_online)
