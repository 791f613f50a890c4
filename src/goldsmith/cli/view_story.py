"""A build on one page: what was planned, what happened, what came of it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from goldsmith.cli.view_text import clean, columns, stage_result, when
from goldsmith.host.files import human_size, human_time
from goldsmith.publish.noted import pushes_of
from goldsmith.record import BuildState, BuildSummary, StageState, Story, Told, events_from
from goldsmith.record.left import left_by

LAST_WORDS = 10  # lines
KEY = 12  # characters of a key that are enough to tell two apart
ENDINGS = {
    BuildState.RUNNING: "runs since {took}",
    BuildState.DONE: "done in {took}",
    BuildState.FAILED: "failed after {took}",
    BuildState.INTERRUPTED: "interrupted after {took}",
    BuildState.DIED: "died after {took}: its process was killed, or the host went down",
}


def tell_story(summary: BuildSummary) -> Iterator[str]:
    """Yield the lines of the page."""
    events = list(events_from(summary.folder))
    story = Story()
    for one in events:
        story.tell(one.event, at=one.at)
    yield f"{summary.id}: {ENDINGS[summary.state].format(took=human_time(summary.seconds))}"
    yield from _part("", _facts(summary))
    yield from _part("stages", _stages(story, summary))
    yield from _part("warnings", _warnings(story))
    yield from _part("failure", _failure(story, summary, events))
    yield from _part("checks", _checks(summary))
    yield from _part("image", _image(summary))
    yield from _part("pushed", _pushed(summary.folder))
    yield from _part("files", _files(summary.folder))
    if steps := summary.document.get("next_steps"):
        yield from _part("next", [clean(str(step)) for step in steps])


def _part(title: str, lines: list[str]) -> Iterator[str]:
    if not lines:
        return
    yield ""
    if title:
        yield title
    yield from (f"  {line}".rstrip() for line in lines)


def _facts(summary: BuildSummary) -> list[str]:
    known = summary.document
    rows = [("recipe", summary.recipe), ("started", when(summary.started))]
    if known.get("own_seconds") is not None:
        rows.append(("own share", human_time(float(known["own_seconds"]))))
    where = f"{known.get('host', 'an unknown host')}, process {known.get('pid', 'unknown')}"
    rows.append(("by", f"Goldsmith {known.get('goldsmith', 'unknown')} on {where}"))
    if virt := known.get("virt_type"):
        rows.append(("guests", "with KVM" if virt == "kvm" else "without KVM (QEMU emulates)"))
    if summary.exit_code:
        rows.append(("exit code", str(summary.exit_code)))
    return columns([(name, clean(text)) for name, text in rows])


def _stages(story: Story, summary: BuildSummary) -> list[str]:
    interrupted = summary.state is BuildState.INTERRUPTED
    rows = []
    for line in story.stages.values():
        result = stage_result(line, interrupted=interrupted) or {
            StageState.RUNNING: "running" if summary.state is BuildState.RUNNING else "died here",
            StageState.WAITING: f"waits for {line.holder}",
        }.get(line.state, "not reached" if summary.state is not BuildState.RUNNING else "to come")
        reason = "" if line.state is StageState.CACHED else line.reason
        rows.append((clean(line.name), clean(result), line.key[:KEY], clean(reason)))
    return columns(rows)


def _warnings(story: Story) -> list[str]:
    lines = []
    for one in story.warnings:
        lines.append(clean(one.text))
        if one.fix:
            lines.append(f"  fix: {clean(one.fix)}")
    return lines


def _failure(story: Story, summary: BuildSummary, events: list[Told]) -> list[str]:
    if summary.state is BuildState.DIED:
        where = f"in {story.current.name}" if story.current else "between two stages"
        words = _last_words(events, story.current.name) if story.current else []
        return [
            f"the build ended {where} without a last word",
            *(f"  | {text}" for text in words),
            "  fix: build again; finished stages are kept, and what was left behind is swept",
        ]
    error = summary.error or next((line.error for line in story.stages.values() if line.error), "")
    if summary.state in (BuildState.RUNNING, BuildState.DONE) or not error:
        return []
    place = [f"in {story.troubled.name}:"] if story.troubled else []
    ended = (summary.document.get("kept") or {}).get("ended")
    gone = [f"kept guest: gone, {clean(str(ended))}"] if ended else []
    return place + [clean(line) for line in error.splitlines()] + gone


def _last_words(events: list[Told], stage: str) -> list[str]:
    said = (one.event for one in reversed(events))
    lines: list[str] = []
    for event in said:
        line = getattr(event, "line", "") if getattr(event, "stage", "") == stage else ""
        if text := clean(line).strip():
            lines.append(text)
        if len(lines) == LAST_WORDS:
            break
    return lines[::-1]


def _checks(summary: BuildSummary) -> list[str]:
    """Return what audit and boot test found, also where it came from the store; names of the checks that failed."""
    rows = []
    for stage in ("audit", "boot-test"):
        try:
            found = json.loads(left_by(stage, f"{stage}.json", summary.folder, summary.document).read_bytes())
            counts = [f"{count} {clean(name)}" for name, count in found["counts"].items() if count]
            failed = [clean(one["id"]) for one in found["checks"] if one["status"] == "failed"]
            rows.append((stage, clean(found["profile"]), ", ".join(counts), " ".join(failed)))
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            continue  # it was not reached, or is damaged
    return columns(rows)


def _image(summary: BuildSummary) -> list[str]:
    image = summary.image
    plain = ("id", "name", "status", "disk_format", "visibility")
    rows = [(name, clean(str(image[name]))) for name in plain if image.get(name)]
    rows += [(name, _size(image[name])) for name in ("size", "virtual_size") if image.get(name)]
    if image.get("goldsmith_sha256"):
        rows.append(("sha256", clean(str(image["goldsmith_sha256"]))))
    return columns(rows)


def _pushed(folder: Path) -> list[str]:
    rows = [
        tuple(clean(str(one.get(name, "-"))) for name in ("catalog", "id", "name", "disk_format", "at"))
        for one in pushes_of(folder)
    ]
    return columns(rows)


def _size(value: Any) -> str:
    return f"{human_size(value)} ({value} bytes)" if isinstance(value, int) else clean(str(value))


def _files(folder: Path) -> list[str]:
    every = sorted(path for path in folder.rglob("*") if path.is_file())
    found = [path for path in every if path.name != "lock" and not path.name.startswith(".")]
    rows = [(str(path.relative_to(folder)), human_size(path.stat().st_size)) for path in found]
    return [str(folder), *(f"  {row}" for row in columns(rows))]
