"""Where the events of a catalog are written down: the one contract over the embedded catalog and Glance."""

from collections.abc import Callable, Mapping
from typing import Protocol

from goldsmith.promote.event import Event
from goldsmith.promote.facts import Facts

Decide = Callable[[Facts], Event | None]


class Desk(Protocol):
    """One catalog's channels. All methods raise CatalogError when the catalog refuses or cannot be reached."""

    def recipes(self) -> tuple[str, ...]:
        """Return the recipes that have versions or a history here."""

    def facts(self, recipe: str) -> Facts:
        """Return all that is known of a recipe, once what a dead process left half done is finished."""

    def history(self, recipe: str) -> tuple[Event, ...]:
        """Return all events of a recipe, the oldest first."""

    def uses(self, facts: Facts) -> Mapping[str, int | None]:
        """Return how many servers run from each image (by id) of a recipe; None where nobody can tell."""

    def act(self, recipe: str, decide: Decide) -> Event | None:
        """Decide on what is known, write the event down and carry it out; None where there is nothing to do.

        Either all of it happens or nothing, or the next command on the catalog finishes it.
        """
