"""A Glance of an OpenStack cloud as a catalog: what it says is verified, and what it half did is taken back."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

from goldsmith.catalog.choose import NoImage, choose
from goldsmith.catalog.command import command
from goldsmith.catalog.copying import check_copy, fresh, verified
from goldsmith.catalog.entry import (
    BUILD_KEY,
    SOURCE,
    Changes,
    Image,
    NewImage,
    OnBytes,
    Purged,
    Query,
    Status,
    Verification,
)
from goldsmith.catalog.facts import ImportMethod, Limits, Rules, Source
from goldsmith.catalog.glance_api import Api
from goldsmith.catalog.glance_download import digests_of
from goldsmith.catalog.glance_errors import Refused
from goldsmith.catalog.glance_images import again, asked, fits, image_of, patch_of
from goldsmith.catalog.glance_import import Imports
from goldsmith.catalog.glance_pending import Pending
from goldsmith.catalog.glance_sharing import GlanceSharing
from goldsmith.catalog.glance_upload import Uploads
from goldsmith.catalog.rules import (
    check_changes,
    check_leaving,
    check_new,
    check_switch,
    needs_status,
    unread,
)
from goldsmith.catalog.source import look
from goldsmith.errors import CatalogError, UsageError
from goldsmith.host.files import Digests, digest
from goldsmith.recipe.project import CloudCatalog
from goldsmith.signing.names import signed

_PAGE = 500


@dataclass(frozen=True)
class GlanceCatalog(GlanceSharing):
    """The images that a user of a cloud sees. ``folder`` keeps notes of uploads that are under way."""

    name: str
    said: CloudCatalog
    folder: Path

    @cached_property
    def api(self) -> Api:
        return Api(self.name, self.said)

    @cached_property
    def uploads(self) -> Uploads:
        return Uploads(self.api, Pending(self.folder))

    @property
    def imports(self) -> Imports:
        return Imports(self.api, self.uploads)

    def create(self, new: NewImage) -> Image:
        self.check_new(new)
        self.uploads.sweep()
        image = self._created(new)
        return self.uploads.finish(image, new, None)

    def upload(
        self, image_id: str, file: Path, digests: Digests | None = None, *, on_bytes: OnBytes | None = None
    ) -> Image:
        image = self.get(image_id)
        needs_status(image, Status.QUEUED, Status.SAVING, cloud=self.name)
        return self.uploads.push(file, again(image), digests, first=image, on_bytes=on_bytes)

    def register(
        self,
        file: Path,
        new: NewImage,
        digests: Digests | None = None,
        *,
        on_bytes: OnBytes | None = None,
    ) -> Image:
        self.check_new(new)
        self.uploads.sweep()
        size = look(file).size
        if twin := self._twin(file, size, new, digests):
            return twin
        if self.said.import_method and not signed(new.properties):  # a server that converts spoils signatures
            stores = self.said.stores or ((self.said.store,) if self.said.store else ())
            source = Source(file, ImportMethod(self.said.import_method), stores)
            return self.get(self.imports.bring_in(new, source, digests, on_bytes=on_bytes).image_id)
        image = self.uploads.push(file, new, digests, on_bytes=on_bytes)
        return self._everywhere(image)

    def get(self, image_id: str) -> Image:
        path = f"/images/{quote(image_id, safe='')}"
        try:
            return image_of(self.api.ask(f"show the image {image_id}", path))
        except Refused as error:
            if error.status == 404:
                raise self._lacks(image_id) from None
            raise

    def find(self, wanted: str, *, deleted: bool = False) -> Image:
        if deleted:
            raise CatalogError(
                f"{self.name} shows nobody the images that were deleted", fix="push the image again"
            )
        named = self.list(Query(name=wanted.removesuffix("@latest"), hidden=True))
        return choose(wanted, named or self.list(Query(hidden=True)), where=self.name, cloud=self.name)

    def list(self, query: Query = Query()) -> tuple[Image, ...]:  # noqa: B008  frozen, so safe to share
        self.uploads.sweep()
        if query.status is Status.DELETED:
            return ()
        wanted = asked(query)
        found = [one for one in self._pages(**wanted) if fits(query, one)]
        if query.hidden:
            found += [one for one in self._pages(**wanted, os_hidden="true") if fits(query, one)]
            found.sort(key=lambda one: one.created_at, reverse=True)
        return tuple(found)

    def update(self, image_id: str, changes: Changes) -> Image:
        check_changes(changes, cloud=self.name)

        def work() -> Image:
            image = self.get(image_id)
            steps = patch_of(image, changes, cloud=self.name)
            return self.uploads.patch(image, steps) if steps else image

        try:
            return work()
        except Refused as error:
            if error.status != 409:
                raise
            return work()  # somebody else changed it in between: once more, on what it is now

    def deactivate(self, image_id: str) -> Image:
        return self._switch(image_id, Status.ACTIVE, Status.DEACTIVATED, "deactivate")

    def reactivate(self, image_id: str) -> Image:
        return self._switch(image_id, Status.DEACTIVATED, Status.ACTIVE, "reactivate")

    def download(self, image_id: str, target: Path, *, on_bytes: OnBytes | None = None) -> Image:
        image = self._readable(self.get(image_id))
        with fresh(target, image):
            with target.open("xb") as file:
                found = digests_of(self.api, image_id, into=file, on_bytes=on_bytes)
            check_copy(image, found, cloud=self.name)
        return image

    def verify(self, image_id: str, *, on_bytes: OnBytes | None = None) -> Verification:
        return verified(
            self.get(image_id),
            lambda image: digests_of(self.api, self._readable(image).id, on_bytes=on_bytes),
        )

    def delete(self, image_id: str) -> Image:
        self.uploads.sweep()
        image = self.get(image_id)
        check_leaving(image, "delete", cloud=self.name)
        what, path = f"delete the image {image_id}", f"/images/{image_id}"
        try:
            self.api.patiently(lambda: self.api.once(what, "DELETE", path))
        except Refused as error:
            if error.status != 404:  # an earlier attempt whose answer was lost has done it
                raise
        return replace(image, status=Status.DELETED)

    def purge(self, *, older_than: timedelta, apply: bool) -> Purged:  # noqa: ARG002  nobody but the operator can
        days = max(older_than.days, 1)
        raise CatalogError(
            f"{self.name} deletes the bytes of an image at once, and its rows are removed by its operator alone",
            fix="have these run on the cloud's controller, from cron; ids may be used again after the second one, "
            "so not where untrusted users upload (OSSN-0075)",
            evidence=(
                f"glance-manage db purge --age_in_days {days} --max_rows -1",
                f"glance-manage db purge_images_table --age_in_days {days} --max_rows -1",
                "without --max_rows they stop after 100 rows of each table",
            ),
        )

    def limits(self) -> Limits:
        return self.uploads.offers.limits()

    def rules(self) -> Rules:
        return self.uploads.offers.rules()

    def check_new(self, new: NewImage) -> None:
        check_new(new)
        if problems := self.rules().problems(new.properties):
            raise UsageError(
                f"{self.name} does not take the image {new.name}: {'; '.join(problems)}",
                fix="change the properties",
            )

    def _created(self, new: NewImage) -> Image:
        with self.uploads.making() as image_id:
            return self.uploads.create(image_id, new)

    def _everywhere(self, image: Image) -> Image:
        """Have the image in all stores that the project wants."""
        wanted = tuple(one for one in self.said.stores if one not in image.stores)
        try:
            return self.copy_to_stores(image.id, wanted) if wanted else image
        except CatalogError as error:
            raise CatalogError(
                f"image {image.id} ({image.name}) is verified and active, but in {', '.join(image.stores)} only: "
                f"{error.problem}",
                fix="copies are the administrators' affair in most clouds: leave stores: out, have one of them run "
                + command(f"image copy-to-store {image.id} {' '.join(wanted)}", self.name)
                + ", or say import_method: glance-direct",
                evidence=error.evidence,
            ) from None

    def _twin(self, file: Path, size: int, new: NewImage, digests: Digests | None) -> Image | None:
        """Return the active image of the same build, or the one of this name and format that has the same bytes."""
        if key := new.properties.get(BUILD_KEY):
            built = self.list(Query(status=Status.ACTIVE, hidden=True, properties={BUILD_KEY: key}))
            if built:
                return self.uploads.finish(built[0], new, digests)
        named = self.list(Query(name=new.name, status=Status.ACTIVE, hidden=True))
        alike = [one for one in named if one.size == size and one.disk_format == new.disk_format]
        made = [one for one in named if SOURCE in one.properties] if self.said.import_method else []
        if not alike and not made:
            return None
        found = digests or digest(file)  # reading it costs less than sending it for nothing
        if converted := next((one for one in made if one.properties[SOURCE] == found.sha256), None):
            return converted
        same = next((one for one in alike if one.checksum and not one.differences(found)), None)
        return self.uploads.finish(same, new, found) if same else None

    def _readable(self, image: Image) -> Image:
        if image.status is not Status.ACTIVE:
            raise unread(image, cloud=self.name)
        return image

    def _switch(self, image_id: str, before: Status, after: Status, action: str) -> Image:
        image = self.get(image_id)
        check_switch(image, before, after, cloud=self.name)
        path = f"/images/{image_id}/actions/{action}"
        self.api.patiently(lambda: self.api.once(f"{action} the image {image_id}", "POST", path))
        return self.get(image_id)

    def _pages(self, **wanted: object) -> Iterator[Image]:
        params = {**wanted, "limit": _PAGE, "sort_key": "created_at", "sort_dir": "desc"}
        while True:
            said = self.api.ask("list its images", "/images", **params)
            yield from map(image_of, said.get("images", ()))
            following = urlsplit(str(said.get("next") or "")).query
            if not following:
                return
            pairs = parse_qs(following).items()
            params = {name: values if len(values) > 1 else values[0] for name, values in pairs}

    def _lacks(self, image_id: str) -> NoImage:
        return NoImage(f"{self.name} has no image {image_id!r}", fix=command("image list --all", self.name))
