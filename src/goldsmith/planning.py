"""The plan of a recipe against a store: what is asked for, what is there, and what of that is still as it was made."""

from collections.abc import Callable, Collection, Iterable
from functools import partial
from pathlib import Path

from goldsmith.compose import Composed
from goldsmith.plan.freshness import outdated
from goldsmith.plan.mend import OnWait, Spoiled, damaged, drop
from goldsmith.plan.planner import Plan, Step, keys_of, make_plan
from goldsmith.plan.store import Store
from goldsmith.record.past import last_inputs
from goldsmith.record.turns import ASKED, ENTERED, await_users
from goldsmith.stages.fetch import Fetch
from goldsmith.stages.kept_media import spoiled_media
from goldsmith.stages.mended import Mended
from goldsmith.stages.register import image_is_gone
from goldsmith.stages.upload import gone_uploads


def plan_of(composed: Composed, store: Store, *, start: str = "", no_cache: bool = False) -> Plan:
    """Return the plan of a recipe against a store; reads, and changes nothing.

    ``start`` names the first stage that runs although its result is there; "" is none.
    """
    names = [stage.name for stage in composed.stages]
    begin = names.index(start) if start in names else len(names)
    entered = _entered(composed, store)

    def has(key: str) -> bool:
        return store.has(key) and not image_is_gone(store.layers / key, store.root.parent / "catalog")

    known = {
        one.name for one in composed.stages if isinstance(one, Fetch) and not one.source.is_unpinned
    }  # a medium whose digest is known is no other one when it is got again

    def forced(name: str) -> str:
        if no_cache and name not in known:
            return f"{ASKED}: --no-cache"
        if names.index(name) >= begin:
            return f"{ASKED}: --from {start}"
        return f"{ENTERED} in the guest when {entered[name]} made it" if name in entered else ""

    keyed = make_plan(composed.recipe.name, composed.stages, has=has, last={}, forced=forced)
    if keyed.cached:
        return keyed
    last = last_inputs(store, composed.recipe.name)
    return make_plan(composed.recipe.name, composed.stages, has=has, last=last, forced=forced, older=outdated)


def sound_plan(
    composed: Composed,
    store: Store,
    record: Path,
    *,
    on_wait: OnWait,
    on_hashing: Callable[[int], None] | None = None,
    start: str = "",
    no_cache: bool = False,
) -> tuple[Plan, list[str], list[str]]:
    """Return a plan of which every stored result and medium that it reads is as it was made.

    With it comes a sentence for each result and medium that was damaged, and for each upload that is gone: they are
    out of the store. What stays may read more of the store than before, so it is looked at until nothing more is
    found. ``record`` is the folder of the build that plans: what others have in their plans it leaves until they end.
    """

    def await_others(step: Step, keys: Collection[str], there: Callable[[], bool]) -> None:
        await_users(record, keys, there=there, on_wait=partial(on_wait, step))

    def dropped(spoiled: Iterable[Spoiled]) -> list[str]:
        return drop(spoiled, store, on_wait=on_wait, await_users=await_others)

    damage: list[str] = []
    gone: list[str] = []
    while True:
        plan = plan_of(composed, store, start=start, no_cache=no_cache)
        spoiled = dropped(damaged(plan, store)) + dropped(spoiled_media(plan, store, on_hashing=on_hashing))
        lost = dropped(gone_uploads(plan, store))
        if not (spoiled or lost):
            return plan, damage, gone
        damage += spoiled
        gone += lost


def _entered(composed: Composed, store: Store) -> dict[str, str]:
    """Return by stage the build in whose guest a person was when it made the result.

    Only a build that goes on from the guest which that one kept may take it.
    """
    went_on = {one.guest.build for one in composed.stages if isinstance(one, Mended)}
    made = zip(composed.stages, keys_of(composed.stages), strict=True)
    builds = {stage.name: store.entered_by(key) for stage, key in made}
    return {name: build for name, build in builds.items() if build and build not in went_on}
