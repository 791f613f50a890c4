"""A guest that is powered on to be customized."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Unpack

from goldsmith.guests import machine as machines
from goldsmith.guests.access import TemporaryAccess
from goldsmith.guests.leaving import Keep, taken_away
from goldsmith.guests.machine import Machine
from goldsmith.guests.session import Manner, Session, attended
from goldsmith.host.hypervisor import Hypervisor
from goldsmith.host.process import Host


@contextmanager
def booted(
    hypervisor: Hypervisor,
    host: Host,
    machine: Machine,
    *,
    access: TemporaryAccess,
    seed: Path | None,
    keep: Keep | None = None,
    **manner: Unpack[Manner],
) -> Iterator[Session]:
    """Power a machine on; on every way out it is destroyed, unless it fails and ``keep`` says that it stays.

    It is defined first, so that libvirt forgets the variables of its firmware with it. libvirt powers it off too if
    this process is killed; one that may stay would end with the connection, so that this is left to the sweep of the
    next build.
    """
    xml = host.run(*machines.boot(machine, seed=seed), timeout=120).stdout
    hypervisor.destroy(machine.name)
    hypervisor.undefine(machine.name)
    with taken_away(hypervisor, machine.name, keep):
        hypervisor.define(xml)
        hypervisor.start(machine.name, autodestroy=keep is None)
        with attended(hypervisor, machine, access, manner) as session:
            yield session
