"""One boot of a Windows guest: power on, wait for its agent, act, take layers live, power off."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from goldsmith.errors import GuestError
from goldsmith.guests.console import ConsoleFile
from goldsmith.guests.machine import Machine
from goldsmith.host import retry
from goldsmith.host.hypervisor import DomainState, Hypervisor
from goldsmith.host.windows_agent import WindowsShell

OFF = (DomainState.SHUTOFF, DomainState.GONE)
_SETTLED = 3  # answers in a row: an agent that starts early in a boot may be stopped once more


@dataclass
class WindowsSession:
    """A running Windows guest; times are seconds."""

    hypervisor: Hypervisor
    machine: Machine
    console: ConsoleFile
    on_console: Callable[[str], None]
    boot_timeout: float
    resets: Callable[[], int]

    @property
    def name(self) -> str:
        return self.machine.name

    @property
    def shell(self) -> WindowsShell:
        """Return the agent as a shell; waits until it answers."""
        answers = 0

        def settled() -> bool | None:
            nonlocal answers
            self._require_running()
            answers = answers + 1 if self.hypervisor.agent_ready(self.name) else 0
            return answers >= _SETTLED or None

        retry.until(
            settled,
            what=f"answer from the guest agent of {self.name}",
            deadline=self.boot_timeout,
            every=1,
            evidence=self.evidence,
            fix="the service QEMU-GA and the driver vioserial must be in the guest; the screenshot shows its state",
        )
        return WindowsShell(self.hypervisor, self.name)

    def reboot(self) -> None:
        """Boot the guest anew; returns when it was reset and its agent answers again."""
        before = self.resets()
        with suppress(GuestError):  # an agent that goes down does not always say so
            self.hypervisor.reboot(self.name)

        def was_reset() -> bool | None:
            self._require_running()
            return self.resets() > before or None

        retry.until(
            was_reset,
            what=f"new boot of {self.name}",
            deadline=self.boot_timeout,
            evidence=self.evidence,
            fix="the screenshot shows what keeps Windows from restarting",
        )
        _ = self.shell

    def layer(self, overlay: Path) -> bool:
        """Continue on ``overlay``; what was the disk is a finished layer. Returns whether it was quiesced."""
        target = {"virtio": "vda"}.get(self.machine.bus, "sda")
        return self.hypervisor.snapshot(self.name, disk=target, overlay=overlay, quiesce=True)

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
            fix="the screenshot shows what Windows waits for",
        )

    def is_off(self) -> bool | None:
        """Say whether the power is off; None while it is on, as a question of retry.until."""
        self.listen()
        return self.hypervisor.state(self.name) in OFF or None

    def paused(self) -> bool:
        """Say whether QEMU has stopped the guest, as it does when a write finds no room on the host."""
        return self.hypervisor.state(self.name) is DomainState.PAUSED

    def evidence(self) -> Sequence[str]:
        self.listen()
        return list(self.console.last)[-20:]

    def listen(self) -> None:
        """Pass on what COM1 has said since the last time."""
        for line in self.console.lines():
            self.on_console(line)

    def _require_running(self) -> None:
        self.listen()
        state = self.hypervisor.state(self.name)
        if state in (*OFF, DomainState.CRASHED):
            raise GuestError(
                f"the guest {self.name} is {state.lower()} while it was to be customized",
                evidence=self.evidence(),
                fix="the screenshot and the logs in logs/windows of the build's folder show why",
            )


@contextmanager
def powered(
    hypervisor: Hypervisor,
    xml: str,
    machine: Machine,
    *,
    boot_timeout: float,
    on_console: Callable[[str], None],
) -> Iterator[WindowsSession]:
    """Power a machine on; on every way out it is destroyed and forgotten, with the variables of its firmware.

    It is defined first: of a machine that is only created, libvirt leaves the firmware's variables behind.
    libvirt also powers it off if this process is killed.
    """
    hypervisor.destroy(machine.name)
    hypervisor.undefine(machine.name)
    hypervisor.define(xml)
    try:
        with hypervisor.counting_resets(machine.name) as resets:
            hypervisor.start(machine.name, autodestroy=True)
            session = WindowsSession(
                hypervisor=hypervisor,
                machine=machine,
                console=ConsoleFile(machine.console),
                on_console=on_console,
                boot_timeout=boot_timeout,
                resets=resets,
            )
            yield session
            session.listen()
    finally:
        hypervisor.destroy(machine.name)
        hypervisor.undefine(machine.name)
