"""One boot of a Linux guest as an instance: wait until it lets us in, ask it, press the power button."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from goldsmith.boottest.facts import Answered, Boot, Heard, Ssh, sections
from goldsmith.boottest.hardware import Hardware
from goldsmith.boottest.own import OwnCheck, answered
from goldsmith.boottest.probe import LINUX, WAIT
from goldsmith.boottest.seed import Instance
from goldsmith.errors import GuestError
from goldsmith.guests.access import Way
from goldsmith.guests.causes.failure import Diagnoser
from goldsmith.guests.causes.linux import BOOT
from goldsmith.guests.powered import PoweredGuest
from goldsmith.host import retry
from goldsmith.host.agent import AgentShell
from goldsmith.host.commands import GuestCommands, NotReachable, Ran

_SSH = 22
_AFTER_THE_END = 30.0  # seconds that sshd gets once cloud-init has said that it is done
_SILENT = 240.0  # seconds without a word on the console after the prompt: nothing more will come
_SETTLE = 180  # seconds for cloud-init and the last services, once somebody is in
_OFF = 180.0  # seconds from the power button to the power-off
_ASK = 120.0  # seconds for one script in the guest
_AGENT = 20.0


@dataclass
class LinuxGuest:
    """A running guest that is waited for and asked; times are seconds.

    Its host key cannot be known before: cloud-init makes it in this very boot. The first one that is seen is taken,
    which gives nothing away: our key is made for this boot and opens nothing else, no password and no secret is ever
    sent, and the network is the host's own (loopback, or libvirt's bridge). Whether it was the guest's key is a check
    of its own (B-L6), against the console and the guest agent, which come by the hypervisor and not by the network.
    """

    session: PoweredGuest
    hardware: Hardware
    instance: Instance
    heard: Heard
    tell: Callable[[str], None]
    picture: Callable[[], object]
    begun: float = field(default_factory=time.monotonic)
    last_word: float = field(default_factory=time.monotonic)
    host_key: str = ""
    user: str = ""
    agent: bool = False
    _closing: ExitStack = field(default_factory=ExitStack)
    _diagnoser: Diagnoser = field(default_factory=lambda: Diagnoser(BOOT))
    _shell: GuestCommands | None = None
    _agent_until: float = 0.0

    def hear(self, line: str) -> None:
        """Take a line of the console."""
        self.last_word = time.monotonic()
        self.heard.take(line)
        self._diagnoser.line(line)

    def come_up(self, timeout: float) -> float:
        """Wait until the key lets us in, or it is clear that it will not; return the seconds since power-on.

        Raises GuestError when nothing came up: no prompt, no sshd, no agent.
        """
        end = self.begun + timeout

        def decided() -> bool | None:
            self._look()
            over = time.monotonic() > end or self._diagnoser.failed
            return True if self._log_in() or over or self._hopeless() else None

        retry.until(decided, what="decision", deadline=timeout + 300, every=1, evidence=self.session.evidence)
        if not (self.user or self.heard.prompt or self.host_key or self.agent):
            raise self._never_up(time.monotonic() - self.begun)
        return time.monotonic() - self.begun

    def ask(self, *, settle: bool) -> tuple[dict[str, Sequence[str]], float]:
        """Return the guest's answers, and how far its clock was ahead (seconds); no answers where no way led in."""
        for way, privilege in self._ways():
            with suppress(GuestError):  # it is slow, or went away: the next way may do
                found, skew = self._asked(way, privilege, settle=settle)
                if found:
                    return found, skew
        return {}, 0.0

    def _asked(
        self, way: GuestCommands, privilege: str, *, settle: bool
    ) -> tuple[dict[str, Sequence[str]], float]:
        if settle:
            way.run(f"{privilege}sh -s", stdin=WAIT.format(limit=_SETTLE), timeout=_SETTLE * 3)
        lines: list[str] = []
        before = time.time()
        way.run(f"{privilege}sh -s", stdin=LINUX, on_line=lines.append, timeout=_ASK)
        found = sections(lines)
        return found, _skew(found.get("clock", ()), before, time.time())

    def try_own(self, checks: Sequence[OwnCheck]) -> tuple[Answered, ...]:
        """Run the recipe's own checks as root; none where no way leads in."""
        way, privilege = next(self._ways(), (None, ""))
        if way is None:
            return ()
        return answered(
            lambda one: way.run(f"{privilege}sh -s", stdin=one.script + "\n", timeout=one.timeout), checks
        )

    def door(self) -> Ssh | None:
        """Return what sshd shows and allows now; None where none answers."""
        from goldsmith.host import shell, shell_look

        if not self.host_key or not (address := self._address()):
            return None
        methods: dict[str, Sequence[str]] = {}
        root = sudo = ""
        try:
            if self._shell:
                sudo = _line(self._shell.run("sudo -n id -u", timeout=_ASK))
            for user in dict.fromkeys((self.user or self.hardware.user or "root", "root")):
                methods[user] = shell_look.look(*address, user=user).methods
            with shell.connect(
                *address, user="root", key=self.instance.key, host_key=self.host_key, legacy=self.legacy
            ) as door:
                root = _line(door.run("id -u", timeout=_ASK))
        except GuestError:  # what was seen until then counts
            pass
        return Ssh(host_key=self.host_key, user=self.user, methods=methods, root=root, sudo=sudo)

    def agent_answers(self) -> bool:
        """Ask the guest agent, which may start late; it is waited for once."""
        now = time.monotonic()
        self._agent_until = self._agent_until or now + (_AGENT if self.hardware.agent else 0)
        while not self.session.hypervisor.agent_ready(self.session.name):
            if time.monotonic() > self._agent_until:
                return False
            time.sleep(1)
        return True

    def press_power(self) -> float | None:
        """Press the power button; return the seconds until it was off, None where it stayed on."""
        self.close()
        start = time.monotonic()
        try:
            self.session.hypervisor.shutdown(self.session.name, button=True)
            self.session.await_power_off(_OFF)
        except GuestError:
            return None
        return time.monotonic() - start

    @property
    def way(self) -> Way | None:
        """Return how another process logs in; None where no sshd was seen."""
        user = self.user or self.hardware.user
        if not self.host_key or not user:
            return None
        key, port = self.instance.key, self.session.machine.ssh_port
        return Way(
            user,
            key.private,
            key.public,
            self.host_key,
            port=port or _SSH,
            address="127.0.0.1" if port else "",
            legacy=self.legacy,
            privilege="" if user == "root" else "sudo -n ",
        )

    @property
    def legacy(self) -> bool:
        return self.hardware.legacy_ssh

    def close(self) -> None:
        self._shell = None
        self._closing.close()

    def _look(self) -> None:
        self.session.require_running(
            meanwhile="it was waited for", fix="the console above shows why it did not stay up"
        )
        self.heard.take(self.session.console.unfinished)  # a prompt has no end of line
        self._diagnoser.prompt(self.session.console.unfinished)
        self.agent = self.agent or self.session.hypervisor.agent_ready(self.session.name)

    def _never_up(self, seconds: float) -> GuestError:
        """Return what is told of a guest that did not come up: by the cause that its console shows, if any."""
        problem = (
            f"the guest did not come up in {seconds:.0f} s: no login prompt on ttyS0, no SSH, no guest agent"
        )
        fix = (
            "the console above and the screenshot show how far it came; --timeout, or the recipe's boot_test.timeout, "
            "gives it longer"
        )
        if found := self._diagnoser.diagnosis(stuck=True):
            problem, fix = f"{found.cause} ({problem})", found.failure.fix
        return GuestError(problem, evidence=self.session.evidence(), fix=fix)

    def _hopeless(self) -> bool:
        quiet = time.monotonic() - self.last_word
        if self.heard.finished:
            return quiet > _AFTER_THE_END
        return self.heard.prompt and quiet > _SILENT

    def _address(self) -> tuple[str, int] | None:
        if (port := self.session.machine.ssh_port) is not None:
            return "127.0.0.1", port
        found = self.session.hypervisor.address(self.session.name)
        return (found, _SSH) if found else None

    def _log_in(self) -> bool:
        from goldsmith.host import shell, shell_look

        address = self._address()
        if not address:
            return False
        try:
            self.host_key = shell_look.look(*address, user=self.hardware.user or "root").host_key
        except NotReachable:
            return False
        for user in filter(None, dict.fromkeys((self.hardware.user, *self.heard.users))):
            try:
                opened = shell.connect(
                    *address, user=user, key=self.instance.key, host_key=self.host_key, legacy=self.legacy
                )
                self._shell = self._closing.enter_context(opened)
            except GuestError:  # not yet, or sshd has just got other keys
                continue
            self.user = user
            return True
        return False

    def _ways(self) -> Iterator[tuple[GuestCommands, str]]:
        if self._shell:
            yield self._shell, "sudo -n "
        if self.agent_answers():
            yield AgentShell(self.session.hypervisor, self.session.name), ""
        if self._shell:
            yield self._shell, ""


def _line(ran: Ran) -> str:
    return " ".join(ran.text.split()) or "a silent end"


def _skew(clock: Sequence[str], before: float, after: float) -> float:
    """Return by how many seconds a clock was ahead that was read between the two moments."""
    text = "".join(clock).strip()
    if not text.isdigit():
        return 0.0
    now = float(text)
    return now - after if now > after else min(0.0, now + 1 - before)


def boot_linux(guest: LinuxGuest, *, timeout: float, whole: bool, own: Sequence[OwnCheck] = ()) -> Boot:
    """Return what one boot showed; not ``whole`` asks only what tells two instances apart, and leaves it on."""
    with _closed(guest):
        seconds = guest.come_up(timeout)
        guest.picture()
        guest.tell(_in(guest, seconds, whole=whole))
        seen, skew = guest.ask(settle=whole)
        answers = guest.try_own(own) if whole and own else ()
        ssh = guest.door() if whole else None
        agent = guest.agent_answers() if whole else guest.agent
        off = None
        if whole:
            guest.session.listen()
            guest.tell("asked; pressing the power button")
            off = guest.press_power()
        guest.session.listen()
    return Boot(guest.instance, guest.heard, ssh, agent, seen, seconds, skew, off, answers, guest.user)


@contextmanager
def _closed(guest: LinuxGuest) -> Iterator[None]:
    try:
        yield
    finally:
        guest.close()


def _in(guest: LinuxGuest, seconds: float, *, whole: bool) -> str:
    if not guest.user:
        return f"nobody is let in after {seconds:.0f} s; asking the guest agent"
    rest = "; waiting for cloud-init to finish" if whole else ""
    return f"{guest.user} is let in after {seconds:.0f} s{rest}"
