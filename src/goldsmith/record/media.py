"""The media that are kept in the store: what needs each of them, and what may go."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from stat import S_ISREG

from goldsmith.errors import HostError
from goldsmith.host.files import allocated
from goldsmith.media.library import Library, Medium, Origin
from goldsmith.media.named import NAMED, drop_made
from goldsmith.plan.store import EntryInfo, Store
from goldsmith.record.clearing import keys_in_use
from goldsmith.record.reading import read_builds
from goldsmith.record.story import BuildState
from goldsmith.stages.medium import library_of
from goldsmith.stages.parts import noted_medium

_FETCH = "fetch"
_MADE = re.compile(r"([0-9a-f]{32})\.[a-z]+")  # a medium that Goldsmith makes, named by its inputs


class Remade(StrEnum):
    """What it takes to have a medium again after it was removed."""

    DOWNLOAD = "download"
    COPY = "copy"
    MAKING = "making"
    HAND = "hand"  # only somebody with the file can add it


_BY_ORIGIN = {Origin.COPIED: Remade.COPY, Origin.DOWNLOADED: Remade.DOWNLOAD}


@dataclass(frozen=True)
class KeptMedium:
    """A medium of the store; ``created`` is in seconds since the epoch, ``size`` in bytes allocated on disk.

    ``key`` is its sha256, or what names the inputs of one that was made here.
    """

    key: str
    name: str
    path: Path
    size: int
    created: float
    remade: Remade


def kept_media(state: Path) -> list[KeptMedium]:
    """Return all media of a state folder; one that goes meanwhile, or is a link that leads nowhere, is none."""
    library = library_of(state)
    made = library.folder / "made"
    paths = made.iterdir() if made.is_dir() else ()
    found = [(match[1], path) for path in sorted(paths) if (match := _MADE.fullmatch(path.name))]
    names = _names(state) if found else {}
    media = [
        *map(_of_library, library.list()),
        *(_made(key, path, names.get(path, path.name)) for key, path in found),
    ]
    return [one for one in media if one]


def media_of(entries: Iterable[EntryInfo]) -> Mapping[str, tuple[str, ...]]:
    """Return the keys of the media that each fetch entry names, by its own key."""
    return {one.entry.key: tuple(_named_in(one.entry.folder)) for one in entries if one.stage == _FETCH}


def is_fetching(store: Store) -> bool:
    """Say whether a build gets a medium, or is going to: nobody can tell which one it will find here."""
    for build in read_builds(store.root.parent / "builds"):
        stages = build.document.get("stages")
        if build.state is BuildState.RUNNING and (
            not stages
            or any(one.get("name") == _FETCH and not store.has(str(one.get("key"))) for one in stages)
        ):
            return True
    return False


def keys_kept(store: Store) -> set[str] | None:
    """Return the keys of the media that builds which run, and guests that were kept, read; None: it may be all."""
    used = keys_in_use(store.root.parent)
    if used is None or is_fetching(store):
        return None
    named = media_of(one for one in store.entries() if one.entry.key in used)
    return {key for keys in named.values() for key in keys}


def clear_media(store: Store, wanted: Iterable[KeptMedium]) -> set[str]:
    """Remove media that no fetch entry names, and return the keys of those that had to stay.

    The caller holds ``store.clearing``, as for ``clear``, and has cleared the entries before. What was added by hand
    stays.
    """
    state = store.root.parent
    needed = {key for keys in media_of(store.entries()).values() for key in keys}
    fetching, library = is_fetching(store), library_of(state)
    stay: set[str] = set()
    for one in wanted:
        if fetching or one.key in needed or not _removed(library, one):
            stay.add(one.key)
    return stay


def _removed(library: Library, one: KeptMedium) -> bool:
    if one.remade is Remade.MAKING:
        drop_made(one.path)
        return True
    return library.remove(one.key)


def _named_in(fetched: Path) -> list[str]:
    try:
        noted = noted_medium(fetched)
    except HostError:  # it is damaged, and so the next build gets the medium again
        return []
    more = noted.get("further")
    found = [noted, *(more.values() if isinstance(more, dict) else ())]
    return [key for one in found if isinstance(one, dict) for key in _key_of(one)]


def _key_of(noted: Mapping[str, object]) -> Iterable[str]:
    """Yield what names a medium here: a state folder that was moved has it in another place than was noted."""
    place = Path(str(noted.get("location")))
    if place.parent.name == "made" and (match := _MADE.fullmatch(place.name)):
        yield match[1]
    elif sha256 := str(noted.get("sha256") or ""):
        yield sha256


def _of_library(one: Medium) -> KeptMedium | None:
    try:
        created = datetime.fromisoformat(one.added).timestamp()
    except ValueError:
        created = 0.0
    remade = _BY_ORIGIN.get(one.origin, Remade.HAND)
    try:
        return KeptMedium(one.sha256, one.name, one.path, allocated(one.path), created, remade)
    except OSError:
        return None


def _names(state: Path) -> dict[Path, str]:
    """Return the names of media that are made here, by where they are; one of other inputs than now has none."""
    names: dict[Path, str] = {}
    for name, one in NAMED.items():
        with suppress(HostError):  # this host cannot make it
            names[one.path(state)] = name
    return names


def _made(key: str, path: Path, name: str) -> KeptMedium | None:
    try:
        about = path.stat()
        size = allocated(path)
    except OSError:
        return None
    is_file = S_ISREG(about.st_mode)
    return KeptMedium(key, name, path, size, about.st_mtime, Remade.MAKING) if is_file else None
