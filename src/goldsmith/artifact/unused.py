"""What an NTFS no longer uses but the disk still holds: found by its own map, and overwritten.

A trim gives back whole clusters of the image alone (64 KiB), and a file system's are 4 KiB: what was deleted beside
something that stays is still there after it. Overwriting all that is free would write out the whole disk; so only
those of its bytes are overwritten that the image holds.
"""

import json
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from goldsmith.errors import ToolError
from goldsmith.host.process import Host, LocalHost

BITMAP = 6  # the number of $Bitmap, one bit for each cluster
BOOT = 512  # bytes of the boot sector
_MOST = 1 << 30  # bytes that one request may write; qemu refuses 2 GiB
_FREE = re.compile("0+")
_BITS = [f"{byte:08b}"[::-1] for byte in range(256)]  # the lowest bit is the first cluster


@dataclass(frozen=True)
class Range:
    """Bytes of a disk."""

    start: int
    length: int

    @property
    def end(self) -> int:
        return self.start + self.length


@dataclass(frozen=True)
class Volume:
    """Where an NTFS is on its disk; ``start`` and ``cluster`` are in bytes, ``bitmap`` is its $Bitmap."""

    start: int
    cluster: int
    clusters: int
    bitmap: bytes

    def free_within(self, part: Range) -> Iterator[Range]:
        """Yield the bytes of this part of the disk that are in no file."""
        first = max(0, (part.start - self.start) // self.cluster)
        last = min(self.clusters, -(-(part.end - self.start) // self.cluster))
        if first >= last:
            return
        bits = "".join(map(_BITS.__getitem__, self.bitmap[first // 8 : (last + 7) // 8]))
        origin = first // 8 * 8
        for found in _FREE.finditer(bits, first - origin, last - origin):
            begin = max(part.start, self.start + (origin + found.start()) * self.cluster)
            end = min(part.end, self.start + (origin + found.end()) * self.cluster)
            yield Range(begin, end - begin)


def volume(boot: bytes, bitmap: bytes, *, start: int) -> Volume:
    """Return what the boot sector (Microsoft's BPB of NTFS) says of the volume that begins at byte ``start``."""
    if boot[3:11] != b"NTFS    ":
        raise ToolError("the boot sector is not that of an NTFS", fix="goldsmith build RECIPE --from sysprep")
    sector, per_cluster = struct.unpack_from("<HB", boot, 11)
    (sectors,) = struct.unpack_from("<Q", boot, 40)
    if per_cluster > 0x80:  # larger than 64 KiB: the power of two, negated
        per_cluster = 1 << (256 - per_cluster)
    cluster = sector * per_cluster
    clusters = sectors // per_cluster
    if len(bitmap) * 8 < clusters:
        raise ToolError(
            f"$Bitmap has {len(bitmap)} bytes for {clusters} clusters",
            fix="goldsmith build RECIPE --from sysprep",
        )
    return Volume(start, cluster, clusters, bitmap)


def with_data(host: Host, disk: Path) -> Sequence[Range]:
    """Return the bytes of a qcow2 that its layers hold data for; of all others zeros are read."""
    said = _unheard(host).run("qemu-img", "map", "-f", "qcow2", "--output=json", disk).stdout
    return [Range(one["start"], one["length"]) for one in json.loads(said) if one["data"] and not one["zero"]]


def overwrite(host: Host, disk: Path, ranges: Iterable[Range]) -> int:
    """Write zeros over these bytes of a qcow2 that nobody has open, and return how many they are."""
    parts = [part for one in ranges for part in _in_parts(one)]
    script = "".join(f"write -q -z {one.start} {one.length}\n" for one in parts)
    if script:
        _unheard(host).run("qemu-io", "-f", "qcow2", disk, stdin=script, fix="the lines above are qemu-io's")
    return sum(one.length for one in parts)


def _unheard(host: Host) -> Host:
    """Return the host without its log: a disk of Windows is in many thousand pieces, and each would be a line."""
    return replace(host, log=None, on_line=None) if isinstance(host, LocalHost) else host


def _in_parts(whole: Range) -> Iterator[Range]:
    for start in range(whole.start, whole.end, _MOST):
        yield Range(start, min(_MOST, whole.end - start))
