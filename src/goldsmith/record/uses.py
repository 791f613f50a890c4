"""Which results of the store the builds of today stand on, and what those were made from."""

from collections.abc import Mapping
from pathlib import Path

from goldsmith.record.reading import read_builds
from goldsmith.record.story import BuildState


def uses(builds: Path) -> Mapping[str, tuple[str, ...]]:
    """Return by key the recipes whose newest good build has it, and those that are being built now."""
    found: dict[str, list[str]] = {}
    seen: set[str] = set()
    for build in read_builds(builds):  # the newest first
        if build.state is BuildState.DONE and build.recipe not in seen:
            seen.add(build.recipe)
        elif build.state is not BuildState.RUNNING:
            continue
        for stage in build.document.get("stages") or ():
            names = found.setdefault(str(stage.get("key")), [])
            if build.recipe not in names:
                names.append(build.recipe)
    return {key: tuple(sorted(names)) for key, names in found.items()}


def made_from(builds: Path) -> Mapping[str, str]:
    """Return by key the fetch entry that a result was made from, as the records of builds tell it."""
    found: dict[str, str] = {}
    for build in read_builds(builds):
        keys = {str(one.get("name")): str(one.get("key")) for one in build.document.get("stages") or ()}
        if fetched := keys.pop("fetch", ""):
            found |= dict.fromkeys(keys.values(), fetched)
    return found
