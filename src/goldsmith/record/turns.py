"""Whose turn it is: a layer must not be made anew while an earlier build still stands on it."""

import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from goldsmith.host.clock import outside
from goldsmith.host.files import is_locked
from goldsmith.record.document import LOCK
from goldsmith.record.reading import BuildSummary, read_builds, summary_of
from goldsmith.record.story import BuildState

ASKED = "asked for"  # how the reason begins of a stage that is made anew although its result is there
ENTERED = "a shell was opened"  # so too: what a person may have changed is of the build alone that made it
REMADE = (ASKED, ENTERED)
_POLL = 0.2  # seconds


def await_turn(folder: Path, keys: Collection[str], *, remakes: bool, on_wait: Callable[[str], None]) -> None:
    """Return when no earlier build that shares a key is in the way of the build in ``folder``.

    That is every one where this build ``remakes`` results, and else every one that does. Only earlier builds are
    waited for, and no lock is held meanwhile, so two builds never wait for each other.
    """
    mine = summary_of(folder)
    if mine is None:
        return
    for other in _earlier(mine, keys):
        if remakes or any(str(one.get("reason", "")).startswith(REMADE) for one in _stages(other)):
            await_end(other.folder, on_wait=on_wait)


def await_end(folder: Path, *, on_wait: Callable[[str], None]) -> None:
    """Return when the build with this record does not run any more."""
    if is_running(folder):
        on_wait(f"build {folder.name}")
    with outside.waiting():
        while is_running(folder):
            time.sleep(_POLL)


def is_running(folder: Path) -> bool:
    """Say whether the build with this record runs."""
    return is_locked(folder / LOCK)


def await_users(
    folder: Path, keys: Collection[str], *, there: Callable[[], bool], on_wait: Callable[[str], None]
) -> None:
    """Return when no other build than the one in ``folder`` has any of these results in its plan.

    It ends at once when what they were needed for is not ``there`` any more. The build that waits has not told its
    own plan and holds no key, so nobody waits for it meanwhile.
    """
    for other in read_builds(folder.parent):
        if other.state is not BuildState.RUNNING or other.id == folder.name or not _shares(other, keys):
            continue
        if there() and is_locked(other.folder / LOCK):
            on_wait(f"build {other.id}")
        with outside.waiting():
            while there() and is_locked(other.folder / LOCK):
                time.sleep(_POLL)


def _earlier(mine: BuildSummary, keys: Collection[str]) -> Iterator[BuildSummary]:
    for other in read_builds(mine.folder.parent):
        if other.state is not BuildState.RUNNING or (other.started, other.id) >= (mine.started, mine.id):
            continue
        if _shares(other, keys):
            yield other


def _shares(build: BuildSummary, keys: Collection[str]) -> bool:
    return any(one.get("key") in keys for one in _stages(build))


def _stages(build: BuildSummary) -> list[dict[str, object]]:
    found: list[dict[str, object]] = build.document.get("stages") or []
    return found
