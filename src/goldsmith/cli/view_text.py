"""Words that all views of a build share, and text of guests made harmless for a terminal."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TextIO

from goldsmith.events import BuildFinished, Progress, ToolSaid
from goldsmith.host.files import human_size, human_time
from goldsmith.record import StageLine, StageState, Story

STEP = "step-"  # how the stages of a recipe's customize steps begin
CONSOLE = "console"
INTERRUPTED = 130

# Terminal commands: CSI, OSC and its relatives with their text, then any two-character escape.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x9b[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]?"
)


def clean(text: str, *, encoding: str = "utf-8") -> str:
    """Return one line that can do nothing to a terminal, in characters that ``encoding`` has.

    Guests choose this text: escape sequences, control and direction-changing characters are taken out.
    """
    if not text.isprintable():
        text = _ESCAPES.sub("", text)
        text = next((part for part in reversed(text.split("\r")) if part.strip()), "")
        text = "".join(one if one.isprintable() else " " if one.isspace() else "" for one in text)
    return text if text.isascii() else text.encode(encoding, "replace").decode(encoding)


def encoding_of(out: TextIO) -> str:
    return getattr(out, "encoding", None) or "utf-8"


def is_step_output(said: ToolSaid) -> bool:
    """Tell whether a line is what the user's own customize step printed, and not the guest around it."""
    return said.stage.startswith(STEP) and said.source != CONSOLE


def measure(progress: Progress) -> str:
    """Write how far something is: ``43 %``, ``120 MiB of 812 MiB``, ``43 of 120 packages``."""
    if progress.unit == "%":
        return f"{progress.done:.0f} %"
    if progress.unit == "bytes":
        return f"{human_size(progress.done)} of {human_size(progress.total)}"
    return f"{progress.done:g} of {progress.total:g} {progress.unit}".rstrip()


def clock_time(seconds: float) -> str:
    """Write elapsed seconds as a clock does: ``0:07``, ``4:12``, ``1:03:20``."""
    whole = int(seconds)
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02}"
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def stage_result(line: StageLine, *, interrupted: bool = False) -> str:
    """Say how a stage ended, or "" while it has not."""
    took = human_time(line.seconds) if line.seconds is not None else ""
    match line.state:
        case StageState.CACHED:
            return "cached"
        case StageState.DONE:
            return took + (f", {human_size(line.size)}" if line.size else "")
        case StageState.FAILED | StageState.STOPPED:
            word = "failed" if line.state is StageState.FAILED and not interrupted else "stopped"
            return f"{word} after {took}" if took else word
    return ""


def closing_lines(story: Story, *, with_times: bool) -> list[str]:
    """Return the summary of a finished build; what went wrong is said by whoever shows the error."""
    end = story.finished
    if end is None:
        return []
    lines = [_headline(story, end), ""]
    facts = list(_facts(story, end, with_times=with_times))
    width = max((len(name) for name, _ in facts), default=0)
    lines += [f"  {name:<{width}}  {text}" for name, text in facts]
    if end.next_steps:
        lines += ["", "next:", *(f"  {clean(step)}" for step in end.next_steps)]
    return lines


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Set rows of equal length in columns, two spaces apart."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))] if rows else []
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def when(at: float) -> str:
    """Write seconds since the epoch in local time, to the second."""
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _headline(story: Story, end: BuildFinished) -> str:
    recipe, took = end.recipe or story.recipe, human_time(end.seconds)
    if end.ok and story.nothing_to_do:
        return f"{recipe}: nothing to do: every stage is cached ({took})"
    if end.ok:
        return f"{recipe}: built in {took} (Goldsmith's own share: {human_time(end.own_seconds)})"
    word = "stopped" if end.exit_code == INTERRUPTED else "failed"
    where = f" in {story.troubled.name}" if story.troubled else ""
    return f"{recipe}: {word}{where} after {took}"


def _facts(story: Story, end: BuildFinished, *, with_times: bool) -> Iterator[tuple[str, str]]:
    image = end.image if end.ok else {}
    for name, key in (("image", "id"), ("name", "name"), ("status", "status")):
        if image.get(key):
            yield name, clean(str(image[key]))
    if image.get("goldsmith_version"):  # what promote, verify and history take
        yield "version", clean(f"{image.get('goldsmith_recipe', '')}@{image['goldsmith_version']}")
    if isinstance(size := image.get("size"), int):
        virtual = image.get("virtual_size")
        yield (
            "size",
            human_size(size) + (f", virtual {human_size(virtual)}" if isinstance(virtual, int) else ""),
        )
    if image.get("goldsmith_sha256"):
        yield "sha256", clean(str(image["goldsmith_sha256"]))
    times = end.stage_seconds or {
        one.name: one.seconds for one in story.stages.values() if one.seconds is not None
    }
    if with_times and times and not story.nothing_to_do:
        yield "stages", ", ".join(f"{name} {human_time(took)}" for name, took in times.items())
    if end.folder:
        yield "logs", end.folder
    if not end.ok and end.build:
        yield "more", f"goldsmith show {end.build}"
