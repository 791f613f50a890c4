"""What ``goldsmith store verify`` reads, and what it says to do."""

import shutil
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from goldsmith.errors import GoldsmithError
from goldsmith.media import named
from goldsmith.plan.store import Store
from goldsmith.record import damage_of
from goldsmith.record.clearing import clear
from goldsmith.stages.medium import library_of


def damaged_entries(store: Store, keys: Iterable[str]) -> dict[str, list[str]]:
    """Return the problems of each damaged entry, by its key."""
    found = {key: store.damage(key, thorough=True) for key in keys}
    return {key: [str(one) for one in what] for key, what in found.items() if what}


def damaged_media(state: Path) -> dict[Path, list[str]]:
    return {path: [problem] for path, problem in (*library_of(state).damage(), *named.damage(state))}


def damaged_records(state: Path) -> dict[Path, list[str]]:
    """Return the problems of each record that is no longer as its build left it, by its folder."""
    builds = state / "builds"
    folders = sorted(builds.iterdir()) if builds.is_dir() else []
    found = {folder: damage_of(folder, thorough=True) for folder in folders if folder.is_dir()}
    return {folder: [str(one) for one in what] for folder, what in found.items() if what}


def remove(
    store: Store, entries: Mapping[str, float], media: Iterable[Path], *, on_wait: Callable[[str], None]
) -> set[str]:
    """Remove damaged entries, given with when they were made, and media; return the keys of what stays, in use."""
    with store.clearing(on_wait=on_wait):
        in_use = clear(store, entries.items(), also_on_them=True)
        for path in media:
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
            fix="goldsmith store verify --apply removes them; builds make them again, and never use them",
        )
    if records:
        raise GoldsmithError(
            f"{len(records)} records of builds are damaged",
            fix="nothing is built from a record: bring back a copy of its folder, or remove it",
        )
