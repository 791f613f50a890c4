"""Judge an install of Windows by its disk, its resets and COM1, where firmware and our scripts speak but not Setup.

This is pure: facts and times come in, events and errors come out; who asks the machine and the clock is elsewhere.
"""

from collections.abc import Iterator

from goldsmith.events import Event, PhaseStarted, Progress
from goldsmith.guests.causes.windows import KEY_FOR_MEDIUM
from goldsmith.guests.family import Console
from goldsmith.guests.watch import EVIDENCE, Limits, Watch

SETUP = "Windows Setup"
QUIET = 64 << 10  # bytes; a machine that only waits writes less than that between two looks


class WindowsWatch(Watch):
    """Follows one install; ``line`` and ``tick`` raise GuestError as soon as it cannot succeed any more."""

    silent = "the guest has written nothing to its disk"
    unfinished = ", before its scripts had ended"
    after_power_off = "a power-off alone is no success; the screenshots and logs/windows show how far it came"

    def __init__(self, console: Console, limits: Limits, *, stage: str, now: float) -> None:
        super().__init__(console, limits, stage=stage, now=now, phase=SETUP)
        self._written = 0
        self._boots = 1

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

    def _where(self) -> str:
        return f"{super()._where()}, boot {self._boots}"

    def _advice(self) -> str:
        if self._written:
            return "the last screenshot shows what it waits for, such as a question of Setup"
        return (
            "Setup has not come to the disk: it asks for a key, an image, a language or the disk's driver; "
            "the last screenshot shows for which"
        )

    def _enter(self, phase: str, now: float) -> Event:
        self.phase, self._phase_since = phase, now
        return PhaseStarted(self._stage, phase)
