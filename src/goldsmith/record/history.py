"""How long the stages of a plan took before, from the newest build records of its recipe."""

import json
import socket
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from goldsmith.plan.planner import Plan
from goldsmith.plan.reasons import is_step, without_dates
from goldsmith.plan.stage import Inputs
from goldsmith.plan.store import Store
from goldsmith.record.recent import newest_of
from goldsmith.record.story import StageState

READ = 200  # builds in which something ran
SAMPLES = 9  # the newest runs of a stage; older ones tell of another host or another medium


@dataclass(frozen=True)
class History:
    """The seconds of earlier successful runs by stage, the newest first."""

    seconds: Mapping[str, tuple[float, ...]]

    def expected(self, stage: str) -> float | None:
        """Return the median, in seconds; None for a stage that never ran to its end."""
        runs = self.seconds.get(stage)
        return median(runs) if runs else None


def read_history(state: Path, plan: Plan, *, virt_types: Sequence[str]) -> History:
    """Return the earlier runs of the stages of a plan on this host, those with and without KVM kept apart.

    A stage has those in the first of some ways (``virt_types``: kvm, qemu) in which it ever ran. The numbers in the
    names of steps change, so theirs are the runs of steps that said the same.
    """
    works = {step.stage.name: _work(step.stage.name, step.stage.inputs()) for step in plan.steps}
    known = {step.key: works[step.stage.name] for step in plan.steps}
    store = Store(state)
    runs: dict[tuple[str, str], list[float]] = defaultdict(list)

    def work_of(name: str, key: str) -> str:
        if not is_step(name):
            return name
        if key not in known:
            inputs = store.facts(key).get("inputs")
            known[key] = _work(name, inputs if isinstance(inputs, Mapping) else None)
        return known[key]

    for document in _newest(state / "builds", plan.recipe, virt_types):
        for name, key, took in _runs(document):
            samples = runs[document["virt_type"], work_of(name, key)]
            if len(samples) < SAMPLES:
                samples.append(took)
        if all(any(len(runs[way, one]) == SAMPLES for way in virt_types) for one in works.values()):
            break
    found = {
        name: next((runs[way, work] for way in virt_types if runs[way, work]), [])
        for name, work in works.items()
    }
    return History({name: tuple(one) for name, one in found.items() if one})


def _newest(builds: Path, recipe: str, virt_types: Sequence[str]) -> Iterator[dict[str, Any]]:
    if not virt_types:
        return
    here = socket.gethostname()
    told = (one for one in newest_of(builds, recipe, words=virt_types) if one.get("virt_type") in virt_types)
    for document in islice(told, READ):
        if document.get("host", here) == here:  # else the state folder was copied, or is shared
            yield document


def _work(name: str, inputs: Inputs | None) -> str:
    """Name what a stage does: a step by what it says, "" where that is not known any more."""
    if not is_step(name):
        return name
    return "" if inputs is None else json.dumps(without_dates(inputs), sort_keys=True, default=str)


def _runs(document: Mapping[str, Any]) -> Iterator[tuple[str, str, float]]:
    for one in document.get("stages", ()):
        took = one.get("seconds")
        if one.get("state") == StageState.DONE and isinstance(took, int | float):
            yield str(one.get("name")), str(one.get("key")), float(took)
