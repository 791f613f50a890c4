"""Judge an install of Windows by its disk, its resets and COM1, where firmware and our scripts speak but not Setup.

This is pure: facts and times come in, events and errors come out; who asks the machine and the clock is elsewhere.
"""

from collections.abc import Iterator

from goldsmith.errors import GuestError
from goldsmith.events import Event, PhaseStarted, Progress
from goldsmith.guests.causes.failure import Diagnoser, Diagnosis
from goldsmith.guests.causes.windows import KEY_FOR_MEDIUM
from goldsmith.guests.family import Console
from goldsmith.guests.watch import AFTERMATH, EVIDENCE, UNKNOWN, Limits
from goldsmith.host.files import human_time

SETUP = "Windows Setup"
QUIET = 64 << 10  # bytes; a machine that only waits writes less than that between two looks


class WindowsWatch:
    """Follows one install; ``line`` and ``tick`` raise GuestError as soon as it cannot succeed any more."""

    def __init__(self, console: Console, limits: Limits, *, stage: str, now: float) -> None:
        self._console = console
        self._limits = limits
        self._stage = stage
        self._started = self._active = self._phase_since = self._moved_at = now
        self._written = self._moved = 0
        self._boots = 1
        self._last: list[str] = []
        self._prompt = ""
        self._diagnoser = Diagnoser(console.failures)
        self._failed_at = now
        self.done = False
        self.phase = SETUP

    def line(self, text: str, now: float) -> Iterator[Event]:
        """Take one line of COM1, and yield what it tells."""
        self._active, self._prompt = now, ""
        self._last = [*self._last[-(EVIDENCE * 2) :], text]
        if text.strip().endswith(self._console.marker):
            self.done = True
        if self._diagnoser.line(text):
            self._failed_at = now
        for phase in self._console.phases:
            if match := phase.pattern.search(text):
                yield self._enter(phase.name.format(match.group(0), *match.groups()), now)
        if found := self._console.progress.search(text):
            yield Progress(self._stage, float(found["percent"]), 100, "%")

    def prompt(self, text: str, now: float) -> None:
        """Take the line of COM1 that has no end yet, such as a question; "" for none."""
        self._prompt = text
        if self._diagnoser.prompt(text):
            self._failed_at = now

    def wrote(self, total: int, now: float) -> None:
        """Take the bytes that the guest has written to its disk since its start."""
        if abs(total - self._written) >= QUIET:
            self._written, self._active = total, now
            self.loaded()

    def moved(self, total: int, now: float) -> None:
        """Take the bytes that went to or came from its disk, and came from Setup's disc, since its start."""
        if total != self._moved:
            self._moved, self._moved_at = total, now

    def loaded(self) -> None:
        """Take it that Setup is being loaded, or was before: the firmware has what it may have waited for."""
        self._diagnoser.went_on(KEY_FOR_MEDIUM)

    def booted(self, resets: int, now: float) -> Iterator[Event]:
        """Take how often the machine was reset; Setup does that several times."""
        if resets + 1 > self._boots:
            self._boots, self._active = resets + 1, now
            self._diagnoser.went_on()
            if self.phase.startswith(SETUP):
                yield self._enter(f"{SETUP}, boot {self._boots}", now)

    def tick(self, now: float) -> None:
        """Raise when a failure was told a moment ago, or when a clock has run out."""
        if self._diagnoser.failed and now - self._failed_at >= AFTERMATH:
            raise self.failure()
        for limit, since, what in (
            (self._limits.silence, self._active, "the guest has written nothing to its disk"),
            (self._limits.disk, self._moved_at, "the guest has neither read nor written its disk"),
            (self._limits.phase, self._phase_since, f"the phase '{self.phase}' has not ended"),
            (self._limits.total, self._started, "the install has not ended"),
        ):
            if now - since > limit:
                raise self._stuck(what, limit, now)

    def powered_off(self) -> None:
        """Raise unless the scripts had reached their end without a failure."""
        if self._diagnoser.failed:
            raise self.failure()
        if not self.done:
            when = f"in phase '{self.phase}', boot {self._boots}"
            if found := self._diagnoser.diagnosis(stuck=True):
                raise self._named(found, f" ({when})")
            raise GuestError(
                f"the guest powered off {when}, before its scripts had ended; {UNKNOWN}",
                fix="a power-off alone is no success; the screenshots and logs/windows show how far it came",
                evidence=self.evidence(),
            )

    def failure(self) -> GuestError:
        found = self._diagnoser.diagnosis()
        assert found
        return self._named(found, f" (in phase '{self.phase}')")

    def evidence(self) -> list[str]:
        return [*self._last, *([self._prompt] if self._prompt else [])][-EVIDENCE:]

    def _named(self, found: Diagnosis, when: str) -> GuestError:
        return GuestError(found.cause + when, fix=found.failure.fix, evidence=self.evidence())

    def _enter(self, phase: str, now: float) -> Event:
        self.phase, self._phase_since = phase, now
        return PhaseStarted(self._stage, phase)

    def _stuck(self, what: str, limit: float, now: float) -> GuestError:
        when = (
            f"{what} for {human_time(limit)} (phase '{self.phase}', boot {self._boots}, "
            f"{human_time(now - self._started)} after the start)"
        )
        if found := self._diagnoser.diagnosis(stuck=True):
            return self._named(found, f": {when}")
        shows = "the last screenshot shows what it waits for, such as a question of Setup"
        if not self._written:
            shows = (
                "Setup has not come to the disk: it asks for a key, an image, a language or the disk's driver; "
                "the last screenshot shows for which"
            )
        return GuestError(
            f"{when}; {UNKNOWN}",
            fix=f"{shows}; machine.timeouts in the recipe sets the limits",
            evidence=self.evidence(),
        )
