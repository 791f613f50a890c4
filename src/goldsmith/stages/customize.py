"""Change the guest step by step: one boot for neighbouring steps, one layer for each of them."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from goldsmith.artifact import qemuimg
from goldsmith.errors import GuestError, HostError, Mark
from goldsmith.events import PhaseStarted, ToolSaid
from goldsmith.guests import access as temporary
from goldsmith.guests import actions
from goldsmith.guests.access import TemporaryAccess, way_to
from goldsmith.guests.actions import Hand
from goldsmith.guests.booted import booted
from goldsmith.guests.family import Access
from goldsmith.guests.going_on import going_on
from goldsmith.guests.machine import Machine
from goldsmith.guests.room import require_room_to_write
from goldsmith.guests.session import Manner, Session, free_port
from goldsmith.host.commands import GuestCommands
from goldsmith.host.hypervisor import connect
from goldsmith.host.process import Host
from goldsmith.plan.keeping import write_way
from goldsmith.plan.memory import Life
from goldsmith.plan.stage import REFRESH, Context, Inputs, Kind, Work
from goldsmith.recipe.steps import Step, Via
from goldsmith.stages.evidence import last_look, with_evidence
from goldsmith.stages.guest import Guest, OfSteps, Task, said_with
from goldsmith.stages.lives import Lives, access_of
from goldsmith.stages.parts import domain_name, keep_of, last_disk, osinfo_argument
from goldsmith.stages.seeded import SEED, plant, seed
from goldsmith.stages.taken import taken

CONSOLE = "console-customize.log"
# A cloud-init that was installed after the boot has nothing to wait for; newer ones then wait for ever. One that has
# ended says so in a file, for which no Python need be started.
SETTLE = (
    "if [ ! -e /run/cloud-init/result.json ] && command -v cloud-init; "
    "then timeout 300 cloud-init status --wait; fi >/dev/null 2>&1 || :"
)


@dataclass(frozen=True)
class Customize(OfSteps):
    """One step of the recipe, done in the running guest; ``step`` None is the last: take the access away.

    ``earlier`` are steps that want no layer of their own: they are done before it, and share its layer.
    """

    name: str
    group: str
    guest: Guest
    step: Step | None
    said: Inputs
    at: Mark | None = None
    earlier: tuple[Task, ...] = ()

    kind = Kind.DISK
    version = 1

    def inputs(self) -> Inputs:
        said, family = dict(self.said), self.guest.family
        if self.step is None:
            said["script"] = temporary.withdraw_script(family.access, leftovers=tuple(family.leftovers))
        return said_with(self.earlier, said)

    def dated(self, as_of: str) -> "Customize":
        return replace(self, said={**self.said, REFRESH: as_of})

    @property
    def steps(self) -> Sequence[Step]:
        return [*(one.step for one in self.earlier), *([self.step] if self.step else [])]

    def run(self, work: Work, context: Context) -> None:
        self.run_together([work], context)

    def run_together(self, works: Sequence[Work], context: Context) -> None:
        """Boot once and do all the works in order; each is committed as soon as its layer is finished."""
        host = context.host_for(self.name)
        first = works[0]
        assert first.before
        qemuimg.create_overlay(host, first.before, first.disk, relative=True)
        try:
            self._boot(works, context, host)
        except GuestError as error:
            raise with_evidence(error, last_disk(works), context, stage=self.name) from None

    def _boot(self, works: Sequence[Work], context: Context, host: Host) -> None:
        with connect(context.uri) as hypervisor, ExitStack() as stack:
            lives = stack.enter_context(Lives.of(self.guest, hypervisor, context))
            session = self._gone_on(works, lives, stack, context, host)
            session = session or stack.enter_context(self._booted(works, lives, context, host))
            stack.enter_context(last_look(hypervisor, session.name, session.machine.console, context))
            for at, work in enumerate(works):
                following = works[at + 1] if at + 1 < len(works) else None
                _one(session, work, following, lives, context)

    def _gone_on(
        self, works: Sequence[Work], lives: Lives, stack: ExitStack, context: Context, host: Host
    ) -> Session | None:
        """Let the guest go on from the memory of the layer before; None where there is none, or it does not wake."""
        work = works[0]
        assert work.before
        memory = lives.memory_of(work.before.parent)
        if memory is None:
            return None
        context.reporter.tell(PhaseStarted(self.name, "letting the guest go on from its memory"))
        attempt = ExitStack()
        try:
            with attempt:
                machine, access, disc = attempt.enter_context(
                    _machine(self.guest, work, host, context, memory.life, new=False)
                )
                session = attempt.enter_context(
                    going_on(
                        lives.hypervisor, machine, memory.image, frozen=memory.frozen,
                        access=access, seed=disc, keep=keep_of(works, machine, lives.hypervisor, context),
                        **self._manner(context),
                    )
                )  # fmt: skip
                stack.push(attempt.pop_all())
                return session
        except (GuestError, HostError) as error:
            context.log_for(self.name)(
                f"the guest does not go on from its memory, and is booted: {error.text()}"
            )
            lives.forget(work.before.parent)
            work.disk.unlink(missing_ok=True)  # it may have written to it
            qemuimg.create_overlay(host, work.before, work.disk, relative=True)
            return None

    @contextmanager
    def _booted(self, works: Sequence[Work], lives: Lives, context: Context, host: Host) -> Iterator[Session]:
        context.reporter.tell(PhaseStarted(self.name, "booting the guest"))
        life = lives.begin(domain_name(context.build, "customize"))
        with _machine(self.guest, works[0], host, context, life, new=True) as (machine, access, disc), booted(
            lives.hypervisor, host, machine, access=access, seed=disc,
            keep=keep_of(works, machine, lives.hypervisor, context), **self._manner(context),
        ) as session:  # fmt: skip
            yield session

    def _manner(self, context: Context) -> Manner:
        return Manner(
            boot_timeout=self.guest.boot_timeout * context.patience,
            legacy_ssh=self.guest.family.legacy_ssh,
            on_console=lambda line: context.reporter.tell(ToolSaid(self.name, "console", line)),
        )


def _one(session: Session, work: Work, following: Work | None, lives: Lives, context: Context) -> None:
    stage = work.stage
    assert isinstance(stage, Customize)
    with context.announce(work):
        try:
            for task in stage.earlier:
                _step(session, stage, task, context)
            if stage.step is None:
                _withdraw(session, stage, context)
            else:
                _step(session, stage, Task(stage.step, stage.said, stage.at), context)
        except GuestError:
            require_room_to_write(session.hypervisor, session.name, work.folder.parent)
            if not context.keeper.asked:
                session.flush()
            raise
        memory = None
        if following:
            host = context.host_for(stage.name)
            qemuimg.create_live_overlay(host, work.disk, following.disk)
            memory = lives.layer(session, work, following.disk)
        elif stage.step is None:
            session.await_power_off()  # the withdrawal ends with it: there is nobody left to log in as
        else:
            session.power_off(session.access.privilege)
        lives.keep(memory, work.commit())


def _step(session: Session, stage: Customize, task: Task, context: Context) -> None:
    if task.step.kind == "reboot":
        session.reboot(session.access.privilege)
        return
    with taken(task, context) as step:
        by_agent = step.via is Via.AGENT
        hand = _hand(session.agent if by_agent else session.ssh, session, stage, step, context)
        actions.perform(step, replace(hand, privilege="") if by_agent else hand, at=task.at)


def _withdraw(session: Session, stage: Customize, context: Context) -> None:
    hand = _hand(session.ssh, session, stage, None, context)
    family = stage.guest.family
    script = temporary.withdraw_script(session.access.kind, leftovers=tuple(family.leftovers))
    hand.root(SETTLE)
    hand.must(script, what="removing the build access")
    with suppress(
        GuestError
    ):  # the script does it itself in a moment, for a guest without agent and ACPI daemon
        session.hypervisor.shutdown(session.name)


def _hand(
    shell: GuestCommands, session: Session, stage: Customize, step: Step | None, context: Context
) -> Hand:
    title = step.title if step else "withdraw"
    log = context.log_for(stage.name)

    def on_line(line: str) -> None:
        log(line)
        context.reporter.tell(ToolSaid(stage.name, title, line))

    return Hand(
        shell=shell,
        privilege=session.access.privilege,
        packages=stage.guest.family.packages,
        on_line=on_line,
        reveal=stage.guest.reveal,
        timeout=((step.timeout if step else None) or stage.guest.step_timeout) * context.patience,
    )


@contextmanager
def _machine(
    guest: Guest, work: Work, host: Host, context: Context, life: Life, *, new: bool
) -> Iterator[tuple[Machine, TemporaryAccess, Path]]:
    """Give the machine of one guest, its credentials and its seed; the seed is gone afterwards."""
    access = access_of(guest, life)
    machine = replace(
        guest.machine,
        name=life.domain,
        uri=context.uri,
        description=f"goldsmith build={context.build} state={context.state}",
        virt_type=context.acceleration.virt_type,
        osinfo=osinfo_argument(host, guest.machine.osinfo),
        disk=work.disk,
        console=context.folder / CONSOLE,
        ssh_port=free_port() if guest.machine.network == "user" else None,
    )
    folder = context.state / "run" / context.build
    try:
        if access.kind is Access.OFFLINE and new:
            plant(host, work.disk, access, context)
        write_way(folder, way_to(access, machine.ssh_port, legacy=guest.family.legacy_ssh), machine.name)
        yield machine, access, seed(host, folder, access, life.instance, context)
    finally:
        if context.keeper.guest:
            (folder / SEED).unlink(
                missing_ok=True
            )  # the guest has read it; the key stays while the guest does
        else:
            shutil.rmtree(folder, ignore_errors=True)
