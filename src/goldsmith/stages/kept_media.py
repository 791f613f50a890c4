"""The media that a plan takes as they were got: whether they are still there, and as they were."""

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from goldsmith.errors import HostError
from goldsmith.host import files
from goldsmith.plan.mend import Spoiled
from goldsmith.plan.planner import Plan
from goldsmith.plan.stage import Kind
from goldsmith.plan.store import Store
from goldsmith.stages.parts import noted_medium


def spoiled_media(
    plan: Plan, store: Store, *, on_hashing: Callable[[int], None] | None = None
) -> Iterator[Spoiled]:
    """Yield the results that name a medium which is about to be read, and is gone or holds other bytes.

    A file that nobody has written to since it was read is not read again; ``on_hashing`` gets the size of each block
    of one that is. A tree has no digest: it must only be there.
    """
    for step, reader in pairwise(plan.steps):
        if step.stage.kind is not Kind.MEDIA or reader.cached or not (step.cached and store.has(step.key)):
            continue
        made, state = store.created(step.key), store.root.parent
        try:
            noted = noted_medium(store.layers / step.key)
            media = (noted, *noted.get("further", {}).values())
            told = next(filter(None, (_problem(one, state, on_hashing) for one in media)), "")
        except (HostError, LookupError, TypeError, AttributeError) as error:
            told = f"the stored result of {step.stage.name} cannot be read: {error}"
        if told:
            yield Spoiled(step, made, told)


def _problem(medium: Mapping[str, Any], state: Path, on_hashing: Callable[[int], None] | None) -> str:
    path, sha256 = Path(str(medium["location"])), medium["sha256"]
    if not path.is_absolute():  # the URL of a tree
        return ""
    if not path.exists():
        return f"the medium {path} is gone and is got again"
    if sha256 and files.sha256_of(path, memo=state / "digests.json", on_bytes=on_hashing) != sha256:
        return f"the medium {path} was damaged and is got again"
    return ""
