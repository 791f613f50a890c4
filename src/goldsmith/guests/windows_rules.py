"""What a recipe may not say for Windows, and what only Windows may say; each problem with its place."""

from collections.abc import Iterator

from goldsmith.errors import RecipeError
from goldsmith.guests.family import Answer, GuestFamily
from goldsmith.guests.windows_actions import CMD, POWERSHELL
from goldsmith.recipe.model import Recipe
from goldsmith.recipe.steps import Run, Step, Upload, Via, Write

_LINUX_INSTALL = ("kickstart", "packages", "repos", "boot_arguments", "subscription", "hostname")
_LINUX_STEPS = {
    "packages": "install it by a run: step in PowerShell, such as msiexec /i ... /qn",
    "cloud_init": "Windows has Cloudbase-Init: say windows.cloudbase",
}


def problems(recipe: Recipe, family: GuestFamily) -> Iterator[RecipeError]:
    """Yield what does not fit the recipe's kind of guest."""
    if family.answer is not Answer.UNATTEND:
        if recipe.windows is not None:
            yield RecipeError(
                f"windows says nothing to the family {family.name}",
                at=recipe.at("windows"),
                fix="leave windows: out, or say family: windows",
            )
        return
    if recipe.media.kind != "iso":
        yield RecipeError(
            "Windows is installed from an ISO here",
            at=recipe.at("media", recipe.media.kind),
            fix="give media.iso",
        )
    for name in _LINUX_INSTALL:
        if name in recipe.install.model_fields_set:
            yield _no_meaning(recipe, "install", name)
    for name in ("enable", "disable"):
        if name in recipe.sysprep.model_fields_set:
            yield _no_meaning(recipe, "sysprep", name, why="virt-sysprep cannot change Windows")
    for at, step in enumerate(recipe.customize):
        yield from _step_problems(recipe, at, step)


def _step_problems(recipe: Recipe, at: int, step: Step) -> Iterator[RecipeError]:
    place = ("customize", at)
    if step.kind in _LINUX_STEPS:
        yield RecipeError(
            f"{step.kind} is no step for Windows",
            at=recipe.at(*place, step.kind),
            fix=_LINUX_STEPS[step.kind],
        )
    if "via" in step.model_fields_set and step.via is not Via.AGENT:
        yield RecipeError(
            f"a Windows guest is not reached by {step.via}",
            at=recipe.at(*place, "via"),
            fix="leave out via: its steps are done by the guest agent",
        )
    action = step.action
    if isinstance(action, Write | Upload):
        for name in ("mode", "owner"):
            if name in action.model_fields_set:
                yield _no_meaning(recipe, *place, step.kind, name, why="Windows has other permissions")
        path = action.path if isinstance(action, Write) else action.dest
        if path.startswith("/"):
            key = "path" if isinstance(action, Write) else "dest"
            yield RecipeError(
                f"{path} is no path of Windows",
                at=recipe.at(*place, step.kind, key),
                fix="write it as C:\\folder\\name",
            )
    if (
        isinstance(action, Run)
        and action.interpreter
        and action.interpreter.lower() not in (*CMD, *POWERSHELL)
    ):
        yield RecipeError(
            f"{action.interpreter} runs no script in Windows here",
            at=recipe.at(*place, "run", "interpreter"),
            fix="say powershell or cmd; call other programs from the script",
        )


def _no_meaning(recipe: Recipe, *path: str | int, why: str = "") -> RecipeError:
    name = ".".join(str(one) for one in path if isinstance(one, str))
    return RecipeError(
        f"{name} has no meaning for Windows{': ' + why if why else ''}",
        at=recipe.at(*path),
        fix="leave it out",
    )
