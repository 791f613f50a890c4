"""Where recipes, kickstarts and templates are found: the project's own first, then the shipped ones."""

from collections.abc import Sequence
from pathlib import Path

from goldsmith.errors import RecipeError
from goldsmith.recipe.chain import SUFFIX, suggest

_PACKAGE = Path(__file__).resolve().parents[1]


def data_folders(kind: str, project: Path | None) -> list[Path]:
    """Return the folders of ``recipes``, ``kickstarts`` or ``templates`` that exist, in the order they win.

    Shipped files lie in the package when Goldsmith is installed, and at the top of its own source otherwise.
    """
    shipped = _PACKAGE / "data" / kind
    if not shipped.is_dir():
        shipped = _PACKAGE.parents[1] / kind
    own = [project / kind] if project else []
    found: dict[Path, Path] = {}
    for folder in (*own, shipped):
        if folder.is_dir():
            found.setdefault(folder.resolve(), folder)
    return list(found.values())


def find_recipe(name: str, folders: Sequence[Path]) -> Path:
    """Return the file of a recipe, given by its name or path. Raises RecipeError with the nearest name."""
    if name.endswith((SUFFIX, ".yml")) or "/" in name:
        path = Path(name)
        if path.is_file():
            return path
        raise RecipeError(f"there is no file {name}", fix="give the name of a recipe or the path of its file")
    for folder in folders:
        path = folder / (name + SUFFIX)
        if path.is_file():
            return _shown(path)
    known = [path.stem for path in list_recipes(folders)]
    raise RecipeError(
        f"there is no recipe {name!r}", fix=f"{suggest(name, known)} (goldsmith recipes lists them)"
    )


def places_of(named: str | Path, recipe: Path) -> tuple[Path, Path]:
    """Return where a file may be that a recipe names: beside it, or beside its folder; absolute paths stay."""
    beside = recipe.absolute().parent
    return beside / named, beside.parent / named


def there(path: Path) -> bool:
    """Say whether there is such a file or folder; none has a name that is too long, or lies in a closed folder."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def list_recipes(folders: Sequence[Path]) -> list[Path]:
    """Return the recipes of all folders by name; of two with one name the first folder's wins."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in folder.glob("*" + SUFFIX):
            found.setdefault(path.stem, _shown(path))
    return [found[name] for name in sorted(found)]


def _shown(path: Path) -> Path:
    """Return a path as messages should show it: from the current folder where it lies below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
