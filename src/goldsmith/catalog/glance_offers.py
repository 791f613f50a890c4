"""What a Glance offers: stores, import methods, room. Asked before anything is sent to it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from goldsmith.catalog.facts import Limits, Rules, Store
from goldsmith.catalog.glance_api import Api, Json
from goldsmith.catalog.glance_errors import Refused
from goldsmith.catalog.glance_images import limits_of, rules_of, stores_of
from goldsmith.errors import CatalogError, UsageError


@dataclass(frozen=True)
class Offers:
    api: Api

    def rules(self) -> Rules:
        return rules_of(self.api.ask("tell its properties", "/schemas/image"))

    def stores(self) -> tuple[Store, ...]:
        """Return its stores; none where it has one that has no name."""
        return stores_of(self._asked("tell its stores", "/info/stores"))

    def limits(self) -> Limits:
        """Return what the cloud tells; the largest size of one image is told by no Glance, but by goldsmith.yaml."""
        return replace(
            limits_of(self._asked("tell its limits", "/info/usage")), largest=self.api.said.largest
        )

    def need_stores(self, stores: Sequence[str]) -> None:
        """Raise UsageError for a store that is not there."""
        have = [one.id for one in self.stores()] if stores else []
        if unknown := [one for one in stores if one not in have]:
            raise UsageError(
                f"{self.api.catalog} has no store {unknown[0]!r}",
                fix=f"it has: {', '.join(have) or 'one without a name'}",
            )

    def need_room(self, size: int) -> None:
        """Raise Refused for what the cloud says beforehand that it has no room for."""
        if why := self.limits().refusal(size):
            raise Refused(
                f"{self.api.catalog} has no room for it: {why}",
                status=413,
                fix="delete what is not needed, ask for more, or push a smaller format",
            )

    def need_method(self, method: str) -> None:
        said = self._asked("tell its import methods", "/info/import")
        offered = said.get("import-methods", {}).get("value", [])
        if method not in offered:
            raise CatalogError(
                f"{self.api.catalog} does not offer {method}",
                fix=f"it offers: {', '.join(offered) or 'no import'}; a plain upload always works",
            )

    def _asked(self, what: str, path: str) -> Json:
        """Return an answer, or an empty one of a cloud that does not know the question or keeps it from us."""
        try:
            return self.api.ask(what, path)
        except Refused as error:
            if error.status in (403, 404, 405):
                return {}
            raise
