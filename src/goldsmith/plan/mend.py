"""Take results out of a plan that are not as they were made, so that they are built again and never used."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from goldsmith.plan.planner import Plan, Step
from goldsmith.plan.stage import Kind
from goldsmith.plan.store import Store

OnWait = Callable[[Step, str], None]  # gets the step whose result is waited for, and who holds it
AwaitUsers = Callable[[Step, Collection[str], Callable[[], bool]], None]  # see ``record.turns.await_users``


@dataclass(frozen=True)
class Spoiled:
    """A stored result that a plan would take although it is not right; ``made`` is when it was made, ``told`` why."""

    step: Step
    made: float
    told: str


def damaged(plan: Plan, store: Store) -> Iterator[Spoiled]:
    """Yield what a plan would take from the store though it has changed there.

    Of a plan that has all its results only what is in a catalog is looked at, and the last one taken.
    """
    for step in _taken_last(plan) if plan.cached else plan.steps:
        if not (step.cached and store.has(step.key)):
            continue
        made = store.created(step.key)
        if found := store.damage(step.key, thorough=False):
            told = f"the stored result of {step.stage.name} was damaged and is built again: {found[0]}"
            yield Spoiled(step, made, told)


def drop(spoiled: Iterable[Spoiled], store: Store, *, on_wait: OnWait, await_users: AwaitUsers) -> list[str]:
    """Remove results with all that stands on them, and return a sentence for each.

    None goes while another build has it in its plan, and none that was made anew since it was looked at. The plan
    must be made again when there is a sentence: the store holds other results now, and more of it may be taken.
    """
    told = []
    for one in spoiled:
        key = one.step.key
        there = partial(_is_there, store, key, one.made)
        await_users(one.step, {key, *store.standing_on(key)}, there)
        with store.locked(key, on_wait=partial(on_wait, one.step)):
            if there():
                store.remove_with_all_on_it(key)
        told.append(one.told)
    return told


def _is_there(store: Store, key: str, made: float) -> bool:
    return store.has(key) and store.created(key) == made


def _taken_last(plan: Plan) -> Sequence[Step]:
    return [step for step in plan.steps if step.stage.kind is Kind.CATALOG or step is plan.steps[-1]]
