"""Variables in the texts of a recipe: what ``{{ iso }}`` becomes.

The template engine has its owner above this package, so it is passed in as an Expand.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from goldsmith.errors import Mark, RecipeError
from goldsmith.recipe.marks import Node, Step, unfit_sign
from goldsmith.recipe.model import VERSION


@dataclass(frozen=True)
class Expanded:
    """What a text became, and the names it asked for.

    A text that is nothing but one expression keeps the type of its value: ``"{{ n | int }}"`` is a number.
    """

    value: object
    names: frozenset[str]


class Undefined(RecipeError):
    """A text uses a variable that nobody gave."""

    def __init__(self, name: str, *, where: str = "", fix: str = "", at: Mark | None = None) -> None:
        self.name = name
        super().__init__(f"{where}{name} is not given", fix=fix or f"pass --set {name}=VALUE", at=at)


class Expand(Protocol):
    """Fills in one text. Raises Undefined, or RecipeError for a text that is no template."""

    def __call__(self, text: str, values: Mapping[str, object], /) -> Expanded: ...


class Filler:
    """Fills in a whole tree, remembers the names that were asked for, and collects what went wrong."""

    def __init__(self, values: Mapping[str, str], expand: Expand, media_help: str) -> None:
        self.names: set[str] = set()
        self.problems: list[RecipeError] = []
        self._values = values
        self._expand = expand
        self._media_help = media_help

    def fill(self, node: Node, path: tuple[Step, ...] = ()) -> Node:
        if isinstance(node.value, dict):
            return replace(node, value={key: self.fill(one, (*path, key)) for key, one in node.value.items()})
        if isinstance(node.value, list):
            return replace(node, value=[self.fill(one, (*path, at)) for at, one in enumerate(node.value)])
        if isinstance(node.value, str) and ("{{" in node.value or "{%" in node.value or "{#" in node.value):
            return self._text(node, path)
        return node

    def _text(self, node: Node, path: tuple[Step, ...]) -> Node:
        values: dict[str, object] = dict(self._values)
        if path[:1] == ("catalog",):
            values.setdefault("version", VERSION)
        try:
            done = self._expand(node.value, values)
        except Undefined as error:
            self.names.add(error.name)
            what = "there is no installation medium: " if path[:1] == ("media",) else ""
            fix = self._cure(error, path)
            self.problems.append(Undefined(error.name, where=what, fix=fix, at=node.mark))
            return node
        except RecipeError as error:
            self.problems.append(RecipeError(error.problem, at=node.mark, fix=error.fix))
            return node
        self.names |= done.names
        return self._node(node, done.value)

    def _node(self, node: Node, value: Any) -> Node:
        if isinstance(value, list | tuple):
            return replace(node, value=[self._node(node, one) for one in value])
        if isinstance(value, str) and (sign := unfit_sign(value)):
            problem = f"the text gives a character that no text can hold (code {ord(sign)})"
            self.problems.append(RecipeError(problem, at=node.mark, fix="remove it, or give another value"))
            return node
        if value is None or isinstance(value, str | int | float | bool):
            return replace(node, value=value, raw=str(value))
        problem = f"the text gives a {type(value).__name__}"
        self.problems.append(RecipeError(problem, at=node.mark, fix="let it give text, a number or a list"))
        return node

    def _cure(self, error: Undefined, path: tuple[Step, ...]) -> str:
        if error.name == "version" and "version" not in self._values:
            return "{{ version }} is known in catalog: only; elsewhere pass --set version=VALUE"
        if path[:1] != ("media",):
            return error.fix
        option = "--iso PATH" if error.name == "iso" else f"--set {error.name}=PATH"
        return f"pass {option}; {self._media_help}".removesuffix("; ")
