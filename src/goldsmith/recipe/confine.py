"""Which files of this host a project may use: its own, and those that the user allows."""

import os
from collections.abc import Collection
from pathlib import Path

from goldsmith.recipe.contents import contents

ALLOWED = "GOLDSMITH_ALLOW_FILES"  # folders, separated as in PATH; a recipe cannot say this itself
RECIPES = ("recipes",)


def project_of(folder: Path, *, kinds: Collection[str] = RECIPES) -> Path | None:
    """Return the project that a folder of recipes or templates is in, whose files it may use.

    That is the folder above where it is called as its ``kinds`` are, else itself. A home folder and the root of the
    file system are no project: what is in them is not there for guests.
    """
    no_projects = [Path("~").expanduser().resolve(), Path("/")]
    above = [folder.parent] if folder.name in kinds else []
    return next((one for one in (*above, folder) if one.resolve() not in no_projects), None)


def stray_of(path: Path, folder: Path, *, kinds: Collection[str] = RECIPES) -> Path | None:
    """Return the first file that ``path`` leads to and that the project may not use; None where it may use all.

    ``folder`` is that of the recipe or template. Links count as what they lead to, also those below a folder, since it
    is their content that is copied. Raises OSError for what cannot be read.
    """
    project = project_of(folder, kinds=kinds)
    allowed = [one.resolve() for one in (*([project] if project else []), *_allowed())]
    for one in contents(path):
        real = one.resolve()
        if not any(real.is_relative_to(above) for above in allowed):
            return real
    return None


def _allowed() -> list[Path]:
    return [Path(one) for one in os.environ.get(ALLOWED, "").split(os.pathsep) if one]
