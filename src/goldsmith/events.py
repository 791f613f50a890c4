"""What a build reports while it runs, and the contract of those who listen.

Events are plain values: the console draws them, ``--json`` prints them one a line, the build record keeps them.
Times are seconds, sizes are bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True)
class StageOutlook:
    """One line of the plan: what a stage will do, and how long that took before."""

    name: str
    key: str
    cached: bool
    reason: str
    expected: float | None = None  # seconds; None where no earlier build tells


@dataclass(frozen=True)
class BuildStarted:
    build: str
    recipe: str
    stages: tuple[StageOutlook, ...]


@dataclass(frozen=True)
class StageCached:
    stage: str
    key: str


@dataclass(frozen=True)
class StageWaiting:
    """Another process builds the same key; its result will be taken."""

    stage: str
    key: str
    holder: str


@dataclass(frozen=True)
class StageStarted:
    stage: str
    key: str
    reason: str
    expected: float | None = None


@dataclass(frozen=True)
class PhaseStarted:
    """A part of a stage that its reader knows by name, such as ``creating file systems``."""

    stage: str
    phase: str


@dataclass(frozen=True)
class Progress:
    stage: str
    done: float
    total: float
    unit: str = ""  # "bytes", "packages", "%"


@dataclass(frozen=True)
class ToolSaid:
    """One line of a tool, of the guest's console, or of a customize step."""

    stage: str
    source: str  # "console", "virt-sysprep", "step 2 packages", ...
    line: str


@dataclass(frozen=True)
class Warned:
    text: str
    fix: str = ""


@dataclass(frozen=True)
class StageFinished:
    stage: str
    key: str
    seconds: float
    size: int | None = None  # bytes on disk that the stage added


@dataclass(frozen=True)
class StageFailed:
    stage: str
    seconds: float
    error: str


@dataclass(frozen=True)
class BuildFinished:
    """The last event of each build, also of one that failed or was stopped."""

    build: str
    recipe: str
    ok: bool
    seconds: float
    own_seconds: float  # without waiting for tools and guests
    error: str = ""
    exit_code: int = 0
    folder: str = ""  # builds/<id>, where logs and console are
    image: Mapping[str, object] = field(default_factory=dict)  # catalog entry, Image API names
    stage_seconds: Mapping[str, float] = field(default_factory=dict)
    next_steps: Sequence[str] = ()
    kept: Mapping[str, object] = field(
        default_factory=dict
    )  # the guest that was left: domain, stage, ssh, screen


Event = (
    BuildStarted
    | StageCached
    | StageWaiting
    | StageStarted
    | PhaseStarted
    | Progress
    | ToolSaid
    | Warned
    | StageFinished
    | StageFailed
    | BuildFinished
)


class Reporter(Protocol):
    """Someone who listens to a build."""

    def tell(self, event: Event) -> None: ...


class Silent:
    """The reporter of those who do not want to know."""

    def tell(self, event: Event) -> None:
        """Do nothing."""


class Tee:
    """Tell several reporters, in order."""

    def __init__(self, *reporters: Reporter) -> None:
        self._reporters = reporters

    def tell(self, event: Event) -> None:
        for reporter in self._reporters:
            reporter.tell(event)
