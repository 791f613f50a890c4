"""Takes stock of a mounted Linux: what is installed, who may log in, what starts, and every file in /etc."""

import posixpath
import re
from collections.abc import Mapping

from goldsmith.artifact.inventory import DEB, RPM, EtcFile, Inventory, Package, User
from goldsmith.audit import rpmheaders
from goldsmith.audit.appliance import Appliance
from goldsmith.audit.bootmenu import FILES, Item
from goldsmith.audit.facts import System
from goldsmith.audit.listing import PACK, ROOT, unpacked
from goldsmith.audit.systems import inspected, mount
from goldsmith.audit.tree import Tree, Unseen
from goldsmith.errors import ToolError
from goldsmith.host.aside import scratch

READS = ("/etc/passwd", "/etc/group", "/etc/shadow", *FILES)
_ETC = (  # the digests, an empty word, then all entries; nothing where a link stands for the folder
    f"[ ! -L {ROOT}/etc ] && cd {ROOT}/etc && {{ find . -xdev -type f -print0 | sort -z | xargs -0 -r sha256sum -z; "
    f'printf "\\0"; find . -xdev -printf "%y %m %U %G\\0%p\\0%l\\0"; }} 2>/dev/null | {PACK}'
)
_LICENCES = (  # find follows no link, and a FIFO is no file
    f"cd {ROOT}/usr/share/doc && find . -maxdepth 2 -name copyright -type f -print0 | sort -z "
    f'| xargs -0 -r grep -a -H "^License: " | {PACK}'
)
_DIGEST = 64
_STATUS = "^(Package|Status|Version|Architecture|Source|Maintainer|Homepage):"
_STARTS = re.compile(r"/etc/systemd/(?:system|user)/(.+)\.(?:wants|requires)/([^/]+)")
_RUNLEVEL = re.compile(r"/etc/(?:rc\.d/)?rc3\.d/S\d\d(.+)")
_UNIT = re.compile(r"/etc/systemd/system/([^/]+)")


def survey(appliance: Appliance, system: System, tree: Tree, boots: Item | None) -> Inventory:
    """Return the inventory; ``boots`` is the entry of the boot menu that is taken by itself."""
    etc = _etc(appliance)
    return Inventory(
        product=system.product,
        distro=system.distro,
        release=f"{system.major}.{system.minor}" if system.minor else str(system.major),
        arch=system.arch,
        packages=_packages(appliance, system),
        users=_users(_text(tree, "/etc/passwd"), _text(tree, "/etc/shadow")),
        groups=_groups(_text(tree, "/etc/group")),
        services=services(etc) if etc is not None else None,
        kernel=posixpath.basename(boots.kernel) if boots else "",
        arguments=boots.args if boots else None,
        etc=etc,
    )


def _etc(appliance: Appliance) -> dict[str, EtcFile] | None:
    try:
        raw = unpacked(appliance.shell(_ETC)).decode("utf-8", "replace")
    except ToolError:
        return None
    hashed, _, listed = f"\0{raw}".partition("\0\0")
    digests = {
        _absolute(one[_DIGEST:].strip(" *")): one[:_DIGEST] for one in hashed.strip("\0").split("\0") if one
    }
    return _files(listed, digests)


def _absolute(path: str) -> str:
    return posixpath.normpath(f"/etc/{path}")


def _files(listed: str, digests: Mapping[str, str]) -> dict[str, EtcFile]:
    words = listed.split("\0")
    found = {}
    for numbers, name, target in zip(words[0::3], words[1::3], [*words[2::3], ""], strict=False):
        kind, mode, uid, gid = numbers.split(" ")
        path = _absolute(name)
        found[path] = EtcFile(
            kind if kind in "fdl" else "o",
            mode.rjust(4, "0"),
            int(uid),
            int(gid),
            digests.get(path, "") if kind == "f" else "",
            target,
        )
    return dict(sorted(found.items()))


def services(etc: Mapping[str, EtcFile]) -> dict[str, str]:
    """Return what is enabled, with what starts it, and what is masked, as the links in /etc say."""
    found: dict[str, set[str]] = {}
    for path, file in etc.items():
        if file.kind != "l":
            continue
        if started := _STARTS.fullmatch(path):
            found.setdefault(started[2], set()).add(started[1])
        elif level := _RUNLEVEL.fullmatch(path):
            found.setdefault(level[1], set()).add("runlevel 3")
        elif (unit := _UNIT.fullmatch(path)) and file.target == "/dev/null":
            found[unit[1]] = {"masked"}
    return {name: " ".join(sorted(by)) for name, by in sorted(found.items())}


def _text(tree: Tree, path: str) -> str | None:
    try:
        return tree.text(path)
    except Unseen:
        return None


def _users(passwd: str | None, shadow: str | None) -> tuple[User, ...] | None:
    if passwd is None:
        return None
    secrets = dict(line.split(":")[:2] for line in (shadow or "").splitlines() if line.count(":") > 1)
    found = []
    for line in passwd.splitlines():
        parts = line.split(":")
        if len(parts) == 7 and parts[2].isdigit() and parts[3].isdigit():
            name, _, uid, gid, _, home, shell = parts
            found.append(User(name, int(uid), int(gid), home, shell, _password(secrets.get(name))))
    return tuple(sorted(found, key=lambda one: (one.uid, one.name)))


def _password(secret: str | None) -> str:
    """Say whether there is one; what it is, hashed or not, is nobody's business."""
    if secret is None:
        return ""
    if not secret:
        return "none"
    return "locked" if secret[0] in "!*" else "set"


def _groups(text: str | None) -> dict[str, tuple[str, ...]] | None:
    if text is None:
        return None
    lines = [line.split(":") for line in text.splitlines() if line.count(":") == 3]
    return {name: tuple(sorted(filter(None, members.split(",")))) for name, _, _, members in sorted(lines)}


def _packages(appliance: Appliance, system: System) -> tuple[Package, ...] | None:
    if system.package_format == "deb":
        status = appliance.text("egrep", _STATUS, "/var/lib/dpkg/status")
        return debs(status, _licences(appliance) if status else {})
    if system.package_format == "rpm":
        return _rpms(appliance) or _listed(appliance, system)
    return None


def debs(status: str, licences: Mapping[str, str]) -> tuple[Package, ...] | None:
    """Return the installed packages; those that only left their configuration do not count."""
    found = []
    for block in re.split(r"^(?=Package: )", status, flags=re.MULTILINE):
        said = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        if said.get("Status", "").endswith(" installed") and "Version" in said:
            name = said["Package"]
            found.append(
                Package(
                    kind=DEB,
                    name=name,
                    version=said["Version"],
                    arch=said.get("Architecture", ""),
                    source=said.get("Source", name).partition(" ")[0],
                    licence=licences.get(name, ""),
                    vendor=said.get("Maintainer", ""),
                    url=said.get("Homepage", ""),
                )
            )
    return tuple(sorted(found, key=lambda one: (one.name, one.arch))) or None


def _licences(appliance: Appliance) -> dict[str, str]:
    """Return the licences that copyright files in Debian's machine-readable form name, by package."""
    try:
        raw = unpacked(appliance.shell(_LICENCES)).decode("utf-8", "replace")
    except ToolError:
        return {}
    found: dict[str, dict[str, None]] = {}
    for line in raw.splitlines():
        path, _, said = line.partition(":License: ")
        found.setdefault(path.split("/")[1], {})[said.strip()] = None
    return {name: " and ".join(said) for name, said in found.items()}


def _rpms(appliance: Appliance) -> tuple[Package, ...] | None:
    """Return what the database says; None where there is none, or none that is understood here."""
    for folder in rpmheaders.FOLDERS:
        for name in (rpmheaders.SQLITE, rpmheaders.BERKELEY):
            size = appliance.text("filesize", f"{folder}/{name}").strip()
            plain = appliance.text("is-file", f"{folder}/{name}").strip() == "true"
            if not plain or not size.isdigit() or not 0 < int(size) <= rpmheaders.MOST_BYTES:
                continue
            with scratch("rpm") as here:
                for part in (name, f"{name}-wal"):
                    if data := appliance.ask("download", f"{folder}/{part}", "-"):
                        (here / part).write_bytes(data)
                try:
                    return rpmheaders.packages(here / name) or None
                except rpmheaders.Unreadable:
                    continue
    return None


def _listed(appliance: Appliance, system: System) -> tuple[Package, ...] | None:
    """Return the packages as libguestfs lists them, where the database is of a kind that only it reads.

    It lists them only of a root that it has inspected itself, which unmounts everything.
    """
    if system.root not in appliance.text("inspect-get-roots").split():
        inspected(appliance)
        mount(appliance, system)
    said = appliance.text("inspect-list-applications2", system.root)
    found = [
        _applied(dict(reversed(re.findall(r"app2_(\w+): (.*)", one))))
        for one in re.split(r"(?=app2_name: )", said)[1:]
    ]
    return tuple(sorted(found, key=lambda one: (one.name, one.arch))) or None


def _applied(said: Mapping[str, str]) -> Package:
    version = "-".join(filter(None, (said.get("version", ""), said.get("release", ""))))
    epoch = said.get("epoch", "0")
    return Package(
        kind=RPM,
        name=said["name"],
        version=version if epoch in ("0", "") else f"{epoch}:{version}",
        arch=said.get("arch", ""),
        url=said.get("url", ""),
    )
