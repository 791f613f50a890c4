"""Which operating systems an image holds: a plain Linux shows in a few files, everything else libguestfs inspects."""

import base64
import binascii
import io
import posixpath
import re
import tarfile
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field

from goldsmith.audit import fstab
from goldsmith.audit.appliance import DEVICE, Appliance
from goldsmith.audit.disks import Disk
from goldsmith.audit.facts import FileSystem, System
from goldsmith.audit.listing import PACK, ROOT, unpacked
from goldsmith.audit.release import FILES, release
from goldsmith.errors import ToolError

_MOUNTED = frozenset({"ext2", "ext3", "ext4", "xfs", "vfat"})
_UNMOUNTED = frozenset({"swap", "LVM2_member"})
_MOST = 400_000  # bytes of an archive of a root's telling files
_MOST_TEXT = 65_536
# At the top of a file system these may make libguestfs take it for a root or a /usr, or not take it for a Linux.
_TELLING = ("etc", "bin", "grub", "grub2")
_FOREIGN = (
    *("hurd", "windows", "winnt", "win32", "win", "reactos", "boot.ini", "dos", "fdos"),
    *("netbsd", "bsd", "service"),
)
_ETC = ("fstab", "crypttab", "freebsd-update.conf", *FILES)
_READ = ("etc", "bin", "usr", "usr/bin", "usr/lib", "usr/lib/os-release", *(f"etc/{name}" for name in _ETC))
_HIDDEN = (  # types of partitions in which libguestfs looks for no file system: Windows' own
    *("5808c8aa-7e8f-42e0-85d2-e1e90434cfb3", "af9b60a0-1431-4f62-bc68-3311714a69ad"),
    *("e3c9e316-0b5c-4db8-817d-f92df00215ae", "caddebf1-4400-4de8-b103-12117dcf3ccf"),
)
# Prints only fixed words, names of those asked for, and base64. No single quotes may stand here.
_SCRIPT = """printf "has %s\\n" /sys/block/{disk}/{disk}* /dev/mapper/*;
look() {{ mount -o ro $1 {root} 2>/dev/null || {{ echo "closed $1"; return; }}; echo "open $1"; cd {root};
 find . -maxdepth 1 {names} -printf "top %f\\n";
 if [ -d etc ]; then b=bin/bash; [ -L bin ] && b=usr/bin/bash;
  echo "kind $(blkid -p -s PART_ENTRY_TYPE -o value $1)";
  echo "program $([ -f $b ] && [ ! -L $b ] && head -c 24 $b | base64 -w0)";
  echo "files $(tar -c --no-recursion {files} 2>/dev/null | head -c {most} | {pack})"; fi;
 cd /; umount {root} || echo "stuck $1"; }};
for d in {devices}; do look $d; done; true""".replace("\n", "")
_MACHINES = {62: "x86_64", 183: "aarch64"}  # of ELF; for others the words of libguestfs vary


@dataclass
class _Seen:
    """What the script told of one file system."""

    top: set[str] = field(default_factory=set)
    kind: str = ""  # type of its partition
    program: str = ""
    files: str = ""


def find_systems(
    appliance: Appliance, disks: Sequence[str], disk: Disk | None, found: Collection[FileSystem]
) -> tuple[System, ...]:
    """Return every system as libguestfs inspects them; where a look at plain files says the same, by that alone."""
    if disk and len(disks) == 1 and (system := plain_linux(appliance, disk, found)):
        return (system,)
    return inspected(appliance)


def inspected(appliance: Appliance) -> tuple[System, ...]:
    """Return what libguestfs finds; this unmounts everything."""
    roots = [root for root in appliance.text("inspect-os").split() if DEVICE.fullmatch(root)]
    return tuple(_inspected(appliance, root) for root in roots)


def _inspected(appliance: Appliance, root: str) -> System:
    def get(what: str) -> str:
        return appliance.text(f"inspect-get-{what}", root).strip()

    mounts = {}
    for line in get("mountpoints").splitlines():
        point, _, device = line.rpartition(": ")
        if point.startswith("/") and point.isprintable() and DEVICE.fullmatch(device):
            mounts[point] = device
    return System(
        root=root,
        kind=get("type"),
        distro=get("distro"),
        major=_number(get("major-version")),
        minor=_number(get("minor-version")),
        product=get("product-name"),
        arch=get("arch"),
        package_format=get("package-format"),
        mounts=mounts,
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


def mount(appliance: Appliance, system: System) -> bool:
    """Mount the system's file systems read-only where it has them, and return whether its root is there."""
    for point in sorted(system.mounts, key=len):
        appliance.ask("mount-ro", system.mounts[point], point)
    return appliance.text("is-dir", "/etc").strip() == "true"


def plain_linux(appliance: Appliance, disk: Disk, found: Collection[FileSystem]) -> System | None:
    """Return the only system of a disk that has nothing unusual, by one script that mounts what is there in turn.

    None means unsure, not absent. What libguestfs would not tell in the same words is none of ours either.
    """
    typed = {one.device: one.kind for one in found}
    parts = {part.device for part in disk.parts}
    if not typed or not set(typed.values()) <= _MOUNTED | _UNMOUNTED or (disk.name in typed and parts):
        return None
    asked = {
        disk.kernel(device): device
        for device in sorted(typed.keys() | parts)
        if typed.get(device) not in _UNMOUNTED
    }
    said = appliance.shell(_script(disk, asked)).splitlines()
    known = {*typed, *parts}
    if not said or not all(disk.shown(device) in known for device in _devices(said)):
        return None
    seen = _seen(said, asked)
    if seen is None or seen.keys() != typed.keys() & set(asked.values()):
        return None  # what blkid knows and nobody can mount, or the other way round
    roots = [device for device, one in seen.items() if not _is_no_root(one)]
    if len(roots) != 1 or typed[roots[0]] == "vfat":
        return None
    return _linux(roots[0], seen[roots[0]], disk, found)


def _script(disk: Disk, devices: Collection[str]) -> str:
    names = " -o ".join(f"-iname {name}" for name in (*_TELLING, *_FOREIGN))
    return _SCRIPT.format(
        disk=disk.real.rpartition("/")[2],
        root=ROOT,
        names=f"\\( {names} \\)",
        files=" ".join(_READ),
        most=_MOST,
        pack=PACK,
        devices=" ".join(devices),
    )


def _devices(said: Sequence[str]) -> list[str]:
    """Return the partitions and volumes that the kernel sees, by the kernel's names."""
    paths = [line.removeprefix("has ") for line in said if line.startswith("has ")]
    found = [re.sub(r"^/sys/block/[^/]+/", "/dev/", path) for path in paths if not path.endswith("*")]
    return [device for device in found if device != "/dev/mapper/control"]


def _seen(said: Sequence[str], asked: Mapping[str, str]) -> dict[str, _Seen] | None:
    """Return what was told of each file system that could be mounted, None when the script did not end well."""
    seen: dict[str, _Seen] = {}
    closed = 0
    one = _Seen()
    for line in said:
        word, _, rest = line.partition(" ")
        if word == "open" and rest in asked:
            one = seen[asked[rest]] = _Seen()
        elif word == "closed":
            closed += 1
        elif word == "top":
            one.top.add(rest)
        elif word in ("kind", "program", "files"):
            setattr(one, word, rest)
        elif word != "has":
            return None
    return seen if len(seen) + closed == len(asked) else None


def _is_no_root(one: _Seen) -> bool:
    """Return whether libguestfs surely takes it for a data or boot file system; FAT knows no case of letters."""
    return not {name.lower() for name in one.top} & {"etc", "bin", *_FOREIGN}


def _linux(device: str, one: _Seen, disk: Disk, found: Collection[FileSystem]) -> System | None:
    root = _root(one.files)
    if one.top != {"etc", "bin"} or root is None or one.kind.lower() in _HIDDEN:
        return None
    arch = _arch(one.program)
    named = release(root.texts, root.present)
    if not arch or not named or root.present & {"crypttab", "freebsd-update.conf"}:
        return None
    mounts = fstab.mounts(root.texts.get("fstab", ""), device, found, disk)
    if mounts is None:
        return None
    return System(
        root=device,
        kind="linux",
        distro=named.distro,
        major=named.major,
        minor=named.minor,
        product=named.product,
        arch=arch,
        package_format=named.package_format,
        mounts=mounts,
    )


def _arch(program: str) -> str:
    """Return what the header of a program says, if it is 64-bit, little-endian and of a kind that runs."""
    try:
        head = base64.b64decode(program, validate=True)
    except binascii.Error:
        return ""
    if len(head) != 24 or head[:7] != b"\x7fELF\2\1\1" or head[16:18] not in (b"\2\0", b"\3\0"):
        return ""
    return _MACHINES.get(int.from_bytes(head[18:20], "little"), "") if head[20:24] == b"\1\0\0\0" else ""


@dataclass(frozen=True)
class _Root:
    """The telling files of a root, by their names in /etc."""

    texts: Mapping[str, str]
    present: Set[str]


def _root(packed: str) -> _Root | None:
    """Return the files of an archive that tar made, None unless the folders in which they lie are no links."""
    try:
        data = unpacked(packed)
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            members = {member.name: member for member in archive}
            texts = {
                name: archive.extractfile(member).read(_MOST_TEXT + 1).decode("ascii")  # type: ignore[union-attr]
                for name, member in members.items()
                if member.isreg() and member.size <= _MOST_TEXT
            }
    except (ToolError, tarfile.TarError, UnicodeDecodeError, OSError):
        return None
    return _straight(members, texts) if len(data) < _MOST else None


def _straight(members: Mapping[str, tarfile.TarInfo], texts: dict[str, str]) -> _Root | None:
    folders = {name for name, member in members.items() if member.isdir()}
    merged = members["bin"].linkname == "usr/bin" if "bin" in members and members["bin"].issym() else False
    if "etc" not in folders or not ("bin" in folders or (merged and {"usr", "usr/bin"} <= folders)):
        return None
    named = members.get("etc/os-release")
    if named and named.issym() and named.linkname in ("../usr/lib/os-release", "/usr/lib/os-release"):
        if not {"usr", "usr/lib"} <= folders or "usr/lib/os-release" not in texts:
            return None
        texts["etc/os-release"] = texts["usr/lib/os-release"]
    inside = {name for name in members if posixpath.dirname(name) == "etc"}
    return _Root(
        {posixpath.basename(name): text for name, text in texts.items() if name in inside},
        {posixpath.basename(name) for name in inside},
    )
