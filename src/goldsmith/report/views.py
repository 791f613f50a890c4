"""From facts to what the templates print: words, places, links. Pure, but for the clock's zone."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from goldsmith.artifact.difference import compare
from goldsmith.host.files import human_size, human_time
from goldsmith.record import BuildState, StageState
from goldsmith.report.facts import Bar, BuildFacts
from goldsmith.report.plots import Point, plot

CELLS = 14  # builds of a recipe in the matrix
PLOTTED = 40  # builds of a recipe in a plot
FAILURES = 8
_MINUTES = 120.0  # seconds from which on a plot tells minutes
CHANGES = 500  # that a page shows
_SIGNS = {"done": "✓", "cached": "=", "failed": "✕", "interrupted": "!", "died": "✕", "running": "…"}
_TOLD = {
    BuildState.RUNNING: "runs",
    BuildState.DONE: "done",
    BuildState.FAILED: "failed",
    BuildState.INTERRUPTED: "interrupted",
    BuildState.DIED: "its process died",
}


def when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))


def page_of(build: BuildFacts) -> str:
    """Return the link to a build's page from the index."""
    return f"builds/{build.id}.html"


def kind_of(build: BuildFacts) -> str:
    return "cached" if build.cached and build.state is BuildState.DONE else build.state.value


def index(builds: Sequence[BuildFacts], recipes: Mapping[str, str]) -> dict[str, Any]:
    """Return what the first page shows; ``recipes`` are the summaries of those that can be built, by name."""
    of = {name: [one for one in builds if one.recipe == name] for name in recipes}
    for one in builds:
        of.setdefault(one.recipe, [other for other in builds if other.recipe == one.recipe])
    names = sorted((name for name in of if of[name]), key=lambda name: -of[name][0].started)
    return {
        "tiles": list(_tiles(builds, of)),
        "rows": [_row(name, recipes.get(name, ""), of[name]) for name in names],
        "plots": [one for name in names for one in _plots(name, of[name])],
        "unbuilt": [{"name": name, "summary": recipes[name]} for name in of if not of[name]],
        "failures": [_failure(one) for one in builds if one.error][:FAILURES],
    }


def build_page(
    build: BuildFacts, pictures: Sequence[Mapping[str, str]], *, before: BuildFacts | None = None
) -> dict[str, Any]:
    """Return what the page of one build shows; ``before`` is the build that it is compared with."""
    whole = max([build.seconds, *(bar.start + bar.seconds for bar in build.bars)], default=0.0) or 1.0
    return {
        "build": build,
        "kind": kind_of(build),
        "ending": f"{_TOLD[build.state]} after {human_time(build.seconds)}"
        if build.state is not BuildState.RUNNING
        else f"runs since {human_time(build.seconds)}",
        "facts": list(_facts(build)),
        "bars": [_bar(bar, whole) for bar in build.bars],
        "pictures": pictures,
        "files": [_file(one) for one in build.manifest.get("files", ()) if isinstance(one, dict)],
        "origin": list(_origin(build.manifest)),
        "held": list(build.inventory.packages or ()) if build.inventory else [],
        "bills": [f"{build.id}.{one.name}" for one in build.bills],
        "changed": _changed(build, before),
    }


def build_before(build: BuildFacts, builds: Sequence[BuildFacts]) -> BuildFacts | None:
    """Return the last build of the same recipe whose image was looked into; ``builds`` are the newest first."""
    earlier = builds[builds.index(build) + 1 :] if build in builds else ()
    return next((one for one in earlier if one.recipe == build.recipe and one.inventory), None)


def _changed(build: BuildFacts, before: BuildFacts | None) -> dict[str, Any] | None:
    if before is None or before.inventory is None or build.inventory is None:
        return None
    sizes = tuple(one.image.get("size") for one in (before, build))
    old, new = (size if isinstance(size, int) else None for size in sizes)
    found = compare(before.inventory, build.inventory, sizes=(old, new))
    return {
        "since": before.id,
        "link": f"{before.id}.html",
        "told": found.told(),
        "rows": found.changes[:CHANGES],
        "more": max(0, len(found.changes) - CHANGES),
    }


def _tiles(builds: Sequence[BuildFacts], of: Mapping[str, Sequence[BuildFacts]]) -> Iterator[dict[str, str]]:
    ended = [one for one in builds if one.state is not BuildState.RUNNING]
    good = sum(one.state is BuildState.DONE for one in ended)
    newest = [found[0] for found in of.values() if found]
    red = sum(one.state in (BuildState.FAILED, BuildState.DIED) for one in newest)
    yield {"value": str(len(newest)), "label": "recipes built here"}
    yield {"value": str(red), "label": "of them failed the last time"}
    yield {"value": f"{good} of {len(ended)}", "label": "builds ended well"}
    if full := next((one for one in builds if one.full), None):
        yield {"value": human_time(full.seconds), "label": f"took the last full one, {full.recipe}"}


def _row(name: str, summary: str, builds: Sequence[BuildFacts]) -> dict[str, Any]:
    good = next((one for one in builds if one.state is BuildState.DONE and one.image), None)
    full = next((one for one in builds if one.full), None)
    size = good.image.get("size") if good else None
    return {
        "name": name,
        "summary": summary,
        "cells": [
            {
                "kind": kind_of(one),
                "sign": _SIGNS[kind_of(one)],
                "link": page_of(one),
                "told": f"{when(one.started)}: {_cell(one)}",
            }
            for one in builds[:CELLS]
        ],
        "good": {"name": good.image.get("name") or good.id, "link": page_of(good), "when": when(good.started)}
        if good
        else None,
        "size": human_size(size) if isinstance(size, int) else "",
        "took": human_time(full.seconds) if full else "",
    }


def _cell(build: BuildFacts) -> str:
    if build.cached and build.state is BuildState.DONE:
        return "nothing had changed"
    where = f" in {build.failed_stage}" if build.failed_stage else ""
    return f"{_TOLD[build.state]}{where}, {human_time(build.seconds)}"


def _plots(name: str, builds: Sequence[BuildFacts]) -> Iterator[dict[str, Any]]:
    made = [one for one in builds if one.state is BuildState.DONE and not one.cached][:PLOTTED][::-1]
    times = [
        Point(
            one.seconds,
            f"{when(one.started)}: {human_time(one.seconds)}",
            page_of(one),
            when(one.started)[5:10],
        )
        for one in made
        if one.full
    ]
    sizes = [
        Point(
            float(one.image["size"]),
            f"{when(one.started)}: {human_size(one.image['size'])}",
            page_of(one),
            when(one.started)[5:10],
        )
        for one in made
        if isinstance(one.image.get("size"), int)
    ]
    long = any(one.value >= _MINUTES for one in times)
    for title, points, unit, suffix in (
        (f"{name}: time of a full build", times, *((60.0, " min") if long else (1.0, " s"))),
        (f"{name}: size of the image", sizes, float(1 << 20), " MiB"),
    ):
        if svg := plot(points, title=title, unit=unit, suffix=suffix):
            yield {"title": title, "svg": svg}


def _failure(build: BuildFacts) -> dict[str, str]:
    cause = build.error.splitlines()[0] if build.error else ""
    return {
        "id": build.id,
        "link": page_of(build),
        "stage": build.failed_stage,
        "cause": cause,
        "when": when(build.started),
    }


def _facts(build: BuildFacts) -> Iterator[tuple[str, str]]:
    yield "recipe", build.recipe
    yield "started", when(build.started)
    if name := build.image.get("name"):
        yield "image", f"{name} ({build.image.get('id', '')})"
    if build.virt_type:
        yield "guests", "with KVM" if build.virt_type == "kvm" else "without KVM (QEMU emulates)"
    if build.goldsmith:
        yield "Goldsmith", build.goldsmith
    if build.exit_code:
        yield "exit status", str(build.exit_code)


def _bar(bar: Bar, whole: float) -> dict[str, Any]:
    ran = bar.state not in (StageState.CACHED, StageState.PENDING)
    return {
        "name": bar.name,
        "state": bar.state,
        "told": {"pending": "not reached"}.get(bar.state, bar.state),
        "reason": bar.reason if ran and not bar.reason.startswith("follows ") else "",
        "left": f"{100 * bar.start / whole:.2f}",
        "width": f"{min(100 * bar.seconds / whole, 100 - 100 * bar.start / whole):.2f}" if ran else "",
        "took": human_time(bar.seconds) if ran else "",
        "size": human_size(bar.size) if bar.size else "",
    }


def _file(one: Mapping[str, Any]) -> dict[str, str]:
    sizes = {name: one.get(name) for name in ("size", "virtual_size")}
    return {
        **{name: str(one.get(name, "")) for name in ("name", "format", "sha256")},
        **{name: human_size(size) if isinstance(size, int) else "" for name, size in sizes.items()},
    }


def _origin(manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    recipe = manifest.get("recipe")
    if isinstance(recipe, dict):
        yield "recipe's digest", str(recipe.get("digest", ""))
        if commit := recipe.get("commit"):
            yield "commit", str(commit)
    for medium in manifest.get("media", ()):
        if isinstance(medium, dict):
            yield "medium", f"{medium.get('name')} {medium.get('sha256')}"
    tools = manifest.get("tools")
    if isinstance(tools, dict):
        yield "tools", ", ".join(f"{name} {version}" for name, version in sorted(tools.items()))
