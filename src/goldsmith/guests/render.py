"""The only user of Jinja: templates to files, with the template's line for each line of the file.

While a template runs, its text carries marks (which line of which template this is) and, in place of each
value, a number. Afterwards the marks become the source map, and each value is written as its place in the
file demands (quoting.py). So the engine never sees a value as text of the file, and none can add to it.
"""

import re
import secrets as randomness
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from jinja2.loaders import split_template_path
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from goldsmith.errors import Mark, RecipeError
from goldsmith.guests.bounds import PATIENCE, TooLong, bounded
from goldsmith.guests.quoting import Target
from goldsmith.guests.writing import CLOSE, OPEN, Rendered, ShellWord, Writer, guarded
from goldsmith.recipe.chain import suggest
from goldsmith.recipe.confine import ALLOWED, stray_of
from goldsmith.recipe.places import there
from goldsmith.recipe.secrets import Secrets
from goldsmith.recipe.variables import Expanded, Undefined

_FILTERS = (
    "abs", "batch", "capitalize", "d", "default", "dictsort", "e", "escape", "first",
    "float", "int", "items", "join", "last", "length", "list", "lower", "map",
    "max", "min", "reject", "rejectattr", "replace", "round", "select", "selectattr", "sort",
    "string", "sum", "tojson", "trim", "truncate", "unique", "upper",
)  # fmt: skip
_FOLDERS = ("kickstarts", "templates")
_AUTHORS_ERRORS = (
    *(jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError),
    *(MemoryError, TooLong),
)


def render(
    template_name: str,
    values: Mapping[str, object],
    *,
    folders: Sequence[Path],
    target: Target | str,
    secrets: Secrets,
    patience: float = PATIENCE,
) -> Rendered:
    """Render a template from the first of ``folders`` that has it. Raises RecipeError with its line."""
    run = _Run(folders, Target(target))
    try:
        with bounded(patience):
            raw = run.environment.get_template(template_name).render(guarded(dict(values)))
    except _AUTHORS_ERRORS as error:
        raise _explained(error, template_name, folders) from None
    except RecursionError:
        raise RecipeError(f"{template_name} includes itself", fix="remove the circle of includes") from None
    return run.finished(raw, secrets)


def expand(text: str, values: Mapping[str, object], *, patience: float = PATIENCE) -> Expanded:
    """Fill in one text of a recipe. Raises Undefined and RecipeError; the place is known to the caller."""
    environment = _environment([])
    try:
        with bounded(patience):
            tree = environment.parse(text)
            names = frozenset(meta.find_undeclared_variables(tree))
            value = _value(environment, tree, text, values)
    except jinja2.UndefinedError as error:
        raise _undefined(error) from None
    except (*_AUTHORS_ERRORS, RecursionError) as error:
        fix = "see docs/recipes.md, Variables; {% raw %} keeps text with {{ as it is"
        raise RecipeError(f"this text is no template: {_said(error)}", fix=fix) from None
    return Expanded(value, names)


def _value(
    environment: jinja2.Environment, tree: nodes.Template, text: str, values: Mapping[str, object]
) -> object:
    output = tree.body[0] if len(tree.body) == 1 else None
    if not (isinstance(output, nodes.Output) and len(output.nodes) == 1) or isinstance(
        output.nodes[0], nodes.TemplateData
    ):
        return environment.from_string(text).render(values)
    result = nodes.Name("result", "store", lineno=1)
    body: list[nodes.Node] = [nodes.Assign(result, output.nodes[0], lineno=1)]
    module = environment.from_string(nodes.Template(body, lineno=1)).make_module(dict(values))
    value = module.result  # type: ignore[attr-defined]
    if isinstance(value, jinja2.Undefined):
        str(value)  # StrictUndefined raises, and says which name it is
    return value


def _undefined(error: jinja2.UndefinedError) -> RecipeError:
    match = re.fullmatch(r"'(\w+)' is undefined", error.message or "")
    if other := re.fullmatch(r"'dict object' has no attribute '(.*)'", error.message or ""):
        return RecipeError(f"{other[1]!r} is none of the choices here", fix="the text lists what it knows")
    return Undefined(match[1]) if match else RecipeError(error.message or "a value is undefined")


class _Stray(jinja2.TemplateError):
    """A template is a link to a file that is none of the project's."""

    def __init__(self, name: str, link: Path, stray: Path) -> None:
        super().__init__(f"the template {name} is outside the project: {stray}")
        self.link = link
        self.fix = f"copy it into the project, or allow its folder: {ALLOWED}={stray.parent}"


class _Loader(jinja2.FileSystemLoader):
    """Without what links lead to outside the project, since who reads the result need not be its owner."""

    def get_source(self, environment: jinja2.Environment, template: str) -> Any:
        parts = split_template_path(template)
        for folder in self.searchpath:
            path = Path(folder, *parts)
            if there(path) and path.is_file():
                if stray := stray_of(path, Path(folder).absolute(), kinds=_FOLDERS):
                    raise _Stray(template, path, stray)
                break
        return super().get_source(environment, template)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Without the operators that make endless numbers and texts out of short ones."""

    intercepted_binops = frozenset({"**", "*", "%"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or not all(isinstance(one, int | float) for one in (left, right)):
            raise SecurityError(f"{operator} is for numbers only, and ** is not used here")
        return super().call_binop(context, operator, left, right)


def _environment(folders: Sequence[Path], **options: Any) -> ImmutableSandboxedEnvironment:
    environment = _Sandbox(
        loader=_Loader([str(folder) for folder in folders]),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        **options,
    )
    environment.filters = {name: environment.filters[name] for name in _FILTERS}
    environment.globals = {name: environment.globals[name] for name in ("range", "namespace")}
    return environment


class _Run:
    """One rendering: collects the values, and the lines of the templates."""

    def __init__(self, folders: Sequence[Path], target: Target) -> None:
        self._target = target
        self._nonce = randomness.token_hex(8)  # so that no value can forge a mark
        self._values: list[object] = []
        self._marks: list[Mark] = []
        self.environment = _environment(folders, autoescape=target == Target.XML, finalize=self._finalize)
        self.environment.filters["sh"] = ShellWord
        self.environment.extend(line_mark=self.line_mark)
        self.environment.add_extension(_LineMarks)

    def line_mark(self, path: str | None, line: int) -> str:
        self._marks.append(Mark(_shown(path), line))
        return f"{OPEN}L{self._nonce}:{len(self._marks) - 1}{CLOSE}"

    def _finalize(self, value: object) -> str:
        if isinstance(value, jinja2.Undefined):
            str(value)  # raises
        self._values.append(value)
        return Markup(f"{OPEN}V{self._nonce}:{len(self._values) - 1}{CLOSE}")

    def finished(self, raw: str, secrets: Secrets) -> Rendered:
        writer = Writer(self._target, secrets)
        for kind, text in self._pieces(raw):
            if kind == "L":
                writer.mark = self._marks[int(text)]
            elif kind == "V":
                writer.value(self._values[int(text)])
            else:
                writer.data(text)
        return writer.rendered()

    def _pieces(self, raw: str) -> Iterator[tuple[str, str]]:
        parts = re.split(f"{OPEN}([LV]){self._nonce}:([0-9]+){CLOSE}", raw)
        yield "", parts[0]
        for kind, number, data in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
            yield kind, number
            yield "", data


class _LineMarks(Extension):
    """Puts a mark at the start of each line of a template and before each value.

    What would catch marked text in a variable (set blocks, macros, filter blocks) is refused.
    """

    def filter_stream(self, stream: TokenStream) -> Iterable[Token]:
        block: list[Token] = []
        for token in stream:
            if token.type == "data":
                yield Token(token.lineno, "data", self._marked(token, stream.filename))
                continue
            if token.type == "variable_begin":
                yield Token(token.lineno, "data", self._mark(stream.filename, token.lineno))
            block = [token] if token.type == "block_begin" else [*block, token]
            if token.type == "block_end":
                _refuse_catching(block, stream)
            yield token

    def _marked(self, token: Token, filename: str | None) -> str:
        lines = str(token.value).split("\n")
        return "\n".join(
            self._mark(filename, token.lineno + number) + line for number, line in enumerate(lines)
        )

    def _mark(self, filename: str | None, line: int) -> str:
        mark: str = self.environment.line_mark(filename, line)  # type: ignore[attr-defined]
        return mark


def _refuse_catching(block: Sequence[Token], stream: TokenStream) -> None:
    name = block[1].value if len(block) > 1 else ""
    catches = name in ("macro", "call", "filter", "import", "from", "autoescape")
    if catches or (name == "set" and all(token.type != "assign" for token in block)):
        problem = f"{{% {name} %}} is not used here; put shared parts into a file and include it"
        raise jinja2.TemplateSyntaxError(problem, block[0].lineno, stream.name, stream.filename)


def _explained(error: BaseException, name: str, folders: Sequence[Path]) -> RecipeError:
    at = _where(error, folders)
    if isinstance(error, _Stray):
        return RecipeError(str(error), at=at or Mark(_shown(str(error.link)), 1), fix=error.fix)
    if isinstance(error, UnicodeDecodeError):
        return _undecodable(error, name, folders)
    if isinstance(error, jinja2.TemplateNotFound):
        known = sorted({str(one.relative_to(folder)) for folder in folders for one in folder.rglob("*.j2")})
        return RecipeError(
            f"there is no template {str(error.name)[:200]}", at=at, fix=suggest(str(error.name), known)
        )
    if isinstance(error, jinja2.TemplateSyntaxError):
        return RecipeError(
            f"{error.message}", at=Mark(_shown(error.filename or name), error.lineno), fix="mend the template"
        )
    if isinstance(error, jinja2.UndefinedError):
        fix = "give it in install.variables and write variables.NAME; docs/recipes.md lists all values"
        return RecipeError(f"{error.message}", at=at, fix=fix)
    return RecipeError(f"the template fails: {_said(error)}", at=at, fix="mend the template")


def _said(error: BaseException) -> str:
    return "it fills the memory" if isinstance(error, MemoryError) else str(error)[:200]


def _undecodable(error: UnicodeDecodeError, name: str, folders: Sequence[Path]) -> RecipeError:
    """Jinja does not say which of the included files it was: the one that holds these bytes."""
    files = [folder / name for folder in folders]
    files += [one for folder in folders for one in folder.rglob("*") if one.is_file()]
    path = next((one for one in files if one.is_file() and one.read_bytes() == error.object), Path(name))
    line = error.object.count(b"\n", 0, error.start) + 1
    byte = error.object[error.start]
    return RecipeError(
        f"byte 0x{byte:02x} is no UTF-8 text", at=Mark(_shown(str(path)), line), fix="save the file as UTF-8"
    )


def _where(error: BaseException, folders: Sequence[Path]) -> Mark | None:
    """Return the innermost line of a template in a traceback; Jinja gives templates their own lines there."""
    roots = [folder.absolute() for folder in folders]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if any(Path(frame.filename).absolute().is_relative_to(root) for root in roots):
            return Mark(_shown(frame.filename), frame.lineno or 1)
    return None


def _shown(path: str | None) -> str:
    here = Path.cwd()
    full = Path(path or "template")
    return str(full.relative_to(here) if full.is_relative_to(here) else full)
