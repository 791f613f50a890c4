"""Judge an install by its console: which phase it is in, whether it failed, whether a clock ran out.

This is pure: lines and times come in, events and errors come out; who reads the console and the clock is elsewhere.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import ClassVar

from goldsmith.errors import GuestError, Mark
from goldsmith.events import Event, PhaseStarted, Progress
from goldsmith.guests.causes.failure import Diagnoser, Diagnosis
from goldsmith.guests.family import Console
from goldsmith.guests.marker import Marker
from goldsmith.host.files import human_time

EVIDENCE = 20  # lines of console shown with a failure
AFTERMATH = 3.0  # seconds in which the console may still say more about a failure
STATUS = "exit status"
UNKNOWN = "cause unknown: nothing that is known as a failure was on the console"
OUTLIVED = (
    "cause unknown: the guest went on after the only sign of trouble on its console, the first line shown"
)
IN_PRE = "running %pre"  # the phase in which the installer has no user interface yet
AT_THE_END = ("finishing", "powering off")  # phases that no cause is too old for

PlaceOf = Callable[[int], Mark | None]  # the template's line that made a line of the kickstart
ScriptOf = Callable[[int], str]  # the head of the script that a line of the kickstart is in
StatusOf = Callable[[int], str]  # with which exit status that script ended, or ""
Errors = Callable[[], Iterable[Sequence[str]]]  # the errors in the installer's own log, each in lines
Script = Callable[[], Sequence[str]]  # what that log has of a script that failed last, its exit status last


@dataclass(frozen=True)
class Limits:
    """How long an install may take, in seconds: in all, without a new console line, in one phase, without its disk."""

    total: float
    silence: float
    phase: float
    disk: float = math.inf

    def times(self, factor: float) -> "Limits":
        """Return limits for a host that is ``factor`` times slower."""
        return Limits(*(one * factor for one in (self.total, self.silence, self.phase, self.disk)))


class Watch:
    """What is alike however an install is followed: its known failures, its clocks and its end."""

    silent: ClassVar[str]  # what has stood still when the clock of silence runs out
    unfinished: ClassVar[str]  # what a power-off before the end marker came before
    after_power_off: ClassVar[str]  # where to look for the cause then

    def __init__(self, console: Console, limits: Limits, *, stage: str, now: float, phase: str) -> None:
        self._console = console
        self._limits = limits
        self._stage = stage
        self._started = self._active = self._phase_since = self._moved_at = self._failed_at = now
        self._moved = 0
        self._last: list[str] = []
        self._prompt = ""
        self._diagnoser = Diagnoser(console.failures)
        self.done = False
        self.phase = phase

    def moved(self, total: int, now: float) -> None:
        """Take the bytes that went to or came from the guest's disks since its start."""
        if total != self._moved:
            self._moved, self._moved_at = total, now

    def tick(self, now: float) -> None:
        """Raise when a failure was seen a moment ago, or when a clock has run out."""
        if self._diagnoser.failed and now - self._failed_at >= AFTERMATH:
            raise self.failure()
        for limit, since, what in (
            (self._limits.silence, self._active, self.silent),
            (self._limits.disk, self._moved_at, "the guest has neither read nor written its disk"),
            (self._limits.phase, self._phase_since, f"the phase '{self.phase}' has not ended"),
            (self._limits.total, self._started, "the install has not ended"),
        ):
            if now - since > limit:
                raise self._stuck(what, limit, now)

    def powered_off(self) -> None:
        """Raise unless the install had reached its end marker without a failure."""
        if self._diagnoser.failed:
            raise self.failure()
        if not self.done:
            if found := self._diagnosis(stuck=True):
                raise self._named(found, f" (in {self._where()})")
            raise self._unknown(
                f"the guest powered off in {self._where()}{self.unfinished}", fix=self.after_power_off
            )

    def failure(self) -> GuestError:
        found = self._diagnosis(stuck=False)
        assert found
        return self._named(found, f" (in phase '{self.phase}')")

    def evidence(self) -> list[str]:
        return [*self._last, *([self._prompt] if self._prompt else [])][-EVIDENCE:]

    def _diagnosis(self, *, stuck: bool) -> Diagnosis | None:
        return self._diagnoser.diagnosis(stuck=stuck)

    def _unknown(self, what: str, *, fix: str) -> GuestError:
        seen = self.evidence()
        if outlived := self._diagnoser.outlived:
            seen = [outlived, *seen[-(EVIDENCE - 1) :]]
        return GuestError(f"{what}; {OUTLIVED if outlived else UNKNOWN}", fix=fix, evidence=seen)

    def _where(self) -> str:
        return f"phase '{self.phase}'"

    def _advice(self) -> str:
        """Say where to look for the cause when a clock has run out and nothing that is known was seen."""
        return "the lines above are the last of its console"

    def _named(self, found: Diagnosis, when: str) -> GuestError:
        return GuestError(found.cause + when, fix=found.failure.fix, evidence=self._evidence_of(found))

    def _evidence_of(self, found: Diagnosis) -> list[str]:
        return [*self.evidence(), *found.said][-EVIDENCE:]

    def _stuck(self, what: str, limit: float, now: float) -> GuestError:
        since = human_time(now - self._started)
        when = f"{what} for {human_time(limit)} ({self._where()}, {since} after the start)"
        if found := self._diagnosis(stuck=True):
            return self._named(found, f": {when}")
        return self._unknown(when, fix=f"{self._advice()}; machine.timeouts in the recipe sets the limits")


class InstallWatch(Watch):
    """Follows one install; ``line`` and ``tick`` raise GuestError as soon as it cannot succeed any more."""

    silent = "the console has said nothing"
    unfinished = " without reaching the end of its kickstart"
    after_power_off = "the lines above are the last of its console; a power-off alone is no success"

    def __init__(
        self,
        console: Console,
        limits: Limits,
        *,
        stage: str,
        now: float,
        place_of: PlaceOf = lambda _line: None,
        script_of: ScriptOf = lambda _line: "",
        status_of: StatusOf = lambda _line: "",
        errors: Errors = tuple,
        failed_script: Script = tuple,
    ) -> None:
        super().__init__(console, limits, stage=stage, now=now, phase="starting the machine")
        self._place_of, self._script_of, self._status_of = place_of, script_of, status_of
        self._errors, self._failed_script = errors, failed_script
        self._reached, self._heard, self._in_pre = -1, 0, False
        self._marker = Marker(console.marker)

    def line(self, text: str, now: float) -> Iterator[Event]:
        """Take one console line and yield what it tells."""
        self._active, self._prompt = now, ""
        self._last = [*self._last[-(EVIDENCE * 2) :], text]
        if self._marker.ends(text):
            self.done = True
        if self._diagnoser.line(text):
            self._failed_at = now
        yield from self._phases(text, now)
        if found := self._console.progress.search(text):
            parts = found.groupdict()
            if parts.get("percent"):
                yield Progress(self._stage, float(parts["percent"]), 100, "%")
            else:
                yield Progress(self._stage, float(parts["done"]), float(parts["total"]), "packages")

    def prompt(self, text: str, now: float) -> Sequence[Event]:
        """Take the line that has no end yet, such as a question or ``grub rescue>``; return what it tells."""
        if text != self._prompt:
            self._active, self._prompt = now, text
        if self._diagnoser.prompt(text):
            self._failed_at = now
        return tuple(self._phases(text, now))

    def heard(self, total: int, now: float) -> None:
        """Take the bytes that were on the console: a progress that is drawn over is no new line."""
        if total != self._heard:
            self._heard, self._active = total, now

    @property
    def failed(self) -> bool:
        return self._diagnoser.failed

    def _named(self, found: Diagnosis, when: str) -> GuestError:
        line = found.kickstart_line
        place = self._place_of(line) if line else None
        script = f": {head}" if line and (head := self._script_of(line)) else ""
        status = self._status_of(line) if line and STATUS not in found.cause else ""
        script = f" ({STATUS} {status}){script}" if status else script
        return GuestError(
            found.cause + script + when, fix=found.failure.fix, at=place, evidence=self._evidence_of(found)
        )

    def _diagnosis(self, *, stuck: bool) -> Diagnosis | None:
        """Return the cause; the installer's own log is asked where the console names none.

        In cmdline mode Anaconda of RHEL 7 writes to its log alone what it would ask or tell in a dialog.
        """
        found = super()._diagnosis(stuck=stuck)
        if self._diagnoser.certain:
            return found
        logged = self._logged_of_pre() or self._logged()
        return logged if logged and not (found and logged.failure.vague) else found

    def _logged_of_pre(self) -> Diagnosis | None:
        """Return what the installer's log says of a script of %pre that has ended the install."""
        if not self._in_pre or not (lines := self._failed_script()):
            return None
        diagnoser = Diagnoser(self._console.failures)
        diagnoser.line(lines[-1])
        found = diagnoser.diagnosis(stuck=True)  # that it has ended the install is known by now
        return replace(found, said=tuple(lines)) if found else None

    def _logged(self) -> Diagnosis | None:
        """Return what the first error in the installer's log means that names a cause, or the last that is vague."""
        known = [one for one in self._console.failures if not one.waits]
        last = None
        for lines in self._errors():
            diagnoser = Diagnoser(known)
            for line in lines:
                diagnoser.line(line)
            if found := diagnoser.diagnosis():
                last = replace(found, said=tuple(lines))
                if diagnoser.certain:
                    break
        return last

    def _phases(self, text: str, now: float) -> Iterator[Event]:
        ahead = islice(enumerate(self._console.phases), self._reached + 1, None)
        for at, phase in ahead:  # a phase never goes back: text of an earlier one may well be repeated
            if phase.pattern.search(text):
                self._reached, self._phase_since, self.phase = at, now, phase.name
                if phase.name not in AT_THE_END:
                    self._diagnoser.went_further()
                    self._in_pre = phase.name == IN_PRE
                yield PhaseStarted(self._stage, phase.name)
                return
