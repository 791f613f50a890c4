"""Bring the images of a recipe in a Glance to what its state says: first what gives, then what takes away."""

from collections.abc import Sequence
from dataclasses import dataclass

from goldsmith.catalog.entry import Image
from goldsmith.catalog.glance import GlanceCatalog
from goldsmith.catalog.glance_api import PATCH
from goldsmith.catalog.glance_errors import Refused
from goldsmith.promote.event import State
from goldsmith.promote.marks import Marks, needed
from goldsmith.recipe.promotion import ChannelPart

_TRIES = 5


@dataclass(frozen=True)
class Marking:
    """Changes images until they say what the state says; doing it again changes nothing more."""

    catalog: GlanceCatalog
    state: State
    channels: Sequence[ChannelPart]

    def give(self, images: Sequence[Image]) -> None:
        """Show, publish, protect and name what enters a channel: one request for each image, all or nothing."""
        for image in images:
            marks = needed(image, self.state, self.channels)
            if marks.gives or marks.active:
                self._settle(image)

    def take(self, images: Sequence[Image]) -> list[str]:
        """Take names and protection, then hide, deactivate and delete; return what the cloud did not allow."""
        problems = []
        for image in images:
            try:
                self._settle(image)
            except Refused as error:
                if error.passing:
                    raise
                problems.append(error.problem)
        return problems

    def _settle(self, image: Image) -> None:
        for attempt in range(1, _TRIES + 1):
            marks = needed(image, self.state, self.channels)
            if marks.nothing:
                return
            try:
                self._change(image, marks)
            except Refused as error:
                gone = error.status in (404, 410) and marks.delete
                if gone:
                    return
                if error.status != 409 or attempt == _TRIES:
                    raise
            if marks.delete:
                return
            image = self.catalog.get(
                image.id
            )  # as it is now, also when somebody else finished the same event

    def _change(self, image: Image, marks: Marks) -> None:
        api, path = self.catalog.api, f"/images/{image.id}"
        if marks.active:
            api.patiently(lambda: api.once(f"reactivate {image.id}", "POST", f"{path}/actions/reactivate"))
        if steps := steps_of(image, marks):
            what = f"change the image {image.id}"
            api.patiently(lambda: api.once(what, "PATCH", path, body=steps, headers=PATCH))
        if marks.active is False:
            api.patiently(lambda: api.once(f"deactivate {image.id}", "POST", f"{path}/actions/deactivate"))
        if marks.delete:
            api.patiently(lambda: api.once(f"delete {image.id}", "DELETE", path))


def steps_of(image: Image, marks: Marks) -> list[dict[str, object]]:
    """Return one PATCH that a Glance carries out all or nothing."""
    fields = {
        "visibility": (marks.visibility, image.visibility.value),
        "protected": (marks.protected, image.protected),
        "os_hidden": (marks.hidden, image.hidden),
    }
    steps: list[dict[str, object]] = [
        {"op": "replace", "path": f"/{name}", "value": wanted}
        for name, (wanted, now) in fields.items()
        if wanted is not None and wanted != now
    ]
    steps += [
        {"op": "add", "path": f"/{name}", "value": value}
        for name, value in sorted(marks.set_properties.items())
    ]
    return steps + [{"op": "remove", "path": f"/{name}"} for name in sorted(marks.unset_properties)]
