"""What an answer file was made from: the values of the recipe and the templates, for the reasons of later plans."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from pydantic import BaseModel

from goldsmith.guests.writing import Rendered
from goldsmith.host import files
from goldsmith.plan.stage import Inputs, Json
from goldsmith.recipe.model import Recipe
from goldsmith.recipe.secrets import Secret

_TEMPLATES = ("kickstarts", "templates")  # folders that hold them


def made_from(recipe: Recipe, written: Iterable[Rendered], *, digest: Callable[[Secret], str]) -> Inputs:
    """Return the values that answer files are made from, by their place in the recipe, and the templates by digest.

    Of secrets only those are read that stand in the files.
    """
    answers = list(written)
    used = {hole.secret.reference for one in answers for hole in one.holes}

    def plain(value: object) -> Json:
        if isinstance(value, Secret):
            return f"secret {digest(value)}" if value.reference in used else f"secret {value.reference}"
        if isinstance(value, BaseModel):
            return {name: plain(getattr(value, name)) for name in type(value).model_fields}
        if isinstance(value, Mapping):
            return {str(name): plain(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [plain(one) for one in value]
        return value if isinstance(value, bool | int | float) or value is None else str(value)

    sections = {"install": recipe.install, "windows": recipe.windows, "disk": recipe.disk}
    values: dict[str, Json] = {
        f"{section}.{name}": plain(getattr(said, name))
        for section, said in sections.items()
        if said is not None
        for name in type(said).model_fields
    }
    medium = {f"media.{recipe.media.kind}": recipe.media.location} if recipe.media.kind == "tree" else {}
    return {**values, **medium, **_templates(answers)}


def _templates(answers: Iterable[Rendered]) -> dict[str, Json]:
    paths = {Path(mark.path) for one in answers for mark in one.source_map}
    return {_named(path): files.sha256_of(path) for path in sorted(paths) if path.is_file()}


def _named(path: Path) -> str:
    """Name a template as a recipe does, with the kind of its folder, wherever the project lies."""
    parts = path.parts
    at = max((number for number, part in enumerate(parts) if part in _TEMPLATES), default=len(parts) - 1)
    return "/".join(parts[at:])
