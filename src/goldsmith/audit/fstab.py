"""What a plain /etc/fstab mounts where, in libguestfs's names; a file that needs a second thought gives no answer."""

import posixpath
import re
from collections.abc import Collection, Mapping

from goldsmith.audit.disks import Disk
from goldsmith.audit.facts import FileSystem

_WORD = r"[A-Za-z0-9/_.:@+%-][A-Za-z0-9/_.:=@+%-]*"
_RECORD = re.compile(
    rf"[ \t]*({_WORD})[ \t]+([A-Za-z0-9/_.+-]+)[ \t]+([A-Za-z0-9_.-]+(?:,[A-Za-z0-9_.-]+)*)"
    rf"(?:[ \t]+{_WORD}(?:,{_WORD})*(?:[ \t]+[0-9]+(?:[ \t]+[0-9]+)?)?)?[ \t]*"
)
_REMARK = re.compile(r"[ \t]*(#.*)?")
_NO_DISK = re.compile(r"/dev/(fd[0-9].*|cd[0-9].*|floppy|cdrom|iso9660/.*)")
_PASSED_OVER = re.compile(r"/(dev|proc|selinux|sys)(/.*)?|/media/.*")  # as mount points
_NAMED = re.compile(r"(UUID|LABEL)=([A-Za-z0-9_.-]+)")
_PARTITION = re.compile(r"/dev/(?:h|s|v|xv)da([0-9]+)")  # of the first disk, whatever the guest calls it
_UNSURE = re.compile(r"(PART)?(UUID|LABEL)=.*|/dev/.*|[0-9a-f]{16}\.[a-z].*")


class _Unsure(Exception):
    """A line which libguestfs may read in another way, or whose device is none of those found."""


def mounts(text: str, root: str, found: Collection[FileSystem], disk: Disk) -> Mapping[str, str] | None:
    """Return the devices by mount point, None unless each is one of ``found`` and / is ``root``.

    Only what libguestfs and its Augeas read in one way, in all their versions, is taken: so no partition UUIDs.
    """
    if (
        not text.endswith("\n")
        or not text.isascii()
        or not text.replace("\n", "").replace("\t", "").isprintable()
    ):
        return None
    points: dict[str, str] = {}
    for line in text.splitlines():
        if _REMARK.fullmatch(line):
            continue
        if not (record := _RECORD.fullmatch(line)) or record[3] == "btrfs":
            return None
        try:
            device = _device(record[1], record[2], root, found, disk)
        except _Unsure:
            return None
        if device and ("," in record[3] or points.setdefault(record[2], device) != device):
            return None
    return points if points.get("/") == root else None


def _device(spec: str, point: str, root: str, found: Collection[FileSystem], disk: Disk) -> str:
    """Return what is mounted, or "" for what libguestfs passes over: pseudo file systems, networks, binds, swap."""
    if _NO_DISK.fullmatch(spec) or not point.startswith("/") or _PASSED_OVER.fullmatch(point):
        return ""
    if posixpath.normpath(point) != point or point.startswith("//"):
        raise _Unsure
    if spec == "/dev/root":
        return root
    if named := _NAMED.fullmatch(spec):
        kind, name = named.groups()
        fitting = [one.device for one in found if name == (one.uuid if kind == "UUID" else one.label)]
    else:
        fitting = [one.device for one in found if one.device == _block_device(spec, disk)]
    if len(fitting) == 1:
        return fitting[0]
    if _UNSURE.fullmatch(spec):
        raise _Unsure
    return ""


def _block_device(spec: str, disk: Disk) -> str:
    if partition := _PARTITION.fullmatch(spec):
        return disk.name + partition[1]
    if spec.startswith("/dev/mapper/"):
        return disk.shown(spec)
    return spec if spec.count("/") == 3 else ""  # a logical volume, /dev/group/volume
