"""Judge an install by its console: which phase it is in, whether it failed, whether a clock ran out.

This is pure: lines and times come in, events and errors come out; who reads the console and the clock is elsewhere.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from goldsmith.errors import GuestError
from goldsmith.events import Event, PhaseStarted, Progress
from goldsmith.guests.family import Console, Failure
from goldsmith.host.files import human_time

EVIDENCE = 20  # lines of console shown with a failure
AFTERMATH = 3.0  # seconds in which the console may still say more about a failure


@dataclass(frozen=True)
class Limits:
    """How long an install may take, in seconds: in all, without a new console line, in one phase."""

    total: float
    silence: float
    phase: float


class InstallWatch:
    """Follows one install; ``line`` and ``tick`` raise GuestError as soon as it cannot succeed any more."""

    def __init__(self, console: Console, limits: Limits, *, stage: str, now: float) -> None:
        self._console = console
        self._limits = limits
        self._stage = stage
        self._started = self._heard = self._phase_since = now
        self._reached = -1
        self._last: list[str] = []
        self._failed: tuple[float, Failure, str] | None = None
        self.done = False
        self.phase = "starting the machine"

    def line(self, text: str, now: float) -> Iterator[Event]:
        """Take one console line and yield what it tells."""
        self._heard = now
        self._last = [*self._last[-(EVIDENCE * 2) :], text]
        if text.strip() == self._console.marker or text.endswith(self._console.marker):
            self.done = True
        if not self._failed or self._failed[1].vague:
            self._look_for_failure(text, now)
        yield from self._phases(text, now)
        if found := self._console.progress.search(text):
            parts = found.groupdict()
            if parts.get("percent"):
                yield Progress(self._stage, float(parts["percent"]), 100, "%")
            else:
                yield Progress(self._stage, float(parts["done"]), float(parts["total"]), "packages")

    def tick(self, now: float) -> None:
        """Raise when a failure was seen a moment ago, or when a clock has run out."""
        if self._failed and now - self._failed[0] >= AFTERMATH:
            raise self.failure()
        for limit, since, what in (
            (self._limits.silence, self._heard, "the console has said nothing"),
            (self._limits.phase, self._phase_since, f"the phase '{self.phase}' has not ended"),
            (self._limits.total, self._started, "the install has not ended"),
        ):
            if now - since > limit:
                raise self._stuck(what, limit, now)

    def powered_off(self) -> None:
        """Raise unless the install had reached its end marker without a failure."""
        if self._failed:
            raise self.failure()
        if not self.done:
            raise GuestError(
                f"the guest powered off in phase '{self.phase}' without reaching the end of its kickstart",
                fix="the lines above are the last of its console; a power-off alone is no success",
                evidence=self.evidence(),
            )

    def failure(self) -> GuestError:
        assert self._failed
        _, kind, cause = self._failed
        return GuestError(f"{cause} (in phase '{self.phase}')", fix=kind.fix, evidence=self.evidence())

    @property
    def failed(self) -> bool:
        return self._failed is not None

    def evidence(self) -> list[str]:
        return self._last[-EVIDENCE:]

    def _look_for_failure(self, text: str, now: float) -> None:
        for one in self._console.failures:
            if match := one.pattern.search(text):
                since = self._failed[0] if self._failed else now
                if not (self._failed and one.vague):
                    self._failed = (since, one, one.explain(match))
                return

    def _phases(self, text: str, now: float) -> Iterator[Event]:
        ahead = islice(enumerate(self._console.phases), self._reached + 1, None)
        for at, phase in ahead:  # a phase never goes back: text of an earlier one may well be repeated
            if phase.pattern.search(text):
                self._reached, self._phase_since, self.phase = at, now, phase.name
                yield PhaseStarted(self._stage, phase.name)
                return

    def _stuck(self, what: str, limit: float, now: float) -> GuestError:
        return GuestError(
            f"{what} for {human_time(limit)} (phase '{self.phase}', {human_time(now - self._started)} after the start)",
            fix="the lines above are the last of its console; machine.timeouts in the recipe sets the limits",
            evidence=self.evidence(),
        )


Clock = Callable[[], float]
