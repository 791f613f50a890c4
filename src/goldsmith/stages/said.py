"""What a customize step says, as inputs of its key: files by digest, secrets by keyed digest."""

import re
from collections.abc import Callable
from pathlib import Path

from goldsmith.errors import Mark, RecipeError
from goldsmith.plan.stage import Inputs, Json
from goldsmith.recipe.contents import digest_of, unreadable
from goldsmith.recipe.model import Recipe
from goldsmith.recipe.secrets import Secret
from goldsmith.recipe.steps import Step, Via

_DO_NOT_CHANGE_THE_DISK = {"name", "timeout", "layer", "refresh"}


def step_name(at: int, step: Step, *, since: int | None = None) -> str:
    """Return the stage name of the step with this index: ``step-2-motd``.

    ``steps-1-2-motd`` is a layer that it shares with the steps from ``since`` on.
    """
    numbers = f"step-{at + 1}" if since in (None, at) else f"steps-{(since or 0) + 1}-{at + 1}"
    title = re.sub(r"[^A-Za-z0-9]+", "-", step.title).strip("-").lower()[:40]
    return f"{numbers}-{title or step.kind}"


def step_inputs(step: Step, *, digest: Callable[[Secret], str], at: Mark | None = None) -> Inputs:
    """Return all that the recipe says of what the step makes; as of when it did is up to its stage."""
    return {
        name: _plain(getattr(step, name), digest, at)
        for name in type(step).model_fields
        if name not in _DO_NOT_CHANGE_THE_DISK and getattr(step, name) is not None
    }


def said_of(digest: str) -> str:
    """Return what a key says of a file or folder with this digest."""
    return f"file {digest}"


def _plain(value: object, digest: Callable[[Secret], str], at: Mark | None) -> Json:
    if isinstance(value, Secret):
        return f"secret {digest(value)}"
    if isinstance(value, Path):
        return said_of(_digest_of(value, at))
    if isinstance(value, dict):
        return {str(name): _plain(one, digest, at) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one, digest, at) for one in value]
    if isinstance(value, bool | int | float | str) or value is None:
        return value
    fields = getattr(type(value), "model_fields", None)
    if fields is None:
        return str(value)
    given = {name: getattr(value, name) for name in fields}
    return {name: _plain(one, digest, at) for name, one in given.items() if one is not None}


def _digest_of(path: Path, at: Mark | None) -> str:
    try:
        return digest_of(path)
    except OSError as error:  # load_recipe could still read it
        raise unreadable(error, path, at=at) from None


def require_partner(recipe: Recipe, at: int) -> None:
    """Refuse ``layer: false`` where the guest is started or stopped before the step that it would share with."""
    offline = recipe.customize[at].via is Via.OFFLINE
    following = recipe.customize[at + 1 : at + 2]
    if following and (following[0].via is Via.OFFLINE) == offline:
        return
    if not following and not offline:
        return  # it shares the layer of the withdrawal
    what = "is done in another way (via)" if following else "does not exist"
    raise RecipeError(
        f"this step wants no layer of its own, but the step that it would share one with {what}",
        at=recipe.at("customize", at, "layer"),
        fix="leave out layer: false",
    )
