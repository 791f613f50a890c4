"""Builds of this state folder, as any other process sees them."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from goldsmith.errors import HostError, UsageError
from goldsmith.host.files import is_locked
from goldsmith.record.departed import as_it_stands
from goldsmith.record.document import LOCK, read_document
from goldsmith.record.story import BuildState
from goldsmith.record.wire import EVENTS, moment, stamp
from goldsmith.record.writing import BuildRecord

SHOWN = 5  # candidates in a message


class NoBuild(UsageError):
    """No build has the name that was given."""


@dataclass(frozen=True)
class BuildSummary:
    """One build in a list; ``started`` in seconds since the epoch, ``seconds`` it took or takes so far."""

    id: str
    recipe: str
    state: BuildState
    started: float
    seconds: float
    folder: Path
    exit_code: int | None = None
    error: str = ""
    image: Mapping[str, Any] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict, repr=False)  # build.json as it stands

    def as_json(self) -> dict[str, Any]:
        """Return build.json with the state as it is now, and the folder."""
        document = {name: value for name, value in self.document.items() if name != "files"}
        now = {"state": self.state.value, "seconds": self.seconds, "folder": str(self.folder)}
        return {"id": self.id, "recipe": self.recipe, "started": stamp(self.started), **document, **now}


def read_builds(builds: Path) -> list[BuildSummary]:
    """Return all builds, the newest first."""
    found = [summary for folder in _folders(builds) if (summary := summary_of(folder))]
    return sorted(found, key=lambda one: (one.started, one.id), reverse=True)


def summary_of(folder: Path) -> BuildSummary | None:
    """Return what is known of a build; None where no build.json can be read."""
    try:
        document = read_document(folder)
        running = document.get("state") == BuildState.RUNNING
        alive = running and is_locked(folder / LOCK)
        if running and not alive:
            document = read_document(folder)  # it may have ended between the two looks
    except OSError:
        return None  # not begun yet, removed meanwhile, or another user's
    except ValueError as error:
        document, alive = {"error": str(error)}, False
    state = _state(document, alive=alive)
    document = as_it_stands(document, folder)
    started = _started(document, folder)
    return BuildSummary(
        id=folder.name,
        recipe=str(document.get("recipe", "")),
        state=state,
        started=started,
        seconds=_seconds(document, folder, state, started),
        folder=folder,
        exit_code=document.get("exit_code"),
        error=str(document.get("error") or ""),
        image=document.get("image") or {},
        document=document,
    )


def find(builds: Path, name: str = "") -> BuildRecord:
    """Return the build of this id, the newest of this recipe, or the one whose id begins or ends so.

    Without a name it is the newest of all. Raises NoBuild when there is none, UsageError when there are several.
    """
    known = read_builds(builds)
    if not known:
        raise NoBuild(f"no build was made in {builds} yet", fix="goldsmith build RECIPE, or see --state")
    if not name:
        return BuildRecord(known[0].folder)
    for one in known:
        if one.id == name:
            return BuildRecord(one.folder)
    if of_recipe := [one for one in known if one.recipe == name]:
        return BuildRecord(of_recipe[0].folder)
    alike = [one for one in known if one.id.startswith(name) or one.id.endswith(f"-{name}")]
    if not alike:
        raise NoBuild(f"there is no build {name!r}", fix="goldsmith builds lists them")
    if len(alike) > 1:
        some = ", ".join(one.id for one in alike[:SHOWN]) + (", ..." if len(alike) > SHOWN else "")
        raise UsageError(f"{name!r} may be {len(alike)} builds: {some}", fix="give more of the id")
    return BuildRecord(alike[0].folder)


def _folders(builds: Path) -> list[Path]:
    try:
        return [one for one in builds.iterdir() if one.is_dir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as error:
        raise HostError(
            f"{builds}: {error.strerror}", fix="run as its owner, or give another --state"
        ) from None


def _state(document: Mapping[str, Any], *, alive: bool) -> BuildState:
    try:
        state = BuildState(document["state"])
    except (KeyError, ValueError):
        return BuildState.DIED
    return BuildState.DIED if state is BuildState.RUNNING and not alive else state


def _started(document: Mapping[str, Any], folder: Path) -> float:
    with suppress(KeyError, TypeError, ValueError):
        return moment(document["started"])
    return folder.stat().st_mtime


def _seconds(document: Mapping[str, Any], folder: Path, state: BuildState, started: float) -> float:
    known = document.get("seconds")
    if isinstance(known, int | float):
        return float(known)
    last = time.time()
    if state is BuildState.DIED:
        with suppress(OSError):
            last = (folder / EVENTS).stat().st_mtime
    return max(0.0, last - started)
