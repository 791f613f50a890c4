"""What the pages show of each build, read from its record; whatever is missing or damaged there is left out."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from goldsmith.artifact.inventory import FILE, Inventory, known
from goldsmith.artifact.sbom import FILES
from goldsmith.guests.console import clean
from goldsmith.record import BuildState, BuildSummary, StageState, Story, events_from
from goldsmith.record.left import left_by

TAIL = 120  # lines of a console that a page shows
_END = 64 << 10  # bytes of a console that are read
BOOT_TEST = "boot-test"  # folder of the consoles and screens of a boot test, and its report's name
_PICTURES = (".png", ".jpg", ".jpeg")
_CONSOLES = ("console.log", "console-customize.log")
_REPORTS = {"audit": "Audit", BOOT_TEST: "Boot test"}  # by the stages that leave them
_AUDIT, _SEAL = "audit", "seal"
_WORST_FIRST = ("failed", "warning", "waived", "ok", "skipped")


@dataclass(frozen=True)
class Bar:
    """One stage on the time line; ``start`` and ``seconds`` are seconds from the start of the build, and long."""

    name: str
    state: str
    reason: str
    key: str
    start: float
    seconds: float
    size: int | None
    error: str


@dataclass(frozen=True)
class Row:
    """One check of a report."""

    id: str
    title: str
    status: str
    detail: str
    fix: str


@dataclass(frozen=True)
class Checks:
    """One report; the rows with the worst first."""

    name: str
    title: str
    ok: bool
    counts: Mapping[str, int]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class BuildFacts:
    """All that one page shows; ``started`` is seconds since the epoch, sizes are bytes."""

    id: str
    recipe: str
    state: BuildState
    started: float
    seconds: float
    error: str
    exit_code: int | None
    virt_type: str
    goldsmith: str
    image: Mapping[str, Any]
    warnings: tuple[tuple[str, str], ...]
    bars: tuple[Bar, ...]
    checks: tuple[Checks, ...]
    console: tuple[str, ...]
    console_name: str
    pictures: tuple[Path, ...]
    kept: tuple[str, ...]
    manifest: Mapping[str, Any] = field(default_factory=dict)
    inventory: Inventory | None = field(default=None, repr=False)
    bills: tuple[Path, ...] = ()  # of materials

    @property
    def cached(self) -> bool:
        """Say whether it had nothing to do."""
        return bool(self.bars) and all(bar.state == StageState.CACHED for bar in self.bars)

    @property
    def full(self) -> bool:
        """Say whether it made its image by itself, with nothing but the medium from the store."""
        ran = bool(self.bars) and all(
            bar.state != StageState.CACHED for bar in self.bars if bar.name != "fetch"
        )
        return ran and self.state is BuildState.DONE

    @property
    def failed_stage(self) -> str:
        bad = (StageState.FAILED, StageState.STOPPED)
        return next((bar.name for bar in self.bars if bar.state in bad), "")


def facts_of(summary: BuildSummary) -> BuildFacts:
    """Read one build's record."""
    story = Story()
    begun: dict[str, float] = {}
    for told in events_from(summary.folder):
        story.tell(told.event, at=told.at)
        begun |= {line.name: line.since for line in story.stages.values() if line.since is not None}
    document = summary.document
    consoles = [one for name in _CONSOLES if (one := summary.folder / name).is_file()]
    console = consoles[-1] if consoles else summary.folder / _CONSOLES[0]
    return BuildFacts(
        id=summary.id,
        recipe=summary.recipe,
        state=summary.state,
        started=summary.started,
        seconds=summary.seconds,
        error=summary.error,
        exit_code=summary.exit_code,
        virt_type=str(document.get("virt_type") or ""),
        goldsmith=str(document.get("goldsmith") or ""),
        image=summary.image,
        warnings=tuple((one.text, one.fix) for one in story.warnings),
        bars=tuple(_bars(story, begun, summary.started)),
        checks=tuple(_checks(summary)),
        console=tuple(tail(console)),
        console_name=console.name,
        pictures=tuple(_pictures(summary.folder)),
        kept=tuple(_kept(summary.folder)),
        manifest=_object(_left(summary, _SEAL, "manifest.json")),
        inventory=_inventory(_left(summary, _AUDIT, FILE)),
        bills=tuple(one for name in FILES.values() if (one := _left(summary, _SEAL, name)).is_file()),
    )


def tail(console: Path) -> Sequence[str]:
    """Return the last lines that a console holds, without what steers a terminal."""
    try:
        with console.open("rb") as file:
            file.seek(max(0, console.stat().st_size - _END))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ()
    return [line for line in map(clean, text.splitlines()) if line][-TAIL:]


def _bars(story: Story, begun: Mapping[str, float], started: float) -> Iterator[Bar]:
    end = 0.0
    for line in story.stages.values():
        start = max(0.0, begun[line.name] - started) if line.name in begun else end
        end = start + (line.seconds or 0.0)
        yield Bar(
            line.name, line.state, line.reason, line.key, start, line.seconds or 0.0, line.size, line.error
        )


def _left(summary: BuildSummary, stage: str, name: str) -> Path:
    return left_by(stage, name, summary.folder, summary.document)


def _checks(summary: BuildSummary) -> Iterator[Checks]:
    for name, title in _REPORTS.items():
        report = _object(_left(summary, name, f"{name}.json"))
        found = report.get("checks")
        if not isinstance(found, list):
            continue
        rows = [_row(one) for one in found if isinstance(one, dict)]
        rows.sort(key=lambda row: _WORST_FIRST.index(row.status) if row.status in _WORST_FIRST else 0)
        counts = {
            status: sum(row.status == status for row in rows)
            for status in _WORST_FIRST
            if any(row.status == status for row in rows)
        }
        yield Checks(name, title, not counts.get("failed"), counts, tuple(rows))


def _row(one: Mapping[str, Any]) -> Row:
    return Row(*(str(one.get(name) or "") for name in ("id", "title", "status", "detail", "fix")))


def _pictures(folder: Path) -> Iterator[Path]:
    for place in ("failure", "screenshots", ".", BOOT_TEST):
        for one in sorted((folder / place).glob("*")):
            if one.suffix in _PICTURES and one.is_file() and not one.is_symlink():
                yield one


def _kept(folder: Path) -> Iterator[str]:
    for one in sorted((folder / "failure").glob("*")):
        if one.is_file():
            yield f"failure/{one.name}"


def _inventory(path: Path) -> Inventory | None:
    with suppress(OSError):
        return known(path.read_bytes())
    return None


def _object(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
