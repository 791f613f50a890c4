"""Into a guest that another process has booted."""

from collections.abc import Iterator
from contextlib import contextmanager

from goldsmith.guests.access import Way
from goldsmith.host import shell
from goldsmith.host.commands import NotReachable
from goldsmith.host.hypervisor import Hypervisor
from goldsmith.host.shell import GuestShell


@contextmanager
def reach(way: Way, hypervisor: Hypervisor, name: str) -> Iterator[GuestShell]:
    """Log in to a guest that another process has booted; raises GuestError where that is not possible."""
    address = way.address or hypervisor.address(name)
    if not address:
        raise NotReachable(f"the guest {name} has no network address", fix="see its console")
    key = shell.KeyPair(way.private, way.public)
    with shell.connect(
        address, way.port, user=way.user, key=key, host_key=way.host_key, legacy=way.legacy
    ) as opened:
        yield opened
