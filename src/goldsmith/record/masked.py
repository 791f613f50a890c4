"""Secrets taken out of whatever is told: to the record, to the console, to those who read the error."""

from collections.abc import Callable
from dataclasses import replace

from goldsmith.errors import GoldsmithError
from goldsmith.events import BuildFinished, Event, Reporter, StageFailed, ToolSaid, Warned

Mask = Callable[[str], str]


class Masked:
    """A reporter that takes secrets out of what tools and guests have said, before anyone hears it."""

    def __init__(self, inner: Reporter, mask: Mask) -> None:
        self._inner = inner
        self._mask = mask

    def tell(self, event: Event) -> None:
        match event:
            case ToolSaid():
                event = replace(event, line=self._mask(event.line))
            case StageFailed() | BuildFinished():  # an error holds the last lines of a guest as evidence
                event = replace(event, error=self._mask(event.error))
            case Warned():
                event = replace(event, text=self._mask(event.text), fix=self._mask(event.fix))
        self._inner.tell(event)


def mask_error(error: GoldsmithError, mask: Mask) -> None:
    """Take secrets out of an error that is about to be shown."""
    error.problem, error.fix = mask(error.problem), mask(error.fix)
    error.evidence = tuple(mask(line) for line in error.evidence)
