"""What a build looks like on the console: drawn live, as plain lines, as JSON, or hardly at all."""

import os
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self, TextIO, cast

from goldsmith.cli.base import Settings
from goldsmith.cli.unstuck import Unstuck
from goldsmith.events import BuildFinished, Event, Reporter
from goldsmith.record import to_line


class View(Reporter, Protocol):
    """A reporter that owns the console while it is entered, and leaves it in order on every way out."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def console_reporter(settings: Settings, *, stdout_is_terminal: bool, out: TextIO | None = None) -> View:
    """Choose the view that fits the global options and the console; ``out`` is stdout unless told."""
    stream = out or sys.stdout
    unstuck = cast(TextIO, Unstuck(stream))
    if settings.json:
        return JsonLines(unstuck)
    if settings.quiet:
        return Quiet(unstuck)
    if stdout_is_terminal and os.environ.get("TERM", "dumb") != "dumb":
        from goldsmith.cli.view_live import LiveView  # rich takes a tenth of a second to load

        return LiveView(stream, verbose=settings.verbose, color=settings.color)
    from goldsmith.cli.view_plain import PlainView

    return PlainView(unstuck, verbose=settings.verbose)


class JsonLines:
    """One JSON object a line for each event, BuildFinished last, and nothing else."""

    def __init__(self, out: TextIO, *, clock: Callable[[], float] = time.time) -> None:
        self._out = out
        self._clock = clock

    def tell(self, event: Event) -> None:
        line = to_line(event, at=self._clock())
        try:
            print(line, file=self._out, flush=True)
        except UnicodeEncodeError:
            print(to_line(event, at=self._clock(), ascii_only=True), file=self._out, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the stream open: it is not ours."""


class Quiet:
    """Nothing but the image's id when a build is done, so that scripts can take it."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def tell(self, event: Event) -> None:
        if isinstance(event, BuildFinished) and event.ok:
            print(event.image.get("id") or event.build, file=self._out, flush=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the stream open: it is not ours."""
