"""Which entries of the store may go, so that no entry is left without the one below it."""

from collections.abc import Container, Sequence

from goldsmith.plan.store import EntryInfo, comes_back, down_from


def old_ones(
    entries: Sequence[EntryInfo], *, made_before: float, used: Container[str] = ()
) -> list[EntryInfo]:
    """Return the entries made before a time (seconds since the epoch) that no younger one stands on, topmost first.

    ``used`` are keys that running builds have in their plans; they count as young.
    """
    parents = {one.entry.key: one.parent for one in entries}
    needed: set[str] = set()
    for one in entries:
        key = one.entry.key if one.created > made_before or one.entry.key in used else ""
        while key and key not in needed:
            needed.add(key)
            key = parents.get(key, "")
    return _topmost_first([one for one in entries if one.entry.key not in needed])


def to_fit(entries: Sequence[EntryInfo], size: int, *, used: Container[str] = ()) -> list[EntryInfo]:
    """Return what has to go until ``size`` bytes are left: the oldest first of those that nothing stands on.

    Entries that running builds use stay, and so does what they stand on, even when it is more than that.
    """
    left = {one.entry.key: one for one in entries}
    removed: list[EntryInfo] = []
    total = sum(one.size for one in entries)
    while total > size:
        stood_on = {one.parent for one in left.values()}
        free = [key for key in left if key not in stood_on and key not in used]
        if not free:
            break
        oldest = left.pop(min(free, key=lambda key: left[key].created))
        removed.append(oldest)
        total -= oldest.size
    return removed


def circular(entries: Sequence[EntryInfo]) -> list[EntryInfo]:
    """Return the entries that stand on themselves, by their seals or those below them: they are damaged."""
    return [one for one, way in zip(entries, _ways(entries), strict=True) if comes_back(way)]


def _topmost_first(entries: Sequence[EntryInfo]) -> list[EntryInfo]:
    depths = {one.entry.key: len(way) for one, way in zip(entries, _ways(entries), strict=True)}
    return sorted(entries, key=lambda one: depths[one.entry.key], reverse=True)


def _ways(entries: Sequence[EntryInfo]) -> list[list[str]]:
    """Return for each entry the way down from it, through the entries that are there."""
    parents = {one.entry.key: one.parent for one in entries}
    below = {key: parent if parent in parents else "" for key, parent in parents.items()}
    return [down_from(one.entry.key, below.__getitem__) for one in entries]
