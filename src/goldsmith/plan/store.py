"""Results by key: a folder is an entry once its ``entry.json`` is there, and never changes afterwards.

A layer names the one below it by a relative path, so the whole state folder can be moved or copied.
"""

import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from goldsmith.errors import HostError
from goldsmith.host import files
from goldsmith.host.closed import PASSED, PRIVATE, close, close_state, make_folder
from goldsmith.host.locks import shared
from goldsmith.host.sealed import is_whole, sealed_text
from goldsmith.plan import damage, memory, notes
from goldsmith.plan.damage import Damage
from goldsmith.plan.stage import REFRESH, Entry, Inputs, Json

SEAL = "entry.json"
_PLANS = "plans.lock"  # shared by builds that plan, held alone by whoever clears
_ENTERED = "entered_by"  # noted only where it is so
KEPT_PREFIX = "kept-"  # of folders beside the entries: disks of guests that were left on purpose
_OURS = re.compile(rf"[0-9a-f]{{64}}|{KEPT_PREFIX}.+")  # what folders are called that builds make here


@dataclass(frozen=True)
class EntryInfo:
    """What ``goldsmith store list`` tells of an entry; times are seconds since the epoch.

    ``medium`` is the key of the fetch entry that it was made from; "" for that itself, and where nobody noted it.
    """

    entry: Entry
    stage: str
    recipe: str
    parent: str
    created: float
    seconds: float
    size: int  # bytes allocated on disk
    medium: str = ""
    entered: str = ""  # the build in whose guest a shell had been opened

    @property
    def below(self) -> str:
        """Return the key of what is needed beneath it: the layer that it stands on, or else its medium."""
        return self.parent or self.medium


class Store:
    """The layers and evidence of all builds of one state folder."""

    def __init__(self, state: Path) -> None:
        self.root = state / "store"
        self.layers = self.root / "layers"
        self.locks = self.root / "locks"

    def prepare(self) -> None:
        """Make the folders, and close all of the state folder: QEMU's user may pass, and nobody look in.

        Raises HostError where that cannot be.
        """
        state = self.root.parent
        try:
            for folder in (state, self.root, self.layers, state / "run"):
                make_folder(folder, PASSED)
            for folder in (self.locks, state / "builds"):
                make_folder(folder, PRIVATE)
        except OSError as error:
            raise HostError(
                f"cannot make {error.filename}: {error.strerror}",
                fix="give --state a folder that you may write to",
            ) from None
        close_state(state)

    def has(self, key: str) -> bool:
        return self._seal(key).is_file()

    def get(self, key: str) -> Entry | None:
        return Entry(key, self.layers / key) if self.has(key) else None

    def facts(self, key: str) -> Mapping[str, Json]:
        """Return what was noted when the entry was made; empty where it is unreadable."""
        return notes.read(self._seal(key))

    def locked(self, key: str, *, on_wait: Callable[[str], None]) -> AbstractContextManager[None]:
        """Hold the key, so that of two builds one makes it and the other takes it."""
        return files.locked(self.locks / f"{key}.lock", on_wait=on_wait)

    def planning(self) -> AbstractContextManager[None]:
        """Let nobody clear the store, until the record of a build tells what its plan takes from it."""
        return shared(self.locks / _PLANS)

    def clearing(self, *, on_wait: Callable[[str], None]) -> AbstractContextManager[None]:
        """Let no build plan, while entries go that no plan so far has."""
        self.prepare()
        return files.locked(self.locks / _PLANS, on_wait=on_wait)

    def entered_by(self, key: str) -> str:
        """Return the build in whose guest a shell had been opened when the entry was made; "" where none had."""
        return str(self.facts(key).get(_ENTERED, ""))

    def created(self, key: str) -> float:
        """Return when the entry was made, in seconds since the epoch; 0 where there is none."""
        return _info(Entry(key, self.layers / key), self.facts(key)).created

    def begin(self, key: str) -> Path:
        """Return a new, empty folder for the entry; the caller holds the lock of the key.

        An entry of this key that is there goes, and every layer on it: on another disk below they would be garbage.
        """
        folder = self.layers / key
        self.remove_with_all_on_it(key)
        folder.mkdir(mode=PASSED)
        close(folder, PASSED)
        return folder

    def commit(
        self,
        key: str,
        *,
        stage: str,
        recipe: str,
        parent: str,
        inputs: Inputs,
        seconds: float,
        medium: str = "",
        entered: str = "",
    ) -> Entry:
        """Make what lies in the folder of ``key`` an entry: everything on disk first, its seal last.

        ``entered`` is the build where a shell was opened in its guest: no other build may take the entry.
        """
        folder = self.layers / key
        files.fsync_tree(folder)
        noted: dict[str, Json] = {
            "stage": stage,
            "recipe": recipe,
            "parent": parent,
            "medium": medium,
            "inputs": inputs,
            "created": round(time.time(), 6),  # no digit that could change and mean the same
            "seconds": round(seconds, 3),
            "size": sum(files.allocated(path) for path in folder.rglob("*") if path.is_file()),
            damage.FILES: damage.note(folder, seal=SEAL),
            **({_ENTERED: entered} if entered else {}),
        }
        files.write_atomically(self._seal(key), sealed_text(noted), mode=0o600)
        return Entry(key, folder)

    def damage(self, key: str, *, thorough: bool) -> list[Damage]:
        """Return what is wrong with an entry; see ``plan.damage`` for ``thorough``."""
        noted = self.facts(key)
        made = noted.get(damage.FILES)
        if not isinstance(made, Mapping):
            return [Damage(SEAL, "cannot be read")]
        if not is_whole(noted):
            return [Damage(SEAL, "has other content than when it was made")]
        if self._stands_on_itself(key):
            return [Damage(SEAL, "says that it stands on itself")]
        found = damage.find(self.layers / key, made, thorough=thorough)
        if thorough and memory.damaged(self.layers / key):  # a build looks itself before it uses one
            found.append(Damage(memory.PLACE, "has other content than when it was made"))
        return found

    def remove(self, key: str) -> None:
        """Take an entry away, its seal first, so that a crash leaves no entry that looks whole."""
        self._seal(key).unlink(missing_ok=True)
        folder = self.layers / key
        if folder.exists():
            shutil.rmtree(folder)

    def remove_with_all_on_it(self, key: str) -> None:
        """Take an entry away, and before it every layer that stands on it."""
        for one in [*self.standing_on(key), key]:
            self.remove(one)

    def keys(self) -> list[str]:
        """Return the keys of all entries, those with an unreadable seal included."""
        folders = self.layers.iterdir() if self.layers.is_dir() else ()
        return sorted(one.name for one in folders if self.has(one.name))

    def entries(self) -> Iterator[EntryInfo]:
        if not self.layers.is_dir():
            return
        for folder in sorted(self.layers.iterdir()):
            noted = self.facts(folder.name)
            if noted:
                yield _info(Entry(folder.name, folder), noted)

    def newest_inputs(self, recipe: str) -> Mapping[str, Inputs]:
        """Return the inputs of the newest entry of each stage of a recipe; they only make reasons readable."""
        newest: dict[str, EntryInfo] = {}
        for one in self.entries():
            if one.recipe == recipe and (one.stage not in newest or one.created >= newest[one.stage].created):
                newest[one.stage] = one
        found = {stage: self.facts(one.entry.key).get("inputs") for stage, one in newest.items()}
        return {stage: inputs for stage, inputs in found.items() if isinstance(inputs, Mapping)}

    def dates(self, wanted: Callable[[str], bool]) -> list[str]:
        """Return as of when the results of the wanted stages have read the outside world, of those that tell."""
        noted = (self.facts(key) for key in self.keys())
        inputs = (one.get("inputs") for one in noted if wanted(str(one.get("stage"))))
        found = (one.get(REFRESH) for one in inputs if isinstance(one, Mapping))
        return sorted({one for one in found if isinstance(one, str)})

    def standing_on(self, key: str) -> list[str]:
        """Return the keys of all entries whose disk stands on this one, the topmost first."""
        return on_top_of(key, {one.entry.key: one.parent for one in self.entries()})

    def set_aside(self, folder: Path, build: str) -> Path:
        """Move a folder that was begun out of the way of others; the disk below stays where its layer looks for it."""
        aside = self.layers / f"{KEPT_PREFIX}{build}"
        folder.rename(aside)
        return aside

    def sweep(self, spare: Callable[[str], bool] = lambda _: False) -> list[str]:
        """Remove what killed builds left half made; return the keys of what is gone.

        A disk that was set aside for a build stays where ``spare`` says so of it; it is asked just before. So does all
        that no build makes here, such as ``lost+found``.
        """
        swept: list[str] = []
        if not self.layers.is_dir():
            return swept
        for folder in sorted(self.layers.iterdir()):
            if not _is_ours(folder) or (self.has(folder.name) and not memory.half_made(folder)):
                continue
            if folder.name.startswith(KEPT_PREFIX) and spare(folder.name.removeprefix(KEPT_PREFIX)):
                continue
            with files.try_lock(self.locks / f"{folder.name}.lock") as mine:
                if mine and not self.has(folder.name):
                    gone = files.remove_folder(folder)
                    swept += [folder.name] if gone else []
                elif mine and memory.half_made(folder):
                    memory.forget(folder)
        return swept

    def _stands_on_itself(self, key: str) -> bool:
        return comes_back(down_from(key, lambda one: str(self.facts(one).get("parent", ""))))

    def _seal(self, key: str) -> Path:
        return self.layers / key / SEAL


def on_top_of(key: str, parents: Mapping[str, str]) -> list[str]:
    """Return what stands on an entry, the topmost first; ``parents`` names what each entry stands on."""
    found = [key]
    for one in found:  # grows while it is walked
        found += [child for child, parent in parents.items() if parent == one and child not in found]
    return found[:0:-1]


def down_from(key: str, parent_of: Callable[[str], str]) -> list[str]:
    """Return an entry and all that it stands on; where that comes back to one of them, it is the last again.

    ``parent_of`` gives the key of the entry below one, "" for none.
    """
    found: list[str] = []
    while key and key not in found:
        found.append(key)
        key = parent_of(key)
    return [*found, key] if key else found


def comes_back(way: Sequence[str]) -> bool:
    """Say whether a way down ends where it has been: an entry that stands on itself."""
    return way[-1] in way[:-1]


def _is_ours(folder: Path) -> bool:
    return bool(_OURS.fullmatch(folder.name)) and folder.is_dir() and not folder.is_symlink()


def _info(entry: Entry, noted: Mapping[str, Json]) -> EntryInfo:
    return EntryInfo(
        entry=entry,
        stage=str(noted.get("stage", "")),
        recipe=str(noted.get("recipe", "")),
        parent=str(noted.get("parent", "")),
        created=notes.number(noted, "created"),
        seconds=notes.number(noted, "seconds"),
        size=int(notes.number(noted, "size")) + memory.size_of(entry.folder),
        medium=str(noted.get("medium", "")),
        entered=str(noted.get(_ENTERED, "")),
    )
