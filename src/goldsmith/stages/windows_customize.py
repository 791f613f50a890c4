"""Change a Windows guest step by step, by its agent: one boot for all steps, one layer for each of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from goldsmith.errors import GuestError, Mark
from goldsmith.events import PhaseStarted
from goldsmith.guests import windows_actions
from goldsmith.guests.windows_session import WindowsSession
from goldsmith.plan.stage import REFRESH, Context, Inputs, Kind, Work
from goldsmith.recipe.steps import Refresh, Step
from goldsmith.stages import windows_boot
from goldsmith.stages.guest import Guest, OfSteps, Task, said_with
from goldsmith.stages.taken import taken

UPDATE = "C:\\goldsmith\\update.ps1"  # build.cmd put it there
_POWERSHELL = ("-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File", UPDATE)
_NOTHING_LEFT, _REBOOT = 0, 3010


@dataclass(frozen=True)
class WindowsStep(OfSteps):
    """One step of the recipe; ``earlier`` are steps that want no layer of their own, which are done before it."""

    name: str
    group: str
    guest: Guest
    task: Task
    earlier: tuple[Task, ...] = ()

    kind = Kind.DISK
    version = 1
    ends = False

    def inputs(self) -> Inputs:
        return said_with(self.earlier, self.task.said)

    def dated(self, as_of: str) -> "WindowsStep":
        return replace(self, task=replace(self.task, said={**self.task.said, REFRESH: as_of}))

    @property
    def steps(self) -> Sequence[Step]:
        return [one.step for one in (*self.earlier, self.task)]

    def run(self, work: Work, context: Context) -> None:
        self.run_together([work], context)

    def run_together(self, works: Sequence[Work], context: Context) -> None:
        windows_boot.run_together(works, context)

    def act(self, session: WindowsSession, context: Context) -> None:
        for task in (*self.earlier, self.task):
            step = task.step
            if step.kind == "reboot":
                session.reboot()
                continue
            hand = windows_boot.hand_for(
                session,
                self.guest,
                context,
                stage=self.name,
                title=step.title,
                timeout=(step.timeout or self.guest.step_timeout) * context.patience,
            )
            with taken(task, context) as copied:
                windows_actions.perform(copied, hand, at=task.at)

    def check(self, work: Work, context: Context) -> None:
        """Do nothing: the guest is still needed."""


@dataclass(frozen=True)
class WindowsUpdates:
    """Windows Update, again and again until nothing is left, at most ``rounds`` times; each round may reboot."""

    group: str
    guest: Guest
    rounds: int
    refresh: Refresh  # what Microsoft offers changes
    at: Mark | None = None
    as_of: str = ""

    name = "updates"
    reads = "updates"
    kind = Kind.DISK
    version = 1
    ends = False

    def inputs(self) -> Inputs:
        return {"rounds": self.rounds, **({REFRESH: self.as_of} if self.as_of else {})}

    def dated(self, as_of: str) -> "WindowsUpdates":
        return replace(self, as_of=as_of)

    def run(self, work: Work, context: Context) -> None:
        self.run_together([work], context)

    def run_together(self, works: Sequence[Work], context: Context) -> None:
        windows_boot.run_together(works, context)

    def act(self, session: WindowsSession, context: Context) -> None:
        for number in range(1, self.rounds + 1):
            title = f"updates, round {number} of {self.rounds}"
            context.reporter.tell(PhaseStarted(self.name, f"round {number} of {self.rounds}"))
            hand = windows_boot.hand_for(
                session,
                self.guest,
                context,
                stage=self.name,
                title=title,
                timeout=self.guest.step_timeout * context.patience,
            )
            ran = hand.shell.execute(
                "powershell.exe", _POWERSHELL, what=title, on_line=hand.on_line, timeout=hand.timeout
            )
            if ran.code == _NOTHING_LEFT:
                return
            if ran.code != _REBOOT:
                raise GuestError(
                    f"Windows Update ended with exit status {ran.code} in round {number}",
                    at=self.at,
                    evidence=ran.tail,
                    fix="see whether the guest reaches the update service; windows.update_rounds: 0 leaves it out",
                )
            context.reporter.tell(PhaseStarted(self.name, "restarting"))
            session.reboot()

    def check(self, work: Work, context: Context) -> None:
        """Do nothing: the guest is still needed."""
