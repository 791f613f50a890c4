"""Why a stage must run, in words: what changed since the last build of the recipe, or what it stands on."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from goldsmith.plan.stage import REFRESH, Explained, Inputs, Json, Kind, Looked, Stage

VERSION = "version of the stage"  # beside the inputs that are noted
ORIGINS = "made from"  # likewise: what an input was made from, by the input
_BESIDE = {REFRESH, VERSION, ORIGINS}
_EARLIER = "earlier"  # the input of a layer that several steps share: what the others say
_STEP = re.compile(r"steps?-(?:\d+-)*")
_DIGEST = re.compile(r"[0-9a-f]{16,}")
SHOWN = 60  # characters of an old or new value in a reason


@dataclass(frozen=True)
class Past:
    """What is known of the last build of a recipe: the noted inputs of its stages, by name.

    ``older`` says why what a stage read then, with that date, is too old now.
    """

    last: Mapping[str, Inputs]
    older: Callable[[Stage, Json], str]

    def told(self, stages: Sequence[Stage], at: int, *, follows: str = "") -> str:
        """Say why the stage ``at`` this place must run; what it ``follows`` is enough where itself is as it was."""
        stage = stages[at]
        if isinstance(stage, Looked) and stage.doubt:
            return stage.doubt
        if regrouped := self._regrouped(stage):
            return regrouped
        before = self._before(stages, at)
        changed = _changed(before, noted_inputs(stage))
        aged = "" if follows else self.older(stage, (before or {}).get(REFRESH))
        return "; ".join(filter(None, (changed, aged))) or follows or self._elsewhere(stages, at, before)

    def _elsewhere(self, stages: Sequence[Stage], at: int, before: Inputs | None) -> str:
        """Say why there is no such result, though nothing that the stage says has changed."""
        if before is None and self.last and is_step(stages[at].name):
            return "a new step"
        if before is not None and at and stages[at].kind is Kind.DISK:
            return f"was made on another layer than {stages[at - 1].name}"
        return "not in the store"

    def _before(self, stages: Sequence[Stage], at: int) -> Inputs | None:
        """Return what was noted of a stage; steps change their names with their place, so what they say tells."""
        stage = stages[at]
        if not is_step(stage.name):
            return self.last.get(stage.name)
        said = [without_dates(one.inputs()) for one in stages]
        alike = [
            name for name, noted in self.last.items() if is_step(name) and without_dates(noted) == said[at]
        ]
        if alike:
            return self.last[stage.name if stage.name in alike else alike[0]]
        names = {one.name for one in stages}
        gone = [name for name in self.last if name not in names and _place(name) == _place(stage.name)]
        same = next((name for name in (stage.name, *gone) if name in self.last), None)
        if same is None or without_dates(self.last[same]) in said:  # then it is another step, which has moved
            return None
        return self.last[same]

    def _regrouped(self, stage: Stage) -> str:
        """Say how the layers of steps were put together or apart (``layer: false``) that say what they said before."""
        known = {
            name: _parts(noted) for name, noted in self.last.items() if is_step(name) or name == stage.name
        }
        parts = _parts(stage.inputs())
        if parts in known.values():
            return ""
        if whole := next((name for name, one in known.items() if parts < one), ""):
            return f"has a layer of its own, and was part of {whole}"
        joined = sorted(name for name, one in known.items() if one < parts)
        if joined and parts == frozenset().union(*(known[name] for name in joined)):
            return f"one layer for what was {' and '.join(joined)}"
        return ""


def noted_inputs(stage: Stage) -> Inputs:
    """Return what is kept of a result for the reasons of later plans: its inputs, and what is no part of its key."""
    seen = {REFRESH: stage.as_of} if isinstance(stage, Looked) and stage.as_of else {}
    origins = {ORIGINS: stage.origins} if isinstance(stage, Explained) and stage.origins else {}
    return {**stage.inputs(), **seen, **origins, VERSION: stage.version}


def is_step(name: str) -> bool:
    """Say whether a stage is named by its place among the steps of a recipe."""
    return _STEP.match(name) is not None


def _place(name: str) -> str:
    found = _STEP.match(name)
    return found[0] if found else ""


def without_dates(noted: Inputs) -> Inputs:
    """Return what a stage says of its own in the inputs that were noted of it, however old it is."""
    return {name: value for name, value in noted.items() if name not in _BESIDE}


def _parts(noted: Inputs) -> frozenset[str]:
    """Return what each of the steps says that share a layer."""
    earlier = noted.get(_EARLIER)
    others = earlier if isinstance(earlier, list | tuple) else []
    own = {name: value for name, value in without_dates(noted).items() if name != _EARLIER}
    return frozenset(json.dumps(one, sort_keys=True) for one in (*others, own))


def _changed(before: Inputs | None, now: Inputs) -> str:
    if before is None:
        return ""
    known = {**before, VERSION: before.get(VERSION, now[VERSION])}  # older versions of Goldsmith noted none
    told: list[str] = []
    for name in sorted(
        name for name in {*known, *now} - {REFRESH, ORIGINS} if known.get(name) != now.get(name)
    ):
        old, new = _origin(known, name), _origin(now, name)
        if old and new and old != new:
            for one in sorted({*old, *new}):
                if old.get(one) != new.get(one):
                    told += _differences(one, old.get(one), new.get(one))
        else:
            told += _differences(name, known.get(name), now.get(name))
    if bool(before.get(REFRESH)) != bool(now.get(REFRESH)):
        told.append(f"refresh changed: {before.get(REFRESH) or 'never'} -> {now.get(REFRESH) or 'never'}")
    return "; ".join(dict.fromkeys(told))


def _origin(noted: Inputs, name: str) -> Mapping[str, Json]:
    origins = noted.get(ORIGINS)
    found = origins.get(name) if isinstance(origins, Mapping) else None
    return found if isinstance(found, Mapping) else {}


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
    start = max(0, min(same - SHOWN // 4, len(text) - SHOWN + 1))
    before = "…" if start else ""
    end = start + SHOWN - len(before)
    return before + (text[start:] if end >= len(text) else text[start : end - 1] + "…")
