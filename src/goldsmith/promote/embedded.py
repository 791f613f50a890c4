"""Channels on the embedded catalog: an event and all that it changes are one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from goldsmith.catalog import evidence, index
from goldsmith.catalog.database import Session
from goldsmith.catalog.entry import RECIPE, VERSION, Image, Query, Status, Visibility
from goldsmith.catalog.local import LocalCatalog
from goldsmith.promote.desk import Decide
from goldsmith.promote.event import Event, Kind, State, read_event, state_of
from goldsmith.promote.facts import Facts
from goldsmith.promote.known import claimed
from goldsmith.promote.marks import Marks, needed
from goldsmith.promote.version import Version, grouped, recipes_of
from goldsmith.recipe.promotion import ChannelPart


@dataclass(frozen=True)
class EmbeddedDesk:
    """The channels of the embedded catalog, moved by ``who``."""

    catalog: LocalCatalog
    channels: Sequence[ChannelPart]
    who: str

    def recipes(self) -> tuple[str, ...]:
        with self.catalog.database.reading() as session:
            told = {str(row["recipe"]) for row in session.rows("SELECT DISTINCT recipe FROM channel_events")}
            return tuple(sorted(told | set(recipes_of(index.select(session, Query(hidden=True))))))

    def facts(self, recipe: str) -> Facts:
        with self.catalog.database.reading() as session:
            return self._facts(session, recipe)

    def history(self, recipe: str) -> tuple[Event, ...]:
        with self.catalog.database.reading() as session:
            return _events(session, recipe)

    def uses(self, facts: Facts) -> Mapping[str, int | None]:
        """Return that nothing runs from a catalog that only hands out copies."""
        return {one.id: 0 for version in facts.versions.values() for one in version.images}

    def act(self, recipe: str, decide: Decide) -> Event | None:
        with self.catalog.database.writing() as session:
            event = decide(self._facts(session, recipe))
            if event is None:
                return None
            session.run(
                "INSERT INTO channel_events (recipe, number, document) VALUES (:recipe, :number, :document)",
                recipe=recipe,
                number=event.number,
                document=event.text(),
            )
            if event.kind is Kind.RESTORED:
                self._undelete(session, recipe, event.version)
            self._mark(session, state_of(recipe, _events(session, recipe)))
            return event

    def _facts(self, session: Session, recipe: str) -> Facts:
        events = _events(session, recipe)
        moment = max([index.now(), *(one.at for one in events[-1:])])  # a clock that was set back
        return Facts(
            recipe=recipe,
            channels=self.channels,
            state=state_of(recipe, events),
            versions=self._versions(session, recipe),
            who=self.who,
            now=moment,
            read=evidence.Documents(self.catalog.folder).read,
            where=str(self.catalog.folder),
            deleted=frozenset(grouped(self._deleted(session, recipe))),
        )

    def _versions(self, session: Session, recipe: str) -> dict[str, Version]:
        blobs = self.catalog.blobs
        return {
            version: Version(
                recipe=recipe,
                version=version,
                images=images,
                evidence=tuple(
                    one
                    for image in images
                    for one in (*claimed(image), *evidence.of_image(session, image.id))
                ),
                lost=tuple(one.id for one in images if not blobs.whole(one.sha256, one.size)),
            )
            for version, images in grouped(_images(session, recipe)).items()
        }

    def _mark(self, session: Session, state: State) -> None:
        for image in _images(session, state.recipe):
            marks = needed(image, state, self.channels)
            if not marks.nothing:
                after = index.rewrite(session, marked(image, marks))
                if marks.delete:
                    index.mark_deleted(session, after)

    def _undelete(self, session: Session, recipe: str, version: str) -> None:
        for image in self._deleted(session, recipe):
            if image.properties.get(VERSION) == version:
                index.unmark_deleted(session, image)

    def _deleted(self, session: Session, recipe: str) -> tuple[Image, ...]:
        query = Query(properties={RECIPE: recipe}, status=Status.DELETED, hidden=True, deleted=True)
        found = index.select(session, query)
        return tuple(one for one in found if self.catalog.blobs.whole(one.sha256, one.size))


def marked(image: Image, marks: Marks) -> Image:
    """Return the image as it is after these changes."""
    kept = {name: value for name, value in image.properties.items() if name not in marks.unset_properties}
    status = image.status
    if marks.active is not None:
        status = Status.ACTIVE if marks.active else Status.DEACTIVATED
    return replace(
        image,
        properties={**kept, **marks.set_properties},
        visibility=Visibility(marks.visibility) if marks.visibility else image.visibility,
        protected=image.protected if marks.protected is None else marks.protected,
        hidden=image.hidden if marks.hidden is None else marks.hidden,
        status=status,
    )


def _events(session: Session, recipe: str) -> tuple[Event, ...]:
    rows = session.rows(
        "SELECT document FROM channel_events WHERE recipe = :recipe ORDER BY number", recipe=recipe
    )
    return tuple(read_event(str(row["document"])) for row in rows)


def _images(session: Session, recipe: str) -> tuple[Image, ...]:
    """Return the images of a recipe that have bytes, deactivated and hidden ones too."""
    found = index.select(session, Query(properties={RECIPE: recipe}, hidden=True))
    return tuple(one for one in found if one.status in (Status.ACTIVE, Status.DEACTIVATED))
