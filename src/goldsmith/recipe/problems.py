"""What the model refuses, in words a recipe's author can use, each with its place."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError

from goldsmith.errors import RecipeError
from goldsmith.recipe.marks import Node, Step, locate
from goldsmith.recipe.parts import Part
from goldsmith.recipe.secrets import Secret

_WANTED = {
    "string_type": "text",
    "path_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}
_CURES = {
    "int_type": "write a whole number, without quotes",
    "bool_type": "write true or false, without quotes",
    "tuple_type": "write [a, b], or one line with `- ` for each",
    "dict_type": "write key: value lines below it",
    "model_type": "write key: value lines below it",
}
Error = Mapping[str, Any]


def problems_of(
    error: ValidationError, root: Node, *, model: type[Part], without_family: bool = False
) -> list[RecipeError]:
    """Return one RecipeError for each place that the model refuses.

    ``without_family`` leaves out what is missing only because the family that would give it is not known.
    """
    places: dict[tuple[Step, ...], list[Error]] = {}
    for one in error.errors(include_url=False):
        if without_family and one["type"] == "missing" and len(one["loc"]) == 1 and one["loc"] != ("name",):
            continue
        places.setdefault(_path(one, root), []).append(one)
    outer = {path[:size] for path in places for size in range(len(path))}
    return [
        _problem(path, errors, root, model)
        for path, errors in places.items()
        if not (path in outer and errors[0]["type"] == "too_short")  # its items were refused, it is not empty
    ]


def _path(error: Error, root: Node) -> tuple[Step, ...]:
    """Return the part of pydantic's path that stands in the document, without the names of union members."""
    loc, node, path = tuple(error["loc"]), root, list[Step]()
    for number, step in enumerate(loc):
        found = node.child(step)
        if found is not None:
            node = found
            path.append(step)
        elif error["type"] == "missing" and number == len(loc) - 1:
            path.append(step)
    return tuple(path)


def _problem(path: tuple[Step, ...], errors: Sequence[Error], root: Node, model: type[Part]) -> RecipeError:
    first = next((one for one in errors if one["type"] == "recipe"), errors[0])
    name, kind = dotted(path), first["type"]
    node = _node(root, path)
    if kind == "recipe":
        context = first["ctx"]
        return RecipeError(
            f"{name}: {context['problem']}" if name else context["problem"],
            at=locate(root, path),
            fix=context["fix"],
        )
    if kind == "missing":
        where = f" to {dotted(path[:-1])}" if path[:-1] else ""
        return RecipeError(f"{name} is missing", at=locate(root, path), fix=f"add {path[-1]}:{where}")
    if kind == "extra_forbidden":
        at = locate(root, path, key=True)
        return RecipeError(f"{name} is not a key that is known here", at=at, fix=_nearest(path, model))
    if isinstance(node.value, Secret):
        fix = (
            "secrets may stand in install.variables, install.subscription, write.content, run.environment "
            "and signing.passphrase"
        )
        return RecipeError(f"{name} cannot be a secret", at=locate(root, path), fix=fix)
    problem, fix = _wanted(errors, node) or _ruled(first, node, _described(path, model))
    return RecipeError(f"{name} {problem}", at=locate(root, path), fix=fix)


def _wanted(errors: Sequence[Error], node: Node) -> tuple[str, str] | None:
    """Say which kinds of value would do, when this is none of them."""
    phrases = list(dict.fromkeys(_phrases(errors)))
    if not phrases:
        return None
    kinds = [one["type"] for one in errors]
    shown = _shown(node)
    problem = f"wants {' or '.join(phrases)}, and here is {shown}"
    if isinstance(node.value, str):
        choices = [choice for one in errors for choice in _choices(one)]
        near = difflib.get_close_matches(node.value, choices, n=1, cutoff=0.5)
        if near:
            return problem, f"did you mean {near[0]}?"
    elif "text" in phrases and not isinstance(node.value, dict | list | None):
        return problem, f'quote it: "{node.raw}"'
    if len(phrases) == 1 and kinds[0] in _CURES:
        return problem, _CURES[kinds[0]]
    return problem, f"write {' or '.join(phrases)}"


def _shown(node: Node) -> str:
    if isinstance(node.value, dict | list):
        return "a list" if isinstance(node.value, list) else "a mapping"
    text = "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in node.raw[:61])
    text = text if len(text) <= 60 else text[:57] + "..."
    return (text if node.plain else f'"{text}"') if text else "nothing"


def _phrases(errors: Sequence[Error]) -> Iterator[str]:
    for one in errors:
        if one["type"] in ("enum", "literal_error"):
            yield ", ".join(_choices(one))
        elif one["type"] in _WANTED:
            yield _WANTED[one["type"]]


def _choices(error: Error) -> list[str]:
    expected = error.get("ctx", {}).get("expected", "") if error["type"] in ("enum", "literal_error") else ""
    return [part.strip(" '").lower() for part in expected.replace(" or ", ",").split(",") if part.strip()]


def _ruled(error: Error, node: Node, description: str) -> tuple[str, str]:
    """Say which rule a value of the right kind breaks."""
    message = error["msg"].removeprefix("Input should ").removeprefix("String should ")
    if error["type"] == "too_short" and not node.value:
        return "is empty", "give at least one, or leave the key out"
    if error["type"] == "string_pattern_mismatch":
        return f"cannot be {_shown(node)}", f"{description} it must match {error['ctx']['pattern']}".strip()
    return f"cannot be {_shown(node)}", f"it should {message}"


def _described(path: Sequence[Step], model: type[Part]) -> str:
    for step in path[:-1]:
        if isinstance(step, str) and step in model.model_fields:
            model = _model(model.model_fields[step].annotation) or model
    field = model.model_fields.get(str(path[-1])) if path else None
    return (field.description or "") if field else ""


def _node(root: Node, path: Sequence[Step]) -> Node:
    node = root
    for step in path:
        node = node.child(step) or node
    return node


def _nearest(path: Sequence[Step], model: type[Part]) -> str:
    known = list(_fields(path[:-1], model))
    near = difflib.get_close_matches(str(path[-1]), known, n=1, cutoff=0.55)
    return f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"


def _fields(path: Sequence[Step], model: type[Part]) -> Iterator[str]:
    """Yield the keys that may stand in the mapping at ``path`` of a document of ``model``."""
    for step in path:
        if isinstance(step, str) and step in model.model_fields:
            model = _model(model.model_fields[step].annotation) or model
    yield from model.model_fields


def _model(annotation: Any) -> type[Part] | None:
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return annotation
    return next((found for one in get_args(annotation) if (found := _model(one))), None)


def dotted(path: Sequence[Step]) -> str:
    """Write a path as messages do: ``customize[2].write.path``, counted from 1."""
    text = ""
    for step in path:
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}" if text else step
    return text
