"""What a build needs of a host, as numbers from its recipe, and what this host has to give."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from goldsmith.host.files import free_bytes
from goldsmith.recipe.model import Recipe

GIB = 1 << 30
_AROUND = GIB // 2  # bytes that QEMU takes around a guest
_APPLIANCE = 3 * GIB // 2  # of memory: libguestfs's own guest, when the build's is off
_WITH_KVM = 2  # guests' processors for each of the host's, which mostly wait for disks


@dataclass(frozen=True)
class Needs:
    """Processors, and bytes of memory and disk."""

    cpus: int
    memory: int
    disk: int

    def __add__(self, other: "Needs") -> "Needs":
        return Needs(self.cpus + other.cpus, self.memory + other.memory, self.disk + other.disk)

    def fits(self, room: "Needs") -> bool:
        return self.cpus <= room.cpus and self.memory <= room.memory and self.disk <= room.disk


NOTHING = Needs(0, 0, 0)


def needs_of(recipe: Recipe) -> Needs:
    """Return what a whole build of a recipe takes while it runs.

    Of the disk half its virtual size is counted for the layers, and a quarter for each format that is exported.
    """
    disk = recipe.disk.size // 2 + len(recipe.export) * recipe.disk.size // 4
    return Needs(recipe.machine.vcpus, max(recipe.machine.memory + _AROUND, _APPLIANCE), disk)


def room_here(state: Path, *, kvm: bool, meminfo: Path = Path("/proc/meminfo")) -> Needs:
    """Return what builds may take of this host now; without KVM every processor of a guest is one of the host's."""
    cpus = (os.cpu_count() or 1) * (_WITH_KVM if kvm else 1)
    folder = next(one for one in (state, *state.parents) if one.exists())
    return Needs(cpus, _available(meminfo), free_bytes(folder))


def may_start(needs: Needs, running: Collection[Needs], room: Needs) -> bool:
    """Say whether a build may start beside those that run; one alone always may, and fails by what it lacks."""
    return not running or sum(running, needs).fits(room)


def _available(meminfo: Path) -> int:
    for line in meminfo.read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return 4 * GIB
