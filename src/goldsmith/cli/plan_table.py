"""A plan for people and for programs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from goldsmith.errors import GoldsmithError
from goldsmith.host import accel
from goldsmith.host.files import human_time
from goldsmith.host.process import LocalHost
from goldsmith.plan.freshness import as_of, good_until
from goldsmith.plan.planner import Plan
from goldsmith.record import read_history


def plan_document(plan: Plan, state: Path) -> dict[str, Any]:
    """Return the plan as JSON values; ``expected`` are seconds, from builds on this host that ran guests as now."""
    history = read_history(state, plan, virt_types=_kinds(plan, state))
    return {
        "recipe": plan.recipe,
        "cached": plan.cached,
        "stages": [
            {
                "name": step.stage.name,
                "key": step.key,
                "kind": step.stage.kind.value,
                "cached": step.cached,
                "reason": step.reason,
                "as_of": as_of(step.stage),
                "good_until": good_until(step.stage),
                "expected": history.expected(step.stage.name),
            }
            for step in plan.steps
        ],
    }


def _kinds(plan: Plan, state: Path) -> Sequence[str]:
    """Return how guests run here, where it matters; where that is not known, both ways."""
    if plan.cached or not (state / "builds").is_dir():  # without a history nothing needs to be measured
        return ("kvm", "qemu")
    try:
        return (accel.detect(LocalHost(), state=state).virt_type,)
    except (GoldsmithError, OSError):
        return ("kvm", "qemu")


def print_plan(document: dict[str, Any], *, verbose: bool) -> None:
    """Print one line a stage: state, key, reason and expected time."""
    stages = document["stages"]
    width = max(len(one["name"]) for one in stages)
    for one in stages:
        key = one["key"] if verbose else one["key"][:12]
        state = "cached" if one["cached"] else "run   "
        expected = "" if one["cached"] or not one["expected"] else f"  (about {human_time(one['expected'])})"
        told = one["reason"] or _freshness(one)
        click.echo(f"{one['name']:<{width}}  {state}  {key}  {told}{expected}".rstrip())
    if document["cached"]:
        click.echo("nothing to do: every stage is cached")


def _freshness(stage: dict[str, Any]) -> str:
    until = f", taken until {stage['good_until']}" if stage["good_until"] else ""
    return f"{stage['as_of']}{until}" if stage["as_of"] else ""
