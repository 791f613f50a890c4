"""What ``goldsmith store prune`` takes away, and what of it has to stay."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from os import stat_result, walk
from pathlib import Path
from stat import S_ISREG

from goldsmith.errors import HostError
from goldsmith.host.files import human_size, remove_folder
from goldsmith.host.locks import is_locked, try_lock
from goldsmith.plan.pruning import Item, circular, old_ones, to_fit
from goldsmith.plan.store import EntryInfo, Store
from goldsmith.record.clearing import clear, entries_of, keys_in_use
from goldsmith.record.media import KeptMedium, Remade, clear_media, kept_media, media_of
from goldsmith.record.uses import uses

_MONTH = 30.0  # days


@dataclass(frozen=True)
class Asked:
    """What is to go: by age in days, by the bytes that may be left, by use; by age where nothing is said."""

    days: float | None = None
    limit: int | None = None
    unused: bool = False
    keep_newest: bool = False

    @property
    def before(self) -> float:
        """Return the time, in seconds since the epoch, of which it is too old what was made before."""
        return time.time() - 86400 * (_MONTH if self.days is None else self.days)


@dataclass(frozen=True)
class BrokenOff:
    """A download that nobody went on with; ``size`` is in bytes."""

    folder: Path
    size: int


@dataclass(frozen=True)
class Pruned:
    """What went, or would go; ``in_use`` had to stay, and so had what is ``damaged``. ``size`` is in bytes."""

    gone: list[EntryInfo]
    in_use: list[EntryInfo]
    damaged: list[EntryInfo]
    media: list[KeptMedium]
    media_in_use: list[KeptMedium]
    downloads: list[BrokenOff]
    size: int

    @property
    def keys_in_use(self) -> list[str]:
        return [one.entry.key for one in self.in_use] + [one.key for one in self.media_in_use]

    @property
    def lines(self) -> list[str]:
        told = [_line(one) for one in self.gone]
        told += [f"{_line(one)}  in use" for one in self.in_use]
        told += [
            f"{_line(one)}  damaged: it stands on itself (goldsmith store verify --apply)"
            for one in self.damaged
        ]
        told += [_medium_line(one) for one in self.media]
        told += [f"{_medium_line(one)}  in use" for one in self.media_in_use]
        return told + [
            f"a download that broke off  {one.folder.name}  {human_size(one.size)}" for one in self.downloads
        ]


def prune(state: Path, asked: Asked, *, apply: bool, on_wait: Callable[[str], None]) -> Pruned:
    """Find what is to go, and take it away where ``apply`` says so: no build can plan with it meanwhile."""
    store = Store(state)
    downloads = _broken_off(state, asked.before)  # before anything goes, so that all that went is told
    with store.clearing(on_wait=on_wait) if apply else nullcontext():
        found = entries_of(store)
        damaged = circular(found)
        by_key = {one.entry.key: one for one in found if one not in damaged}
        kept = {one.key: one for one in kept_media(state)}
        going = _doomed(state, asked, by_key, kept)
        doomed = [by_key[key] for key in going if key in by_key]
        media = [kept[key] for key in going if key in kept]
        stay: set[str] = set()
        if apply:  # a kill leaves none without the one below it
            stay = clear(store, [(one.entry.key, one.created) for one in doomed], also_on_them=False)
            stay |= clear_media(store, media)
    if apply:
        downloads = drop(downloads)
    gone = [one for one in doomed if one.entry.key not in stay]
    media_gone = [one for one in media if one.key not in stay]
    return Pruned(
        gone=gone,
        in_use=[one for one in doomed if one.entry.key in stay],
        damaged=damaged,
        media=media_gone,
        media_in_use=[one for one in media if one.key in stay],
        downloads=downloads,
        size=sum(one.size for one in gone)
        + sum(one.size for one in media_gone)
        + sum(one.size for one in downloads),
    )


def drop(downloads: list[BrokenOff]) -> list[BrokenOff]:
    """Remove downloads that broke off, but those that somebody has gone on with by now; return which went."""
    gone: list[BrokenOff] = []
    for one in downloads:
        with suppress(HostError), try_lock(one.folder.with_name(f"{one.folder.name}.lock")) as free:
            if free and remove_folder(one.folder):
                gone.append(one)
    return gone


def _items(entries: Mapping[str, EntryInfo], media: Mapping[str, KeptMedium]) -> Iterator[Item]:
    named = media_of(entries.values())
    for key, entry in entries.items():
        yield Item(key, entry.created, entry.size, (*filter(None, [entry.below]), *named.get(key, ())))
    for key, medium in media.items():
        yield Item(key, medium.created, medium.size)


def _doomed(
    state: Path, asked: Asked, entries: Mapping[str, EntryInfo], media: Mapping[str, KeptMedium]
) -> list[str]:
    """Return the keys of what is to go by all that was asked for, the topmost first."""
    left = list(_items(entries, media))
    needed = {*uses(state / "builds")}
    used = (keys_in_use(state) or set()) | {one.key for one in media.values() if one.remade is Remade.HAND}
    if asked.keep_newest:
        used |= needed
    doomed: list[Item] = []
    if asked.unused:
        doomed += old_ones(left, made_before=time.time(), used={*used, *needed})
    if asked.days is not None or (asked.limit is None and not asked.unused):
        left = [one for one in left if one not in doomed]
        doomed += old_ones(left, made_before=asked.before, used=used)
    if asked.limit is not None:
        left = [one for one in left if one not in doomed]
        doomed += to_fit(left, asked.limit, used=used)
    return [one.key for one in doomed]


def _broken_off(state: Path, before: float) -> list[BrokenOff]:
    """Return the downloads that nobody went on with since ``before`` (seconds since the epoch)."""
    place = state / "store" / "media" / "partial"
    folders = sorted(place.iterdir()) if place.is_dir() else []
    found: list[BrokenOff] = []
    for folder in (one for one in folders if one.is_dir() and not one.is_symlink()):
        parts = [] if is_locked(place / f"{folder.name}.lock") else list(_parts(folder))
        if parts and all(part.st_mtime < before for part in parts):
            found.append(BrokenOff(folder, sum(part.st_size for part in parts if S_ISREG(part.st_mode))))
    return found


def _parts(folder: Path) -> Iterator[stat_result]:
    """Yield what a folder and all in it are, of links themselves; what goes meanwhile is left out."""
    inside = (Path(at, name) for at, folders, names in walk(folder) for name in (*folders, *names))
    for path in (folder, *inside):
        with suppress(FileNotFoundError):
            yield path.lstat()


def _line(one: EntryInfo) -> str:
    return f"{one.entry.key[:12]}  {one.recipe}  {one.stage}  {human_size(one.size)}"


def _medium_line(one: KeptMedium) -> str:
    return f"{one.key[:12]}  medium  {one.name}  {human_size(one.size)}"
