"""A running guest that is customized: log in, act, boot anew, take layers live, power off."""

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict, TypeVar

from goldsmith.errors import GoldsmithError, GuestError
from goldsmith.guests.access import TemporaryAccess
from goldsmith.guests.console import ConsoleFile
from goldsmith.guests.machine import Machine
from goldsmith.guests.room import require_room_to_write
from goldsmith.guests.standing import Standing
from goldsmith.host import retry
from goldsmith.host.agent import AgentShell
from goldsmith.host.commands import ConnectionLost, GuestCommands, NotReachable
from goldsmith.host.hypervisor import DomainState, Hypervisor

SSH = 22
_OFF = (DomainState.SHUTOFF, DomainState.GONE)
_FLUSH = 20.0  # seconds
_BOOT_ID = "cat /proc/sys/kernel/random/boot_id"
OnLine = Callable[[str], None]
T = TypeVar("T")


class Manner(TypedDict):
    """How a guest is spoken to, however it came to run; times are seconds."""

    boot_timeout: float
    legacy_ssh: bool
    on_console: OnLine


@contextmanager
def attended(
    hypervisor: Hypervisor, machine: Machine, access: TemporaryAccess, manner: Manner
) -> Iterator["Session"]:
    """Give the session of a machine that has power; what its console says until the end is passed on."""
    session = Session(
        hypervisor=hypervisor, machine=machine, access=access, console=ConsoleFile(machine.console), **manner
    )
    try:
        yield session
        session.listen()
    finally:
        session.close()


def free_port() -> int:
    """Return a port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Session:
    """A running guest and the way into it; times are seconds."""

    hypervisor: Hypervisor
    machine: Machine
    access: TemporaryAccess
    console: ConsoleFile
    on_console: OnLine
    boot_timeout: float
    legacy_ssh: bool
    _closing: ExitStack = field(default_factory=ExitStack)
    _standing: Standing = field(default_factory=Standing)
    _ssh: GuestCommands | None = None

    @property
    def name(self) -> str:
        return self.machine.name

    @property
    def ssh(self) -> GuestCommands:
        """Return the shell in the guest; connects when there is none."""
        shell = self._connected()
        self._standing.let_in()
        return shell

    @property
    def agent(self) -> GuestCommands:
        """Return the guest agent as a shell; waits until it answers."""
        self.await_agent()
        return AgentShell(self.hypervisor, self.name)

    def await_agent(self) -> None:
        """Wait until the guest agent answers."""
        self._await(
            lambda: (self._running() and self.hypervisor.agent_ready(self.name)) or None,
            what=f"answer from the guest agent of {self.name}",
            fix="install and enable qemu-guest-agent in the guest, or use via: ssh",
        )
        self._standing.let_in()

    def reboot(self, privilege: str) -> None:
        """Boot the guest anew; returns when it lets us in again and shows another boot id."""
        before = self.ssh.run(_BOOT_ID, timeout=60).text
        with suppress(ConnectionLost):
            self.ssh.run(f"{privilege}sh -c 'sync; (sleep 1; reboot) >/dev/null 2>&1 &'", timeout=60)
        self._disconnect()
        self.listen()
        self._standing.boots()

        def other_boot() -> bool | None:
            try:
                now = self._connected().run(_BOOT_ID, timeout=60).text
            except (ConnectionLost, NotReachable):
                now = before
            if now == before:
                self._disconnect()
                return None
            return True

        self._await(
            other_boot,
            what=f"new boot of {self.name}",
            fix="the console above shows how far it came",
            every=2,
        )
        self._standing.let_in()

    def layer(self, overlay: Path, memory: Path | None = None) -> bool:
        """Continue on ``overlay``; what was the disk is a finished layer. Returns whether it was quiesced.

        The guest's memory of that moment is written to ``memory``.
        """
        with suppress(ConnectionLost):
            self.ssh.run("sync", timeout=120)
        if memory:
            return self.hypervisor.snapshot_with_memory(
                self.name, disk=self.machine.target, overlay=overlay, memory=memory
            )
        return self.hypervisor.snapshot(self.name, disk=self.machine.target, overlay=overlay, quiesce=True)

    def disk_is(self, overlay: Path) -> bool:
        """Say whether the guest writes to this file by now."""
        return str(overlay) in self.hypervisor.xml(self.name)

    def power_off(self, privilege: str) -> None:
        """Let the guest shut itself down, and wait until it has."""
        with suppress(ConnectionLost, GuestError):
            self.ssh.run(f"{privilege}sh -c 'sync; (sleep 1; poweroff) >/dev/null 2>&1 &'", timeout=60)
        self.await_power_off()

    def await_power_off(self) -> None:
        """Wait until the guest, which was told so, has shut itself down."""
        self._disconnect()
        self._await(
            lambda: self._is_off() or None,
            what=f"power-off of {self.name}",
            fix="the console above shows what the guest waits for",
        )

    def flush(self) -> None:
        """Let a guest that still answers write to its disk what it has logged."""
        if self._ssh is None or self._standing.ended:
            return
        with suppress(GoldsmithError):  # it is about to end anyway
            if self.hypervisor.state(self.name) is DomainState.RUNNING:
                self._ssh.run("sync", timeout=_FLUSH)

    def evidence(self) -> Sequence[str]:
        self.listen()
        return self.console.tail(20)

    def listen(self) -> None:
        """Pass on what the console has said since the last time."""
        for line in self.console.lines():
            self._standing.line(line)
            self.on_console(line)
        self._standing.prompt(self.console.unfinished)

    def close(self) -> None:
        self._disconnect()

    def _disconnect(self) -> None:
        self._ssh = None
        with suppress(OSError, GuestError):
            self._closing.close()

    def _await(self, question: Callable[[], T | None], *, what: str, fix: str, every: float = 0.5) -> T:
        """Ask until there is an answer; where none comes, the error names the cause that the console shows."""
        self.listen()
        self._standing.waits()
        try:
            return retry.until(
                question,
                what=what,
                deadline=self.boot_timeout,
                evidence=self.evidence,
                fix=fix,
                every=every,
            )
        except GuestError as error:
            found = self._standing.cause
            if not found or error.problem.startswith(found.cause):
                raise
            raise GuestError(
                f"{found.cause} ({error.problem})", fix=found.failure.fix, evidence=error.evidence
            ) from None

    def _is_off(self) -> bool:
        self._require_kernel()
        return self._state() in _OFF

    def _state(self) -> DomainState:
        """Return the guest's state; raises when it is one that nothing but QEMU's user ends.

        That is a HostError where the host's disk is full, and else a GuestError.
        """
        state = self.hypervisor.state(self.name)
        if state is DomainState.PAUSED:
            require_room_to_write(self.hypervisor, self.name, self.machine.disk.parent)
            raise GuestError(
                f"QEMU has paused the guest {self.name}: its disk could not be written or read",
                evidence=self.evidence(),
                fix="dmesg tells of errors of the host's disk; was the guest paused by hand (virsh suspend)?",
            )
        return state

    def still_well(self) -> None:
        """Raise GuestError, with the cause where it is known, when the guest will not answer any more."""
        self._require_kernel()
        if self._state() in (*_OFF, DomainState.CRASHED):
            raise GuestError(
                f"the guest {self.name} has ended in the middle of it",
                evidence=self.evidence(),
                fix="was it shut down, or its QEMU killed? its qemu.log is kept, and dmesg tells of the host's memory",
            )

    def _require_kernel(self) -> None:
        self.listen()
        if found := self._standing.ended:
            raise GuestError(found.cause, fix=found.failure.fix, evidence=self.evidence())

    def _running(self) -> bool:
        if self._standing.up:
            self.still_well()
            return True
        self.listen()
        if self._standing.failed:
            raise GuestError(f"the guest {self.name} will not come up", evidence=self.evidence())
        state = self._state()
        if state in (*_OFF, DomainState.CRASHED):
            raise GuestError(
                f"the guest {self.name} is {state.lower()} while it was to be customized",
                evidence=self.evidence(),
                fix="the console above shows why it did not stay up",
            )
        return True

    def _connected(self) -> GuestCommands:
        """Return the shell in the guest, whichever boot it is in."""
        if self._ssh is None:
            self._ssh = self._wait_for_ssh(self._wait_for_address())
        return self._ssh

    def _wait_for_address(self) -> tuple[str, int]:
        if self.machine.ssh_port is not None:
            return "127.0.0.1", self.machine.ssh_port
        found = self._await(
            lambda: (self._running() and self.hypervisor.address(self.name)) or None,
            what=f"network address of {self.name}",
            fix="the guest asked for no DHCP lease: is its network set up, and `virsh net-list` active?",
        )
        return str(found), SSH

    def _wait_for_ssh(self, address: tuple[str, int]) -> GuestCommands:
        from goldsmith.host import shell  # half a second to load, which no cached build needs

        def log_in() -> GuestCommands | None:
            self._running()
            try:
                opened = shell.connect(
                    *address,
                    user=self.access.user,
                    key=self.access.user_key,
                    host_key=self.access.host_key.public,
                    legacy=self.legacy_ssh,
                    watch=self.still_well,
                )
                return self._closing.enter_context(opened)
            except (NotReachable, ConnectionLost):
                return None

        return self._await(
            log_in,
            what=f"SSH login as {self.access.user} at {address[0]} port {address[1]}",
            fix="is sshd enabled in the guest, and does it read the key (cloud-init status on the console)?",
            every=1,
        )
