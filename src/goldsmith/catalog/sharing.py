"""What the embedded catalog says of stores and limits, and with whom its images are to be shared."""

from abc import ABC, abstractmethod
from datetime import UTC, datetime
from pathlib import Path

from goldsmith.catalog.command import command
from goldsmith.catalog.database import Database, Row
from goldsmith.catalog.entry import Image, NewImage, OnBytes, Visibility
from goldsmith.catalog.facts import Imported, Limits, Member, MemberStatus, Rules, Source, Store
from goldsmith.errors import CatalogError, UsageError
from goldsmith.host.files import allocated, free_bytes

MEMBERS = (
    """CREATE TABLE image_members (
        image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
        member TEXT NOT NULL,
        status TEXT NOT NULL CHECK (status IN ('pending', 'accepted', 'rejected')),
        updated_at TEXT NOT NULL,
        PRIMARY KEY (image_id, member)
    )""",
)
_STORE = Store("local", "the state folder of this host", default=True)


class Sharing(ABC):
    """The part of the contract that a catalog of one host answers simply.

    It has no projects: members are noted for the cloud that an image goes to, and keep nobody from reading it.
    """

    folder: Path

    @property
    @abstractmethod
    def database(self) -> Database: ...

    @abstractmethod
    def get(self, image_id: str) -> Image: ...

    def members(self, image_id: str) -> tuple[Member, ...]:
        image = self.get(image_id)
        with self.database.reading() as session:
            rows = session.rows(
                "SELECT * FROM image_members WHERE image_id = :id ORDER BY member", id=image.id
            )
        return tuple(map(_member, rows))

    def add_member(self, image_id: str, project: str) -> Member:
        image = self.get(image_id)
        check_shared(image)
        if not project.strip():
            raise UsageError("the project has no name", fix="give the id of a project")
        if any(one.project == project for one in self.members(image_id)):
            raise CatalogError(f"image {image_id} is shared with {project} already")
        return self._note(image_id, project, MemberStatus.PENDING)

    def remove_member(self, image_id: str, project: str) -> None:
        self._member(image_id, project)
        with self.database.writing() as session:
            session.run(
                "DELETE FROM image_members WHERE image_id = :id AND member = :member",
                id=image_id,
                member=project,
            )

    def answer(self, image_id: str, project: str | None, status: MemberStatus) -> Member:
        if project is None:
            raise UsageError(
                f"{self.folder} knows no project of yours", fix="name the project with --project-id"
            )
        self._member(image_id, project)
        return self._note(image_id, project, status)

    def stores(self) -> tuple[Store, ...]:
        return (_STORE,)

    def limits(self) -> Limits:
        files = [one for one in (self.folder / "images").glob("??/*") if one.is_file()]
        used = sum(map(allocated, files))
        return Limits(total=used + free_bytes(self.folder), used=used)

    def rules(self) -> Rules:
        return Rules()

    def import_image(self, new: NewImage, source: Source, *, on_bytes: OnBytes | None = None) -> Imported:  # noqa: ARG002
        raise CatalogError(
            f"{self.folder} is no server that could fetch {source.place}",
            fix="goldsmith image import FILE, without --method",
        )

    def copy_to_stores(self, image_id: str, stores: tuple[str, ...]) -> Image:
        if unknown := sorted({*stores} - {_STORE.id}):
            raise UsageError(f"{self.folder} has no store {unknown[0]!r}", fix=f"there is only {_STORE.id}")
        return self.get(image_id)

    def _member(self, image_id: str, project: str) -> Member:
        found = next((one for one in self.members(image_id) if one.project == project), None)
        if found is None:
            raise no_member(image_id, project)
        return found

    def _note(self, image_id: str, project: str, status: MemberStatus) -> Member:
        member = Member(image_id, project, status, datetime.now(UTC))
        with self.database.writing() as session:
            session.run(
                "INSERT OR REPLACE INTO image_members VALUES (:id, :member, :status, :moment)",
                id=image_id,
                member=project,
                status=status.value,
                moment=str(member.updated_at),
            )
        return member


def check_shared(image: Image, *, cloud: str = "") -> None:
    """Raise CatalogError for an image that cannot be shared with single projects."""
    if image.visibility is not Visibility.SHARED:
        raise CatalogError(
            f"image {image.id} ({image.name}) is {image.visibility}, only shared images have members",
            fix=command(f"image set {image.id} --visibility shared", cloud),
        )


def no_member(image_id: str, project: str, *, cloud: str = "") -> CatalogError:
    return CatalogError(
        f"image {image_id} is not shared with {project}", fix=command(f"image members list {image_id}", cloud)
    )


def _member(row: Row) -> Member:
    moment = datetime.fromisoformat(str(row["updated_at"]))
    return Member(str(row["image_id"]), str(row["member"]), MemberStatus(str(row["status"])), moment)
