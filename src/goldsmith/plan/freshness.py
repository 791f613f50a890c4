"""How old what a stage read from the outside world may be: its date is in the key, so no cache is silently stale."""

import operator
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import partial
from typing import Protocol, runtime_checkable

from goldsmith.plan.planner import fingerprint
from goldsmith.plan.reasons import is_step
from goldsmith.plan.stage import REFRESH, Json, Looked, Stage
from goldsmith.plan.store import Store
from goldsmith.recipe.steps import Refresh

_AS_OF = re.compile(r" as of (\d{4}-\d\d-\d\d)(T\S+)?$")
_DAYS = {Refresh.DAILY: 1, Refresh.WEEKLY: 7}
_SPANS = {1: "a day", 7: "a week"}


@runtime_checkable
class Dated(Protocol):
    """A stage whose result depends on when it was made, unless ``refresh`` is never; ``reads`` names what it read."""

    @property
    def refresh(self) -> Refresh: ...
    @property
    def reads(self) -> str: ...
    def dated(self, as_of: str) -> Stage: ...


def freshened(
    stages: Sequence[Stage],
    *,
    now: float,
    always: bool,
    anew_from: str,
    has: Callable[[str], bool],
    dates: Callable[[str], Sequence[str]],
) -> tuple[Stage, ...]:
    """Return the stages, each dated one by its newest result that is still fresh, else by ``now`` (since the epoch).

    ``dates`` are those that the store has for a stage of this name. With ``always`` every one is read again that may
    be; from the stage ``anew_from`` on ("" for none) nothing old is taken, since it is made anew in any case.
    """
    settled: list[Stage] = []
    keys: list[str] = []
    anew = False
    for stage in stages:
        anew = anew or stage.name == anew_from
        dated = stage
        if isinstance(stage, Dated) and stage.refresh is not Refresh.NEVER:
            refresh = Refresh.ALWAYS if always else stage.refresh
            fresh = [] if anew else [one for one in dates(stage.name) if _is_fresh(one, refresh, now)]
            kept = (stage.dated(one) for one in sorted(fresh, reverse=True))
            found = next((one for one in kept if has(fingerprint(one, keys[-1:]))), None)
            dated = found or stage.dated(_as_of(stage.reads, refresh, now))
        keys.append(fingerprint(dated, keys[-1:]))
        settled.append(dated)
    return tuple(settled)


def dates_of(store: Store, stage: str) -> list[str]:
    """Return as of when the results of a stage have read the outside world; of a step those of all steps."""
    return store.dates(is_step if is_step(stage) else partial(operator.eq, stage))


def outdated(stage: Stage, old: Json) -> str:
    """Say why the date of an older result is not enough; "" where it would be, or where there is none."""
    if isinstance(stage, Looked) and stage.doubt:
        return stage.doubt
    known = _AS_OF.search(old) if isinstance(old, str) else None
    today = _AS_OF.search(as_of(stage))
    if not known or not today or not isinstance(stage, Dated | Looked):
        return ""
    days = (date.fromisoformat(today[1]) - date.fromisoformat(known[1])).days
    limit = _DAYS.get(stage.refresh, 0)
    if limit and days >= limit:
        return f"{old}, older than {_SPANS[limit]}"
    return f"{old}, to be read again" if today[2] else ""


def as_of(stage: Stage) -> str:
    """Return what a stage has read outside, and as of when; "" where it reads nothing, or nobody knows it yet."""
    return str(stage.inputs().get(REFRESH) or (stage.as_of if isinstance(stage, Looked) else ""))


def good_until(stage: Stage) -> str:
    """Return the last day on which the result of a dated stage is taken as it is, "" where there is none."""
    known = _AS_OF.search(as_of(stage))
    if not known or not isinstance(stage, Dated | Looked) or stage.refresh not in _DAYS:
        return ""
    return date.fromordinal(date.fromisoformat(known[1]).toordinal() + _DAYS[stage.refresh] - 1).isoformat()


def is_due(checked: float, refresh: Refresh, now: float) -> bool:
    """Say whether what was seen at one time is to be looked at again at another; 0 is not seen yet.

    What was seen since ``now``, the time of a build, is not; what will be seen in the future was by a wrong clock.
    """
    if not checked:
        return True
    if refresh is Refresh.NEVER or now <= checked <= time.time():
        return False
    return not _is_young(day_of(checked), refresh, now)


def _is_fresh(known_as: str, refresh: Refresh, now: float) -> bool:
    known = _AS_OF.search(known_as)
    return known is not None and _is_young(known[1], refresh, now)


def _is_young(day: str, refresh: Refresh, now: float) -> bool:
    age = (date.fromisoformat(day_of(now)) - date.fromisoformat(day)).days
    return 0 <= age < _DAYS.get(refresh, 0)


def _as_of(reads: str, refresh: Refresh, now: float) -> str:
    """Date it by the day; what is read at each build by the moment, so that no two builds share it."""
    if refresh is not Refresh.ALWAYS:
        return f"{reads} as of {day_of(now)}"
    moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
    return f"{reads} as of {moment}Z"


def day_of(now: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(now))
