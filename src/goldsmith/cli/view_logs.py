"""The logs of a build: which one tells most, and how they grow."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from goldsmith.cli.view_text import clean
from goldsmith.errors import UsageError
from goldsmith.record import BuildRecord, BuildState, StageState, Story, events_from, summary_of

PAUSE = 0.2  # seconds between two looks
CONSOLE = "console"  # of the guest that failed, or that ran last
# Of each guest that a build may have, in the order in which they run.
_CONSOLES = {"console-install": "console.log", "console-customize": "console-customize.log"}
_OF_BOOT_TEST = "boot-test"
BLOCK = 1 << 16  # bytes


def logs_of(record: BuildRecord) -> dict[str, Path]:
    """Return the logs there are, by stage; the consoles of the guests are the last of them."""
    found = {path.stem: path for path in sorted((record.folder / "logs").glob("*.log"))}
    own = {path.stem: path for path in sorted(record.folder.glob("*.log"))}
    more = {name: path for name, path in own.items() if path.name not in _CONSOLES.values()}
    return {**found, **more, **consoles_of(record)}


def consoles_of(record: BuildRecord) -> dict[str, Path]:
    """Return the consoles of the guests of a build, the one that was started last at the end."""
    paths = {name: record.folder / file for name, file in _CONSOLES.items()}
    tested = {
        f"console-{_OF_BOOT_TEST}-{path.stem.removeprefix('console-')}": path
        for path in sorted((record.folder / _OF_BOOT_TEST).glob("console-*.log"))
    }
    return {name: path for name, path in {**paths, **tested}.items() if path.is_file()}


def choose(record: BuildRecord, stage: str | None) -> Path:
    """Return the log of ``stage``, else of the stage that failed or ran last; UsageError if there is none."""
    known = logs_of(record)
    if not known:
        raise UsageError(f"the build {record.id} has no logs yet", fix=f"goldsmith show {record.id}")
    consoles = list(consoles_of(record).values())
    if stage is None:
        telling = known.get(_telling(record, known)) or max(
            known.values(), key=lambda path: path.stat().st_mtime
        )
        return consoles[-1] if telling in consoles else telling
    if stage == CONSOLE and consoles:
        return consoles[-1]
    if log := known.get(stage) or known.get(record.log(stage).stem):
        return log
    names = [name for name, path in known.items() if path not in consoles]
    names += [CONSOLE, *consoles_of(record)] if consoles else []
    raise UsageError(f"the build {record.id} has no log of {stage!r}", fix=f"it has: {', '.join(names)}")


def read_log(log: Path) -> Iterator[str]:
    """Yield the lines of a log, harmless for a terminal."""
    with log.open(encoding="utf-8", errors="replace", newline="\n") as lines:
        for line in lines:
            yield clean(line.rstrip("\r\n"))


def follow_logs(record: BuildRecord, stage: str | None, say: Callable[[str], None]) -> None:
    """Say what the logs hold and what is added, until the build ends.

    Without ``stage`` all logs are followed, with a heading where they change; those that were there before
    are not said again, but for the one that tells most. So are all consoles where the console is asked for.
    """
    followed: dict[str, Growing] = {}
    speaker = ""
    first = True
    while True:
        ended = has_ended(record)  # before the look, so that the last lines are seen after the end
        known = _asked_for(record, stage)
        telling = _first_told(record, stage, known) if first else ""
        for name, path in known.items():
            if name not in followed:
                skipped = first and name != telling
                followed[name] = Growing(path, path.stat().st_size if skipped else 0)
            for line in followed[name].lines(whole=ended):
                if speaker != name:
                    if stage is None or speaker:
                        say(f"==> {name} <==")
                    speaker = name
                say(line)
        if ended:
            break
        first = first and not known
        time.sleep(PAUSE)
    if stage is not None and not followed:
        choose(record, stage)


def _asked_for(record: BuildRecord, stage: str | None) -> dict[str, Path]:
    if stage == CONSOLE:
        return consoles_of(record)
    known = logs_of(record)
    if stage is None:
        return known
    name = stage if stage in known else record.log(stage).stem
    return {name: known[name]} if name in known else {}


def _first_told(record: BuildRecord, stage: str | None, known: dict[str, Path]) -> str:
    """Return the log that is told from its begin when the following starts."""
    return _telling(record, known) if stage is None else next(reversed(known), "")


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
