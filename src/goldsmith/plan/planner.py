"""Decide what to run and say why, without touching a disk."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from goldsmith.plan.stage import Inputs, Json, Kind, Stage

_DIGEST = re.compile(r"[0-9a-f]{16,}")
SHOWN = 60  # characters of an old or new value in a reason


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


def fingerprint(stage: Stage, parents: Sequence[str]) -> str:
    """Name a result by everything that made it: the stage, its inputs, the results it reads."""
    facts = [stage.name, stage.version, list(parents), dict(stage.inputs())]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def make_plan(
    recipe: str,
    stages: Sequence[Stage],
    *,
    has: Callable[[str], bool],
    last: Mapping[str, Inputs],
    forced: Callable[[str], str] = lambda _name: "",
) -> Plan:
    """Return one step for each stage, in order.

    ``last`` holds the inputs of the previous build of the same recipe; it only makes the reasons readable, for what
    is cached is decided by the keys alone. ``forced`` gives the reason why a stage must run all the same, or "".
    """
    keys = keys_of(stages)
    present = [has(key) and not forced(stage.name) for stage, key in zip(stages, keys, strict=True)]
    start = next(
        (at for at, stage in enumerate(stages) if not present[at] and stage.kind is not Kind.MEDIA),
        len(stages),
    )
    steps: list[Step] = []
    for at, (stage, key) in enumerate(zip(stages, keys, strict=True)):
        why = forced(stage.name)
        if stage.kind is Kind.MEDIA:  # media that no stage is going to read need not be there
            why = why or ("" if present[at] or start > at + 1 else "not in the store")
        elif at >= start:
            why = (
                why or _changed(last.get(stage.name), stage.inputs()) or _follows(steps) or "not in the store"
            )
        steps.append(Step(stage, key, why))
    return Plan(recipe, tuple(steps))


def keys_of(stages: Sequence[Stage]) -> list[str]:
    """Return the key of each stage, in order."""
    keys: list[str] = []
    for stage in stages:
        keys.append(fingerprint(stage, keys[-1:]))
    return keys


def _follows(steps: Sequence[Step]) -> str:
    return f"follows {steps[-1].stage.name}" if steps and not steps[-1].cached else ""


def _changed(before: Inputs | None, now: Inputs) -> str:
    if before is None:
        return ""
    names = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    return "; ".join(f"{name} changed{_from_to(before.get(name), now.get(name))}" for name in names)


def _from_to(old: Json, new: Json) -> str:
    if isinstance(old, str | int | float | None) and isinstance(new, str | int | float | None):
        return f": {_short(old)} -> {_short(new)}"
    return ""


def _short(value: Json) -> str:
    if isinstance(value, str) and _DIGEST.fullmatch(value):
        return f"{value[:12]}…"  # enough to tell two apart
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
