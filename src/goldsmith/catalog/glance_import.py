"""Images that the server makes itself: staged or fetched bytes, its own conversion, copies between its stores.

The server does this in a task, and says yes before it has begun. The task is watched to its end.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from goldsmith.catalog.entry import HASH_ALGORITHM, SOURCE, Image, NewImage, OnBytes, Status
from goldsmith.catalog.facts import Imported, ImportMethod, Source
from goldsmith.catalog.glance_api import Api
from goldsmith.catalog.glance_images import image_of
from goldsmith.catalog.glance_upload import Uploads
from goldsmith.catalog.source import Reading, look
from goldsmith.errors import CatalogError, UsageError
from goldsmith.host.files import Digests
from goldsmith.host.retry import until
from goldsmith.signing.names import signed

COPY = "copy-image"
_EVERY = 1.0  # seconds between two questions
_COMPRESSED = (b"\x1f\x8b", b"PK\x03\x04")  # what the server's plugin for decompression unpacks
_PATIENCE = 15.0  # seconds, for a look at a URL that the server could not fetch
_BUSY = ("pending", "processing")


@dataclass(frozen=True)
class Imports:
    """Import tasks of one Glance."""

    api: Api
    uploads: Uploads

    def bring_in(
        self,
        new: NewImage,
        source: Source,
        digests: Digests | None = None,
        *,
        on_bytes: OnBytes | None = None,
    ) -> Imported:
        """Return an active image that the server made of the source, with notes on what it made of it.

        ``digests`` are those that a file was measured with.
        """
        if signed(new.properties):
            raise UsageError(
                f"{new.name!r} is signed, but a server that imports may convert it, and then no signature is good",
                fix="upload it as it is: without --method, and without import_method in goldsmith.yaml",
            )
        self.uploads.offers.need_method(source.method.value)
        self.uploads.offers.need_stores(source.stores)
        with self.uploads.making() as image_id:
            reading = self._reading(source, digests, on_bytes)
            self._staged(image_id, new, reading)
            method: dict[str, object] = {"name": source.method.value}
            if source.method is ImportMethod.WEB_DOWNLOAD:
                method["uri"] = str(source.place)
            self._order(image_id, method, source.stores)
            image = self._ended(image_id, source)
            notes = _notes(image, new, source, reading)
            found = reading.digests if reading else None
            if found and notes:
                self.uploads.patch(image, [{"op": "add", "path": f"/{SOURCE}", "value": found.sha256}])
            self.uploads.finish(image, new, None if notes else found)
        return Imported(image_id, notes)

    def copy(self, image: Image, stores: tuple[str, ...]) -> Image:
        """Have copies in these stores; those that have one already are left out."""
        self.uploads.offers.need_method(COPY)
        self.uploads.offers.need_stores(stores)
        missing = tuple(one for one in stores if one not in image.stores)
        if not missing:
            return image
        self._order(
            image.id, {"name": COPY}, missing, what=f"copy the image {image.id} to {', '.join(missing)}"
        )
        found = self._ended(image.id, None)
        if lacking := [one for one in missing if one not in found.stores]:
            raise CatalogError(
                f"image {image.id} did not get to the store {', '.join(lacking)}: {_said(found)}",
                fix="ask the cloud's operators to look at this store",
            )
        return found

    def _reading(self, source: Source, digests: Digests | None, on_bytes: OnBytes | None) -> Reading | None:
        """Return the bytes that are to be staged, for glance-direct."""
        if source.method is not ImportMethod.GLANCE_DIRECT:
            return None
        file = Path(source.place)
        reading = Reading(file, look(file), digests, on_bytes)
        self.uploads.offers.need_room(len(reading))
        return reading

    def _staged(self, image_id: str, new: NewImage, reading: Reading | None) -> None:
        """Create the image; for glance-direct, send the bytes too."""
        self.uploads.create(image_id, new)
        if reading:
            what, path = f"take the bytes of {new.name!r}", f"/images/{image_id}/stage"
            self.api.send(what, path, reading, size=len(reading), store=None)

    def _order(
        self, image_id: str, method: dict[str, object], stores: Sequence[str], *, what: str = ""
    ) -> None:
        body: dict[str, object] = {"method": method}
        if stores:
            body |= {"stores": list(stores), "all_stores_must_succeed": True}
        what = what or f"import the image {image_id}"
        self.api.once(what, "POST", f"/images/{image_id}/import", body=body)

    def _ended(self, image_id: str, source: Source | None) -> Image:
        return until(
            lambda: self._outcome(image_id, source),
            what=f"end of the import in {self.api.catalog}",
            deadline=self.api.said.timeouts.task,
            every=_EVERY,
            error=CatalogError,
            fix="ask the cloud's operators what its tasks do, or give them more time: "
            "timeouts.task of the catalog in goldsmith.yaml",
        )

    def _outcome(self, image_id: str, source: Source | None) -> Image | None:
        """Return the image when its task has ended well, None while it goes on; raise when it failed."""
        said = self.api.ask(f"show the image {image_id}", f"/images/{image_id}")
        tasks = self._tasks(image_id)
        image = image_of(said)
        if failed := next((one for one in tasks if one.get("status") == "failure"), None):
            raise self._failure(image, str(failed.get("message") or "no reason given"), source)
        if any(one.get("status") in _BUSY for one in tasks) or said.get("os_glance_import_task"):
            return None
        if said.get("os_glance_failed_import"):
            raise self._failure(image, f"it did not get to {said['os_glance_failed_import']}", source)
        return image if image.status is Status.ACTIVE else None

    def _tasks(self, image_id: str) -> Sequence[dict[str, Any]]:
        """Return the tasks of an image, of the newest import only."""
        found = list(
            self.api.ask(f"tell the tasks of {image_id}", f"/images/{image_id}/tasks").get("tasks", ())
        )
        found.sort(key=lambda one: str(one.get("created_at")))
        return found[-1:]

    def _failure(self, image: Image, message: str, source: Source | None) -> CatalogError:
        causes = [f"its task says: {message}", *_said_lines(image)]
        if source and source.method is ImportMethod.WEB_DOWNLOAD:
            causes.append(_looked_at(str(source.place)))
        elif source:
            causes.append(
                "a server that converts takes no vhd, no encrypted or backed qcow2, no xz, and no bytes of another "
                "format than declared; a signature that does not verify ends it too"
            )
        return CatalogError(
            f"{self.api.catalog} could not import the image",
            fix="mend that, or push it by a plain upload, which tells its reasons (without --method); "
            f"the cloud's log names the image {image.id}",
            evidence=causes,
        )


def _notes(image: Image, new: NewImage, source: Source, reading: Reading | None) -> tuple[str, ...]:
    """Say in what the image is not its source. Raises CatalogError when nothing explains that."""
    if reading is None or reading.digests is None:
        return _promised(image, new, source)
    differences = image.differences(reading.digests)
    if not differences:
        return ()
    file = Path(source.place)
    if image.disk_format != new.disk_format:
        why = f"the cloud converted it from {new.disk_format} to {image.disk_format}"
    elif file.open("rb").read(4).startswith(_COMPRESSED):
        why = "the cloud unpacked it"
    else:
        raise CatalogError(
            f"the image {image.id} is not {file} as it was staged: {'; '.join(differences)}",
            fix="import it again; if it stays so, ask the cloud's operators",
        )
    return (
        f"{why}: size and digests are those of its result, and a signature of {file} does not hold for it",
    )


def _promised(image: Image, new: NewImage, source: Source) -> tuple[str, ...]:
    converted = image.disk_format != new.disk_format
    notes = [f"the cloud converted it from {new.disk_format} to {image.disk_format}"] if converted else []
    if source.sha512 is None:
        return (*notes, "the digests are the cloud's; nothing was known to compare them with (--sha512)")
    same = image.os_hash_algo == HASH_ALGORITHM and image.os_hash_value == source.sha512.lower()
    if not same and not converted:
        raise CatalogError(
            f"what the cloud fetched from {source.place} has the {image.os_hash_algo} {image.os_hash_value}",
            fix="see which of the two is wrong: what lies there, or the --sha512 that was given",
        )
    return tuple(notes)


def _said(image: Image) -> str:
    return "; ".join(_said_lines(image)) or "the task gives no reason"


def _said_lines(image: Image) -> list[str]:
    lines = [f"the image is {image.status}"]
    if failed := image.properties.get("os_glance_failed_import"):
        lines.append(f"stores that it did not get to: {failed}")
    return lines


def _looked_at(url: str) -> str:
    """Say what this host gets from a URL that the server could not import."""
    try:
        with requests.get(url, stream=True, timeout=_PATIENCE, headers={"Range": "bytes=0-0"}) as answer:
            status, reason = answer.status_code, answer.reason
    except (requests.RequestException, ValueError) as error:
        return f"this host cannot fetch {url} either: {' '.join(str(error).split())[:200]}"
    if status >= 400:
        return f"{url} answers {status} {reason} to this host too"
    return (
        f"this host can fetch {url}; see whether the cloud can, and whether it may: import_filtering_opts of Glance "
        "allow the ports 80 and 443 only, and no loopback, where they are left as they are"
    )
