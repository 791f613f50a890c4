"""What a known failure is, and how one is found in the lines of a console."""

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

WINDOW = 80  # lines around a failure that may hold its details


@dataclass(frozen=True)
class Detail:
    """What lines near a failure add to its cause: ``text`` is appended to it, with the groups of the pattern.

    The line that is nearest to the end counts, or the nearest to the beginning where ``first`` says so.
    """

    pattern: re.Pattern[str]
    text: str
    first: bool = False

    def found_in(self, lines: Sequence[str]) -> str:
        for line in lines if self.first else reversed(lines):
            if match := self.pattern.search(line):
                return self.text.format(match.group(0), *(group or "" for group in match.groups()))
        return ""


@dataclass(frozen=True)
class Failure:
    """A line of the console that means the guest has failed, with its cause and cure in words.

    ``cause`` may use the groups of the pattern by number, as in ``missing package {1}``. A ``vague`` one only says
    that something is wrong; one that names the cause is preferred. One that ``waits`` is no failure by itself (a
    prompt that may be answered, a mirror that has a twin): it is the cause once the guest has failed without
    another. ``line`` is the group that holds a line number of the kickstart, 0 for none.
    """

    pattern: re.Pattern[str]
    cause: str
    fix: str
    vague: bool = False
    waits: bool = False
    line: int = 0
    passing: bool = False  # it may be over at the next try: a network, a mirror
    details: tuple[Detail, ...] = ()
    example: str = ""  # a line as the guest prints it
    source: str = ""  # where the line is known from

    def explain(self, match: re.Match[str]) -> str:
        return self.cause.format(match.group(0), *(group or "" for group in match.groups()))

    def told(self, match: re.Match[str], lines: Sequence[str]) -> str:
        """Return the cause with what ``lines`` add to it, those around the match."""
        return self.explain(match) + "".join(one.found_in(lines) for one in self.details)


@dataclass(frozen=True)
class Diagnosis:
    """One failure that was found. ``kickstart_line`` is None where the guest named no line."""

    failure: Failure
    cause: str
    kickstart_line: int | None = None


def failures(*rows: tuple[str, str, str]) -> tuple[Failure, ...]:
    return tuple(Failure(re.compile(pattern), cause, fix) for pattern, cause, fix in rows)


def detail(pattern: str, text: str, *, first: bool = False) -> Detail:
    return Detail(re.compile(pattern), text, first)


class Diagnoser:
    """Reads a console line by line, and knows at any time whether and why the guest has failed."""

    def __init__(self, known: Sequence[Failure]) -> None:
        self._known = known
        self._window: deque[str] = deque(maxlen=WINDOW)
        self._found: tuple[Failure, re.Match[str]] | None = None
        self._waiting: tuple[Failure, re.Match[str]] | None = None
        self._prompt = ""

    def line(self, text: str) -> bool:
        """Take one line; return whether it shows a failure that was not known before."""
        self._window.append(text)
        for one in self._known:
            if match := one.pattern.search(text):
                return self._take(one, match)
        return False

    def prompt(self, text: str) -> bool:
        """Take a line that has no end yet, such as a question or ``grub rescue>``; as ``line`` otherwise."""
        known, self._prompt = self._prompt, text
        return bool(text) and text != known and self.line(text)

    def _take(self, failure: Failure, match: re.Match[str]) -> bool:
        if failure.waits:
            self._waiting = (failure, match)
            return False
        if self._found and (failure.vague or not self._found[0].vague):
            return False  # the first is the cause, what follows is its consequence
        new = self._found is None
        self._found = (failure, match)
        return new

    @property
    def failed(self) -> bool:
        return self._found is not None

    def diagnosis(self, *, stuck: bool = False) -> Diagnosis | None:
        """Return the cause, with what the lines around it add; None where nothing known was seen.

        ``stuck`` says that it has failed for sure, since a clock ran out or it is off: then what it may have
        waited for counts as well.
        """
        found = self._found
        if self._waiting and ((found and found[0].vague) or (stuck and not found)):
            found = self._waiting
        if not found:
            return None
        failure, match = found
        number = match[failure.line] if failure.line else None
        return Diagnosis(failure, failure.told(match, self._window), int(number) if number else None)
