"""What the stages of the last build of a recipe said, as far as their results are still there."""

from collections.abc import Mapping
from itertools import islice

from goldsmith.plan.reasons import is_step
from goldsmith.plan.stage import Inputs
from goldsmith.plan.store import Store
from goldsmith.record.recent import newest_of
from goldsmith.record.story import BuildState

LOOKED_AT = 50  # builds, if all of them failed


def last_inputs(store: Store, recipe: str) -> Mapping[str, Inputs]:
    """Return the noted inputs of the last build by stage, whichever recipe made the results first.

    Of one that failed it is what it came to; the rest is from the builds before it, back to one that ended well. Only
    what has no result any more, and recipes without a record, are told by the newest results of their name.
    """
    found: dict[str, Inputs] = {}
    gone: set[str] = set()
    for build in islice(newest_of(store.root.parent / "builds", recipe), LOOKED_AT):
        for stage in build.get("stages") or ():
            name, inputs = str(stage.get("name")), store.facts(str(stage.get("key"))).get("inputs")
            if not isinstance(inputs, Mapping):
                gone.add(name)
            elif name not in found:
                found[name] = inputs
            elif is_step(name) and inputs not in found.values():  # one was put before it, and it has moved
                found[f"{name} of {build.get('id')}"] = inputs
        if build.get("state") == BuildState.DONE:
            break
    if found and not gone - found.keys():
        return found
    newest = store.newest_inputs(recipe)
    return {**{name: inputs for name, inputs in newest.items() if not found or name in gone}, **found}
