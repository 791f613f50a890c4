"""Which entries of the store may go, so that no entry is left without the one below it."""

from collections.abc import Container, Sequence

from goldsmith.plan.store import EntryInfo


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


def _topmost_first(entries: Sequence[EntryInfo]) -> list[EntryInfo]:
    by_key = {one.entry.key: one for one in entries}

    def depth(one: EntryInfo) -> int:
        below = by_key.get(one.parent)
        return 1 + depth(below) if below else 0

    return sorted(entries, key=depth, reverse=True)
