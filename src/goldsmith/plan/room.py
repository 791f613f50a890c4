"""How much of the disk a stage is going to take, by what it really took before, and not by virtual sizes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from goldsmith.host import files
from goldsmith.plan.stage import Json, Kind, Stage
from goldsmith.plan.store import EntryInfo, Store

LEAST = 32 << 20  # bytes: of notes, logs, and a layer in which little changes
_MORE = 1.1  # the next result may be larger than the one before it
# Bytes of a first install, by family. demo: allocated by four installs on one host, 516 to 519 MiB. Nobody has measured
# the others here: they are what no such system does without (@core and a kernel; an unpacked install.wim), low enough
# to refuse no host for nothing. After the first build its own layer tells.
FIRST = {
    "demo": 520 << 20,
    "rhel6": 700 << 20,
    "rhel7": 1 << 30,
    "rhel8": 1200 << 20,
    "rhel9": 1200 << 20,
    "rhel10": 1200 << 20,
    "windows": 8 << 30,
}
_OF_A_WHOLE_DISK = 0.1  # changes in a first layer on an installed disk, until one was made


@dataclass(frozen=True)
class Need:
    """Bytes that one stage needs, and whence that is known."""

    stage: str
    size: int
    known_by: str


def needs(stages: Sequence[Stage], *, recipe: str, before: str, store: Store) -> list[Need]:
    """Return what each of some stages needs that run one after the other on the layer ``before`` ("" for none)."""
    entries = sorted(store.entries(), key=lambda one: one.created, reverse=True)
    below = next((one for one in entries if one.entry.key == before), None)
    return [_need(stage, recipe, below, entries, store) for stage in stages]


def require_room(
    stages: Sequence[Stage], keys: Sequence[str], *, recipe: str, before: str, store: Store
) -> None:
    """Raise HostError with all numbers unless the store has room for what these stages are going to make.

    An older result of the same key goes first, so that its room counts as free.
    """
    wanted = needs(stages, recipe=recipe, before=before, store=store)
    size = sum(one.size for one in wanted) - sum(_taken(store, key) for key in keys)
    most = max(wanted, key=lambda one: one.size)
    names = most.stage if len(wanted) == 1 else f"{wanted[0].stage} to {wanted[-1].stage}"
    files.need_space(store.layers, size, what=f"{names} ({most.known_by})")


def _need(
    stage: Stage, recipe: str, below: EntryInfo | None, entries: Sequence[EntryInfo], store: Store
) -> Need:
    for one in entries:
        if one.stage == stage.name and one.recipe == recipe:
            return _like(stage, store.facts(one.entry.key), "as it took in an earlier build")
    if stage.kind is not Kind.DISK:
        return Need(stage.name, LEAST, "at least")
    family = stage.inputs().get("family")
    for one in entries:
        facts = store.facts(one.entry.key)
        inputs = facts.get("inputs")
        if (
            family
            and one.stage == stage.name
            and isinstance(inputs, Mapping)
            and inputs.get("family") == family
        ):
            return _like(stage, facts, f"as {one.recipe} took")
    if below is None:
        return _first(stage)
    share = 1.0 if below.parent else _OF_A_WHOLE_DISK
    size = max(LEAST, int(_size(store.facts(below.entry.key)) * share))
    return Need(stage.name, size, f"by the layer of {below.stage}")


def _first(stage: Stage) -> Need:
    """Estimate an install of a family that was never installed here; no layer is larger than its disk."""
    inputs = stage.inputs()
    family, disk = str(inputs.get("family")), inputs.get("disk_size")
    if family not in FIRST:
        return Need(stage.name, LEAST, "at least")
    most = int(disk) if isinstance(disk, int | float) else FIRST[family]
    return Need(stage.name, max(LEAST, min(FIRST[family], most)), f"a first install of {family}, estimated")


def _like(stage: Stage, facts: Mapping[str, Json], known_by: str) -> Need:
    return Need(stage.name, max(LEAST, int(_size(facts) * _MORE)), known_by)


def _size(facts: Mapping[str, Json]) -> int:
    size = facts.get("size")
    return int(size) if isinstance(size, int | float) else 0


def _taken(store: Store, key: str) -> int:
    return _size(store.facts(key)) if store.has(key) else 0
