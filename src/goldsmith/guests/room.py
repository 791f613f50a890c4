"""Guests that stand still because the host's disk is full."""

from pathlib import Path

from goldsmith.errors import HostError
from goldsmith.host import files
from goldsmith.host.hypervisor import DomainState, Hypervisor

FULL = 8 << 20  # bytes; with less than that free a guest's write can find no room


def require_room_to_write(hypervisor: Hypervisor, name: str, folder: Path) -> None:
    """Raise HostError when the guest is paused because ``folder``, where its disk lies, has no room for a write.

    A guest that is paused for another reason is left to the clocks.
    """
    if hypervisor.state(name) is not DomainState.PAUSED:
        return
    free = files.free_bytes(folder)
    if free < FULL or hypervisor.found_no_room(name):
        raise HostError(
            f"no space left in {folder}: QEMU has paused the guest {name}, {files.human_size(free)} free",
            fix="make room (goldsmith store prune --apply), or give --state a folder on a bigger disk",
        )
