"""One frame of the live view: a story, at a moment, in a given room."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from goldsmith.cli.view_text import clean, clock_time, measure, stage_result
from goldsmith.events import Progress, ToolSaid
from goldsmith.record import BuildState, StageLine, StageState, Story

TAIL = 6  # lines of a customize step
BAR = 24  # characters
LONGEST_NAME = 32
STYLES = {
    StageState.PENDING: "dim",
    StageState.CACHED: "dim",
    StageState.WAITING: "yellow",
    StageState.RUNNING: "bold cyan",
    StageState.DONE: "green",
    StageState.FAILED: "bold red",
    StageState.STOPPED: "yellow",
}


@dataclass(frozen=True)
class Glyphs:
    """The signs of a frame, in characters that the console's encoding has."""

    encoding: str
    marks: str  # one for each StageState, in order; RUNNING gives way to the spinner
    spinner: str
    full: str
    empty: str
    more: str
    said: str

    def mark(self, state: StageState, *, at: float) -> str:
        if state is StageState.RUNNING:
            return self.spinner[int(at * 5) % len(self.spinner)]
        return self.marks[list(StageState).index(state)]


UNICODE = Glyphs("utf-8", "·✓◷●✓✗■", "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "━", "─", "…", "│")
ASCII = Glyphs("ascii", ".=~*+x!", "|/-\\", "#", "-", "~", "|")


def glyphs_for(encoding: str) -> Glyphs:
    try:
        "".join((UNICODE.marks, UNICODE.spinner, UNICODE.full, UNICODE.more)).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def draw(
    story: Story, tail: Sequence[ToolSaid], *, now: float, width: int, height: int | None, glyphs: Glyphs
) -> list[Text]:
    """Return the rows of a frame, none wider than ``width``; ``height`` None means room for all stages."""
    details: list[Text] = []
    if height is not None and story.current:
        details = _details(story.current, tail, room=height - 4, glyphs=glyphs)
    room = None if height is None else max(1, height - len(details) - 1)
    rows = [_header(story, now, width, glyphs)]
    rows += _stages(story, now=now, width=width, room=room, glyphs=glyphs) + details
    for row in rows:
        row.no_wrap, row.overflow = True, "crop"
        if row.cell_len > width:
            row.truncate(max(1, width - 1))
            row.append(glyphs.more)
    return rows


def _header(story: Story, now: float, width: int, glyphs: Glyphs) -> Text:
    elapsed = now - story.started if story.started is not None else 0.0
    took = clock_time(story.finished.seconds if story.finished else elapsed)
    left = time_left(story, now)
    times = took if left is None else f"{took}, about {clock_time(left)} left"
    title = Text(clean(story.recipe, encoding=glyphs.encoding), style="bold")
    space = width - title.cell_len - len(times)
    if space >= len(story.build) + 4:
        title.append(f"  {story.build}", style="dim")
    title.append(" " * max(2, width - title.cell_len - len(times)))
    return title.append(times, style="dim")


def time_left(story: Story, now: float) -> float | None:
    """Return the seconds that earlier builds let expect, or None when a stage to come is without any."""
    if story.finished:
        return None
    total = 0.0
    to_come = (StageState.PENDING, StageState.RUNNING, StageState.WAITING)
    for line in (one for one in story.stages.values() if one.state in to_come):
        if line.expected is None:
            return None
        total += max(0.0, line.expected - (now - line.since if line.since is not None else 0.0))
    return total


def _stages(story: Story, *, now: float, width: int, room: int | None, glyphs: Glyphs) -> list[Text]:
    lines = list(story.stages.values())
    names = min(max((len(one.name) for one in lines), default=0), LONGEST_NAME, max(8, width // 2 - 4))
    rows = [_stage(one, names, now=now, build=story.state, glyphs=glyphs) for one in lines]
    if room is None or len(rows) <= room:
        return rows
    over = {StageState.CACHED, StageState.DONE}
    first = next((at for at, one in enumerate(lines) if one.state not in over), len(lines) - 1)
    return _folded(rows, first, room=room, glyphs=glyphs)


def _folded(rows: list[Text], first: int, *, room: int, glyphs: Glyphs) -> list[Text]:
    """Fit rows into ``room`` so that the row ``first``, which matters now, is among them."""
    if room < 3:
        return [rows[first]]
    before = min(first, len(rows) - room + 1)
    if before > 1:
        done = Text(f"  {glyphs.mark(StageState.DONE, at=0)} {before} stages done", style="green")
        rows = [done, *rows[before:]]
    if len(rows) > room:
        more = f"  {glyphs.mark(StageState.PENDING, at=0)} {len(rows) - room + 1} more"
        rows = [*rows[: room - 1], Text(more, style="dim")]
    return rows


def _stage(line: StageLine, names: int, *, now: float, build: BuildState, glyphs: Glyphs) -> Text:
    style = STYLES[line.state]
    name = clean(line.name, encoding=glyphs.encoding)
    name = name if len(name) <= names else name[: names - 1] + glyphs.more
    row = Text(f"  {glyphs.mark(line.state, at=now)} ", style=style)
    row.append(f"{name:<{names}}  ")
    match line.state:
        case StageState.RUNNING:
            row.append(_running(line, now), style="not bold")
            if line.phase:
                row.append(f"  {clean(line.phase, encoding=glyphs.encoding)}", style="not bold default")
        case StageState.WAITING:
            row.append(f"another build makes it: {clean(line.holder, encoding=glyphs.encoding)}")
        case StageState.PENDING if build is not BuildState.RUNNING:
            row.append("not reached")
        case StageState.PENDING:
            row.append(f"about {clock_time(line.expected)}" if line.expected else "")
        case _:
            row.append(stage_result(line, interrupted=build is BuildState.INTERRUPTED), style="not bold")
    return row


def _running(line: StageLine, now: float) -> str:
    elapsed = now - line.since if line.since is not None else 0.0
    if not line.expected:
        return clock_time(elapsed)
    word = " of about " if elapsed <= line.expected else ", usually "
    return f"{clock_time(elapsed)}{word}{clock_time(line.expected)}"


def _details(line: StageLine, tail: Sequence[ToolSaid], *, room: int, glyphs: Glyphs) -> list[Text]:
    if line.state is not StageState.RUNNING:
        return []
    rows = [Text()]
    if line.progress and line.progress.total > 0:
        rows.append(bar(line.progress, glyphs))
    said = list(tail) or ([line.said] if line.said and line.said.line.strip() else [])
    if said and len(rows) + 1 < room:
        rows.append(Text(f"    {said[-1].source}", style="dim"))
    left = room - len(rows)
    rows += [Text(f"    {glyphs.said} {one.line}", style="dim") for one in said[-left:] if left > 0]
    return rows if 1 < len(rows) <= room else []


def bar(progress: Progress, glyphs: Glyphs) -> Text:
    """Draw how far something is; ``progress.total`` is above 0."""
    full = round(BAR * min(1.0, max(0.0, progress.done / progress.total)))
    row = Text("    ").append(glyphs.full * full, style="cyan")
    row.append(glyphs.empty * (BAR - full), style="dim")
    return row.append(f"  {clean(measure(progress), encoding=glyphs.encoding)}")
