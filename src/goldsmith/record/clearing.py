"""Take entries out of a store in which builds run: nothing that one of them has in its plan, or is going to have."""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from goldsmith.host.files import try_lock
from goldsmith.plan.kept import ENTERED, standing
from goldsmith.plan.pruning import Item, topmost_first
from goldsmith.plan.store import EntryInfo, Store, on_top_of
from goldsmith.record.reading import read_builds
from goldsmith.record.story import BuildState
from goldsmith.record.uses import made_from


def keys_in_use(state: Path) -> set[str] | None:
    """Return the keys in the plans of all builds that run, and those that kept guests stand on or were fetched for.

    It is None, and may be every key, while a build runs whose record does not tell its plan.
    """
    kept = list(standing(state))
    used, builds = {one.parent for one in kept if one.parent}, {one.build for one in kept}
    for build in read_builds(state / "builds"):
        if build.id in builds:  # an installer still reads its medium
            stages = build.document.get("stages") or ()
            used |= {str(one.get("key")) for one in stages if one.get("name") == "fetch"}
        if build.state is BuildState.RUNNING:
            stages = build.document.get("stages")
            if not stages:
                return None
            used |= {str(one.get("key")) for one in stages}
    return used


def entries_of(store: Store) -> list[EntryInfo]:
    """Return the entries of a store; what older versions did not note of their media is in the records of builds."""
    found = list(store.entries())
    if all(one.below or one.stage == "fetch" for one in found):
        return found
    known = made_from(store.root.parent / "builds")
    return [one if one.below else replace(one, medium=known.get(one.entry.key, "")) for one in found]


def clear(store: Store, wanted: Iterable[tuple[str, float]], *, also_on_them: bool) -> set[str]:
    """Remove entries, each given with the time when it was made, and return the keys of those that are in use.

    The caller holds ``store.clearing``, so all plans there are have been told. What stands on an entry goes before it
    where ``also_on_them`` is, and else keeps it, as what was made from a medium then does. What was made anew since it
    was looked at stays too.
    """
    used = keys_in_use(store.root.parent)
    parents = {one.entry.key: one.parent if also_on_them else one.below for one in entries_of(store)}
    stay: set[str] = set()
    for key, made in wanted:
        if not store.has(key):  # it went with what it stood on
            continue
        above = [one for one in on_top_of(key, parents) if store.has(one)]
        free = used is not None and not used & {key, *above} and (also_on_them or not above)
        if not (free and store.created(key) == made and _removed(store, [*above, key])):
            stay.add(key)
    return stay


def clear_entered(store: Store) -> None:
    """Remove what was made after a shell had been opened in the guest, of builds that are over.

    No plan takes it. What a kept guest or another entry stands on stays.
    """
    if not any((store.root.parent / "builds").glob(f"*/{ENTERED}")):
        return
    found = [one for one in store.entries() if one.entered]
    if found:
        items = [Item(one.entry.key, one.created, one.size, (one.below,)) for one in found]
        going = [(one.key, one.created) for one in topmost_first(items)]
        with store.clearing(on_wait=lambda _holder: None):
            clear(store, going, also_on_them=False)


def _removed(store: Store, keys: Iterable[str]) -> bool:
    """Remove entries, unless somebody holds the lock of one of them; say whether that was done."""
    going = list(keys)
    with ExitStack() as locks:
        if not all(locks.enter_context(try_lock(store.locks / f"{key}.lock")) for key in going):
            return False
        for key in going:
            store.remove(key)
    return True
