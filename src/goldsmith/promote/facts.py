"""All that a decision about the versions of one recipe rests on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from goldsmith.catalog.command import command
from goldsmith.errors import CatalogError, UsageError
from goldsmith.promote.event import Event, Kind, State
from goldsmith.promote.version import LATEST, Version
from goldsmith.recipe.promotion import ChannelPart


@dataclass(frozen=True)
class Facts:
    """All that a decision about one recipe rests on. ``versions`` are by their number, the newest first."""

    recipe: str
    channels: Sequence[ChannelPart]
    state: State
    versions: Mapping[str, Version]
    who: str
    now: datetime
    read: Callable[[str], bytes | None]
    where: str  # the catalog, for messages
    cloud: str = ""  # its name in commands, "" for the embedded one
    deleted: frozenset[str] = frozenset()  # versions whose deletion can be taken back

    def command(self, words: str) -> str:
        return command(words, self.cloud)

    def channel(self, name: str) -> ChannelPart:
        found = next((one for one in self.channels if one.name == name), None)
        if found is None:
            known = ", ".join(one.name for one in self.channels)
            raise UsageError(f"there is no channel {name!r}", fix=f"channels, in order: {known}")
        return found

    def before(self, name: str) -> ChannelPart | None:
        names = [one.name for one in self.channels]
        at = names.index(name)
        return self.channels[at - 1] if at else None

    def channels_of(self, version: str) -> tuple[str, ...]:
        """Return the channels that have a version in their order, last those that the project has no more."""
        order = [one.name for one in self.channels]
        held = self.state.channels_of(version)
        return tuple(sorted(held, key=lambda one: order.index(one) if one in order else len(order)))

    def version(self, wanted: str) -> Version:
        if wanted == LATEST and self.versions:
            return next(iter(self.versions.values()))
        if wanted not in self.versions:
            shown = ", ".join(list(self.versions)[:5]) or "none"
            raise CatalogError(
                f"{self.where} has no version {self.recipe}@{wanted}", fix=f"there are: {shown}"
            )
        return self.versions[wanted]

    def event(
        self, kind: Kind, version: str, *, reason: str = "", channel: str = "", **more: object
    ) -> Event:
        return Event(
            number=self.state.number + 1,
            recipe=self.recipe,
            kind=kind,
            version=version,
            at=self.now,
            who=self.who,
            reason=reason,
            channel=channel,
            **more,  # type: ignore[arg-type]
        )
