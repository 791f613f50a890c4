"""Bring the registered images into a catalog outside. What was built stays, whatever happens here."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from goldsmith.catalog.entry import Image, Status, stamp
from goldsmith.catalog.local import LocalCatalog
from goldsmith.errors import CatalogError, GoldsmithError, HostError
from goldsmith.events import PhaseStarted, Progress
from goldsmith.host import files
from goldsmith.plan.damage import noted_in
from goldsmith.plan.mend import Spoiled
from goldsmith.plan.planner import Plan
from goldsmith.plan.stage import Context, Entry, Inputs, Kind, Work
from goldsmith.plan.store import Store
from goldsmith.publish.item import FACTS as REGISTERED
from goldsmith.publish.item import Destination, Item
from goldsmith.publish.noted import note_push

if TYPE_CHECKING:
    from goldsmith.publish.push import Pushed

FACTS = "upload.json"


@dataclass(frozen=True)
class Upload:
    """One image for each exported format, or the one in the format that the catalog wants."""

    destination: Destination

    kind = Kind.CATALOG
    version = 1
    group = ""

    @property
    def name(self) -> str:
        return f"upload-{self.destination.name}"

    def inputs(self) -> Inputs:
        return dict(self.destination.facts())

    def run(self, work: Work, context: Context) -> None:
        from goldsmith.publish.sources import items_of

        entry = noted_in(context.results["register"].folder, REGISTERED)
        catalog = LocalCatalog(context.state / "catalog")
        images = [catalog.get(str(one["id"])) for one in entry["images"]]
        try:
            pushed = [self._push(one, context) for one in self._chosen(items_of(catalog, images))]
        except GoldsmithError as error:
            name = self.destination.name
            then = f"what was built is kept; when that is mended: goldsmith push {context.build} --catalog {name}"
            error.fix = f"{error.fix}; {then}" if error.fix else then
            raise
        noted = [one.image.as_json() for one in pushed]
        files.write_atomically(work.folder / FACTS, json.dumps({"images": noted}, indent=1))

    def gone(self, entry: Entry) -> bool:
        """Say whether an image that was uploaded is not there any more; raises CatalogError if it cannot be asked."""
        try:
            images = noted_in(entry.folder, FACTS)["images"]
            ids = [str(one["id"]) for one in images]
        except (HostError, LookupError):
            return True
        return any(not _there(self.destination, one) for one in ids)

    def _chosen(self, items: Sequence[Item]) -> Sequence[Item]:
        return items[:1] if self.destination.format else items

    def _push(self, item: Item, context: Context) -> "Pushed":
        from goldsmith.publish.push import Listener, push

        told = ""

        def step(what: str, percent: float) -> None:
            nonlocal told
            if what != told:
                told = what
                context.reporter.tell(PhaseStarted(self.name, what))
            context.reporter.tell(Progress(self.name, percent, 100, "%"))

        def sending(done: int, total: int) -> None:
            nonlocal told
            if told != "sending":
                told = "sending"
                context.reporter.tell(PhaseStarted(self.name, f"sending {item.new.name}"))
            context.reporter.tell(Progress(self.name, done, total, "bytes"))

        host, listener = context.host_for(self.name), Listener(step, sending)
        done = push(item, self.destination, host, context.state / "push", listener)
        now = stamp(datetime.now(UTC))
        note_push(context.folder, self.destination.name, done.image.as_json(), at=now)
        how = "sent" if done.sent else "there already"
        context.log_for(self.name)(
            f"{done.image.id} {done.image.name}: {how}, verified in {self.destination.name}"
        )
        return done


def gone_uploads(plan: Plan, store: Store) -> Iterator[Spoiled]:
    """Yield the uploads that a plan would take from the store, and whose images are not in their catalogs any more."""
    for step in plan.steps:
        if not (step.cached and isinstance(step.stage, Upload)):
            continue
        made, entry = store.created(step.key), store.get(step.key)
        if entry and step.stage.gone(entry):
            told = f"the image was deleted from {step.stage.destination.name} and is sent again"
            yield Spoiled(step, made, told)


def _there(destination: Destination, image_id: str) -> bool:
    try:
        found: Image = destination.open().get(image_id)
    except CatalogError as error:
        if getattr(error, "status", 404) != 404:
            raise
        return False
    return found.status in (Status.ACTIVE, Status.DEACTIVATED)
