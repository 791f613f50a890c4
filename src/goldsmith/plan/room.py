"""How much of the disk a stage is going to take, by what it really took before, and not by virtual sizes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from goldsmith.host import files
from goldsmith.plan.notes import number
from goldsmith.plan.reasons import is_step, without_dates
from goldsmith.plan.stage import Inputs, Json, Kind, Stage
from goldsmith.plan.store import Store, down_from

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
_OF_THE_SYSTEM = 0.1  # what steps without a history change of an installed disk, all of them together

Facts = Mapping[str, Json]


@dataclass(frozen=True)
class Need:
    """Bytes that one stage needs, and whence that is known."""

    stage: str
    size: int
    known_by: str


def needs(stages: Sequence[Stage], *, recipe: str, before: str, store: Store) -> list[Need]:
    """Return what each of some stages needs that run one after the other on the layer ``before`` ("" for none).

    What those change that were never made before is estimated once, with the first of them.
    """
    made = sorted(
        map(store.facts, store.keys()),
        key=lambda one: (one.get("recipe") == recipe, number(one, "created")),
        reverse=True,
    )
    said = [without_dates(stage.inputs()) for stage in stages]
    estimate = _estimate(before, store)
    found: list[Need] = []
    for stage, says in zip(stages, said, strict=True):
        need = _as_before(stage.name, says, said, recipe, made)
        if need is None and stage.kind is Kind.DISK:
            need = replace(estimate, stage=stage.name) if estimate else _first(stage)
            estimate = None
        found.append(need or Need(stage.name, LEAST, "at least"))
    return found


def require_room(
    stages: Sequence[Stage], keys: Sequence[str], *, recipe: str, before: str, store: Store
) -> None:
    """Raise HostError with all numbers unless the store has room for what these stages are going to make.

    An older result of the same key goes first, so that its room counts as free.
    """
    wanted = needs(stages, recipe=recipe, before=before, store=store)
    size = sum(one.size for one in wanted) - sum(_taken(store, key) for key in keys)
    most = max(wanted, key=lambda one: one.size)
    what = f"{most.stage} ({most.known_by})"
    if len(wanted) > 1:
        share = f"{files.human_size(most.size)} of it for {most.stage}, {most.known_by}"
        what = f"{wanted[0].stage} to {wanted[-1].stage} ({share})"
    files.need_space(store.layers, size, what=what)


def _as_before(
    name: str, says: Inputs, said: Sequence[Inputs], recipe: str, made: Sequence[Facts]
) -> Need | None:
    """Return what a stage took before, by what it ``says``; ``said`` is what all say that run with it.

    Steps change their names with their place, so what they say tells; the name tells only of one that was changed.
    """
    named = [one for one in made if one.get("stage") == name]
    if is_step(name):
        alike = [one for one in made if is_step(str(one.get("stage"))) and _says(one) == says]
        found = alike or [one for one in named if one.get("recipe") == recipe and _says(one) not in said]
    else:
        family = says.get("family")
        found = [
            one
            for one in named
            if one.get("recipe") == recipe or (family and _says(one).get("family") == family)
        ]
    if not found:
        return None
    whose = found[0].get("recipe")
    known_by = "as it took in an earlier build" if whose == recipe else f"as {whose} took"
    return Need(name, max(LEAST, int(_size(found[0]) * _MORE)), known_by)


def _estimate(before: str, store: Store) -> Need | None:
    """Estimate what a stage changes of the disk that was installed below the layer ``before``; None without one."""
    way = down_from(before, lambda key: str(store.facts(key).get("parent", "")))
    installed = store.facts(way[-1]) if way else {}
    if not installed:
        return None
    size = max(LEAST, int(_size(installed) * _OF_THE_SYSTEM))
    return Need("", size, f"a tenth of {installed.get('stage')}, estimated")


def _first(stage: Stage) -> Need:
    """Estimate an install of a family that was never installed here; no layer is larger than its disk."""
    inputs = stage.inputs()
    family, disk = str(inputs.get("family")), inputs.get("disk_size")
    if family not in FIRST:
        return Need(stage.name, LEAST, "at least")
    most = int(disk) if isinstance(disk, int | float) else FIRST[family]
    return Need(stage.name, max(LEAST, min(FIRST[family], most)), f"a first install of {family}, estimated")


def _says(facts: Facts) -> Inputs:
    inputs = facts.get("inputs")
    return without_dates(inputs) if isinstance(inputs, Mapping) else {}


def _size(facts: Facts) -> int:
    return int(number(facts, "size"))


def _taken(store: Store, key: str) -> int:
    return _size(store.facts(key)) if store.has(key) else 0
