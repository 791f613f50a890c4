"""The only reader of YAML: values with the place of each, and all that YAML hides brought to light.

Plain scalars follow the core schema of YAML 1.2: ``no``, ``52:54:00:11:22:33`` and dates are text.
"""

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from goldsmith.errors import Mark, RecipeError
from goldsmith.recipe.secrets import Secret, holds_control, is_reference

LARGEST = 2**20  # bytes of one file
MOST_NODES = 20_000  # values of one document, aliases counted each time
DEEPEST = 40

Step = str | int
Scalar = str | int | float | bool | None | Secret
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}


@dataclass(frozen=True)
class Node:
    """A value of a document: a scalar, a dict of nodes or a list of nodes.

    ``mark`` is None for what stands in no file (a family's defaults). ``raw`` is how a scalar is written.
    """

    value: Any
    mark: Mark | None = None
    key: Mark | None = None
    raw: str = ""
    plain: bool = False  # written without quotes

    def bare(self) -> Any:
        """Return the value without places."""
        if isinstance(self.value, dict):
            return {name: node.bare() for name, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.bare() for node in self.value]
        return self.value

    def child(self, step: Step) -> "Node | None":
        if isinstance(self.value, dict):
            return self.value.get(step)
        if isinstance(self.value, list) and isinstance(step, int) and 0 <= step < len(self.value):
            found: Node = self.value[step]
            return found
        return None


def unmarked(value: Any) -> Node:
    """Return values of the program, such as a family's defaults, as a node without places."""
    if hasattr(value, "items"):
        return Node({str(name): unmarked(one) for name, one in value.items()})
    if isinstance(value, list | tuple):
        return Node([unmarked(one) for one in value])
    return Node(value, raw=str(value))


def locate(root: Node, path: Sequence[Step], *, key: bool = False) -> Mark | None:
    """Return the place of a value (or of its key), or of what is nearest around it."""
    node, mark = root, root.mark
    for number, step in enumerate(path):
        found = node.child(step)
        if found is None:
            break
        last = number == len(path) - 1
        mark = (found.key if key and last else None) or found.mark or mark
        node = found
    return mark


def unfit_sign(text: str) -> str:
    """Return the first character that no file name, command line or UTF-8 file can hold; "" where there is none."""
    return next((one for one in text if one == "\0" or "\ud800" <= one <= "\udfff"), "")


def read_nodes(path: Path, problems: list[RecipeError]) -> Node:
    """Read one YAML file; what does not stop the reading goes into ``problems``. Raises RecipeError."""
    return _Reader(path, problems).read()


def read_text(text: str, name: str, problems: list[RecipeError]) -> Node:
    """Read YAML that stands in no file here, such as a guest's, with the same limits; ``name`` is for errors."""
    return _Reader(Path(name), problems).parse(text)


class _Reader:
    def __init__(self, path: Path, problems: list[RecipeError]) -> None:
        self._path = str(path)
        self._file = path
        self._problems = problems
        self._count = 0

    def read(self) -> Node:
        return self.parse(self._text())

    def parse(self, text: str) -> Node:
        root = self._compose(text)
        if root is None:
            raise self._error(
                "the file is empty", Mark(self._path, 1, 1), "see docs/recipes.md for what a recipe says"
            )
        return self._node(root, None, ())

    def _text(self) -> str:
        start = Mark(self._path, 1, 1)
        try:
            with self._file.open("rb") as stream:
                data = stream.read(LARGEST + 1)
        except OSError as error:
            raise self._error(f"cannot be read: {error.strerror}", start, "is the path right?") from None
        if len(data) > LARGEST:
            raise self._error(
                "the file is larger than 1 MiB", start, "a recipe is short: is this the right file?"
            )
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            column = error.start - data.rfind(b"\n", 0, error.start)
            raise self._error(
                "the file is not UTF-8", Mark(self._path, line, column), "save it as UTF-8"
            ) from None

    def _compose(self, text: str) -> yaml.Node | None:
        try:
            loader = yaml.SafeLoader(io.StringIO(text))
            loader.yaml_implicit_resolvers = {}
            node: yaml.Node | None = loader.get_single_node()
        except yaml.MarkedYAMLError as error:
            raise self._explain(error) from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            column = error.position - text.rfind("\n", 0, error.position)
            problem = f"a character that YAML does not allow (code {error.character!r})"
            raise self._error(problem, Mark(self._path, line, column), "remove it") from None
        except RecursionError:
            raise self._error("nested too deeply", Mark(self._path, 1, 1), "use fewer brackets") from None
        return node

    def _explain(self, error: yaml.MarkedYAMLError) -> RecipeError:
        place = error.problem_mark or error.context_mark
        problem = (error.problem or "this is not YAML").replace("\n", " ")
        fix = "mend the YAML"
        if "'\\t'" in problem:
            problem, fix = "a tab stands where YAML wants spaces", "indent with spaces"
        elif "mapping values are not allowed" in problem:
            fix = "quote the text that holds a colon, or mend the indentation"
        elif "single document" in problem or "but found another document" in problem:
            problem, fix = "the file holds more than one document", "remove the second `---`"
        elif "found unhashable key" in problem:
            fix = "quote text that begins with { or ["
        elif "expected <block end>" in problem:
            fix = "mend the indentation: this line does not line up with those above"
        elif "cannot start any token" in problem:
            fix = "quote text that begins with a special character"
        elif "undefined alias" in problem:
            fix = "quote text that begins with *"
        return self._error(problem, self._mark(place) if place else Mark(self._path, 1, 1), fix)

    def _node(self, node: yaml.Node, key: Mark | None, above: tuple[int, ...]) -> Node:
        mark = self._mark(node.start_mark)
        self._count += 1
        if self._count > MOST_NODES:
            raise self._error("the aliases of this file unfold to too many values", mark, "write them out")
        if id(node) in above:
            raise self._error("this alias contains itself", key or mark, "write the value out")
        if len(above) > DEEPEST:
            raise self._error("nested too deeply", mark, "a recipe needs few levels")
        above = (*above, id(node))
        if isinstance(node, yaml.ScalarNode):
            plain = node.style is None
            return Node(self._scalar(node, mark), mark, key, node.value, plain)
        if node.tag not in ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
            self._refuse_tag(node.tag, mark)
        if isinstance(node, yaml.MappingNode):
            return Node(dict(self._items(node, above)), mark, key)
        return Node([self._node(one, None, above) for one in node.value], mark, key)

    def _items(self, node: yaml.MappingNode, above: tuple[int, ...]) -> Iterator[tuple[str, Node]]:
        seen: dict[str, Mark] = {}
        for key, value in node.value:
            here = self._mark(key.start_mark)
            if not isinstance(key, yaml.ScalarNode):
                self._problems.append(
                    self._error("a key must be plain text", here, "quote text that begins with { or [")
                )
            elif key.value == "<<":
                self._problems.append(self._error("merge keys (<<) are not read", here, "use extends:"))
            elif first := seen.get(key.value):
                problem = f"{key.value!r} is given twice, first on line {first.line}"
                self._problems.append(self._error(problem, here, "remove one of the two"))
            else:
                self._refuse_unfit(key.value, here)
                seen[key.value] = here
                yield key.value, self._node(value, here, above)

    def _scalar(self, node: yaml.ScalarNode, mark: Mark) -> Scalar:
        text: str = node.value
        if node.tag == "!secret":
            return self._secret(text, mark)
        if node.tag not in ("tag:yaml.org,2002:str", "!"):
            self._refuse_tag(node.tag, mark)
        self._refuse_unfit(text, mark)
        if node.style is not None:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if re.fullmatch(r"[-+]?0[0-9]+", text):
            problem = f"{text} begins with 0: some read it as octal, some as decimal"
            self._problems.append(self._error(problem, mark, f'quote it: "{text}"'))
            return text
        if _INT.fullmatch(text) and len(text) < 30:
            return int(text, 0) if text.startswith(("0o", "0x")) else int(text)
        return float(text.replace(".inf", "inf").replace(".nan", "nan")) if _FLOAT.fullmatch(text) else text

    def _secret(self, text: str, mark: Mark) -> Secret:
        if holds_control(text):
            problem = "this secret holds a control character"
            self._problems.append(self._error(problem, mark, "write it on one line, without escapes"))
        elif not is_reference(text):
            fix = "write !secret env:NAME, !secret file:PATH or !secret command:PROGRAM ARGUMENTS"
            self._problems.append(self._error("this secret does not say where it is found", mark, fix))
        return Secret(text, mark)

    def _refuse_unfit(self, text: str, mark: Mark) -> None:
        if sign := unfit_sign(text):
            problem = f"a character that no text can hold (code {ord(sign)})"
            raise self._error(problem, mark, "remove it")

    def _refuse_tag(self, tag: str, mark: Mark) -> None:
        shown = tag.replace("tag:yaml.org,2002:", "!!")
        self._problems.append(self._error(f"the tag {shown} is not known here", mark, "only !secret is"))

    def _mark(self, place: Any) -> Mark:
        return Mark(self._path, place.line + 1, place.column + 1)

    def _error(self, problem: str, mark: Mark, fix: str) -> RecipeError:
        return RecipeError(problem, at=mark, fix=fix)
