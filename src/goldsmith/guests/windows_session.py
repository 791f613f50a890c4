"""One boot of a Windows guest: power on, wait for its agent, act, take layers live, power off."""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from goldsmith.errors import GuestError
from goldsmith.guests.causes.failure import Diagnoser
from goldsmith.guests.causes.firmware import NOTHING_TO_BOOT, UEFI_SHELL
from goldsmith.guests.leaving import Keep
from goldsmith.guests.machine import Machine
from goldsmith.guests.powered import OFF, PoweredGuest, switched_on
from goldsmith.host import retry
from goldsmith.host.hypervisor import Hypervisor
from goldsmith.host.windows_agent import WindowsShell

__all__ = ["OFF", "WindowsSession", "powered"]

_SETTLED = 3  # answers in a row: an agent that starts early in a boot may be stopped once more


@dataclass
class WindowsSession(PoweredGuest):
    """A running Windows guest; times are seconds."""

    _diagnoser: Diagnoser = field(default_factory=lambda: Diagnoser((UEFI_SHELL, NOTHING_TO_BOOT)))

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
        return self.hypervisor.snapshot(self.name, disk=self.machine.target, overlay=overlay, quiesce=True)

    def listen(self) -> None:
        """Pass on what the serial port has said since the last time; what the firmware says is kept in mind."""
        for line in self.console.lines():
            self._diagnoser.line(line)
            self.on_console(line)
        self._diagnoser.prompt(self.console.unfinished)

    def require_running(self, *, meanwhile: str, fix: str) -> None:
        """Raise GuestError when the guest is off, has crashed, or was not started by its firmware."""
        super().require_running(meanwhile=meanwhile, fix=fix)
        if found := self._diagnoser.diagnosis():
            raise GuestError(
                f"{found.cause} while {meanwhile}", fix=found.failure.fix, evidence=self.evidence()
            )

    def _require_running(self) -> None:
        self.require_running(
            meanwhile="it was to be customized",
            fix="the screenshot and the logs in logs/windows of the build's folder show why",
        )


def powered(
    hypervisor: Hypervisor,
    xml: str,
    machine: Machine,
    *,
    boot_timeout: float,
    on_console: Callable[[str], None],
    keep: Keep | None = None,
) -> AbstractContextManager[WindowsSession]:
    """Power a Windows machine on, as ``switched_on`` does."""
    return switched_on(
        WindowsSession, hypervisor, xml, machine, boot_timeout=boot_timeout, on_console=on_console, keep=keep
    )
