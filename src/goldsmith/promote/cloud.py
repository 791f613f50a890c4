"""Channels in a Glance: an event is written first, then carried out image by image.

A Glance has no transaction over several images. What it has: an image with a given id can be made once, and a PATCH
of one image is all or nothing. So the written events are the truth, of which there is always one; the properties of
images follow, the new image first. Whoever dies in between is finished by the next command.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from goldsmith.catalog import index
from goldsmith.catalog.entry import RECIPE, Image, Query, Status, Visibility
from goldsmith.catalog.evidence import Documents
from goldsmith.catalog.glance import GlanceCatalog
from goldsmith.catalog.glance_errors import Refused
from goldsmith.catalog.glance_nova import servers_of
from goldsmith.catalog.local import LocalCatalog
from goldsmith.errors import CatalogError, UsageError
from goldsmith.promote.cloud_log import Log, Overtaken, Written, dead
from goldsmith.promote.cloud_marks import Marking
from goldsmith.promote.desk import Decide
from goldsmith.promote.event import Event, Kind, Move, state_of
from goldsmith.promote.facts import Facts
from goldsmith.promote.known import Known
from goldsmith.promote.version import Version, grouped, recipes_of
from goldsmith.recipe.promotion import ChannelPart

LEASE = 60.0  # seconds that an event may take to be carried out, before others do it


@dataclass(frozen=True)
class GlanceDesk:
    """The channels of a Glance, moved by ``who``. ``embedded`` keeps the documents that gates rest on."""

    catalog: GlanceCatalog
    embedded: LocalCatalog
    channels: Sequence[ChannelPart]
    who: str
    lease: float = LEASE

    def recipes(self) -> tuple[str, ...]:
        ours = [one for one in self.catalog.list(Query(hidden=True)) if self._ours(one)]
        return tuple(sorted(self._log.recipes() | set(recipes_of(ours))))

    def facts(self, recipe: str) -> Facts:
        return self._facts(recipe, self._settled(recipe, must=False))

    def history(self, recipe: str) -> tuple[Event, ...]:
        return tuple(one.event for one in self._settled(recipe, must=False))

    def uses(self, facts: Facts) -> Mapping[str, int | None]:
        images = [one for version in facts.versions.values() for one in version.images]
        return servers_of(self.catalog.said, images)

    def act(self, recipe: str, decide: Decide) -> Event | None:
        written = self._settled(recipe, must=True)
        event = decide(self._facts(recipe, written))
        if event is None:
            return None
        mine = self._log.append(event)
        try:
            problems = self._carry_out(recipe, (*written, mine))
        except Refused as error:
            if not error.passing:  # the cloud will not have it, now or later
                self._undo(recipe, mine.event, error)
            raise
        if problems:
            raise CatalogError(
                f"{recipe}@{event.version} {event.kind}, but {self.catalog.name} did not allow all of it",
                evidence=problems,
                fix="ask for the role, then give any command on its channels: it does the rest",
            )
        return mine.event

    @property
    def _log(self) -> Log:
        return Log(self.catalog.api, self.catalog.api.project or self._only_owner())

    def _only_owner(self) -> str:
        """Return the project of the images, where the way to log in does not tell ours."""
        found = [one for one in self.catalog.list(Query(hidden=True)) if RECIPE in one.properties]
        private = [one for one in found if one.visibility is Visibility.PRIVATE]  # nobody else's are
        owners = {one.owner for one in private or found}
        if len(owners) > 1:
            raise UsageError(
                f"{self.catalog.name} shows images of {len(owners)} projects, and not which one is ours",
                fix="log in to one project: project_name in clouds.yaml",
            )
        return next(iter(owners), None) or ""

    def _ours(self, image: Image) -> bool:
        return not self._log.owner or image.owner == self._log.owner

    def _settled(self, recipe: str, *, must: bool) -> tuple[Written, ...]:
        """Return all events, once the last one is carried out; when somebody is at it, ``must`` is told so."""
        written = self._log.read(recipe)
        if not written or written[-1].done:
            return written
        last = written[-1]
        age = (index.now() - last.written_at).total_seconds()
        if not dead(last.writer) and age < self.lease:
            if not must:
                return written
            raise Overtaken(
                f"{last.event.who} is at it: {recipe}@{last.event.version} {last.event.kind} since {age:.0f} s",
                fix=f"try again; after {self.lease:.0f} s the next command finishes it",
            )
        try:
            self._carry_out(recipe, written)
        except Refused as error:
            if must and not error.passing:
                self._undo(recipe, last.event, error)
            elif must:
                raise
        return self._log.read(recipe)

    def _carry_out(self, recipe: str, written: Sequence[Written]) -> list[str]:
        """Bring the images to what the last event says, and to what anybody wrote meanwhile; then note it."""
        until = time.monotonic() + LEASE / 2
        while True:
            state = state_of(recipe, [one.event for one in written])
            images = self._images(recipe)
            marking = Marking(self.catalog, state, self.channels)
            marking.give(images)
            if time.monotonic() > until:
                raise CatalogError(
                    f"{self.catalog.name} was too slow to carry out event {state.number} of {recipe}",
                    fix="give any command on its channels: it finishes what was begun",
                )
            problems = marking.take(images)
            self._log.done(written[-1])
            now = self._log.read(recipe)
            if now[-1].event.number == state.number:
                return problems
            written = now  # somebody took over while this was slow: what it wrote counts

    def _undo(self, recipe: str, event: Event, error: Refused) -> None:
        """Write down that the cloud refused an event, and bring the images back."""
        written = self._log.read(recipe)
        if written[-1].event.number != event.number:
            return
        undone = Event(
            number=event.number + 1,
            recipe=recipe,
            kind=Kind.UNDONE,
            version=event.version,
            at=max(index.now(), event.at),
            who=self.who,
            reason=error.problem,
            channel=event.channel,
            moves=tuple(Move(one.channel, one.after, one.before) for one in event.moves),
        )
        mine = self._log.append(undone)
        self._carry_out(recipe, (*written, mine))

    def _facts(self, recipe: str, written: Sequence[Written]) -> Facts:
        events = [one.event for one in written]
        return Facts(
            recipe=recipe,
            channels=self.channels,
            state=state_of(recipe, events),
            versions=self._versions(recipe),
            who=self.who,
            now=max([index.now(), *(one.at for one in events[-1:])]),
            read=Documents(self.embedded.folder).read,
            where=self.catalog.name,
            cloud=self.catalog.name,
        )

    def _versions(self, recipe: str) -> dict[str, Version]:
        known = Known(self.embedded, recipe)
        return {
            version: Version(
                recipe=recipe,
                version=version,
                images=images,
                evidence=tuple(one for image in images for one in known.of(image)),
            )
            for version, images in grouped(self._images(recipe)).items()
        }

    def _images(self, recipe: str) -> tuple[Image, ...]:
        found = self.catalog.list(Query(properties={RECIPE: recipe}, hidden=True))
        kept = (Status.ACTIVE, Status.DEACTIVATED)
        return tuple(one for one in found if self._ours(one) and one.status in kept)
