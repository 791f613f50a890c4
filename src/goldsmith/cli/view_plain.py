"""A build as plain lines, for logs and pipes."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

from goldsmith.cli.view_text import (
    clean,
    clock_time,
    closing_lines,
    encoding_of,
    is_step_output,
    measure,
    stage_result,
)
from goldsmith.events import (
    BuildFinished,
    BuildStarted,
    Event,
    PhaseStarted,
    StageCached,
    StageFailed,
    StageFinished,
    StageStarted,
    StageWaiting,
    ToolSaid,
    Warned,
)
from goldsmith.host.files import human_time
from goldsmith.record import StageState, Story

HEARTBEAT = 60.0  # seconds; CI systems end jobs that say nothing for long


class PlainView:
    """One line for each start, end, phase and warning, and a sign of life when nothing else was printed."""

    def __init__(
        self,
        out: TextIO,
        *,
        verbose: bool = False,
        clock: Callable[[], float] = time.monotonic,
        heartbeat: float = HEARTBEAT,
    ) -> None:
        self._out = out
        self._verbose = verbose
        self._clock = clock
        self._heartbeat = heartbeat
        self._story = Story()
        self._guard = threading.RLock()
        self._ended = threading.Event()
        self._spoke = 0.0
        self._watch: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def tell(self, event: Event) -> None:
        with self._guard:
            if isinstance(event, BuildStarted):
                self._story = Story()
            self._story.tell(event, at=self._clock())
            for line in self._lines(event):
                self._print(line)
        if isinstance(event, BuildStarted):
            self._begin()
        elif isinstance(event, BuildFinished):
            self._stop()

    def _lines(self, event: Event) -> list[str]:
        match event:
            case BuildStarted():
                return self._opening(event)
            case StageCached():
                return [] if self._story.nothing_to_do else [self._at(event.stage, "cached")]
            case StageWaiting():
                return [self._at(event.stage, f"waiting for another build that makes it ({event.holder})")]
            case StageStarted():
                usual = f"; usually {human_time(event.expected)}" if event.expected else ""
                return [self._at(event.stage, f"started ({event.reason or 'asked for'}{usual})")]
            case PhaseStarted():
                return [self._at(event.stage, event.phase)]
            case StageFinished():
                return [self._at(event.stage, f"done in {stage_result(self._story.stages[event.stage])}")]
            case StageFailed():
                return [self._at(event.stage, stage_result(self._story.stages[event.stage]))]
            case ToolSaid():
                shown = self._verbose or is_step_output(event)
                return [f"  {event.source} | {event.line}"] if shown else []
            case Warned():
                return [f"warning: {event.text}"] + ([f"  fix: {event.fix}"] if event.fix else [])
            case BuildFinished():
                return ["", *closing_lines(self._story, with_times=True)]
        return []

    def _opening(self, event: BuildStarted) -> list[str]:
        cached = sum(one.cached for one in event.stages)
        known = f", {cached} of them cached" if cached else ""
        return [f"{event.recipe}: build {event.build}, {len(event.stages)} stages{known}"]

    def _at(self, stage: str, text: str) -> str:
        since = self._story.started
        elapsed = clock_time(self._clock() - since) if since is not None else "-"
        return f"[{elapsed:>7}] {stage}: {text}"

    def _print(self, line: str) -> None:
        print(clean(line, encoding=encoding_of(self._out)), file=self._out, flush=True)
        self._spoke = self._clock()

    def _begin(self) -> None:
        if self._watch is None:
            self._ended.clear()
            self._watch = threading.Thread(target=self._beat, daemon=True)
            self._watch.start()

    def _stop(self) -> None:
        self._ended.set()
        if self._watch is not None and self._watch is not threading.current_thread():
            self._watch.join()
        self._watch = None

    def _beat(self) -> None:
        pause = self._heartbeat
        while not self._ended.wait(pause):
            with self._guard:
                silent = self._clock() - self._spoke
                if silent >= self._heartbeat:
                    self._sign_of_life()
                    silent = 0.0
                pause = self._heartbeat - silent

    def _sign_of_life(self) -> None:
        line = self._story.current
        if line is None:
            self._print("still at work")
            return
        parts = ["still waiting" if line.state is StageState.WAITING else "still running"]
        if line.since is not None:
            parts.append(f"for {human_time(self._clock() - line.since)}")
        text = " ".join(parts) + (f" (usually {human_time(line.expected)})" if line.expected else "")
        details = [line.phase, measure(line.progress) if line.progress else ""]
        if line.said:
            details.append(f"last line: {line.said.line.strip()}")
        self._print(self._at(line.name, ", ".join([text, *filter(None, details)])))
