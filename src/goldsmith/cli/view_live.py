"""A build drawn live in a terminal: what is done, what runs, what is to come, and how long that takes."""

import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from goldsmith.cli.view_frame import TAIL, draw, glyphs_for
from goldsmith.cli.view_text import clean, closing_lines, is_step_output
from goldsmith.events import (
    BuildFinished,
    BuildStarted,
    Event,
    StageCached,
    StageFinished,
    StageStarted,
    ToolSaid,
    Warned,
)
from goldsmith.record import Story

FRAMES_PER_SECOND = 5  # enough for a spinner; drawing costs processor time that the guests want


class LiveView:
    """Redraws the stages in place while they run; the last frame and a summary stay on the screen."""

    def __init__(
        self,
        out: TextIO,
        *,
        verbose: bool = False,
        color: bool = True,
        clock: Callable[[], float] = time.monotonic,
        console: Console | None = None,
    ) -> None:
        self._console = console or Console(
            file=out, force_terminal=True, no_color=not color, highlight=False, markup=False, emoji=False
        )
        self._verbose = verbose
        self._clock = clock
        self._glyphs = glyphs_for(self._console.encoding)
        # Never held while something is printed: rich holds its own lock when it asks for a frame.
        self._guard = threading.RLock()
        self._story = Story()
        self._tail: deque[ToolSaid] = deque(maxlen=TAIL)
        self._live: Live | None = None
        self._left = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left = True  # a reader's thread may still have a line to tell
        self._stop()

    def tell(self, event: Event) -> None:
        if isinstance(event, ToolSaid | Warned):
            event = self._harmless(event)
        with self._guard:
            if isinstance(event, BuildStarted):
                self._story = Story()
            self._story.tell(event, at=self._clock())
            self._remember(event)
            busy = bool(self._story.build) and not self._story.nothing_to_do and not self._story.finished
        if busy and not isinstance(event, StageCached | Warned):
            self._start()
        match event:
            case Warned():
                fix = f"\n  fix: {event.fix}" if event.fix else ""
                self._console.print(Text(f"warning: {event.text}{fix}", style="yellow"))
            case ToolSaid() if self._verbose:
                self._print(Text(f"  {event.source} | {event.line}", style="dim"))
            case BuildFinished():
                self._stop()
                self._close(event)

    def frame(self) -> Group:
        """Return the picture of this moment, for rich to draw."""
        with self._guard:
            size = self._console.size
            rows = draw(
                self._story,
                tuple(self._tail),
                now=self._clock(),
                width=size.width,
                height=size.height - 2 if self._live else None,
                glyphs=self._glyphs,
            )
        # The terminal writes ^C where the cursor is: in a full last row that would move the whole frame.
        return Group(*rows, Text()) if self._live else Group(*rows)

    def _remember(self, event: Event) -> None:
        if isinstance(event, StageStarted | StageFinished | BuildStarted):
            self._tail.clear()
        if isinstance(event, ToolSaid) and is_step_output(event) and event.line.strip():
            self._tail.append(event)

    def _harmless(self, event: ToolSaid | Warned) -> ToolSaid | Warned:
        encoding = self._console.encoding
        if isinstance(event, Warned):
            return Warned(clean(event.text, encoding=encoding), clean(event.fix, encoding=encoding))
        source, line = (clean(text, encoding=encoding) for text in (event.source, event.line))
        return ToolSaid(event.stage, source, line.rstrip())

    def _start(self) -> None:
        if self._live is None and not self._left:
            self._live = Live(
                console=self._console,
                get_renderable=self.frame,
                refresh_per_second=FRAMES_PER_SECOND,
                vertical_overflow="crop",
                transient=True,
            )
            self._live.start()

    def _stop(self) -> None:
        if live := self._live:
            live.stop()
            self._live = None
            # Once more with all stages: a frame higher than the screen can be printed, but not redrawn.
            self._console.print(self.frame())

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)

    def _close(self, event: BuildFinished) -> None:
        headline, *rest = closing_lines(self._story, with_times=False)
        encoding = self._console.encoding
        if not self._story.nothing_to_do:
            self._print(Text())
        self._print(Text(clean(headline, encoding=encoding), style="bold green" if event.ok else "bold red"))
        for line in rest:
            self._print(Text(clean(line, encoding=encoding)))
