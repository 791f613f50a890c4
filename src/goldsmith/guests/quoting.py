"""How a value is written so that it stays a value: by the place in the file where it lands."""

import re
import shlex
import unicodedata
from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

_SAFE = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
_PACKAGE = re.compile(r"-?(@\^?[A-Za-z0-9][A-Za-z0-9_.+:() -]*|[A-Za-z0-9][A-Za-z0-9_.+*?:~\[\]-]*)")
_PACKAGE_PART = re.compile(r"[A-Za-z0-9_.+*?:~-]+")
_HEADING = re.compile(r"[ \t]*(%[A-Za-z][A-Za-z-]*)")
_SCRIPTS = {"%pre", "%post", "%pre-install", "%onerror", "%traceback"}
_SECTIONS = {*_SCRIPTS, "%packages", "%addon", "%anaconda", "%certificate"}
_XML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_USE_SH = "write {{ ... | sh }}, without quotes around it"


class Target(StrEnum):
    """What kind of file a template makes."""

    KICKSTART = "kickstart"
    XML = "xml"
    SHELL = "shell"
    TEXT = "text"
    CMD = "cmd"  # batch of Windows
    INI = "ini"


class Refused(ValueError):
    """A value cannot stand where the template puts it; the message continues ``the value ...``."""

    def __init__(self, problem: str, fix: str) -> None:
        self.problem = problem
        self.fix = fix
        super().__init__(problem)


Write = Callable[[str], str]  # a value as it is written in the file; raises Refused


class Place(Protocol):
    """Follows the text of a file from its start and says how a value is written where the text has got to."""

    def feed(self, text: str) -> None: ...

    def writer(self, *, for_shell: bool) -> Write: ...


def place_for(target: Target) -> Place:
    places: dict[Target, Callable[[], Place]] = {
        Target.KICKSTART: KickstartPlace,
        Target.SHELL: ShellPlace,
        Target.XML: XmlPlace,
        Target.TEXT: TextPlace,
        Target.CMD: CmdPlace,
        Target.INI: IniPlace,
    }
    return places[target]()


def headings(text: str) -> list[str]:
    """Return what begins or ends a section of a kickstart, in order."""
    return [match[1] for line in text.split("\n") if (match := _HEADING.match(line))]


class TextPlace:
    def feed(self, text: str) -> None:
        """Do nothing: every place of a plain text is the same."""

    def writer(self, *, for_shell: bool) -> Write:
        return shlex.quote if for_shell else _one_line


class CmdPlace:
    """Batch of Windows, which expands and splits a line before it looks at quotes: no quoting holds a value."""

    def feed(self, text: str) -> None:
        """Do nothing: what is dangerous is dangerous everywhere."""

    def writer(self, *, for_shell: bool) -> Write:
        if for_shell:
            raise Refused("is quoted for a shell, but this is batch of Windows", "remove | sh")
        return _batch


class IniPlace:
    """An INI file as oslo.config reads it: a value ends with its line, and $ begins the name of another option."""

    def feed(self, text: str) -> None:
        """Do nothing: every place of such a file is the same."""

    def writer(self, *, for_shell: bool) -> Write:
        if for_shell:
            raise Refused("is quoted for a shell, but this is an INI file", "remove | sh")
        return _ini


class XmlPlace:
    def feed(self, text: str) -> None:
        """Do nothing: escaped text is good in elements and in quoted attributes."""

    def writer(self, *, for_shell: bool) -> Write:
        if for_shell:
            return lambda text: _xml(shlex.quote(text))
        return _xml


class ShellPlace:
    def feed(self, text: str) -> None:
        """Do nothing: a bare word is good everywhere, all else only as a quoted word."""

    def writer(self, *, for_shell: bool) -> Write:
        return shlex.quote if for_shell else bare_word


class KickstartPlace:
    """Knows the section and the line that have been reached."""

    def __init__(self) -> None:
        self._section = ""
        self._line = ""

    def feed(self, text: str) -> None:
        *ended, last = (self._line + text).split("\n")
        for line in ended:
            match = _HEADING.match(line)
            if match and match[1] == "%end":
                self._section = ""
            elif match and match[1] in _SECTIONS:
                self._section = match[1]
        self._line = last

    def writer(self, *, for_shell: bool) -> Write:
        if self._section in _SCRIPTS:
            return shlex.quote if for_shell else bare_word
        if for_shell:
            raise Refused("is quoted for a shell, but this is no script", "remove | sh")
        if self._section == "%packages":
            return self._package()
        return bare_word if self._section else self._command()

    def _package(self) -> Write:
        if not self._line.strip():
            return lambda text: _matching(_PACKAGE, text, "is no name of a package or @group")
        return lambda text: _matching(_PACKAGE_PART, text, "is no part of a package's name")

    def _command(self) -> Write:
        if not self._line.strip():
            raise Refused("would begin a line of the kickstart", "begin the line with the command's name")
        quote = open_quote(self._line)
        if quote:
            return lambda text: _inside(quote, _one_line(text))
        return lambda text: _one_line(text) if _SAFE.fullmatch(text) else shlex.quote(_one_line(text))


def _one_line(text: str) -> str:
    if any(unicodedata.category(sign) in ("Cc", "Zl", "Zp", "Cs") for sign in text):
        raise Refused("holds a line break or a control character", "give it as one line of text")
    return text


def _batch(text: str) -> str:
    if found := sorted(set(_one_line(text)) & set("%!\"&|<>^()'`")):
        raise Refused(f"holds {' '.join(found)}, which batch of Windows reads as a command", "leave it out")
    if not text.isascii():
        raise Refused("is not plain ASCII, and batch of Windows has no certain encoding", "leave it out")
    return text


def _ini(text: str) -> str:
    if "$" in _one_line(text):
        raise Refused("holds $, which names another option", "leave it out")
    if text != text.strip():
        raise Refused("begins or ends with a space, which is lost", "remove the space")
    return text


def bare_word(text: str) -> str:
    """Write a value in a script without quotes, which only a plain word can bear."""
    if not _SAFE.fullmatch(text):
        raise Refused("is more than one plain word, and this is a script", _USE_SH)
    return text


def _matching(pattern: re.Pattern[str], text: str, problem: str) -> str:
    if not pattern.fullmatch(text):
        raise Refused(problem, "give one name for each item of the list")
    return text


def _inside(quote: str, text: str) -> str:
    if quote in text or "\\" in text:
        raise Refused(f"holds {quote} or a backslash and stands between {quote}", f"remove the {quote}")
    return text


def open_quote(line: str) -> str:
    """Return the quote that a kickstart line has left open, as the installer's parser sees it."""
    quote, skip = "", False
    for sign in line:
        if skip:
            skip = False
        elif sign == "\\" and quote != "'":
            skip = True
        elif quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
    return quote


def _xml(text: str) -> str:
    for sign in text:
        if (ord(sign) < 32 and sign not in "\t\n") or 0xD800 <= ord(sign) < 0xE000 or sign in "\ufffe\uffff":
            raise Refused("holds a character that XML cannot hold", "give it as plain text")
    return text.translate(_XML)
