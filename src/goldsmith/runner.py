"""Run a plan: lock, work aside, commit, report; take what another build makes meanwhile."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from goldsmith.errors import GoldsmithError, HostError
from goldsmith.events import (
    Event,
    Reporter,
    StageCached,
    StageFailed,
    StageFinished,
    StageStarted,
    StageWaiting,
)
from goldsmith.host import files
from goldsmith.plan.entered import entered
from goldsmith.plan.planner import Plan, Step, with_gone
from goldsmith.plan.reasons import noted_inputs
from goldsmith.plan.room import require_room
from goldsmith.plan.stage import Context, Entry, Kind, SharedRun, Stage, Work
from goldsmith.plan.store import Store
from goldsmith.record.turns import await_end, is_running

Expected = Callable[[str], float | None]


@dataclass
class Runner:
    """Runs one plan. ``results`` is shared with the stages' context and fills as stages end."""

    plan: Plan
    store: Store
    reporter: Reporter
    results: dict[str, Entry]
    expected: Expected
    planned: float = field(default_factory=time.time)  # seconds since the epoch; what is younger is taken
    seconds: dict[str, float] = field(default_factory=dict)
    _since: float = 0.0
    _told: str = ""
    _failed: bool = False

    def run(self, context: Context) -> None:
        """Run every step that is not cached; raises what the first failing stage raises.

        Where all were cached nothing was prepared for a run, and one that is gone now ends it (HostError).
        """
        if not self.plan.cached:
            self.plan = with_gone(self.plan, has=self.store.has)
        steps = list(self.plan.steps)
        while steps:
            taken = self._cached(steps[0]) if steps[0].cached else self._run_next(steps, context)
            steps = steps[taken:]

    @contextmanager
    def announce(self, work: Work) -> Iterator[None]:
        """Report one stage from its start to its end, also when it shares its run with others."""
        name, started = work.stage.name, self._since or time.monotonic()
        if self._told != name:
            self._start(name, work.key)
        try:
            yield
        except BaseException as error:
            text = error.text() if isinstance(error, GoldsmithError) else (str(error) or type(error).__name__)
            self._failed = True
            self.reporter.tell(StageFailed(name, time.monotonic() - started, text))
            raise
        seconds = time.monotonic() - started
        self._since = time.monotonic()
        self.seconds[name] = seconds
        entry = self.results.get(name)
        size = files.allocated(entry.disk) if entry and entry.disk.exists() else None
        self.reporter.tell(StageFinished(name, work.key, seconds, size))

    def _cached(self, step: Step) -> int:
        if entry := self.store.get(step.key):
            self.results[step.stage.name] = entry
        elif step.stage.kind is not Kind.MEDIA or self.plan.reads_medium:  # else nobody will read it
            raise HostError(
                f"the result of {step.stage.name} was removed from the store meanwhile",
                fix="repeat the command; it is built again",
            )
        self.reporter.tell(StageCached(step.stage.name, step.key))
        return 1

    def _run_next(self, steps: Sequence[Step], context: Context) -> int:
        """Run the first step, with its neighbours of the same group; return how many were dealt with."""
        together = _neighbours(steps)
        while True:
            with ExitStack() as locks:
                for step in together:
                    waiting = self._waiting(step)
                    locks.enter_context(self.store.locked(step.key, on_wait=waiting))
                if not (owned := self._owned(together, context)):
                    if self._made_meanwhile(steps[0]):
                        return self._cached(steps[0])
                    together = together[: self._still_to_make(together)]
                    self._make(together, context)
                    return len(together)
            await_end(owned[1], on_wait=self._waiting(owned[0]))  # no lock is held: it may want one

    def _owned(self, together: Sequence[Step], context: Context) -> tuple[Step, Path] | None:
        """Return a step whose result is of a build alone that still runs, which stands on it, and that one's record."""
        for step in together:
            if build := self.store.entered_by(step.key):
                record = context.folder.parent / build
                if is_running(record):
                    return step, record
        return None

    def _still_to_make(self, together: Sequence[Step]) -> int:
        return next(
            (at for at, step in enumerate(together) if at and self._made_meanwhile(step)), len(together)
        )

    def _made_meanwhile(self, step: Step) -> bool:
        """Say whether another build has made it since the plan; what is older was to be made anew.

        What was made in the future was made while the clock was wrong, and so at another time. What a person may
        have changed is nobody else's.
        """
        if self.store.entered_by(step.key):
            return False
        return self.store.has(step.key) and self.planned <= self.store.created(step.key) <= time.time()

    def _make(self, together: Sequence[Step], context: Context) -> None:
        self._since = time.monotonic()
        first = together[0]
        self._require_room(together)
        works = [self._work(step, before, context) for step, before in self._with_parents(together)]
        try:
            if first.stage.group:
                self._start(first.stage.name, first.key)
                cast(SharedRun, first.stage).run_together(works, context)
            else:
                with self.announce(works[0]):
                    first.stage.run(works[0], context)
                    works[0].commit()
        except BaseException as error:
            self._end_unannounced(first, error)
            raise
        finally:  # half-made results go at once; whatever a kill leaves is swept at the next start
            for work in works:
                if self.store.has(work.key):
                    continue
                if context.keeper.holds(work.folder):
                    context.keeper.settle(self.store, context.folder.parent)
                else:
                    self.store.remove(work.key)

    def _require_room(self, together: Sequence[Step]) -> None:
        """Refuse before the work what would fail in the middle of it; media are measured when they are got."""
        if together[0].stage.kind is Kind.MEDIA:
            return
        stages, keys = [step.stage for step in together], [step.key for step in together]
        before = self._disk_before(stages[0])
        try:
            require_room(stages, keys, recipe=self.plan.recipe, before=before, store=self.store)
        except HostError as error:
            self._start(stages[0].name, keys[0])
            self.reporter.tell(StageFailed(stages[0].name, 0.0, error.text()))
            raise

    def _end_unannounced(self, first: Step, error: BaseException) -> None:
        """Close the report of a shared run that ended before its first work began, in the boot for example."""
        if first.stage.group and not self._failed:
            text = error.text() if isinstance(error, GoldsmithError) else (str(error) or type(error).__name__)
            self.reporter.tell(StageFailed(first.stage.name, time.monotonic() - self._since, text))

    def _with_parents(self, together: Sequence[Step]) -> Iterator[tuple[Step, str]]:
        before = self._disk_before(together[0].stage)
        for step in together:
            yield step, before
            before = step.key if step.stage.kind is Kind.DISK else before

    def _disk_before(self, stage: Stage) -> str:
        """Return the key of the last disk that was made before this stage, or ""."""
        key = ""
        for step in self.plan.steps:
            if step.stage.name == stage.name:
                break
            if step.stage.kind is Kind.DISK:
                key = step.key
        return key

    def _work(self, step: Step, parent: str, context: Context) -> Work:
        folder = self.store.begin(step.key)
        before = self.store.layers / parent / "disk.qcow2" if parent else None

        def commit() -> Entry:
            entry = self.store.commit(
                step.key,
                stage=step.stage.name,
                recipe=self.plan.recipe,
                parent=parent,
                inputs=noted_inputs(step.stage),
                seconds=time.monotonic() - self._since,
                medium=self._medium_of(step),
                entered=entered(context),
            )
            self.results[step.stage.name] = entry
            return entry

        return Work(step.stage, step.key, folder, before, commit)

    def _medium_of(self, step: Step) -> str:
        media = (one.key for one in self.plan.steps if one.stage.kind is Kind.MEDIA and one.key != step.key)
        return next(media, "")

    def _start(self, name: str, key: str) -> None:
        reason = next(step.reason for step in self.plan.steps if step.stage.name == name)
        self._told = name
        self.reporter.tell(StageStarted(name, key, reason, self.expected(name)))

    def _waiting(self, step: Step) -> Callable[[str], None]:
        return lambda holder: self.reporter.tell(StageWaiting(step.stage.name, step.key, holder))


class Begun:
    """Notes which stages this build runs itself."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def tell(self, event: Event) -> None:
        if isinstance(event, StageStarted):
            self._names.add(event.stage)


def _neighbours(steps: Sequence[Step]) -> Sequence[Step]:
    group = steps[0].stage.group
    if not group:
        return steps[:1]
    end = next((at for at, step in enumerate(steps) if step.stage.group != group or step.cached), len(steps))
    return steps[:end]
