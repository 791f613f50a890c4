"""From a file to a Recipe: parents, defaults, variables, the model; all problems in one go."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from goldsmith.errors import Mark, RecipeError, RecipeErrors
from goldsmith.recipe.chain import Link, merge, read_chain, settle, suggest
from goldsmith.recipe.confine import ALLOWED, RECIPES, project_of, stray_of
from goldsmith.recipe.contents import unreadable
from goldsmith.recipe.marks import Node, Step, unmarked
from goldsmith.recipe.model import Recipe
from goldsmith.recipe.places import places_of, there
from goldsmith.recipe.problems import problems_of
from goldsmith.recipe.properties import refusal
from goldsmith.recipe.scripts import script_text
from goldsmith.recipe.steps import is_script_path
from goldsmith.recipe.variables import Expand, Filler

# Keys of a family's defaults that are no part of a recipe.
MEDIA_HELP = "_media_help"  # where its media are obtained
UTF_16 = "_utf_16"  # whether its scripts may be in UTF-16


def load_recipe(
    path: Path,
    *,
    families: Mapping[str, Mapping[str, Any]],
    values: Mapping[str, str],
    search: Sequence[Path],
    expand: Expand,
) -> Recipe:
    """Read one recipe with everything it extends and its family's defaults.

    ``values`` come from --set and --iso; ``search`` are the folders of other recipes. Raises RecipeError for
    one problem and RecipeErrors for several; nothing but these, whatever the file holds.
    """
    problems: list[RecipeError] = []
    chain = read_chain(path, search, problems)
    family = _family(chain, families, problems)
    defaults = {name: one for name, one in (family or {}).items() if not name.startswith("_")}
    tree = replace(unmarked(defaults), mark=chain[0].node.mark)
    for link in reversed(chain):
        tree = merge(link.node, tree)
    tree = _own(settle(tree), chain[0].node)
    filler = Filler(values, expand, str((family or {}).get(MEDIA_HELP, "")))
    tree = filler.fill(tree)
    problems += filler.problems
    problems += _unused(values, filler.names, chain[0].node.mark)
    tree, missing = _with_files(tree, utf_16=bool((family or {}).get(UTF_16)))
    problems += missing
    try:
        recipe = Recipe.model_validate(tree.bare())
    except ValidationError as error:
        wrong = problems_of(error, tree, model=Recipe, without_family=family is None)
        pending = {one.at for one in problems}  # a text that could not be filled in is told once
        problems += [one for one in wrong if one.at not in pending or one.at is None]
        raise _all(problems) from None
    problems += _wrong_properties(tree)
    if problems:
        raise _all(problems)
    recipe._node, recipe._sources = tree, tuple(link.path for link in chain)
    return recipe


def _all(problems: Sequence[RecipeError]) -> RecipeError:
    return problems[0] if len(problems) == 1 else RecipeErrors(problems)


def _family(
    chain: Sequence[Link], families: Mapping[str, Mapping[str, Any]], problems: list[RecipeError]
) -> Mapping[str, Any] | None:
    named = next((one for link in chain if (one := link.node.child("family"))), None)
    if named is None:
        start = chain[0].node.mark
        known = ", ".join(families)
        problems.append(RecipeError("family is missing", at=start, fix=f"add family:, one of {known}"))
        return None
    if not isinstance(named.value, str) or named.value not in families:
        problem = f"there is no guest family {named.raw or 'of this kind'}"
        problems.append(RecipeError(problem, at=named.mark, fix=suggest(named.raw, list(families))))
        return None
    return families[named.value]


def _own(tree: Node, own: Node) -> Node:
    """Take from the parents what belongs to the file alone: its name, and its place for what is missing."""
    value = dict(tree.value)
    for key in ("name", "extends"):
        value.pop(key, None)
        if found := own.child(key):
            value = {key: found, **value}
    return replace(tree, value=value, mark=own.mark)


def _unused(values: Mapping[str, str], names: set[str], mark: Mark | None) -> Iterator[RecipeError]:
    for name in sorted(values.keys() - names):
        near = difflib.get_close_matches(name, sorted(names), n=1)
        known = ", ".join(sorted(names - {"version"})) or "none"
        fix = f"did you mean {near[0]}?" if near else f"leave it out; variables of this recipe: {known}"
        yield RecipeError(f"nothing in this recipe uses the value {name!r} that was given", at=mark, fix=fix)


def _wrong_properties(tree: Node) -> Iterator[RecipeError]:
    """Yield the image properties whose values nobody takes who reads them."""
    section = tree.child("catalog")
    named = section.child("properties") if section else None
    for name in named.value if named and isinstance(named.value, dict) else ():
        one = named.child(name) if named else None
        if one and isinstance(one.value, str) and (found := refusal(name, one.value)):
            yield RecipeError(found[0], at=one.mark, fix=found[1])


def _with_files(tree: Node, *, utf_16: bool) -> tuple[Node, list[RecipeError]]:
    """Make the paths of files on this host absolute; each is looked for beside the recipe that names it."""
    problems: list[RecipeError] = []
    steps = tree.child("customize")
    if steps is None or not isinstance(steps.value, list):
        return tree, problems
    done = [_step_with_files(step, problems, utf_16=utf_16) for step in steps.value]
    return replace(tree, value={**tree.value, "customize": replace(steps, value=done)}), problems


def _step_with_files(step: Node, problems: list[RecipeError], *, utf_16: bool) -> Node:
    for path in (("run",), ("run", "file"), ("upload", "source"), ("write", "file")):
        node: Node | None = step
        for name in path:
            node = node.child(name) if node else None
        if node is None or not isinstance(node.value, str) or not node.value:
            continue
        if path == ("run",) and not is_script_path(node.value):
            continue
        file = _file(node, problems, kind=path[0], utf_16=utf_16)
        step = _put(step, path, replace(node, value=file))
    return step


def _file(node: Node, problems: list[RecipeError], *, kind: str, utf_16: bool) -> str:
    if node.mark is None:
        return str(node.value)
    beside = Path(node.mark.path).absolute().parent
    found = next((one for one in places_of(node.value, Path(node.mark.path)) if there(one)), None)
    if found and found.name == "..":
        found = found.resolve()  # what is copied needs a name
    if found is None:
        problem = f"there is no file {node.value!r}"
        problems.append(RecipeError(problem, at=node.mark, fix=f"create {beside.name}/{node.value}"))
        return str(node.value)
    problems += _unfit(node, found, beside, kind=kind, utf_16=utf_16)
    return str(found)


def _unfit(node: Node, found: Path, beside: Path, *, kind: str, utf_16: bool) -> Iterator[RecipeError]:
    """Yield why a file that is there cannot go into a guest: it is not the project's, or cannot be read."""
    try:
        stray = stray_of(found, beside)
    except OSError as error:
        yield unreadable(error, found, at=node.mark)
        return
    if stray:
        project = project_of(beside)
        put = "copy it into the project" if project else "put recipe and file into a folder of their own"
        if project == beside and beside.name in RECIPES:
            put = f"copy it into {beside}, for the folder above is no project"
        fix = f"{put}, or allow its folder: {ALLOWED}={stray.parent}"
        yield RecipeError(f"{node.value!r} is outside the project: {stray}", at=node.mark, fix=fix)
    elif found.is_dir() and kind != "upload":
        yield RecipeError(f"{node.value!r} is a folder", at=node.mark, fix="name a file in it")
    elif kind == "run":
        try:
            script_text(found, utf_16=utf_16, at=node.mark)
        except RecipeError as error:
            yield error


def _put(root: Node, path: Sequence[Step], new: Node) -> Node:
    if not path:
        return new
    below = root.child(path[0])
    assert below is not None
    return replace(root, value={**root.value, path[0]: _put(below, path[1:], new)})
