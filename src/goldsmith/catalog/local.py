"""The embedded catalog: an index in SQLite and image files by digest, safe for many processes at once."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from goldsmith.catalog import index
from goldsmith.catalog.blobs import Blobs
from goldsmith.catalog.check import Finding, check
from goldsmith.catalog.choose import NoImage, choose
from goldsmith.catalog.copying import check_copy, fresh, verified
from goldsmith.catalog.database import Database, Session
from goldsmith.catalog.entry import (
    BUILD_KEY,
    Changes,
    Image,
    NewImage,
    OnBytes,
    Purged,
    Query,
    Status,
    Verification,
    Visibility,
)
from goldsmith.catalog.evidence import Documents
from goldsmith.catalog.rules import (
    changed,
    check_changes,
    check_leaving,
    check_new,
    check_switch,
    unread,
)
from goldsmith.catalog.sharing import Sharing
from goldsmith.errors import CatalogError
from goldsmith.host.files import Digests, copy, digest


@dataclass(frozen=True)
class LocalCatalog(Sharing):
    """Images below ``folder``: ``index.db`` and ``images/<sha256>``, the same bytes kept once.

    The bytes get their name and the entry becomes active in one transaction, and what a dead process began is
    swept by the next command, so an active image is always whole.
    """

    folder: Path

    @property
    def database(self) -> Database:
        return Database(self.folder / "index.db", index.MIGRATIONS)

    @property
    def blobs(self) -> Blobs:
        return Blobs(self.folder)

    def create(self, new: NewImage) -> Image:
        check_new(new)
        self.sweep()
        return self._insert(str(uuid4()), new)

    def upload(
        self, image_id: str, file: Path, digests: Digests | None = None, *, on_bytes: OnBytes | None = None
    ) -> Image:
        self.sweep()
        with self.blobs.claim(image_id), self._or_nothing(image_id):
            return self._fill(image_id, file, digests, on_bytes)

    def register(
        self,
        file: Path,
        new: NewImage,
        digests: Digests | None = None,
        *,
        on_bytes: OnBytes | None = None,
    ) -> Image:
        check_new(new)
        self.sweep()
        with self.database.reading() as session:
            twin = self._twin(session, new.properties.get(BUILD_KEY))
        if twin:
            return twin
        image_id = str(uuid4())
        with self.blobs.claim(image_id), self._or_nothing(image_id):
            self._insert(image_id, new)
            return self._fill(image_id, file, digests, on_bytes)

    def get(self, image_id: str) -> Image:
        with self.database.reading() as session:
            return self._one(session, image_id)

    def has_whole(self, image_id: str) -> bool:
        """Say whether the image is there, not deleted, with the bytes that were registered."""
        try:
            image = self.get(image_id)
        except NoImage:
            return False
        return image.status is not Status.DELETED and self.intact(image)

    def find(self, wanted: str, *, deleted: bool = False) -> Image:
        with self.database.reading() as session:
            status = Status.DELETED if deleted else None
            images = index.select(session, Query(status=status, hidden=True, deleted=deleted))
        where = f"{self.folder}, among its deleted images," if deleted else str(self.folder)
        return choose(wanted, images, where=where)

    def list(self, query: Query = Query()) -> tuple[Image, ...]:  # noqa: B008  frozen, so safe to share
        self.sweep()
        with self.database.reading() as session:
            return index.select(session, query)

    def update(self, image_id: str, changes: Changes) -> Image:
        check_changes(changes)
        with self.database.writing() as session:
            return index.rewrite(session, changed(self._one(session, image_id), changes))

    def deactivate(self, image_id: str) -> Image:
        return self._switch(image_id, Status.ACTIVE, Status.DEACTIVATED)

    def reactivate(self, image_id: str) -> Image:
        return self._switch(image_id, Status.DEACTIVATED, Status.ACTIVE)

    def download(self, image_id: str, target: Path, *, on_bytes: OnBytes | None = None) -> Image:
        image = self.get(image_id)
        source = self.file_of(image)
        with fresh(target, image):
            copy(source, target)
            check_copy(image, digest(target, on_bytes=on_bytes))
        return image

    def verify(self, image_id: str, *, on_bytes: OnBytes | None = None) -> Verification:
        image = self.get(image_id)
        path = self.blobs.path(str(image.sha256))
        if not image.half and not path.exists():
            return Verification(image, (f"its file is missing: {path}",))
        return verified(image, lambda _: digest(path, on_bytes=on_bytes))

    def delete(self, image_id: str) -> Image:
        self.sweep()
        with self.database.writing() as session:
            image = self._one(session, image_id)
            check_leaving(image, "delete")
            return index.mark_deleted(session, image)

    def undelete(self, image_id: str) -> Image:
        """Take a deletion back, as long as the image is not purged."""
        with self.database.writing() as session:
            found = index.select(
                session, Query(status=Status.DELETED, hidden=True, deleted=True), image_id=image_id
            )
            if not found:
                raise CatalogError(
                    f"{self.folder} has no deleted image {image_id!r}",
                    fix="goldsmith image list --all --status deleted",
                )
            if not self._whole(found[0]):
                raise CatalogError(f"image {image_id} has no bytes to come back to", fix="build it again")
            return index.unmark_deleted(session, found[0])

    def purge(self, *, older_than: timedelta, apply: bool) -> Purged:
        self.sweep()
        moment = index.now() - older_than
        with self.database.writing() if apply else self.database.reading() as session:
            images = index.deleted_before(session, moment)
            unused = self.blobs.digests() - index.files(session, without=images)
            if not apply:
                return Purged(images, sum(map(self.blobs.size_on_disk, unused)))
            for image in images:
                index.forget(session, image.id)
            Documents(self.folder).drop_unused(session)
        # Only now that the entries are gone for good; what a crash leaves here goes with the next purge.
        return Purged(images, sum(map(self._drop_unused, unused)))

    def check(self, *, repair: bool = False) -> tuple[Finding, ...]:
        """Compare the index with the files, without reading these; ``repair`` mends what it can."""
        self.sweep()
        return check(self.database, self.blobs, repair=repair)

    def sweep(self) -> None:
        """Remove what dead processes left: half images with their bytes."""
        for image_id in self.blobs.abandoned():
            self._abandon(image_id)

    def _drop_unused(self, sha256: str) -> int:
        with self.database.writing() as session:  # so that nobody begins to use it meanwhile
            return 0 if index.used(session, sha256) else self.blobs.remove(sha256)

    def _insert(self, image_id: str, new: NewImage) -> Image:
        moment = index.now()
        image = Image(
            id=image_id,
            name=new.name,
            status=Status.QUEUED,
            created_at=moment,
            updated_at=moment,
            visibility=Visibility(new.visibility),
            protected=new.protected,
            hidden=new.hidden,
            disk_format=new.disk_format,
            container_format=new.container_format,
            virtual_size=new.virtual_size,
            min_disk=new.min_disk,
            min_ram=new.min_ram,
            owner=getpass.getuser(),
            properties=dict(new.properties),
            tags=tuple(sorted(set(new.tags))),
        )
        with self.database.writing() as session:
            index.insert(session, image)
        return image

    def _fill(self, image_id: str, file: Path, digests: Digests | None, on_bytes: OnBytes | None) -> Image:
        image = self._switch(image_id, Status.QUEUED, Status.SAVING)
        part, found = self.blobs.bring_in(image_id, file, digests, on_bytes=on_bytes)
        with self.database.writing() as session:
            index.expect_file(session, image_id, found.sha256)
        with self.database.writing() as session:
            if not (twin := self._twin(session, image.build_key)):
                self.blobs.place(part, found.sha256)
                twin = self._twin(session, image.build_key)  # whose lost file may just have come back
            if twin:
                index.forget(session, image_id)
                return twin
            self._withdraw_damaged(session, image.build_key)
            return index.activate(session, self._one(session, image_id), found)

    def _withdraw_damaged(self, session: Session, build_key: str | None) -> None:
        """Give the bytes of an image that lost its own to nobody, now that a whole one of the same build is here."""
        for twin in index.with_build_key(session, build_key) if build_key else ():
            index.rewrite(session, replace(twin, status=Status.DEACTIVATED))

    @contextmanager
    def _or_nothing(self, image_id: str) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._abandon(image_id)
            raise

    def _abandon(self, image_id: str) -> None:
        """Forget an image that never became active, and the file that only it was to own."""
        with self.database.writing() as session:
            if any(image.half for image in index.select(session, Query(hidden=True), image_id=image_id)):
                sha256 = index.file_of(session, image_id)
                index.forget(session, image_id)
                if sha256 and not index.used(session, sha256):
                    self.blobs.remove(sha256)

    def _twin(self, session: Session, build_key: str | None) -> Image | None:
        """Return the active image of the same build, if its file is there and holds its bytes."""
        twins = index.with_build_key(session, build_key) if build_key else ()
        return next(filter(self.intact, twins), None)

    def intact(self, image: Image) -> bool:
        return self.blobs.intact(image.sha256, image.size)

    def _whole(self, image: Image) -> bool:
        return self.blobs.whole(image.sha256, image.size)

    def _one(self, session: Session, image_id: str) -> Image:
        found = index.select(session, Query(hidden=True), image_id=image_id)
        if not found:
            raise NoImage(f"{self.folder} has no image {image_id!r}", fix="goldsmith image list --all")
        return found[0]

    def _switch(self, image_id: str, before: Status, after: Status) -> Image:
        with self.database.writing() as session:
            image = self._one(session, image_id)
            check_switch(image, before, after)
            if after is Status.ACTIVE and not self._whole(image):
                raise CatalogError(f"image {image_id} has lost its bytes", fix="build it again")
            return index.rewrite(session, replace(image, status=after))

    def file_of(self, image: Image) -> Path:
        """Return the file with the bytes of an active image, for readers only. Raises CatalogError for others."""
        if image.status != Status.ACTIVE:
            raise unread(image)
        return self.blobs.path(str(image.sha256))
