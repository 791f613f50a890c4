"""Run builds as processes of their own: as many at once as the host holds, the next one as soon as there is room."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from goldsmith.fleet.needs import Needs, may_start
from goldsmith.fleet.results import Ended, Result
from goldsmith.guests.causes.passing import passing
from goldsmith.host.process import Child, LocalHost

_LOOK = 0.2  # seconds between two looks at what runs
_PATIENCE = 60.0  # seconds that a build gets to clean up
REMOTE = 6  # exit status: a remote refused or could not be reached


@dataclass(frozen=True)
class Job:
    """A recipe that is to be built by ``words``, and why; ``build`` is the id that it is going to have."""

    recipe: str
    needs: Needs
    why: str
    words: tuple[str, ...]


@dataclass
class _Running:
    job: Job
    child: Child
    begun: float
    heard: "_Heard"


@dataclass
class _Waiting:
    """A job that is still to be run; ``not_before`` is by the monotonic clock."""

    job: Job
    tries: int = 0
    spent: float = 0.0
    not_before: float = 0.0


@dataclass
class _Heard:
    """What a build has told: JSON lines of its events, and words of an error."""

    last: dict[str, Any] = field(default_factory=dict)
    build: str = ""
    words: list[str] = field(default_factory=list)
    stage: str = ""

    def take(self, line: str) -> str:
        """Take a line; return the stage that it begins, "" for any other line."""
        try:
            told = json.loads(line)
        except ValueError:
            told = None
        if not isinstance(told, dict) or "event" not in told:
            self.words.append(line)
            return ""
        self.build = str(told.get("build") or self.build)
        if told["event"] == "BuildFinished":
            self.last = told
        return str(told["stage"]) if told["event"] == "StageStarted" else ""


@dataclass
class Night:
    """The scheduler. ``limit`` is the most builds at once, None as many as there is room for.

    ``room`` is asked before each start. ``tell`` gets a recipe and what it is doing.
    """

    host: LocalHost
    room: Callable[[], Needs]
    limit: int | None
    retries: int
    retry_after: float
    tell: Callable[[str, str], None]
    ended: Callable[[Result], Result]
    folder: Path | None = None
    _running: dict[str, _Running] = field(default_factory=dict)
    _before: dict[str, _Waiting] = field(default_factory=dict)

    def run(self, jobs: Sequence[Job]) -> list[Result]:
        """Run all jobs and return their results; on Ctrl-C those that run are stopped, and told as such."""
        waiting = [_Waiting(job) for job in jobs]
        results: list[Result] = []
        try:
            while waiting or self._running:
                self._start(waiting)
                for one in [one for one in self._running.values() if one.child.ended()]:
                    result = self._end(one, waiting)
                    if result:
                        results.append(self.ended(result))
                time.sleep(_LOOK)
        except KeyboardInterrupt:
            results += self._stopped(waiting)
            raise Interrupted(results) from None
        except BaseException:
            self._stopped(waiting)
            raise
        return results

    def _start(self, waiting: list[_Waiting]) -> None:
        now = time.monotonic()
        for one in [one for one in waiting if one.not_before <= now]:
            taken = [running.job.needs for running in self._running.values()]
            if self.limit is not None and len(taken) >= self.limit:
                return
            if self.limit is None and not may_start(one.job.needs, taken, self.room()):
                return  # the order is kept, so that a large build is not put off for ever
            waiting.remove(one)
            self._before[one.job.recipe] = one
            heard = _Heard()
            self.tell(one.job.recipe, f"started ({one.job.why})")
            child = self.host.start(
                *one.job.words, on_line=self._listener(one.job.recipe, heard), cwd=self.folder
            )
            self._running[one.job.recipe] = _Running(one.job, child, now, heard)

    def _listener(self, recipe: str, heard: _Heard) -> Callable[[str], None]:
        def on_line(line: str) -> None:
            if stage := heard.take(line):
                self.tell(recipe, stage)

        return on_line

    def _end(self, one: _Running, waiting: list[_Waiting]) -> Result | None:
        """Return the result of a build that has ended; None where it is tried once more."""
        del self._running[one.job.recipe]
        before = self._before.pop(one.job.recipe)
        output = one.child.ended()
        assert output
        result = _result(one, before, output.code)
        why = passing(result.error) or (result.error.partition("\n")[0] if result.exit_code == REMOTE else "")
        if result.ended is Ended.FAILED and why and before.tries < self.retries:
            self.tell(one.job.recipe, f"failed by what may pass ({why}); again in {self.retry_after:.0f} s")
            until = time.monotonic() + self.retry_after
            waiting.append(_Waiting(one.job, before.tries + 1, result.seconds, until))
            return None
        return result

    def _stopped(self, waiting: Sequence[_Waiting]) -> list[Result]:
        for one in self._running.values():
            one.child.interrupt()
        for one in self._running.values():
            one.child.stop(_PATIENCE)
        ran = [
            Result(one.job.recipe, Ended.STOPPED, "interrupted", exit_code=130, build=one.heard.build)
            for one in self._running.values()
        ]
        self._running.clear()
        return ran + [Result(one.job.recipe, Ended.STOPPED, "not begun", exit_code=130) for one in waiting]


class Interrupted(Exception):
    """The user stopped the night; ``results`` are those that there are."""

    def __init__(self, results: list[Result]) -> None:
        super().__init__("interrupted")
        self.results = results


def _result(one: _Running, before: _Waiting, code: int) -> Result:
    last, seconds = one.heard.last, before.spent + time.monotonic() - one.begun
    error = str(last.get("error") or "") or ("\n".join(one.heard.words) if code else "")
    return Result(
        recipe=one.job.recipe,
        ended=Ended.FAILED if code else Ended.BUILT,
        why=one.job.why,
        seconds=seconds,
        exit_code=code if code >= 0 else 70,
        error=error or (f"its process ended with {code}" if code else ""),
        build=one.heard.build,
        image=last.get("image") or {},
        tries=before.tries + 1,
    )
