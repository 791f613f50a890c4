"""Which files of this host a recipe may copy into a guest: its project's, and those that the user allows."""

import os
from collections.abc import Iterator
from pathlib import Path

ALLOWED = "GOLDSMITH_ALLOW_FILES"  # folders, separated as in PATH; a recipe cannot say this itself
_RECIPES = "recipes"


def stray_of(path: Path, recipes: Path) -> Path | None:
    """Return the first file that ``path`` leads to and that may not be copied into a guest; None where all may.

    ``recipes`` is the folder of the recipe. Its project is the folder above where it is called recipes, else
    itself. Links count as what they lead to, also those below a folder, since it is their content that is copied.
    """
    project = recipes.parent if recipes.name == _RECIPES else recipes
    allowed = [project.resolve(), *(Path(one).resolve() for one in _folders())]
    for one in _all(path):
        real = one.resolve()
        if not any(real.is_relative_to(folder) for folder in allowed):
            return real
    return None


def _folders() -> list[str]:
    return [one for one in os.environ.get(ALLOWED, "").split(os.pathsep) if one]


def _all(path: Path) -> Iterator[Path]:
    yield path
    if path.is_dir():
        yield from (one for one in path.rglob("*") if one.is_symlink())
