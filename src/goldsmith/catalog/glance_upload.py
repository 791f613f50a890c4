"""Bytes into a Glance: an image that is verified and active comes out of it, or nothing is left.

What a refused or broken upload leaves differs by its cause (queued, saving for ever, queued with a file that a second
attempt collides with), so no attempt is ever repeated on the same image: it is deleted, and the next one has a new id.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

from goldsmith.catalog.entry import HASH_ALGORITHM, SHA256, Image, NewImage, OnBytes, Status
from goldsmith.catalog.glance_api import PATCH, Api
from goldsmith.catalog.glance_download import digests_of
from goldsmith.catalog.glance_errors import Refused
from goldsmith.catalog.glance_images import body_of, image_of
from goldsmith.catalog.glance_offers import Offers
from goldsmith.catalog.glance_pending import Left, Pending
from goldsmith.catalog.source import Reading, look
from goldsmith.errors import GoldsmithError
from goldsmith.host.files import Digests
from goldsmith.host.retry import persistently, until

_TOKEN = 3600.0  # seconds that a token should be good for when an upload begins
_CLEANUP = 30.0  # seconds for what is left to be deleted; after that the next command has to


@dataclass(frozen=True)
class Uploads:
    """Makes images in one Glance, noted in ``pending`` while they are half."""

    api: Api
    pending: Pending

    @property
    def offers(self) -> Offers:
        return Offers(self.api)

    def push(
        self,
        file: Path,
        new: NewImage,
        digests: Digests | None,
        *,
        first: Image | None = None,
        on_bytes: OnBytes | None = None,
    ) -> Image:
        """Return the image of this file, verified and active; a few attempts, each with a new id.

        ``first`` is a queued image for the first attempt.
        """
        queued = [first] if first else []
        self.offers.need_stores([self.api.said.store] if self.api.said.store else [])

        def attempt() -> Image:
            given = queued.pop() if queued else None
            with self.making(digests.sha512 if digests else None, given.id if given else None) as image_id:
                reading = Reading(file, look(file), digests, on_bytes)
                self.offers.need_room(len(reading))
                self.api.refresh(_TOKEN)
                if given is None:
                    self.create(image_id, new)
                self._send(image_id, reading, new.name)
                return self.finish(self.verified(image_id, reading), new, reading.digests)

        return persistently(attempt, again=self._anew, attempts=self.api.said.attempts)

    @contextmanager
    def making(self, sha512: str | None = None, image_id: str | None = None) -> Iterator[str]:
        """Give the id of a new image; when the block fails or is stopped, that image is deleted."""
        image_id = image_id or str(uuid4())
        with self.pending.noted(image_id, sha512):
            try:
                yield image_id
            except BaseException as error:
                self._remove_after(image_id, error)
                raise
            self.pending.forget(image_id)

    def create(self, image_id: str, new: NewImage) -> Image:
        """Make a queued image. The id is ours, so that a lost answer can be asked for."""
        body = body_of(new, image_id)
        if SHA256 in body:
            raise AssertionError(f"{SHA256} is set when the bytes are there")

        def work() -> Image:
            try:
                return image_of(self.api.once(f"create the image {new.name!r}", "POST", "/images", body=body))
            except Refused as error:
                if error.status == 409 and (made := self.there(image_id)):
                    return made
                raise

        return self.api.patiently(work)

    def there(self, image_id: str) -> Image | None:
        try:
            return image_of(self.api.ask(f"show the image {image_id}", f"/images/{image_id}"))
        except Refused as error:
            if error.status == 404:
                return None
            raise

    def verified(self, image_id: str, reading: Reading) -> Image:
        """Return the active image, compared with what was sent: status, size and digests."""
        found = until(
            lambda: self._settled(image_id),
            what=f"end of the upload to {self.api.catalog}",
            deadline=self.api.said.timeouts.answer,
            error=_NotActive,
        )
        assert reading.digests
        problems = [] if found.status is Status.ACTIVE else [f"it is {found.status}"]
        problems += found.differences(reading.digests)
        known = found.checksum or (
            found.os_hash_value if hasattr(reading.digests, str(found.os_hash_algo)) else None
        )
        if not problems and not known:
            problems += self._read_back(found, reading.digests)
        if problems:
            raise _NotActive(f"{self.api.catalog} has not got {reading.file} as it is: {'; '.join(problems)}")
        return found

    def finish(self, image: Image, new: NewImage, digests: Digests | None) -> Image:
        """Say what may only be said of a whole image: its sha256, and that it is protected."""
        steps: list[dict[str, object]] = []
        if digests and image.sha256 != digests.sha256:
            steps.append({"op": "add", "path": f"/{SHA256}", "value": digests.sha256})
        if new.protected and not image.protected:
            steps.append({"op": "replace", "path": "/protected", "value": True})
        return self.patch(image, steps) if steps else image

    def patch(self, image: Image, steps: list[dict[str, object]]) -> Image:
        what, path = f"change the image {image.id}", f"/images/{image.id}"
        return self.api.patiently(
            lambda: image_of(self.api.once(what, "PATCH", path, body=steps, headers=PATCH))
        )

    def remove(self, image_id: str, patience: float = _CLEANUP) -> None:
        """Delete an image, whatever its state, and forget its note; one that is not there is deleted already."""

        def work() -> None:
            with suppress_status(404):
                try:
                    self.api.once(f"delete the image {image_id}", "DELETE", f"/images/{image_id}")
                except Refused as error:
                    if error.status == 403 and (image := self.there(image_id)) and image.protected:
                        self.patch(image, [{"op": "replace", "path": "/protected", "value": False}])
                        self.api.once(f"delete the image {image_id}", "DELETE", f"/images/{image_id}")
                    else:
                        raise

        def again(error: BaseException) -> bool:
            return isinstance(error, Refused) and (error.passing or error.status == 409)

        persistently(work, again=again, deadline=patience)
        self.pending.forget(image_id)

    def sweep(self) -> None:
        """Delete what dead processes of this host began and did not end; a verified image is left alone."""
        for left in self.pending.left():
            image = self.there(left.image_id)
            if image is None or (image.status is Status.ACTIVE and not _other(left, image)):
                self.pending.forget(left.image_id)
            else:
                self.remove(left.image_id)

    def _send(self, image_id: str, reading: Reading, name: str) -> None:
        try:
            self.api.send(
                f"take the bytes of {name!r}",
                f"/images/{image_id}/file",
                reading,
                size=len(reading),
                store=self.api.said.store,
            )
        except Refused as error:
            whole = reading.digests is not None and error.passing
            if whole and (image := self.there(image_id)) and image.status is Status.ACTIVE:
                return  # only the answer was lost; what the server has is compared now
            if error.status == 404:
                raise _gone(error) from None
            raise

    def _anew(self, error: BaseException) -> bool:
        if isinstance(error, Refused) and error.status == 401:
            self.api.log_in_again()
            return True
        return isinstance(error, _NotActive) or (isinstance(error, Refused) and error.passing)

    def _settled(self, image_id: str) -> Image | None:
        found = self.there(image_id)
        if found is None:
            raise Refused(
                f"the image {image_id} was deleted in {self.api.catalog} while it was uploaded",
                status=410,
                fix="see who deletes images there, then push it again",
            )
        return None if found.status in (Status.SAVING, Status.IMPORTING, Status.UPLOADING) else found

    def _read_back(self, image: Image, digests: Digests) -> tuple[str, ...]:
        """Compare what the server gives back; only a server that tells no digest we know makes that necessary."""
        known = replace(
            image, checksum=digests.md5, os_hash_algo=HASH_ALGORITHM, os_hash_value=digests.sha512
        )
        return known.differences(digests_of(self.api, image.id))

    def _remove_after(self, image_id: str, error: BaseException) -> None:
        try:
            self.remove(image_id)
        except GoldsmithError as kept:
            if isinstance(error, GoldsmithError):
                note = f"what was begun, {image_id}, is still there ({kept.problem}); the next command deletes it"
                error.evidence = (*error.evidence, note)


class _NotActive(Refused):
    """The server said yes and has something else."""

    def __init__(self, problem: str, *, fix: str = "", evidence: tuple[str, ...] = ()) -> None:
        fix = fix or "see the cloud's log of this upload; the network may change bytes, or the store is ill"
        super().__init__(problem, status=0, fix=fix, evidence=evidence)


def _gone(error: Refused) -> Refused:
    return Refused(
        f"the image was deleted while it was uploaded: {error.problem}",
        status=410,
        fix="see who deletes images there, then push it again",
    )


def _other(left: Left, image: Image) -> bool:
    """Say whether an active image certainly is not what a dead process meant to make."""
    known = left.sha512 and image.os_hash_algo == HASH_ALGORITHM
    return bool(known) and image.os_hash_value != left.sha512


@contextmanager
def suppress_status(*statuses: int) -> Iterator[None]:
    try:
        yield
    except Refused as error:
        if error.status not in statuses:
            raise
