"""The logs of a build: which one tells most, and how they grow."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from goldsmith.cli.view_text import clean
from goldsmith.errors import UsageError
from goldsmith.record import BuildRecord, BuildState, StageState, Story, events_from, summary_of

PAUSE = 0.2  # seconds between two looks
CONSOLE = "console"
BLOCK = 1 << 16  # bytes


def logs_of(record: BuildRecord) -> dict[str, Path]:
    """Return the logs there are, by stage; the guest's console is one of them."""
    found = {path.stem: path for path in sorted((record.folder / "logs").glob("*.log"))}
    return {**found, **{path.stem: path for path in sorted(record.folder.glob("*.log"))}}


def choose(record: BuildRecord, stage: str | None) -> Path:
    """Return the log of ``stage``, else of the stage that failed or ran last; UsageError if there is none."""
    known = logs_of(record)
    if not known:
        raise UsageError(f"the build {record.id} has no logs yet", fix=f"goldsmith show {record.id}")
    if stage is None:
        return known.get(_telling(record, known)) or max(
            known.values(), key=lambda path: path.stat().st_mtime
        )
    if log := known.get(stage) or known.get(record.log(stage).stem):
        return log
    raise UsageError(f"the build {record.id} has no log of {stage!r}", fix=f"it has: {', '.join(known)}")


def read_log(log: Path) -> Iterator[str]:
    """Yield the lines of a log, harmless for a terminal."""
    with log.open(encoding="utf-8", errors="replace", newline="\n") as lines:
        for line in lines:
            yield clean(line.rstrip("\r\n"))


def follow_logs(record: BuildRecord, stage: str | None, say: Callable[[str], None]) -> None:
    """Say what the logs hold and what is added, until the build ends.

    Without ``stage`` all logs are followed, with a heading where they change; those that were there before
    are not said again, but for the one that tells most.
    """
    followed: dict[str, Growing] = {}
    wanted = None if stage is None else {stage, record.log(stage).stem}
    speaker = ""
    first = True
    while True:
        ended = has_ended(record)  # before the look, so that the last lines are seen after the end
        known = {name: path for name, path in logs_of(record).items() if wanted is None or name in wanted}
        telling = _telling(record, known) if first and wanted is None else ""
        for name, path in known.items():
            if name not in followed:
                skipped = first and wanted is None and name != telling
                followed[name] = Growing(path, path.stat().st_size if skipped else 0)
            for line in followed[name].lines(whole=ended):
                if wanted is None and speaker != name:
                    speaker = name
                    say(f"==> {name} <==")
                say(line)
        if ended:
            break
        first = first and not known
        time.sleep(PAUSE)
    if wanted is not None and not followed:
        choose(record, stage)


def has_ended(record: BuildRecord) -> bool:
    summary = summary_of(record.folder)
    return summary is None or summary.state is not BuildState.RUNNING


class Growing:
    """A file that another process appends to, read in whole lines from ``at`` (bytes) on."""

    def __init__(self, path: Path, at: int) -> None:
        self._path = path
        self._at = at
        self._rest = b""

    def lines(self, *, whole: bool) -> Iterator[str]:
        """Yield what came since the last call; ``whole`` gives also a last line without its end."""
        with self._path.open("rb") as file:
            if file.seek(0, 2) < self._at:
                self._at, self._rest = 0, b""  # begun again by its writer
            file.seek(self._at)
            while block := file.read(BLOCK):
                self._at += len(block)
                *ready, self._rest = (self._rest + block).split(b"\n")
                yield from (_text(line) for line in ready)
        if whole and self._rest:
            line, self._rest = self._rest, b""
            yield _text(line)


def _text(line: bytes) -> str:
    return clean(line.rstrip(b"\r").decode("utf-8", "replace"))


def _telling(record: BuildRecord, known: dict[str, Path]) -> str:
    """Return the log of the stage that failed, else of the one that runs, else of the last one that ran."""
    story = Story()
    for one in events_from(record.folder):
        story.tell(one.event, at=one.at)
    ran = [
        line for line in story.stages.values() if line.state not in (StageState.PENDING, StageState.CACHED)
    ]
    best = [line for line in (story.troubled, story.current, *reversed(ran)) if line]
    names = (record.log(line.name).stem for line in best)
    return next((name for name in names if name in known), "")
