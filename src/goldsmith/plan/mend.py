"""Take results out of a plan that were damaged in the store, so that they are built again and never used."""

from collections.abc import Sequence

from goldsmith.plan.planner import Plan, Step
from goldsmith.plan.stage import Kind
from goldsmith.plan.store import Store


def drop_damaged(plan: Plan, store: Store) -> list[str]:
    """Remove what a plan would take from the store though it has changed there, with all that stands on it.

    Of a plan that has all its results only what is in a catalog is told, and the last one taken. Returns a sentence
    for each; the plan must be made again when there is one, for then more of the store may be taken.
    """
    told = []
    for step in _taken_last(plan) if plan.cached else plan.steps:
        if not (step.cached and store.has(step.key)):
            continue
        if damage := store.damage(step.key, thorough=False):
            with store.locked(step.key, on_wait=lambda _holder: None):
                store.remove_with_all_on_it(step.key)
            told.append(f"the stored result of {step.stage.name} was damaged and is built again: {damage[0]}")
    return told


def _taken_last(plan: Plan) -> Sequence[Step]:
    return [step for step in plan.steps if step.stage.kind is Kind.CATALOG or step is plan.steps[-1]]
