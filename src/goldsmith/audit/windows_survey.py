"""Takes stock of a Windows: programs as its list of installed programs has them, updates, accounts, services."""

import posixpath
import re

from goldsmith.artifact.inventory import WINDOWS, Inventory, Package, User
from goldsmith.audit.facts import System
from goldsmith.audit.registry import SERVICES, STARTS, Registry, Value
from goldsmith.audit.tree import Tree, Unseen

_PROGRAMS = tuple(
    rf"SOFTWARE\{place}Microsoft\Windows\CurrentVersion\Uninstall\*" for place in ("", "Wow6432Node\\")
)
_ACCOUNTS = r"SAM\SAM\Domains\Account\Users\Names\*"
_VERSION = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
KEYS = (
    *(f"{one}:DisplayName,DisplayVersion,Publisher" for one in _PROGRAMS),
    _ACCOUNTS,
    f"{_VERSION}:CurrentBuild,CurrentBuildNumber,UBR",
    rf"{SERVICES}\*:Start",  # some 700 keys, four questions each: one second, by emulation up to ten
)
# Their manifests: the registry has the same under keys of which one image holds thousands, each of them a question.
SEES = ("/windows/servicing/packages/package_for_*.mum",)
_OF_ONE_USER = re.compile(r"(.+)_[0-9a-f]+")  # a copy of a service that was made for one log-in
_UPDATE = re.compile(r"package_for_(\w+?)~[0-9a-f]+~(\w*)~[\w-]*~([\d.]+)\.mum")


def survey_windows(system: System, tree: Tree, registry: Registry) -> Inventory:
    try:
        programs = _programs(registry)
        users = tuple(
            sorted(
                (User(one.path.rpartition("\\")[2], -1, -1) for one in registry.match(_ACCOUNTS)),
                key=lambda one: one.name.lower(),
            )
        )
    except Unseen:
        programs, users = [], None
    return Inventory(
        product=system.product,
        distro=system.distro,
        release=_release(system, registry),
        arch=system.arch,
        packages=tuple(sorted({*programs, *_updates(tree)}, key=lambda one: (one.name, one.version)))
        if users is not None
        else None,
        users=users,
        services=_services(registry),
    )


def _release(system: System, registry: Registry) -> str:
    """Return the build with the number of its last cumulative update: 17763.4974."""
    try:
        build = registry.text(_VERSION, "CurrentBuild") or registry.text(_VERSION, "CurrentBuildNumber")
        update = registry.number(_VERSION, "UBR")
    except Unseen:
        build, update = "", None
    if not build:
        return f"{system.major}.{system.minor}"
    return f"{build}.{update}" if update is not None else build


def _services(registry: Registry) -> dict[str, str] | None:
    """Return how services and drivers start, by name; None where the hive SYSTEM could not be read."""
    try:
        keys = registry.match(rf"{SERVICES}\*")
    except Unseen:
        return None
    found = {key.path.rpartition("\\")[2]: key.values.get("start") for key in keys}
    return {
        name: STARTS.get(start.number, f"Start {start.number}")
        for name, start in found.items()
        if start and not ((copy := _OF_ONE_USER.fullmatch(name)) and copy[1] in found)
    }


def _programs(registry: Registry) -> list[Package]:
    return [
        Package(
            kind=WINDOWS,
            name=name,
            version=_text(key.values.get("displayversion")),
            vendor=_text(key.values.get("publisher")),
        )
        for pattern in _PROGRAMS
        for key in registry.match(pattern)
        if (name := _text(key.values.get("displayname")))
    ]


def _text(value: Value | None) -> str:
    return value.text.strip() if value else ""


def _updates(tree: Tree) -> list[Package]:
    try:
        manifests = [posixpath.basename(path) for path in tree.match(SEES[0])]
    except Unseen:
        return []
    return [
        Package(WINDOWS, found[1].upper(), found[3], found[2], vendor="Microsoft Corporation")
        for one in manifests
        if (found := _UPDATE.fullmatch(one))
    ]
