"""Decide what to run and say why, without touching a disk."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from goldsmith.plan.reasons import Past, is_step
from goldsmith.plan.stage import Inputs, Json, Kind, ReadsMedium, Stage

GONE = "its result was removed from the store meanwhile"


@dataclass(frozen=True)
class Step:
    """One line of a plan; ``reason`` is empty when the store already has the result."""

    stage: Stage
    key: str
    reason: str

    @property
    def cached(self) -> bool:
        return not self.reason


@dataclass(frozen=True)
class Plan:
    recipe: str
    steps: tuple[Step, ...]

    @property
    def cached(self) -> bool:
        return all(step.cached for step in self.steps)

    @property
    def reads_medium(self) -> bool:
        """Say whether a stage that is to run reads what the fetch stage noted."""
        return any(isinstance(step.stage, ReadsMedium) for step in self.steps if not step.cached)


def fingerprint(stage: Stage, parents: Sequence[str]) -> str:
    """Name a result by everything that made it: the stage, its inputs, the results it reads.

    What a step is called, and which one it is, changes nothing on the disk: what stands before it tells its place.
    """
    facts = [
        "step" if is_step(stage.name) else stage.name,
        stage.version,
        list(parents),
        dict(stage.inputs()),
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def make_plan(
    recipe: str,
    stages: Sequence[Stage],
    *,
    has: Callable[[str], bool],
    last: Mapping[str, Inputs],
    forced: Callable[[str], str] = lambda _name: "",
    older: Callable[[Stage, Json], str] = lambda _stage, _old: "",
) -> Plan:
    """Return one step for each stage, in order.

    ``last`` holds the inputs of the previous build of the same recipe; it only makes the reasons readable, for what
    is cached is decided by the keys alone. ``forced`` gives the reason why a stage must run all the same, or "";
    ``older`` says why what it read then, with that date, is too old now.
    """
    keys = keys_of(stages)
    runs = _to_run(stages, [has(key) and not forced(one.name) for one, key in zip(stages, keys, strict=True)])
    steps: list[Step] = []
    past = Past(last, older)
    for at, (stage, key) in enumerate(zip(stages, keys, strict=True)):
        why = forced(stage.name)
        if runs[at] and not why:
            why = past.told(stages, at, follows="" if stage.kind is Kind.MEDIA else _follows(steps))
        steps.append(Step(stage, key, why))
    return Plan(recipe, tuple(steps))


def with_gone(plan: Plan, *, has: Callable[[str], bool]) -> Plan:
    """Return a plan that also makes what it meant to take and what went since, with all that follows it.

    A build that made a result anew while this one waited for it may have been killed in the middle.
    """
    there = [step.cached and has(step.key) for step in plan.steps]
    runs = _to_run([step.stage for step in plan.steps], there)
    steps: list[Step] = []
    for at, step in enumerate(plan.steps):
        if step.cached and runs[at]:
            step = replace(step, reason=_follows(steps) if there[at] else GONE)
        steps.append(step)
    return replace(plan, steps=tuple(steps))


def keys_of(stages: Sequence[Stage]) -> list[str]:
    """Return the key of each stage, in order."""
    keys: list[str] = []
    for stage in stages:
        keys.append(fingerprint(stage, keys[-1:]))
    return keys


def _to_run(stages: Sequence[Stage], there: Sequence[bool]) -> list[bool]:
    """Say of each stage whether it is to run: all from the first that is not there, and the media that these read."""
    start = next(
        (at for at, stage in enumerate(stages) if not there[at] and stage.kind is not Kind.MEDIA), len(stages)
    )
    return [
        not there[at] and _is_read(at, stages, start) if stage.kind is Kind.MEDIA else at >= start
        for at, stage in enumerate(stages)
    ]


def _is_read(at: int, stages: Sequence[Stage], start: int) -> bool:
    """Say whether a medium is read by a stage that is to run: the one after it, or one that says so."""
    return start <= at + 1 or any(isinstance(one, ReadsMedium) for one in stages[start:])


def _follows(steps: Sequence[Step]) -> str:
    return f"follows {steps[-1].stage.name}" if steps and not steps[-1].cached else ""
