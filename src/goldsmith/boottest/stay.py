"""The guest of a boot test that failed, left for a person to look into."""

from collections.abc import Callable
from dataclasses import dataclass

from goldsmith.guests.access import Way
from goldsmith.guests.machine import Machine
from goldsmith.host.hypervisor import Hypervisor


@dataclass
class Stay:
    """``keep`` says whether the guest of this machine stays, and notes the way into it; ``stays`` once one does."""

    keep: Callable[[Machine, Hypervisor, Way | None], bool]
    stays: bool = False

    def asked(self, machine: Machine, hypervisor: Hypervisor, way: Way | None) -> bool:
        self.stays = self.keep(machine, hypervisor, way)
        return self.stays
