"""One boot of Windows that neighbouring stages share: each acts in the running guest and finishes its own layer."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Protocol, cast

from goldsmith.artifact import qemuimg
from goldsmith.errors import GoldsmithError, GuestError
from goldsmith.events import PhaseStarted, ToolSaid
from goldsmith.guests import machine as machines
from goldsmith.guests.machine import Machine
from goldsmith.guests.room import require_room_to_write
from goldsmith.guests.windows_actions import WindowsHand
from goldsmith.guests.windows_session import WindowsSession, powered
from goldsmith.host.hypervisor import connect
from goldsmith.host.process import Host
from goldsmith.plan.stage import Context, Work
from goldsmith.stages.evidence import last_look
from goldsmith.stages.guest import Guest
from goldsmith.stages.parts import domain_name, keep_of, last_disk, osinfo_argument
from goldsmith.stages.windows_disk import SCREENSHOTS, not_generalized, pull_once, with_windows_kept
from goldsmith.stages.windows_screens import Screens

CONSOLE = "console-customize.log"
LAST_WRITES = 120.0  # seconds


class InWindows(Protocol):
    """A stage that acts in a running Windows. One with ``ends`` leaves the guest powered off, and checks its disk."""

    @property
    def name(self) -> str: ...
    @property
    def guest(self) -> Guest: ...
    @property
    def ends(self) -> bool: ...
    def act(self, session: WindowsSession, context: Context) -> None: ...
    def check(self, work: Work, context: Context) -> None: ...


def run_together(works: Sequence[Work], context: Context) -> None:
    """Boot once and do all the works in order; each is committed as soon as its layer is finished."""
    try:
        _run(works, context)
    except GuestError as error:
        pull_once(last_disk(works), context, stage=works[0].stage.name)
        raise with_windows_kept(error, context) from None


def _run(works: Sequence[Work], context: Context) -> None:
    first = works[0]
    stage = cast("InWindows", first.stage)
    host, guest = context.host_for(stage.name), stage.guest
    assert first.before
    qemuimg.create_overlay(host, first.before, first.disk, relative=True)
    machine = _machine(guest, first, host, context)
    argv = machines.windows(machine, discs=(), tpm=guest.tpm, secure_boot=guest.secure_boot)
    xml = host.run(*argv, timeout=120).stdout
    context.reporter.tell(PhaseStarted(stage.name, "starting Windows"))
    with (
        connect(context.uri) as hypervisor,
        powered(
            hypervisor,
            xml,
            machine,
            boot_timeout=guest.boot_timeout * context.patience,
            on_console=lambda line: context.reporter.tell(ToolSaid(stage.name, "console", line)),
            keep=keep_of(works, machine, hypervisor, context, system="windows"),
        ) as session,
        last_look(hypervisor, machine.name, machine.console, context),
    ):
        screens = Screens(hypervisor, machine.name, context.folder / SCREENSHOTS, stage.name)
        for at, work in enumerate(works):
            following = works[at + 1] if at + 1 < len(works) else None
            _one(session, screens, work, following, context)


def _one(
    session: WindowsSession, screens: Screens, work: Work, following: Work | None, context: Context
) -> None:
    stage = cast("InWindows", work.stage)
    screens.stage = stage.name
    with context.announce(work):
        try:
            stage.act(session, context)
            if not stage.ends and following is None:
                session.power_off()
        except GuestError as error:
            require_room_to_write(session.hypervisor, session.name, work.folder.parent)
            screens.take("failure")
            if stage.ends and not context.keeper.asked:
                _let_it_write(session)
                session.hypervisor.destroy(session.name)
                raise _with_cause(error, work, context) from None
            raise
        if following:
            qemuimg.create_live_overlay(context.host_for(stage.name), work.disk, following.disk)
            session.layer(following.disk)
        if stage.ends:
            stage.check(work, context)
        work.commit()


def _let_it_write(session: WindowsSession) -> None:
    """Give a Windows that failed the time to shut itself down: its last log lines are in its memory until then."""
    with suppress(GoldsmithError):
        if not session.is_off():
            session.hypervisor.shutdown(session.name)
            session.await_power_off(LAST_WRITES)


def _with_cause(error: GuestError, work: Work, context: Context) -> GuestError:
    """Return a failure of the last act with what the disk tells about it."""
    try:
        cause = not_generalized(work.disk, context, stage=work.stage.name)
    except GoldsmithError as unreadable:  # the first failure is the one to tell
        context.log_for(work.stage.name)(f"the guest's disk cannot be read: {unreadable.text()}")
        return error
    if cause is None:
        return error
    evidence = [*error.evidence[-10:], *cause.evidence]
    return GuestError(f"{error.problem}: {cause.problem}", fix=cause.fix or error.fix, evidence=evidence)


def hand_for(
    session: WindowsSession, guest: Guest, context: Context, *, stage: str, title: str, timeout: float
) -> WindowsHand:
    """Return the way to act in a guest, with what it says going to the stage's log and to the build's listeners."""
    log: Callable[[str], None] = context.log_for(stage)

    def on_line(line: str) -> None:
        log(line)
        context.reporter.tell(ToolSaid(stage, title, line))

    return WindowsHand(shell=session.shell, on_line=on_line, reveal=guest.reveal, timeout=timeout)


def _machine(guest: Guest, work: Work, host: Host, context: Context) -> Machine:
    return replace(
        guest.machine,
        name=domain_name(context.build, "customize"),
        uri=context.uri,
        description=f"goldsmith build={context.build} state={context.state}",
        virt_type=context.acceleration.virt_type,
        osinfo=osinfo_argument(host, guest.machine.osinfo),
        disk=work.disk,
        console=context.folder / CONSOLE,
    )
