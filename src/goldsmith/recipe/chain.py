"""``extends:``: a recipe and its parents become one tree, and each value keeps its place."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from goldsmith.errors import RecipeError
from goldsmith.recipe.marks import Node, read_nodes

SUFFIX = ".yaml"


@dataclass(frozen=True)
class Link:
    """One file of a chain."""

    path: Path
    node: Node


_LONGEST = 240  # bytes in a file name that file systems take, with the suffix


def read_chain(path: Path, search: Sequence[Path], problems: list[RecipeError]) -> tuple[Link, ...]:
    """Read a recipe and all that it extends, the recipe first.

    A parent is looked for beside the recipe, then in ``search``; a recipe may extend one of its own name that
    stands later in that order. What does not stop the reading goes into ``problems``. Raises RecipeError,
    also for a circle.
    """
    chain: list[Link] = []
    while True:
        node = read_nodes(path, problems)
        if not isinstance(node.value, dict):
            raise RecipeError(
                "a recipe is a mapping", at=node.mark, fix="write key: value lines, name: first"
            )
        chain.append(Link(path, node))
        parent = node.child("extends")
        if parent is None or parent.value is None:
            return tuple(chain)
        path = _find(parent, path, search)
        if path.resolve() in [link.path.resolve() for link in chain]:
            names = " -> ".join(link.path.stem for link in chain)
            problem = f"recipes extend each other in a circle: {names} -> {path.stem}"
            raise RecipeError(problem, at=parent.mark, fix="remove one extends:")


def _find(parent: Node, path: Path, search: Sequence[Path]) -> Path:
    name = parent.value
    if isinstance(name, str) and not name.isprintable():
        raise RecipeError(
            "extends holds a control character, and no recipe has one in its name",
            at=parent.mark,
            fix="write the name without quotes, such as extends: rhel7",
        )
    if not isinstance(name, str) or not name or "{{" in name or len(name.encode()) > _LONGEST:
        raise RecipeError("extends wants the name of a recipe", at=parent.mark, fix="write extends: rhel7")
    file = name if name.endswith(SUFFIX) else name + SUFFIX
    folders = [path.parent, *search]
    for folder in folders:
        found = folder / file
        if found.is_file() and found.resolve() != path.resolve():
            return found
    if (path.parent / file).resolve() == path.resolve():
        raise RecipeError("a recipe cannot extend itself", at=parent.mark, fix="remove extends:")
    known = sorted({one.stem for folder in folders for one in folder.glob("*" + SUFFIX)} - {path.stem})
    raise RecipeError(f"there is no recipe {name!r} to extend", at=parent.mark, fix=suggest(name, known))


def suggest(name: str, known: Sequence[str]) -> str:
    """Return the nearest of the known names as advice, or all of them."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return f"did you mean {near[0]}?"
    return f"known: {', '.join(known)}" if known else "nothing of this kind is known here"


def merge(child: Node, parent: Node) -> Node:
    """Lay ``child`` over ``parent``: mappings key by key, lists as a whole but for ``{append: [...]}``."""
    more = appended(child)
    if more is not None:
        before = parent.value if isinstance(parent.value, list) else []
        return replace(more, value=[*before, *more.value])
    if isinstance(child.value, dict) and isinstance(parent.value, dict):
        joined: dict[str, Any] = dict(parent.value)
        for name, one in child.value.items():
            if name not in joined or (name == "media" and _other_medium(one)):
                joined[name] = settle(one)
            else:
                joined[name] = merge(one, joined[name])
        return replace(child, value=joined, mark=child.mark or parent.mark)
    return settle(child)


def _other_medium(media: Node) -> bool:
    """Return whether a child names a medium, which then takes the place of its parent's."""
    return isinstance(media.value, dict) and bool({"iso", "tree", "image"} & media.value.keys())


def appended(node: Node) -> Node | None:
    """Return the list of ``{append: [...]}``, None for anything else."""
    if isinstance(node.value, dict) and node.value.keys() == {"append"}:
        more: Node = node.value["append"]
        return more if isinstance(more.value, list) else None
    return None


def settle(node: Node) -> Node:
    """Turn what is appended to nothing into plain lists."""
    more = appended(node)
    if more is not None:
        return more
    if isinstance(node.value, dict):
        return replace(node, value={name: settle(one) for name, one in node.value.items()})
    return node
