"""What ``goldsmith store verify`` reads, and what it says to do."""

from collections.abc import Collection
from pathlib import Path

from goldsmith.errors import GoldsmithError
from goldsmith.media import named
from goldsmith.plan.store import Store
from goldsmith.record import damage_of
from goldsmith.stages.medium import library_of


def damaged_entries(store: Store) -> dict[str, list[str]]:
    """Return the problems of each damaged entry, by its key."""
    found = {key: store.damage(key, thorough=True) for key in store.keys()}  # noqa: SIM118  no mapping
    return {key: [str(one) for one in what] for key, what in found.items() if what}


def damaged_media(state: Path) -> dict[Path, list[str]]:
    return {path: [problem] for path, problem in (*library_of(state).damage(), *named.damage(state))}


def damaged_records(state: Path) -> dict[Path, list[str]]:
    """Return the problems of each record that is no longer as its build left it, by its folder."""
    builds = state / "builds"
    folders = sorted(builds.iterdir()) if builds.is_dir() else []
    found = {folder: damage_of(folder, thorough=True) for folder in folders if folder.is_dir()}
    return {folder: [str(one) for one in what] for folder, what in found.items() if what}


def require_none(
    entries: Collection[str], media: Collection[Path], records: Collection[Path], *, applied: bool
) -> None:
    """Raise GoldsmithError for what is damaged and still there."""
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
