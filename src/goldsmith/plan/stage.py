"""What the planner and the runner know about a stage, and no more."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from goldsmith.events import Reporter
from goldsmith.host.accel import Acceleration
from goldsmith.host.process import Host
from goldsmith.plan.kept import Keeper
from goldsmith.recipe.steps import Refresh

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
Inputs = Mapping[str, Json]

DISK = "disk.qcow2"
REFRESH = "refresh"  # the input that says as of when a stage has read the outside world


class Kind(StrEnum):
    """What a stage leaves: a disk layer, evidence about one, or something made of both."""

    MEDIA = "media"
    DISK = "disk"
    CHECK = "check"
    ARTIFACT = "artifact"
    CATALOG = "catalog"


@dataclass(frozen=True)
class Entry:
    """The finished result of one stage, in the store."""

    key: str
    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / DISK


@dataclass(frozen=True)
class Work:
    """One stage to be run: the disk it reads, and the empty folder that becomes its entry.

    ``before`` is in the store and is never written. ``commit`` makes the entry visible to other builds; the runner
    calls it after ``run``, and a stage that shares its run with others calls it as soon as its own part is done.
    """

    stage: "Stage"
    key: str
    folder: Path
    before: Path | None
    commit: Callable[[], Entry] = field(repr=False)

    @property
    def disk(self) -> Path:
        return self.folder / DISK


@dataclass(frozen=True)
class Context:
    """What a stage may use of the build around it.

    ``results`` holds the entries of the stages before it, by stage name; ``folder`` is the build's record folder.
    """

    build: str
    state: Path
    folder: Path
    uri: str
    reporter: Reporter
    acceleration: Acceleration
    guestfs_env: Mapping[str, str]
    results: Mapping[str, Entry]
    host_for: Callable[[str], Host] = field(repr=False)  # programs of a stage, with its log
    log_for: Callable[[str], Callable[[str], None]] = field(repr=False)  # a line for the log of a stage
    announce: Callable[[Work], AbstractContextManager[None]] = field(repr=False)
    patience: float = (
        1.0  # how many times longer than the recipe says a guest is waited for, since it is slow here
    )
    keeper: Keeper = field(default_factory=Keeper, repr=False)


class Stage(Protocol):
    """One step of a build.

    ``inputs`` names everything that could change the result (secrets only by digest). Neighbours that share a
    ``group`` run together: the first one's ``run_together`` gets the works of all of them.
    """

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> Kind: ...
    @property
    def version(self) -> int: ...  # raised when equal inputs start to give another result
    @property
    def group(self) -> str: ...
    def inputs(self) -> Inputs: ...
    def run(self, work: Work, context: Context) -> None: ...


@runtime_checkable
class Looked(Protocol):
    """A stage whose key holds what it found outside: it is looked at again when that is due, and may be as it was.

    ``doubt`` says why what is known of it may not be so any more.
    """

    @property
    def refresh(self) -> Refresh: ...
    @property
    def as_of(self) -> str: ...
    @property
    def doubt(self) -> str: ...


@runtime_checkable
class Explained(Protocol):
    """A stage that tells what its inputs were made from, by the input: for reasons, and not for its key."""

    @property
    def origins(self) -> Mapping[str, Inputs]: ...


@runtime_checkable
class ReadsMedium(Protocol):
    """A stage that reads what the fetch stage noted, though it does not follow it at once."""

    reads_medium: ClassVar[bool]


class SharedRun(Protocol):
    """A stage that can run together with its neighbours of the same group, for example in one boot."""

    def run_together(self, works: Sequence[Work], context: Context) -> None: ...
