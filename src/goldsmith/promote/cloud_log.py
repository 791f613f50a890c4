"""The events of a recipe in a Glance: images without bytes, hidden, one for each event, never changed but to be done.

What makes two writers safe is the id of such an image: it follows from project, recipe and number, and a Glance gives
an id once (its database refuses a second row, also after a deletion). So whoever makes the image of event 17 first
has written event 17, and the other one is told. A PATCH could not decide that: two that meet may both succeed.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4, uuid5

from goldsmith.catalog.command import command
from goldsmith.catalog.entry import Image
from goldsmith.catalog.glance_api import PATCH, Api
from goldsmith.catalog.glance_errors import Refused
from goldsmith.catalog.glance_images import image_of
from goldsmith.errors import CatalogError
from goldsmith.promote.event import Event, read_event

EVENT = "goldsmith_event"  # the recipe
BODY = "goldsmith_event_body"
WRITER = "goldsmith_event_writer"
DONE = "goldsmith_event_done"
_SPACE = UUID("8a1e7f6c-3b52-5d0e-9c41-6f0d2a7b9e13")
_BURNT = 50  # numbers whose images somebody deleted, passed over


class Overtaken(CatalogError):
    """Somebody else wrote the event that was to be written."""


@dataclass(frozen=True)
class Written:
    """One event as the cloud keeps it; ``writer`` names the process that carries it out."""

    event: Event
    image_id: str
    written_at: datetime
    writer: str
    done: bool


@dataclass(frozen=True)
class Log:
    """The events in one Glance; ``owner`` is the project whose images are moved."""

    api: Api
    owner: str

    def read(self, recipe: str) -> tuple[Written, ...]:
        """Return all events, the oldest first. What only pretends to be one is left out."""
        found = [_written(one) for one in self._images(**{EVENT: recipe}) if one.properties.get(BODY)]
        return tuple(
            sorted(
                (one for one in found if one.image_id == self._id(recipe, one.event.number)),
                key=lambda one: one.event.number,
            )
        )

    def recipes(self) -> set[str]:
        return {one.properties[EVENT] for one in self._images() if EVENT in one.properties}

    def append(self, event: Event) -> Written:
        """Write an event, as the only one of its number. Raises Overtaken when somebody else has."""
        writer = f"{_this_process()}:{uuid4()}"
        for number in range(event.number, event.number + _BURNT):
            one = replace(event, number=number)
            try:
                return self._created(one, writer)
            except Refused as error:
                if error.status not in (0, 409, 500):
                    raise
                known = self._known(one)
                if known and known.writer == writer:  # only the answer was lost
                    return known
                if known:
                    raise _overtaken(event, known, self.api.catalog) from None
                if error.status != 409:
                    raise
        raise CatalogError(
            f"{self.api.catalog} takes no more events of {event.recipe}",
            fix=f"ask its operators who deletes the hidden images with the property {EVENT}",
        )

    def done(self, written: Written) -> None:
        """Note that an event is carried out."""
        steps = [{"op": "add", "path": f"/{DONE}", "value": "yes"}]
        what = f"note event {written.event.number} of {written.event.recipe}"
        path = f"/images/{written.image_id}"
        self.api.patiently(lambda: self.api.once(what, "PATCH", path, body=steps, headers=PATCH))

    def _created(self, event: Event, writer: str) -> Written:
        said = self.api.once(
            f"write event {event.number} of {event.recipe}",
            "POST",
            "/images",
            body={
                "id": self._id(event.recipe, event.number),
                "name": f"goldsmith-history-{event.recipe}-{event.number:06}"[:255],
                "visibility": "private",
                "protected": True,
                "os_hidden": True,
                EVENT: event.recipe,
                BODY: event.text(),
                WRITER: writer,
            },
        )
        return _written(image_of(said))

    def _known(self, event: Event) -> Written | None:
        path = f"/images/{self._id(event.recipe, event.number)}"
        try:
            return _written(image_of(self.api.ask("see who was first", path)))
        except Refused as error:
            if error.status == 404:
                return None
            raise

    def _id(self, recipe: str, number: int) -> str:
        return str(uuid5(_SPACE, f"{self.owner}/{recipe}/{number}"))

    def _images(self, **wanted: str) -> Iterator[Image]:
        params: dict[str, object] = {**wanted, "os_hidden": "true", "status": "queued", "limit": 500}
        if self.owner:
            params["owner"] = self.owner
        while True:
            said = self.api.ask("read the history", "/images", **params)
            yield from map(image_of, said.get("images", ()))
            following = urlsplit(str(said.get("next") or "")).query
            if not following:
                return
            params = {name: values[0] for name, values in parse_qs(following).items()}


def dead(writer: str) -> bool:
    """Say whether a writer was a process of this host and boot that lives no more; False where nobody can tell."""
    found = re.match(r"([0-9a-f-]{36}):(\d+):(\d+):", writer)
    return found is not None and found[1] == _boot() and _begun(int(found[2])) != found[3]


def _this_process() -> str:
    pid = os.getpid()
    return f"{_boot()}:{pid}:{_begun(pid)}"


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _begun(pid: int) -> str:
    """Return when a process began, in the kernel's ticks: a number that is given anew has another one."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    words = stat.rpartition(")")[2].split()
    return "" if words[0] in "ZX" else words[19]


def _written(image: Image) -> Written:
    said = image.properties
    return Written(read_event(said[BODY]), image.id, image.created_at, said.get(WRITER, ""), DONE in said)


def _overtaken(event: Event, known: Written, cloud: str) -> Overtaken:
    theirs = known.event
    return Overtaken(
        f"{theirs.who} was first: {theirs.recipe}@{theirs.version} {theirs.kind}"
        f"{f' ({theirs.channel})' if theirs.channel else ''} at {theirs.at:%H:%M:%S} UTC, so nothing was changed for "
        f"{event.who}",
        fix=command(f"history {event.recipe}", cloud) + "; then try again if it is still wanted",
    )
