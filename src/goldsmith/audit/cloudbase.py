"""Cloudbase-Init's two configuration files as values, and what is wrong with their options."""

import configparser
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

Options = Mapping[str, str]

_TRUE = frozenset({"1", "true", "yes", "on"})
_FIRST_LOGON = ("clear_text_injected_only", "no", "always")
_SAN = ("none", "onlineall", "offlineall", "offlineshared")
_SOURCES = ("ConfigDriveService", "HttpService", "EC2Service")
# What runs a user's own commands must not run in the pass specialize, which repeats until it works.
_TOO_EARLY = ("UserDataPlugin", "LocalScriptsPlugin")
_OLD_NAMES = {
    "config_drive.raw_hdd": "config_drive_raw_hhd",  # sic: the name that the MSI writes
    "config_drive.cdrom": "config_drive_cdrom",
    "config_drive.vfat": "config_drive_vfat",
}


@dataclass(frozen=True)
class Config:
    """One file. ``options`` are by name in lower case, those outside of DEFAULT as section.name."""

    options: Options = field(default_factory=dict)
    fault: str = ""  # why it could not be parsed

    def get(self, name: str) -> str | None:
        return self.options.get(name, self.options.get(_OLD_NAMES.get(name, ""), None))

    def true(self, name: str, *, default: bool) -> bool:
        value = self.get(name)
        return default if value is None else value.lower() in _TRUE

    def classes(self, name: str) -> tuple[str, ...]:
        """Return the last parts of a list of class names: ``ConfigDriveService``."""
        return tuple(
            one.strip().rpartition(".")[2] for one in (self.get(name) or "").split(",") if one.strip()
        )


def parsed(text: str) -> Config:
    """Read a file as Cloudbase-Init's own library does: INI without interpolation, later options win."""
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True, default_section="")
    try:
        parser.read_string(text.removeprefix("\ufeff"))
    except configparser.Error as error:
        return Config(fault=str(error).splitlines()[0])
    options = {
        name if section.upper() == "DEFAULT" else f"{section.lower()}.{name}": (value or "").strip()
        for section in parser.sections()
        for name, value in parser.items(section)
    }
    return Config(options)


@dataclass(frozen=True)
class Rule:
    """One demand on a file: ``broken`` says whether it is not met, ``words`` what is wrong then."""

    broken: Callable[[Config], bool]
    words: str


_DRIVES = Rule(
    lambda one: (
        not all(one.true(f"config_drive.{name}", default=True) for name in ("raw_hdd", "cdrom", "vfat"))
    ),
    "config drives of some kind are not looked for",
)
_CLOUD = Rule(
    lambda one: (
        one.get("metadata_services") is not None and not set(_SOURCES) & set(one.classes("metadata_services"))
    ),
    "metadata_services names none of OpenStack's",
)
_STAYS = Rule(lambda one: one.true("stop_service_on_exit", default=True), "stop_service_on_exit is not false")
MAIN = (
    _CLOUD,
    _DRIVES,
    _STAYS,
    Rule(lambda one: not one.get("username"), "username is not given"),
    Rule(
        lambda one: (one.get("first_logon_behaviour") or "no").lower() not in _FIRST_LOGON,
        f"first_logon_behaviour is none of {', '.join(_FIRST_LOGON)}",
    ),
    Rule(
        lambda one: (one.get("san_policy") or "none").lower() not in _SAN,
        "san_policy is none of OnlineAll, OfflineAll, OfflineShared",
    ),
    Rule(
        lambda one: one.get("san_policy") is not None and "SANPolicyPlugin" not in one.classes("plugins"),
        "san_policy works only with SANPolicyPlugin among the plugins",
    ),
    Rule(
        lambda one: one.get("plugins") is not None and "ExtendVolumesPlugin" not in one.classes("plugins"),
        "plugins lacks ExtendVolumesPlugin: C: would not grow",
    ),
    Rule(
        lambda one: not one.true("netbios_host_name_compatibility", default=True),
        "netbios_host_name_compatibility is off: names of more than 15 characters fail",
    ),
)
UNATTEND = (
    _CLOUD,
    _DRIVES,
    _STAYS,
    Rule(lambda one: one.true("allow_reboot", default=True), "allow_reboot is not false"),
    Rule(
        lambda one: one.get("plugins") is None or bool(set(_TOO_EARLY) & set(one.classes("plugins"))),
        "plugins may run commands of the user, which repeat for ever when they fail",
    ),
)


def faults(config: Config, rules: tuple[Rule, ...]) -> Iterator[str]:
    if config.fault:
        yield config.fault
        return
    yield from (rule.words for rule in rules if rule.broken(config))
