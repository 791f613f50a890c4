"""What the events of a build add up to: the state of each stage, at any moment."""

from dataclasses import dataclass, field
from enum import StrEnum

from goldsmith.events import (
    BuildFinished,
    BuildStarted,
    Event,
    PhaseStarted,
    Progress,
    StageCached,
    StageFailed,
    StageFinished,
    StageStarted,
    StageWaiting,
    ToolSaid,
    Warned,
)

INTERRUPTED = 130


class StageState(StrEnum):
    PENDING = "pending"
    CACHED = "cached"
    WAITING = "waiting"  # another process builds the same key
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"  # it ran when the build ended for another cause


class BuildState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    DIED = "died"  # its process ended without a last word


ACTIVE = (StageState.RUNNING, StageState.WAITING)


@dataclass
class StageLine:
    """One stage as its reader sees it; ``since`` is by the clock of the one who tells the story."""

    name: str
    key: str = ""
    reason: str = ""
    expected: float | None = None
    state: StageState = StageState.PENDING
    since: float | None = None
    seconds: float | None = None
    size: int | None = None
    error: str = ""
    phase: str = ""
    progress: Progress | None = None
    holder: str = ""
    said: ToolSaid | None = None


@dataclass
class Story:
    """A build as far as it is known; ``tell`` takes the next event."""

    build: str = ""
    recipe: str = ""
    stages: dict[str, StageLine] = field(default_factory=dict)
    warnings: list[Warned] = field(default_factory=list)
    started: float | None = None
    finished: BuildFinished | None = None

    @property
    def state(self) -> BuildState:
        if self.finished is None:
            return BuildState.RUNNING
        if self.finished.ok:
            return BuildState.DONE
        return BuildState.INTERRUPTED if self.finished.exit_code == INTERRUPTED else BuildState.FAILED

    @property
    def nothing_to_do(self) -> bool:
        """Whether every stage was cached, or is expected to be."""
        return bool(self.stages) and all(one.state is StageState.CACHED for one in self.stages.values())

    @property
    def current(self) -> StageLine | None:
        return next((one for one in self.stages.values() if one.state in ACTIVE), None)

    @property
    def troubled(self) -> StageLine | None:
        """The stage that failed, or that was under way when the build ended."""
        bad = (StageState.FAILED, StageState.STOPPED)
        return next((one for one in self.stages.values() if one.state in bad), None)

    def tell(self, event: Event, *, at: float) -> None:
        """Take the next event; ``at`` is in seconds by any clock that only goes forward."""
        match event:
            case BuildStarted():
                self._begin(event, at)
            case StageFailed():
                stopped = event.error == KeyboardInterrupt.__name__  # nothing is wrong with the stage
                state = StageState.STOPPED if stopped else StageState.FAILED
                self._close(event.stage, state, event.seconds).error = "" if stopped else event.error
            case StageFinished():
                line = self._close(event.stage, StageState.DONE, event.seconds)
                line.key, line.size = event.key, event.size
            case BuildFinished():
                self.finished = event
                for line in self.stages.values():
                    if line.state in ACTIVE:
                        line.state = StageState.STOPPED
                        line.seconds = at - line.since if line.since is not None else None
            case Warned():
                self.warnings.append(event)
            case StageCached() | StageWaiting() | StageStarted():
                self._turn(event, at)
            case PhaseStarted() | Progress() | ToolSaid():
                self._note(event)

    def _begin(self, event: BuildStarted, at: float) -> None:
        self.build, self.recipe, self.started = event.build, event.recipe, at
        for one in event.stages:
            state = StageState.CACHED if one.cached else StageState.PENDING
            self.stages[one.name] = StageLine(one.name, one.key, one.reason, one.expected, state)

    def _turn(self, event: StageCached | StageWaiting | StageStarted, at: float) -> None:
        line = self._line(event.stage)
        line.key, line.holder = event.key, ""
        match event:
            case StageCached():
                line.state = StageState.CACHED
            case StageWaiting():
                line.state, line.since, line.holder = StageState.WAITING, at, event.holder
            case StageStarted():
                line.state, line.since = StageState.RUNNING, at
                line.reason = event.reason or line.reason
                line.expected = event.expected if event.expected is not None else line.expected

    def _note(self, event: PhaseStarted | Progress | ToolSaid) -> None:
        line = self.stages.get(event.stage)
        if line is None:
            return  # said outside the stages, such as while libvirt is prepared
        match event:
            case PhaseStarted():
                line.phase, line.progress = event.phase, None
            case Progress():
                line.progress = event
            case ToolSaid():
                line.said = event

    def _close(self, stage: str, state: StageState, seconds: float) -> StageLine:
        line = self._line(stage)
        line.state, line.seconds, line.phase, line.progress = state, seconds, "", None
        return line

    def _line(self, stage: str) -> StageLine:
        return self.stages.setdefault(stage, StageLine(stage))
