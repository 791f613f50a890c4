"""Parse what cmd.exe runs: lines with &, &&, ||, |, parentheses, if, for and redirections."""

import re
from collections.abc import Sequence
from dataclasses import dataclass


class UnsupportedError(Exception):
    """The stand-in does not know this; a build that needs it must fail, never go on as if it had worked."""


class OpenBlockError(UnsupportedError):
    """A ( has no ) yet: in a batch file the next line may hold it."""


@dataclass(frozen=True)
class Redirect:
    """``stream`` 0 to 2; ``mode`` is <, > or >>; ``target`` a file, NUL, COM1, or &1 and &2."""

    stream: int
    mode: str
    target: str


@dataclass(frozen=True)
class Simple:
    text: str
    redirects: Sequence[Redirect] = ()


@dataclass(frozen=True)
class Block:
    body: "Node"
    redirects: Sequence[Redirect] = ()


@dataclass(frozen=True)
class Joined:
    """``how`` is & (both), && (if the first went well), || (if it did not) or |."""

    how: str
    first: "Node"
    then: "Node"


@dataclass(frozen=True)
class If:
    """``words`` is the condition without "not" and "/i"."""

    words: Sequence[str]
    negated: bool
    any_case: bool
    then: "Node"
    other: "Node | None" = None


@dataclass(frozen=True)
class For:
    """``body`` stays text: the variable is put in for each round. ``mode`` is "", /l or /f with ``options``."""

    variable: str
    mode: str
    options: str
    items: str
    body: str


Node = Simple | Block | Joined | If | For
_REDIRECT = re.compile(r"([012]?)(>>|>|<)[ \t]*(&[12]|\"[^\"]*\"|[^\s&|<>()]+)")
_LEVELS = ("&", "||", "&&", "|")
_SIGNS = re.compile(r"&&|\|\||&|\||\n")
_COMPARE = ("equ", "neq", "lss", "leq", "gtr", "geq")


def parse(text: str) -> Node | None:
    """Return the program of one line (or block of lines) after its % variables are put in."""
    reader = _Reader(text)
    node = reader.sequence(0)
    reader.blank()
    if reader.at < len(text):
        raise UnsupportedError(f"{text[reader.at :].strip()} was unexpected at this time.")
    return node


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0  # of blocks: outside of them a ) is an ordinary letter

    def blank(self, signs: str = " \t\r\n") -> None:
        while self.at < len(self.text) and self.text[self.at] in signs:
            self.at += 1

    def sequence(self, level: int) -> Node | None:
        """Read commands joined by the sign of this level or by those that bind closer."""
        if level == len(_LEVELS):
            return self.command()
        first = self.sequence(level + 1)
        while True:
            self.blank(" \t\r")
            found = _SIGNS.match(self.text, self.at)
            sign = found.group() if found else ""
            if not found or (sign if sign != "\n" else "&") != _LEVELS[level]:
                return first
            self.at = found.end()
            self.blank()
            then = self.sequence(level + 1)
            first = Joined(_LEVELS[level], first, then) if first and then else first or then

    def command(self) -> Node | None:
        self.blank(" \t\r\n@,;=")
        if self.at >= len(self.text) or self.text[self.at] == ")":
            return None
        if self.text[self.at] == "(":
            return self._block()
        word = re.match(r"(?i)(if|for|rem)(?=[\s/(\"]|$)", self.text[self.at :])
        if word:
            match word.group(1).lower():
                case "if":
                    self.at += 2
                    return self._if()
                case "for":
                    return self._for()
                case "rem":
                    end = self.text.find("\n", self.at)
                    self.at = len(self.text) if end < 0 else end
                    return None
        return self._simple()

    def _block(self) -> Node | None:
        self.at += 1
        self.depth += 1
        body = self.sequence(0)
        self.blank()
        if self.text[self.at : self.at + 1] != ")":
            raise OpenBlockError("a ( has no )")
        self.at += 1
        self.depth -= 1
        redirects = self._redirects()
        return Block(body, redirects) if body else None

    def _redirects(self) -> list[Redirect]:
        found: list[Redirect] = []
        while True:
            self.blank(" \t\r")
            match = _REDIRECT.match(self.text, self.at)
            if not match:
                return found
            found.append(_redirect(match))
            self.at = match.end()

    def _simple(self) -> Simple:
        redirects, quoted = self._redirects(), False
        kept: list[str] = []
        while self.at < len(self.text):
            sign = self.text[self.at]
            if sign == '"':
                quoted = not quoted
            elif sign == "\n":
                break
            elif not quoted:
                if sign == "^" and self.at + 1 < len(self.text):
                    self.at += 1
                    sign = self.text[self.at]
                elif sign in "&|)":
                    if sign != ")" or self.depth:
                        break
                elif match := self._redirect_here(kept):
                    redirects.append(_redirect(match))
                    self.at = match.end()
                    continue
            kept.append(sign)
            self.at += 1
        return Simple("".join(kept).strip("\r"), redirects)

    def _redirect_here(self, kept: Sequence[str]) -> re.Match[str] | None:
        match = _REDIRECT.match(self.text, self.at)
        if match and match.group(1) and kept and not kept[-1].isspace():
            return None  # the 1 of "x1> file" belongs to the word
        return match

    def _if(self) -> Node:
        negated = any_case = False
        while True:
            self.blank()
            option = re.match(r"(?i)(/i|not)(?=\s)", self.text[self.at :])
            if not option:
                break
            negated = negated or option.group(1).lower() == "not"
            any_case = any_case or option.group(1).lower() == "/i"
            self.at += option.end()
        words = self._condition()
        self.blank()
        then = self._body()
        mark = self.at
        self.blank()
        if not re.match(r"(?i)else(?=[\s(])", self.text[self.at :]):
            self.at = mark
            return If(words, negated, any_case, then)
        self.at += 4
        self.blank()
        return If(words, negated, any_case, then, self._body())

    def _body(self) -> Node:
        """Read what an if runs: a block, or all that stands on the rest of the line."""
        node = self.command() if self.text[self.at : self.at + 1] == "(" else self._rest()
        if node is None:
            raise UnsupportedError("an if has nothing to run")
        return node

    def _rest(self) -> Node | None:
        node = self.sequence(1)
        while self.text[self.at : self.at + 1] == "&":
            self.at += 1
            self.blank(" \t\r")
            then = self.sequence(1)
            node = Joined("&", node, then) if node and then else node or then
        return node

    def _word(self) -> str:
        self.blank()
        found = re.match(r'(?:"[^"]*"|[^\s"=&|()<>]|=(?!=))+', self.text[self.at :])
        if not found:
            raise UnsupportedError(f"{self.text[self.at :].strip()} was unexpected at this time.")
        self.at += found.end()
        return found.group()

    def _condition(self) -> list[str]:
        first = self._word()
        if first.lower() in ("exist", "errorlevel", "defined"):
            return [first.lower(), self._word()]
        self.blank()
        if self.text.startswith("==", self.at):
            self.at += 2
            return ["==", first, self._word()]
        operator = self._word().lower()
        if operator not in _COMPARE:
            raise UnsupportedError(f"if {first} {operator}")
        return [operator, first, self._word()]

    def _for(self) -> Node:
        found = re.match(
            r'(?is)for\s+(?:(/[lf])\s+)?(?:("[^"]*")\s+)?%+(\w)\s+in\s*\(((?:"[^"]*"|\'[^\']*\'|[^)])*)\)\s*do\s+',
            self.text[self.at :],
        )
        if not found:
            raise UnsupportedError(self.text[self.at :].splitlines()[0])
        self.at += found.end()
        start = self.at
        if self.text[self.at] == "(":
            self._block()
        else:
            self._rest()
        mode, options, variable, items = found.groups()
        body = self.text[start : self.at]
        return For(variable, (mode or "").lower(), (options or "").strip('"'), items.strip(), body)


def _redirect(match: re.Match[str]) -> Redirect:
    stream, mode, target = match.groups()
    return Redirect(int(stream) if stream else int(mode != "<"), mode, target.strip('"'))


def find_label(lines: Sequence[str], label: str) -> int:
    """Return the number of the line behind a label."""
    wanted = label.strip().lstrip(":").split()[0].lower()
    for number, text in enumerate(lines):
        found = re.match(r"\s*:([^\s:]+)", text)
        if found and found.group(1).lower() == wanted:
            return number + 1
    raise UnsupportedError(f"The system cannot find the batch label specified - {wanted}")
