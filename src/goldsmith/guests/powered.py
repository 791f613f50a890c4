"""One boot of a guest, whatever is in it: power on, listen to its console, see it power off."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from goldsmith.errors import GuestError
from goldsmith.guests.console import ConsoleFile
from goldsmith.guests.leaving import Keep, taken_away
from goldsmith.guests.machine import Machine
from goldsmith.host import retry
from goldsmith.host.hypervisor import DomainState, Hypervisor

OFF = (DomainState.SHUTOFF, DomainState.GONE)


@dataclass
class PoweredGuest:
    """A machine that is switched on; times are seconds."""

    hypervisor: Hypervisor
    machine: Machine
    console: ConsoleFile
    on_console: Callable[[str], None]
    boot_timeout: float
    resets: Callable[[], int]

    @property
    def name(self) -> str:
        return self.machine.name

    def power_off(self) -> None:
        """Let the guest shut itself down, and wait until it has."""
        self.hypervisor.shutdown(self.name)
        self.await_power_off(self.boot_timeout)

    def await_power_off(self, deadline: float) -> None:
        """Wait until the guest, which was told so, has shut itself down."""
        retry.until(
            self.is_off,
            what=f"power-off of {self.name}",
            deadline=deadline,
            evidence=self.evidence,
            fix="the screenshot shows what the guest waits for",
        )

    def is_off(self) -> bool | None:
        """Say whether the power is off; None while it is on, as a question of retry.until."""
        self.listen()
        return self.hypervisor.state(self.name) in OFF or None

    def evidence(self) -> Sequence[str]:
        self.listen()
        return self.console.tail(20)

    def listen(self) -> None:
        """Pass on what the serial port has said since the last time."""
        for line in self.console.lines():
            self.on_console(line)

    def require_running(self, *, meanwhile: str, fix: str) -> None:
        """Raise GuestError when the guest is off or has crashed, which it should not while ``meanwhile``."""
        self.listen()
        state = self.hypervisor.state(self.name)
        if state in (*OFF, DomainState.CRASHED):
            raise GuestError(
                f"the guest {self.name} is {state.lower()} while {meanwhile}",
                evidence=self.evidence(),
                fix=fix,
            )


G = TypeVar("G", bound=PoweredGuest)


@contextmanager
def switched_on(
    kind: type[G],
    hypervisor: Hypervisor,
    xml: str,
    machine: Machine,
    *,
    boot_timeout: float,
    on_console: Callable[[str], None],
    keep: Keep | None = None,
) -> Iterator[G]:
    """Power a machine on; on every way out it is destroyed and forgotten, with the variables of its firmware.

    One that fails stays where ``keep`` says so.

    It is defined first: of a machine that is only created, libvirt leaves the firmware's variables behind.
    libvirt also powers it off if this process is killed; where it may stay that is left to the sweep of the next build.
    """
    hypervisor.destroy(machine.name)
    hypervisor.undefine(machine.name)
    hypervisor.define(xml)
    with taken_away(hypervisor, machine.name, keep), hypervisor.counting_resets(machine.name) as resets:
        hypervisor.start(machine.name, autodestroy=keep is None)
        session = kind(
            hypervisor=hypervisor,
            machine=machine,
            console=ConsoleFile(machine.console),
            on_console=on_console,
            boot_timeout=boot_timeout,
            resets=resets,
        )
        yield session
        session.listen()
