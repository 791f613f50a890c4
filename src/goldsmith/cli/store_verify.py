"""What ``goldsmith store verify`` reads, and what it says to do."""

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import chain
from pathlib import Path

from goldsmith.errors import GoldsmithError
from goldsmith.media import named
from goldsmith.media.stable import seen
from goldsmith.plan.store import Store
from goldsmith.record import damage_of
from goldsmith.record.clearing import clear
from goldsmith.stages.medium import library_of

Seen = Sequence[int] | None  # see ``media.stable.seen``
_CURE_OF_RECORDS = "nothing is built from a record: bring back a copy of its folder, or remove it"


def damaged_entries(store: Store, made: Mapping[str, float]) -> dict[str, list[str]]:
    """Return the problems of each damaged entry, by its key; ``made`` says when each was made.

    What was removed or made anew since is left out: builds go on meanwhile.
    """
    found = {}
    for key, at in made.items():
        what = store.damage(key, thorough=True)
        if what and store.has(key) and store.created(key) == at:
            found[key] = [str(one) for one in what]
    return found


def damaged_media(state: Path) -> tuple[dict[Path, list[str]], dict[Path, Seen]]:
    """Return the problems of each damaged medium, and which file or folder that was."""
    found: dict[Path, list[str]] = {}
    which: dict[Path, Seen] = {}
    for path, problem in chain(library_of(state).damage(), named.damage(state)):
        found[path], which[path] = [problem], seen(path)
    return found, which


def damaged_records(state: Path) -> dict[Path, list[str]]:
    """Return the problems of each record that is no longer as its build left it, by its folder."""
    builds = state / "builds"
    folders = sorted(builds.iterdir()) if builds.is_dir() else []
    found = {folder: damage_of(folder, thorough=True) for folder in folders if folder.is_dir()}
    return {folder: [str(one) for one in what] for folder, what in found.items() if what}


def remove(
    store: Store, entries: Mapping[str, float], media: Mapping[Path, Seen], *, on_wait: Callable[[str], None]
) -> set[str]:
    """Remove damaged entries, given with when they were made, and media; return the keys of what stays, in use.

    A medium that was got again since it was ``seen`` stays.
    """
    with store.clearing(on_wait=on_wait):
        in_use = clear(store, entries.items(), also_on_them=True)
        for path in (one for one, which in media.items() if which and seen(one) == which):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return in_use


def require_none(
    entries: Collection[str],
    media: Collection[Path],
    records: Collection[Path],
    *,
    applied: bool,
    in_use: Collection[str] = (),
) -> None:
    """Raise GoldsmithError for what is damaged and still there."""
    if in_use:
        raise GoldsmithError(
            f"{len(in_use)} damaged entries of the store are in use by builds that run, or guests that were kept",
            fix="goldsmith builds tells which run; repeat goldsmith store verify --apply when they have ended",
        )
    if (entries or media) and not applied:
        what = [f"{len(entries)} entries of the store are damaged"] if entries else []
        what += [f"{len(media)} media are damaged"] if media else []
        what += [f"{len(records)} records of builds are damaged"] if records else []
        raise GoldsmithError(
            ", ".join(what),
            fix=_cure(entries, media, records),
        )
    if records:
        raise GoldsmithError(
            f"{len(records)} records of builds are damaged",
            fix=_CURE_OF_RECORDS,
        )


def _cure(entries: Collection[str], media: Collection[Path], records: Collection[Path]) -> str:
    ways = ["goldsmith store verify --apply removes what is damaged in the store"]
    ways += ["builds make results again"] if entries else []
    ways += ["builds get media again, but those of goldsmith media add must be added again"] if media else []
    ways += [_CURE_OF_RECORDS] if records else []
    return "; ".join(ways)
