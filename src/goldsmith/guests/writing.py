"""The file that comes out of a template, piece by piece, with its source map and holes for secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from goldsmith.errors import Mark, RecipeError
from goldsmith.guests.quoting import Place, Refused, Target, Write, bare_word, place_for
from goldsmith.guests.shape import check_same_shape
from goldsmith.recipe.secrets import Secret, Secrets

OPEN, CLOSE = "\ue000", "\ue001"  # private characters that carry the marks while a template runs
_SCRIPTS = ("%pre", "%post", "%onerror", "%traceback")  # of pykickstart; %pre-install is among them


@dataclass(frozen=True)
class Hole:
    """A place in the text where a secret belongs."""

    start: int
    end: int
    secret: Secret
    write: Write


@dataclass(frozen=True)
class Rendered:
    """A file made from a template; ``text`` holds placeholders where secrets belong."""

    text: str
    source_map: tuple[Mark, ...]
    target: Target
    holes: tuple[Hole, ...] = ()
    _secrets: Secrets | None = field(default=None, repr=False)

    def at(self, line: int) -> Mark | None:
        """Return the line of the template that made a line of the file (from 1)."""
        return self.source_map[min(line, len(self.source_map)) - 1] if self.source_map and line > 0 else None

    def script(self, line: int) -> str:
        """Return the head of the kickstart's script that a line (from 1) is in, as ``%post --nochroot``, or nothing."""
        for text in reversed(self.text.splitlines()[:line]):
            if text.startswith("%"):
                return text.strip() if text.startswith(_SCRIPTS) else ""
        return ""

    def reveal(self) -> str:
        """Return the text with the secrets in it, for the file that the installer reads and nothing else."""
        parts, done = [], 0
        for hole in self.holes:
            assert self._secrets
            at = self.at(self.text.count("\n", 0, hole.start) + 1)
            parts += [
                self.text[done : hole.start],
                _written(hole.write, self._secrets.reveal(hole.secret), at),
            ]
            done = hole.end
        whole = "".join([*parts, self.text[done:]])
        if self.holes:
            check_same_shape(whole, self.text, self.target, self.at)
        return whole


class Writer:
    """Puts the file together piece by piece."""

    def __init__(self, target: Target, secrets: Secrets) -> None:
        self.mark: Mark | None = None
        self._target = target
        self._secrets = secrets
        self._place: Place = place_for(target)
        self._parts: list[str] = []
        self._masked: list[str] = []
        self._lines: list[Mark] = []
        self._holes: list[Hole] = []
        self._size = 0
        self._fresh = True  # nothing stands on this line yet

    def data(self, text: str) -> None:
        self._add(text, text)

    def value(self, value: object) -> None:
        for_shell = isinstance(value, ShellWord)
        inner = value.value if isinstance(value, ShellWord) else value
        try:
            write = self._place.writer(for_shell=for_shell)
        except Refused as error:
            raise _refusal(error, self.mark) from None
        if isinstance(inner, Opaque):
            self._secret(inner.secret, write)
        elif for_shell and isinstance(inner, list | tuple):
            self._add(" ".join(_written(write, _text(one, self.mark), self.mark) for one in inner), "x")
        elif self._target == Target.XML and isinstance(inner, Markup):
            self._add(str(inner), "x")
        else:
            self._add(_written(write, _text(inner, self.mark), self.mark), "x")

    def _secret(self, secret: Secret, write: Write) -> None:
        if write is bare_word:
            raise RecipeError("a secret stands in a script", at=self.mark, fix="write {{ ... | sh }}")
        placeholder = f"@@GOLDSMITH-SECRET-{self._secrets.digest(secret)}@@"
        self._holes.append(Hole(self._size, self._size + len(placeholder), secret, write))
        self._add(placeholder, "x")

    def _add(self, text: str, masked: str) -> None:
        for number, line in enumerate(text.split("\n")):
            self._fresh = self._fresh or number > 0
            if (line or number < text.count("\n")) and self._fresh and self.mark:
                self._lines.append(self.mark)
                self._fresh = False
        self._parts.append(text)
        self._masked.append(masked)
        self._size += len(text)
        self._place.feed(text)

    def rendered(self) -> Rendered:
        text = "".join(self._parts)
        done = Rendered(text, tuple(self._lines), self._target, tuple(self._holes), self._secrets)
        check_same_shape(text, "".join(self._masked), self._target, done.at)
        return done


def _written(write: Write, text: str, at: Mark | None) -> str:
    try:
        if OPEN in text or CLOSE in text:
            raise Refused("holds a private character", "remove it")
        return write(text)
    except Refused as error:
        raise _refusal(error, at) from None


def _refusal(error: Refused, at: Mark | None) -> RecipeError:
    return RecipeError(f"the value that stands here {error.problem}", at=at, fix=error.fix)


def _text(value: object, at: Mark | None) -> str:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    shown = "nothing" if value is None else f"a {type(value).__name__}"
    raise RecipeError(
        f"the value that stands here is {shown}", at=at, fix="use {% if %}, or | join(',') for a list"
    )


class Opaque:
    """A secret inside a template: it can be written out, and nothing else."""

    def __init__(self, secret: Secret) -> None:
        self.secret = secret

    def __str__(self) -> str:
        raise TypeError("a secret cannot be part of an expression; write {{ it }} alone")

    __repr__ = __str__


@dataclass(frozen=True)
class ShellWord:
    """The filter ``sh``: a value as one quoted word of a shell, a list as several."""

    value: object

    def __str__(self) -> str:
        raise TypeError("| sh must come last, and no text can be joined to it")


def guarded(value: Any) -> Any:
    """Return values for a template in which secrets can be written out, but not be looked at."""
    if isinstance(value, Secret):
        return Opaque(value)
    if isinstance(value, Mapping):
        return {name: guarded(one) for name, one in value.items()}
    return [guarded(one) for one in value] if isinstance(value, list | tuple) else value
