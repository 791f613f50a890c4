"""What can be asked of every catalog."""

from datetime import timedelta
from pathlib import Path
from typing import Protocol

from goldsmith.catalog.entry import Changes, Image, NewImage, OnBytes, Purged, Query, Verification
from goldsmith.catalog.facts import Imported, Limits, Member, MemberStatus, Rules, Source, Store
from goldsmith.host.files import Digests


class Catalog(Protocol):
    """Keeps images. One suite of tests (tests/catalog/test_contract.py) holds for every backend.

    All methods raise CatalogError when the catalog cannot be reached or has no such image, and UsageError
    when a value is one that the Image API does not take. Listeners (``on_bytes``) get the size of each block.
    """

    def create(self, new: NewImage) -> Image:
        """Return a new queued image without bytes."""

    def upload(
        self, image_id: str, file: Path, digests: Digests | None = None, *, on_bytes: OnBytes | None = None
    ) -> Image:
        """Give a queued image its bytes and return it active, compared with the file by size and digests.

        If that fails or is stopped, the image is removed: no catalog keeps a half image. With ``digests`` the
        caller promises that the file holds these bytes and is not written to any more; a catalog on the same
        file system then shares the file and makes it read-only. A catalog that is a server may have had to begin
        anew, and then returns an image with another id.
        """

    def register(
        self,
        file: Path,
        new: NewImage,
        digests: Digests | None = None,
        *,
        on_bytes: OnBytes | None = None,
    ) -> Image:
        """Create and upload, or return the active image that has the same ``goldsmith_build_key``.

        A server is not sent what it has: an active image of this name and format with the same bytes is returned.
        """

    def get(self, image_id: str) -> Image: ...

    def find(self, wanted: str, *, deleted: bool = False) -> Image:
        """Return the one image that ``wanted`` means: an id, a name, the start of an id, or NAME@latest.

        With ``deleted`` only deleted images are looked at. Raises UsageError, with the ids, for several.
        """

    def list(self, query: Query = Query()) -> tuple[Image, ...]:  # noqa: B008  frozen, so safe to share
        """Return the images, newest first."""

    def update(self, image_id: str, changes: Changes) -> Image:
        """Change all that is said, or nothing."""

    def deactivate(self, image_id: str) -> Image:
        """Keep the image, but give its bytes to nobody."""

    def reactivate(self, image_id: str) -> Image: ...

    def download(self, image_id: str, target: Path, *, on_bytes: OnBytes | None = None) -> Image:
        """Write the image's bytes to ``target``, a new file of its own, compared by their digests."""

    def verify(self, image_id: str, *, on_bytes: OnBytes | None = None) -> Verification:
        """Read all bytes again and compare them with what was registered."""

    def delete(self, image_id: str) -> Image:
        """Delete the image; GateError when it is protected."""

    def purge(self, *, older_than: timedelta, apply: bool) -> Purged:
        """Remove for good what was deleted longer ago than that; without ``apply`` only tell.

        Raises CatalogError, with what its operator can do, where only he can.
        """

    def members(self, image_id: str) -> tuple[Member, ...]:
        """Return the projects that the image is shared with."""

    def add_member(self, image_id: str, project: str) -> Member:
        """Share the image, which must be of the visibility ``shared``, with a project that has to accept it."""

    def remove_member(self, image_id: str, project: str) -> None: ...

    def answer(self, image_id: str, project: str | None, status: MemberStatus) -> Member:
        """Accept or reject, for a project (else one's own), an image that was shared with it."""

    def stores(self) -> tuple[Store, ...]:
        """Return where the catalog keeps bytes, the default place first."""

    def limits(self) -> Limits: ...

    def rules(self) -> Rules:
        """Return which properties the catalog takes."""

    def import_image(self, new: NewImage, source: Source, *, on_bytes: OnBytes | None = None) -> Imported:
        """Let the server make an image; wait for the end of its task. Raises CatalogError where there is no server.

        If that fails or is stopped, the image is removed.
        """

    def copy_to_stores(self, image_id: str, stores: tuple[str, ...]) -> Image:
        """Have copies of an active image in these stores as well."""
