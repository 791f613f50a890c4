"""Which things of the store may go, so that none is left without what it needs."""

from collections.abc import Container, Sequence
from dataclasses import dataclass

from goldsmith.plan.store import EntryInfo, comes_back, down_from


@dataclass(frozen=True)
class Item:
    """One thing in the store; ``below`` are the keys of those that it needs.

    ``created`` is in seconds since the epoch, ``size`` in bytes.
    """

    key: str
    created: float
    size: int
    below: tuple[str, ...] = ()


def old_ones(items: Sequence[Item], *, made_before: float, used: Container[str] = ()) -> list[Item]:
    """Return the items made before a time (seconds since the epoch) that no younger one needs, topmost first.

    ``used`` are keys that running builds have in their plans; they count as young.
    """
    below = {one.key: one.below for one in items}
    needed: set[str] = set()
    open_ends = [one.key for one in items if one.created > made_before or one.key in used]
    while open_ends:
        key = open_ends.pop()
        if key not in needed:
            needed.add(key)
            open_ends += below.get(key, ())
    return topmost_first([one for one in items if one.key not in needed])


def to_fit(items: Sequence[Item], size: int, *, used: Container[str] = ()) -> list[Item]:
    """Return what has to go until ``size`` bytes are left: the oldest first of those that nothing needs.

    Items that running builds use stay, and so does what they need, even when it is more than that.
    """
    left = {one.key: one for one in items}
    removed: list[Item] = []
    total = sum(one.size for one in items)
    while total > size:
        needed = {key for one in left.values() for key in one.below}
        free = [key for key in left if key not in needed and key not in used]
        if not free:
            break
        oldest = left.pop(min(free, key=lambda key: left[key].created))
        removed.append(oldest)
        total -= oldest.size
    return removed


def circular(entries: Sequence[EntryInfo]) -> list[EntryInfo]:
    """Return the entries that stand on themselves, by their seals or those below them: they are damaged."""
    parents = {one.entry.key: one.parent for one in entries}
    below = {key: parent if parent in parents else "" for key, parent in parents.items()}
    return [one for one in entries if comes_back(down_from(one.entry.key, below.__getitem__))]


def topmost_first(items: Sequence[Item]) -> list[Item]:
    """Return items in the order in which they can go: each before what it needs."""
    left, ordered = list(items), list[Item]()
    while left:
        needed = {key for one in left for key in one.below}
        top = [one for one in left if one.key not in needed] or left
        ordered += top
        going = {one.key for one in top}
        left = [one for one in left if one.key not in going]
    return ordered
