"""A guest that goes on from its memory: it has slept, so it is told the time, and given randomness of its own."""

import os
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Unpack

from goldsmith.errors import GuestError
from goldsmith.guests.access import TemporaryAccess
from goldsmith.guests.leaving import Keep, taken_away
from goldsmith.guests.machine import Machine
from goldsmith.guests.session import Manner, Session, attended
from goldsmith.host.domains import moved
from goldsmith.host.hypervisor import Hypervisor

PATIENCE = 60.0  # seconds for a guest that only has to wake; one that does not is booted instead
# What is written to urandom is mixed in at once by kernels before 4.17, by later ones when they are told to (0x5207 is
# RNDRESEEDCRNG): two guests from one memory would else make the same keys.
_WAKE = """date -u -s @{now} >/dev/null || exit 1
cat > /dev/urandom || exit 1
perl -e 'open F, ">", "/dev/urandom" or exit 1; exit(ioctl(F, 0x5207, 0) ? 0 : 1)' ||
python3 -c 'import fcntl; fcntl.ioctl(open("/dev/urandom", "wb"), 0x5207)' || :
"""


@contextmanager
def going_on(
    hypervisor: Hypervisor,
    machine: Machine,
    memory: Path,
    *,
    frozen: bool,
    access: TemporaryAccess,
    seed: Path,
    keep: Keep | None = None,
    **manner: Unpack[Manner],
) -> Iterator[Session]:
    """Let a machine go on from ``memory``; on every way out it is destroyed, but where it fails and ``keep`` says so.

    ``frozen`` says that its file systems are. Unlike one that is booted it does not end with this process: the next
    command sweeps it. Raises GuestError or HostError where it does not wake.
    """
    hypervisor.destroy(machine.name)
    disks = {machine.target: machine.disk, "vdb" if machine.target == "vda" else "vda": seed}

    def here(xml: str) -> str:
        return moved(xml, disks=disks, console=machine.console, description=machine.description)

    awake: list[bool] = []  # one that does not wake is booted instead, and never kept
    with taken_away(hypervisor, machine.name, (lambda: bool(awake) and keep()) if keep else None):
        hypervisor.restore(memory, here)
        hypervisor.persist(machine.name)  # so that the variables of its firmware go with it
        with attended(hypervisor, machine, access, manner) as session:
            session.boot_timeout = PATIENCE
            _wake(session, frozen=frozen)
            session.boot_timeout = manner["boot_timeout"]
            awake.append(True)
            yield session


def _wake(session: Session, *, frozen: bool) -> None:
    if frozen:
        session.await_agent()
        session.hypervisor.thaw(session.name)
    shell = session.ssh
    script = shlex.quote(_WAKE.format(now=int(time.time())))
    ran = shell.run(f"{session.access.privilege}sh -c {script}", stdin=os.urandom(512), timeout=PATIENCE)
    if ran.code:
        raise GuestError(f"the guest {session.name} cannot be told the time: {ran.text}", fix="it is booted")
