"""Decide what to run and say why, without touching a disk."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from goldsmith.plan.stage import REFRESH, Inputs, Json, Kind, Looked, Stage

VERSION = "version of the stage"  # beside the inputs that are noted
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
    older: Callable[[Stage, Json], str] = lambda _stage, _old: "",
) -> Plan:
    """Return one step for each stage, in order.

    ``last`` holds the inputs of the previous build of the same recipe; it only makes the reasons readable, for what
    is cached is decided by the keys alone. ``forced`` gives the reason why a stage must run all the same, or "";
    ``older`` says why what it read then, with that date, is too old now.
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
            needed = not present[at] and start <= at + 1
            why = why or (_told(stage, last, "", older) if needed else "")
        elif at >= start:
            why = why or _told(stage, last, _follows(steps), older)
        steps.append(Step(stage, key, why))
    return Plan(recipe, tuple(steps))


def _told(stage: Stage, last: Mapping[str, Inputs], follows: str, older: Callable[[Stage, Json], str]) -> str:
    """Say why a stage must run; what it ``follows`` is enough where nothing of its own has changed."""
    before = last.get(stage.name)
    unsure = isinstance(stage, Looked) and bool(stage.doubt)  # then nothing is known of what is there now
    changed = "" if unsure else _changed(before, noted_inputs(stage))
    aged = "" if follows else older(stage, (before or {}).get(REFRESH))
    return "; ".join(filter(None, (changed, aged))) or follows or "not in the store"


def keys_of(stages: Sequence[Stage]) -> list[str]:
    """Return the key of each stage, in order."""
    keys: list[str] = []
    for stage in stages:
        keys.append(fingerprint(stage, keys[-1:]))
    return keys


def _follows(steps: Sequence[Step]) -> str:
    return f"follows {steps[-1].stage.name}" if steps and not steps[-1].cached else ""


def noted_inputs(stage: Stage) -> Inputs:
    """Return what is kept of a result for the reasons of later plans: its inputs, and its stage's own version."""
    seen = {REFRESH: stage.as_of} if isinstance(stage, Looked) and stage.as_of else {}
    return {**stage.inputs(), **seen, VERSION: stage.version}


def _changed(before: Inputs | None, now: Inputs) -> str:
    if before is None:
        return ""
    known = {**before, VERSION: before.get(VERSION, now[VERSION])}  # older versions of Goldsmith noted none
    names = sorted(name for name in {*known, *now} - {REFRESH} if known.get(name) != now.get(name))
    return "; ".join(one for name in names for one in _differences(name, known.get(name), now.get(name)))


def _differences(name: str, old: Json, new: Json) -> Iterator[str]:
    """Yield each changed value with what it was; what is nested is named as in ``packages.install``."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for inner in sorted({*old, *new}):
            if old.get(inner) != new.get(inner):
                yield from _differences(f"{name}.{inner}", old.get(inner), new.get(inner))
        return
    before, after = _text(old), _text(new)
    same = next((at for at, (one, two) in enumerate(zip(before, after, strict=False)) if one != two), 0)
    yield f"{name} changed: {_short(before, same)} -> {_short(after, same)}"


def _text(value: Json) -> str:
    if isinstance(value, str) and _DIGEST.fullmatch(value):
        return f"{value[:12]}…"  # enough to tell two apart
    return json.dumps(value, ensure_ascii=False)


def _short(text: str, same: int) -> str:
    """Cut a long text to the part where the two differ."""
    if len(text) <= SHOWN:
        return text
    start = max(0, min(same - SHOWN // 4, len(text) - SHOWN))
    cut = text[start : start + SHOWN - 2]
    return ("…" if start else "") + cut + ("…" if start + len(cut) < len(text) else "")
