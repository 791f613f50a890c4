"""What a Glance says of members and stores, and what it makes itself: imports and copies."""

from abc import ABC, abstractmethod
from urllib.parse import quote

from goldsmith.catalog.entry import Image, NewImage, OnBytes, Status
from goldsmith.catalog.facts import Imported, Member, MemberStatus, Source, Store
from goldsmith.catalog.glance_api import Api
from goldsmith.catalog.glance_errors import Refused
from goldsmith.catalog.glance_images import member_of
from goldsmith.catalog.glance_import import Imports
from goldsmith.catalog.rules import needs_status
from goldsmith.catalog.sharing import check_shared, no_member
from goldsmith.errors import UsageError


class GlanceSharing(ABC):
    @property
    @abstractmethod
    def api(self) -> Api: ...

    @property
    @abstractmethod
    def imports(self) -> Imports: ...

    @abstractmethod
    def get(self, image_id: str) -> Image: ...

    @abstractmethod
    def check_new(self, new: NewImage) -> None: ...

    def members(self, image_id: str) -> tuple[Member, ...]:
        if self.get(image_id).visibility.value != "shared":
            return ()
        said = self.api.ask(f"tell the members of {image_id}", f"/images/{image_id}/members")
        return tuple(map(member_of, said["members"]))

    def add_member(self, image_id: str, project: str) -> Member:
        check_shared(self.get(image_id), cloud=self.api.catalog)
        if not project.strip():
            raise UsageError("the project has no name", fix="give the id of a project")
        what, path = f"share {image_id} with {project}", f"/images/{image_id}/members"
        return member_of(self.api.once(what, "POST", path, body={"member": project}))

    def remove_member(self, image_id: str, project: str) -> None:
        what = f"stop sharing {image_id} with {project}"
        self._member_call(what, "DELETE", image_id, project)

    def answer(self, image_id: str, project: str | None, status: MemberStatus) -> Member:
        self.imports.uploads.sweep()
        own = project or self.api.project
        if own is None:
            raise UsageError(
                f"{self.api.catalog} does not tell which project this user is in",
                fix="name the project with --project-id",
            )
        what = f"have {image_id} {status} by {own}"
        return member_of(self._member_call(what, "PUT", image_id, own, body={"status": status.value}))

    def stores(self) -> tuple[Store, ...]:
        self.imports.uploads.sweep()
        return self.imports.uploads.offers.stores()

    def import_image(self, new: NewImage, source: Source, *, on_bytes: OnBytes | None = None) -> Imported:
        self.check_new(new)
        self.imports.uploads.sweep()
        return self.imports.bring_in(new, source, on_bytes=on_bytes)

    def copy_to_stores(self, image_id: str, stores: tuple[str, ...]) -> Image:
        image = self.get(image_id)
        needs_status(image, Status.ACTIVE, Status.ACTIVE, cloud=self.api.catalog)
        return self.imports.copy(image, stores)

    def _member_call(
        self, what: str, method: str, image_id: str, project: str, body: object = None
    ) -> dict[str, object]:
        path = f"/images/{image_id}/members/{quote(project, safe='')}"
        try:
            return self.api.patiently(lambda: self.api.once(what, method, path, body=body))
        except Refused as error:
            if error.status == 404:
                self.get(image_id)  # or it says that there is no such image
                raise no_member(image_id, project, cloud=self.api.catalog) from None
            raise
