"""What a known failure is, and how one is found in the lines of a console."""

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

WINDOW = 80  # lines around a failure that may hold its details
WIDTHS = (
    79,
    80,
)  # columns of a line that tmux has wrapped: it does so at 80, and a space at the end is not seen
FOLLOWING = 6  # lines after the head of a message that may belong to it
_PRINTK = re.compile(r"\[ *\d+\.\d{3,6}\] ")  # the kernel writes in the middle of what others write


@dataclass(frozen=True)
class Detail:
    """What lines near a failure add to its cause: ``text`` is appended to it, with the groups of the pattern.

    The line that is nearest to the end counts; with ``every`` each of them does, the first groups joined. ``until``
    takes for ``{1}`` the lines after the matching one, up to the one that it matches. ``order`` matches the head of
    a traceback: below the last one the line counts that its group names, "first" or "last"; none without a head.
    """

    pattern: re.Pattern[str]
    text: str
    every: bool = False
    until: re.Pattern[str] | None = None
    order: re.Pattern[str] | None = None

    def found_in(self, lines: Sequence[str]) -> str:
        which = "last"
        if self.order:
            heads = [(at, head[1]) for at, line in enumerate(lines) if (head := self.order.search(line))]
            if not heads:
                return ""
            start, which = heads[-1]
            lines = _unwrapped(lines[start:])
        matches = [(at, match) for at, line in enumerate(lines) for match in self.pattern.finditer(line)]
        if not matches:
            return ""
        at, match = matches[0 if which == "first" else -1]
        if self.every:
            return self.text.format(match[0], ", ".join(dict.fromkeys(one[1] for _, one in matches)))
        if self.until:
            said = self._after(lines[at + 1 :])
            return self.text.format(match[0], said) if said else ""
        return self.text.format(match[0], *(group or "" for group in match.groups()))

    def _after(self, lines: Sequence[str]) -> str:
        said: list[str] = []
        for line in lines[:FOLLOWING]:
            if self.until and self.until.search(line):
                break
            said.append(line.strip())
        return " ".join(filter(None, said)).rstrip(". ")


@dataclass(frozen=True)
class Failure:
    """A line of the console that means the guest has failed, with its cause and cure in words.

    ``cause`` may use the groups of the pattern by number, as in ``missing package {1}``. A ``vague`` one only says
    that something is wrong; one that names the cause is preferred. One that ``waits`` is no failure by itself (a
    prompt that may be answered, a mirror that has a twin): it is the cause once the guest has failed without
    another, not more than ``reach`` phases after the one it was seen in. A ``consequence`` has what was waited for
    before it as its cause. ``line`` is the group that holds a line number of the kickstart, 0 for none.
    """

    pattern: re.Pattern[str]
    cause: str
    fix: str
    vague: bool = False
    waits: bool = False
    reach: int = 1
    consequence: bool = False
    line: int = 0
    passing: bool = False  # it may be over at the next try: a network, a mirror
    details: tuple[Detail, ...] = ()
    example: str = ""  # a line as the guest prints it
    source: str = ""  # where the line is known from

    def explain(self, match: re.Match[str]) -> str:
        return self.cause.format(match.group(0), *(group or "" for group in match.groups()))

    def told(self, match: re.Match[str], lines: Sequence[str]) -> str:
        """Return the cause with what ``lines`` add to it, those around the match."""
        return self.explain(match) + self.added(lines)

    def added(self, lines: Sequence[str]) -> str:
        return "".join(one.found_in(lines) for one in self.details)


@dataclass(frozen=True)
class Diagnosis:
    """One failure that was found. ``kickstart_line`` is None where the guest named no line.

    ``said`` are the lines that tell it, where they were not on the console.
    """

    failure: Failure
    cause: str
    kickstart_line: int | None = None
    said: tuple[str, ...] = ()


def detail(
    pattern: str, text: str, *, every: bool = False, until: str | None = None, order: str | None = None
) -> Detail:
    compiled = [re.compile(one) if one else None for one in (until, order)]
    return Detail(re.compile(pattern), text, every, *compiled)


def _joined(before: str, after: str) -> str:
    """Return the line that tmux has wrapped into these two."""
    return before + " " * (WIDTHS[1] - len(before)) + after


def _unwrapped(lines: Sequence[str]) -> list[str]:
    """Return the lines, with each one that may have been wrapped what it may go on with."""
    return [
        _joined(line, after) if len(line) in WIDTHS else line
        for line, after in zip(lines, [*lines[1:], ""], strict=True)
    ]


class Diagnoser:
    """Reads a console line by line, and knows at any time whether and why the guest has failed."""

    def __init__(self, known: Sequence[Failure]) -> None:
        self._known = known
        self._window: deque[str] = deque(maxlen=WINDOW)
        self._found: tuple[Failure, re.Match[str]] | None = None
        self._waiting: tuple[Failure, re.Match[str]] | None = None
        self._waits_since = self._phase = 0
        self._prompt = ""
        self._wrapped = ""  # the line before, where it may go on with this one

    def line(self, text: str) -> bool:
        """Take one line; return whether it shows a failure that was not known before.

        What the kernel has written into its middle is a line of its own; one that was wrapped at 80 columns is
        taken with the next one.
        """
        inside = _PRINTK.search(text, 1)
        if inside and text[: inside.start()].strip():
            before = self._one(text[: inside.start()].rstrip())
            return self._one(text[inside.start() :]) or before
        return self._one(text)

    def _one(self, text: str) -> bool:
        self._window.append(text)
        before, self._wrapped = self._wrapped, text if len(text) in WIDTHS else ""
        if before:
            whole = _joined(before, text)
            known = self._known_in(whole)
            if known and known[1].end() > len(before):
                self._window[-1] = whole  # as it was meant, for the details
                return self._take(*known)
        known = self._known_in(text)
        return self._take(*known) if known else False

    def _known_in(self, text: str) -> tuple[Failure, re.Match[str]] | None:
        matches = ((one, one.pattern.search(text)) for one in self._known)
        return next(((one, match) for one, match in matches if match), None)

    def prompt(self, text: str) -> bool:
        """Take a line that has no end yet, such as a question or ``grub rescue>``; as ``line`` otherwise."""
        known, self._prompt = self._prompt, text
        if known and text != known and self._window and self._window[-1] == known:
            self._window.pop()  # the same line, which grows
        return bool(text) and text != known and self.line(text)

    def went_on(self, *over: Failure) -> None:
        """Forget what the guest may have waited for, since it is past that; ``over`` are no causes any more."""
        self._waiting = None
        self._known = [one for one in self._known if one not in over]

    def went_further(self) -> None:
        """Note that the guest has come to another phase: what it waited for before was there in the end."""
        self._phase += 1

    @property
    def outlived(self) -> str:
        """Return the line with what the guest waited for and then went on; "" where there is none."""
        return self._waiting[1].string if self._waiting and not self._awaited else ""

    @property
    def _awaited(self) -> tuple[Failure, re.Match[str]] | None:
        """Return what the guest may still wait for."""
        if self._waiting and self._phase - self._waits_since <= self._waiting[0].reach:
            return self._waiting
        return None

    def _take(self, failure: Failure, match: re.Match[str]) -> bool:
        if failure.waits:
            awaited = self._awaited
            if not (awaited and failure.vague and not awaited[0].vague):
                self._waiting, self._waits_since = (failure, match), self._phase
            return False
        if self._found and self._found[0] is failure and match.string.startswith(self._found[1].string):
            self._found = (failure, match)  # the same line, which was wrapped
            return False
        if self._found and (failure.vague or not self._found[0].vague):
            return False  # the first is the cause, what follows is its consequence
        new = self._found is None
        self._found = (failure, match)
        return new

    @property
    def failed(self) -> bool:
        return self._found is not None

    @property
    def certain(self) -> bool:
        """Whether a line was seen that means failure and names the cause."""
        return self._found is not None and not self._found[0].vague

    def diagnosis(self, *, stuck: bool = False) -> Diagnosis | None:
        """Return the cause, with what the lines around it add; None where nothing known was seen.

        ``stuck`` says that it has failed for sure, since a clock ran out or it is off: then what it may have
        waited for counts as well.
        """
        found, then = self._found, ""
        lines = list(self._window)
        awaited = self._awaited
        if awaited and self._decides(awaited[0], stuck=stuck):
            if found and found[0].vague and (said := found[0].added(lines)):
                then = f"; then {found[0].explain(found[1])}{said}"  # it may be another thing
            found = awaited
        if not found:
            return None
        failure, match = found
        if match.string not in lines:  # it was seen long ago
            lines = [match.string, *lines]
        number = match[failure.line] if failure.line else None
        return Diagnosis(failure, failure.told(match, lines) + then, int(number) if number else None)

    def _decides(self, awaited: Failure, *, stuck: bool) -> bool:
        """Say whether what is waited for is the cause."""
        if not self._found:
            return stuck
        failure = self._found[0]
        return (failure.vague or failure.consequence) and not awaited.vague
