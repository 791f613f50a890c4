"""The embedded catalog's tables, and the statements that read and change them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

from goldsmith.catalog.channel_tables import VERSIONS_AND_CHANNELS
from goldsmith.catalog.database import Row, Session, Value
from goldsmith.catalog.entry import BUILD_KEY, HASH_ALGORITHM, SHA256, Image, Query, Status, Visibility
from goldsmith.catalog.sharing import MEMBERS
from goldsmith.host.files import Digests

# One entry for each schema version, in order. What was released is never edited: add an entry.
MIGRATIONS: Sequence[Sequence[str]] = (
    (
        """CREATE TABLE images (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            name TEXT NOT NULL,
            status TEXT NOT NULL CHECK (status IN ('queued', 'saving', 'active', 'deactivated', 'deleted')),
            visibility TEXT NOT NULL,
            protected INTEGER NOT NULL CHECK (protected IN (0, 1)),
            os_hidden INTEGER NOT NULL CHECK (os_hidden IN (0, 1)),
            disk_format TEXT NOT NULL,
            container_format TEXT NOT NULL,
            size INTEGER,
            virtual_size INTEGER,
            checksum TEXT,
            os_hash_algo TEXT,
            os_hash_value TEXT,
            sha256 TEXT,
            min_disk INTEGER NOT NULL,
            min_ram INTEGER NOT NULL,
            owner TEXT,
            created_at TEXT NOT NULL,
            updated_at TEXT NOT NULL,
            deleted_at TEXT,
            deleted_from TEXT,
            CHECK (status <> 'active' OR (sha256 IS NOT NULL AND size > 0 AND os_hash_value IS NOT NULL)),
            CHECK ((status = 'deleted') = (deleted_at IS NOT NULL))
        )""",
        "CREATE INDEX images_by_name ON images (name)",
        "CREATE INDEX images_by_file ON images (sha256)",
        """CREATE TABLE image_properties (
            image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
            name TEXT NOT NULL,
            value TEXT NOT NULL,
            PRIMARY KEY (image_id, name)
        )""",
        "CREATE INDEX image_properties_by_value ON image_properties (name, value)",
        """CREATE TABLE image_tags (
            image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
            tag TEXT NOT NULL,
            PRIMARY KEY (image_id, tag)
        )""",
    ),
    VERSIONS_AND_CHANNELS,
    MEMBERS,
)

_FIELDS = (
    "id, name, status, visibility, protected, os_hidden, disk_format, container_format, size, virtual_size, "
    "checksum, os_hash_algo, os_hash_value, min_disk, min_ram, owner, created_at, updated_at"
)


def now() -> datetime:
    return datetime.now(UTC)


def insert(session: Session, image: Image) -> None:
    columns = _columns(image)
    session.run(
        f"INSERT INTO images ({', '.join(columns)}) VALUES ({', '.join(f':{name}' for name in columns)})",
        **columns,
    )
    _insert_details(session, image)


def rewrite(session: Session, image: Image) -> Image:
    """Store all that an update may have changed, as of now."""
    image = replace(image, updated_at=now())
    columns = {name: value for name, value in _columns(image).items() if name not in ("id", "created_at")}
    _set(session, image.id, **columns)
    session.run("DELETE FROM image_properties WHERE image_id = :id", id=image.id)
    session.run("DELETE FROM image_tags WHERE image_id = :id", id=image.id)
    _insert_details(session, image)
    return image


def expect_file(session: Session, image_id: str, sha256: str) -> None:
    """Note which file a saving image will own, so that nobody takes it for unused."""
    _set(session, image_id, sha256=sha256)


def activate(session: Session, image: Image, digests: Digests) -> Image:
    """Make a saving image active with these bytes."""
    whole = replace(
        image,
        status=Status.ACTIVE,
        size=digests.size,
        virtual_size=digests.size if image.disk_format == "raw" else image.virtual_size,
        checksum=digests.md5,
        os_hash_algo=HASH_ALGORITHM,
        os_hash_value=digests.sha512,
        properties={**image.properties, SHA256: digests.sha256},
    )
    _set(session, image.id, sha256=digests.sha256)
    return rewrite(session, whole)


def mark_deleted(session: Session, image: Image) -> Image:
    moment = now()
    _set(
        session,
        image.id,
        status=Status.DELETED,
        deleted_at=moment.isoformat(),
        deleted_from=image.status,
        updated_at=moment.isoformat(),
    )
    return replace(image, status=Status.DELETED, updated_at=moment)


def unmark_deleted(session: Session, image: Image) -> Image:
    session.run(
        "UPDATE images SET status = deleted_from, deleted_at = NULL, deleted_from = NULL, updated_at = :now "
        "WHERE id = :id",
        id=image.id,
        now=now().isoformat(),
    )
    return select(session, Query(hidden=True), image_id=image.id)[0]


def forget(session: Session, image_id: str) -> None:
    session.run("DELETE FROM images WHERE id = :id", id=image_id)


def deleted_before(session: Session, moment: datetime) -> tuple[Image, ...]:
    everything = Query(status=Status.DELETED, hidden=True, deleted=True)
    return select(session, everything, "deleted_at <= :moment", moment=moment.isoformat())


def file_of(session: Session, image_id: str) -> str | None:
    """Return the sha256 of the file that an image owns or is about to own."""
    rows = session.rows("SELECT sha256 FROM images WHERE id = :id", id=image_id)
    return cast("str | None", rows[0]["sha256"]) if rows else None


def files(session: Session, *, without: Sequence[Image] = ()) -> frozenset[str]:
    """Return the sha256 of every file that an image uses, also a deleted one, ``without`` left out."""
    left_out = {image.id for image in without}
    rows = session.rows("SELECT id, sha256 FROM images WHERE sha256 IS NOT NULL")
    return frozenset(str(row["sha256"]) for row in rows if row["id"] not in left_out)


def used(session: Session, sha256: str) -> bool:
    return bool(session.rows("SELECT 1 AS used FROM images WHERE sha256 = :sha256 LIMIT 1", sha256=sha256))


def with_build_key(session: Session, key: str) -> tuple[Image, ...]:
    """Return the active images of one build key, newest first."""
    return select(session, Query(status=Status.ACTIVE, properties={BUILD_KEY: key}, hidden=True))


def select(
    session: Session, query: Query, condition: str = "", *, image_id: str | None = None, **values: Value
) -> tuple[Image, ...]:
    conditions = [condition] if condition else []
    fields = {
        "id": image_id,
        "name": query.name,
        "status": query.status,
        "visibility": query.visibility,
        "os_hash_value": query.os_hash_value,
    }
    for name, wanted in fields.items():
        if wanted is not None:
            conditions.append(f"{name} = :{name}")
            values[name] = str(wanted)
    if not query.hidden:
        conditions.append("os_hidden = 0")
    if not query.deleted:
        conditions.append("status <> 'deleted'")
    for number, tag in enumerate(query.tags):
        conditions.append(f"id IN (SELECT image_id FROM image_tags WHERE tag = :tag{number})")
        values[f"tag{number}"] = tag
    for number, (name, value) in enumerate(query.properties.items()):
        conditions.append(
            "id IN (SELECT image_id FROM image_properties "
            f"WHERE name = :key{number} AND value = :value{number})"
        )
        values |= {f"key{number}": name, f"value{number}": value}
    where = " AND ".join(conditions) or "1 = 1"
    rows = session.rows(f"SELECT {_FIELDS} FROM images WHERE {where} ORDER BY seq DESC", **values)
    return tuple(_image(session, row) for row in rows)


def _set(session: Session, image_id: str, **columns: Value) -> None:
    changes = ", ".join(f"{name} = :{name}" for name in columns)
    session.run(f"UPDATE images SET {changes} WHERE id = :image_id", image_id=image_id, **columns)


def _columns(image: Image) -> dict[str, Value]:
    return {
        "id": image.id,
        "name": image.name,
        "status": image.status.value,
        "visibility": image.visibility.value,
        "protected": int(image.protected),
        "os_hidden": int(image.hidden),
        "disk_format": image.disk_format,
        "container_format": image.container_format,
        "size": image.size,
        "virtual_size": image.virtual_size,
        "checksum": image.checksum,
        "os_hash_algo": image.os_hash_algo,
        "os_hash_value": image.os_hash_value,
        "min_disk": image.min_disk,
        "min_ram": image.min_ram,
        "owner": image.owner,
        "created_at": image.created_at.isoformat(),
        "updated_at": image.updated_at.isoformat(),
    }


def _insert_details(session: Session, image: Image) -> None:
    for name, value in image.properties.items():
        session.run(
            "INSERT INTO image_properties (image_id, name, value) VALUES (:id, :name, :value)",
            id=image.id,
            name=name,
            value=value,
        )
    for tag in dict.fromkeys(image.tags):
        session.run("INSERT INTO image_tags (image_id, tag) VALUES (:id, :tag)", id=image.id, tag=tag)


def _image(session: Session, row: Row) -> Image:
    key = str(row["id"])
    properties = session.rows(
        "SELECT name, value FROM image_properties WHERE image_id = :id ORDER BY name", id=key
    )
    tags = session.rows("SELECT tag FROM image_tags WHERE image_id = :id ORDER BY tag", id=key)
    facts = cast("Mapping[str, str]", row)
    sizes = cast("Mapping[str, int]", row)
    return Image(
        id=key,
        name=facts["name"],
        status=Status(facts["status"]),
        created_at=datetime.fromisoformat(facts["created_at"]),
        updated_at=datetime.fromisoformat(facts["updated_at"]),
        visibility=Visibility(facts["visibility"]),
        protected=bool(row["protected"]),
        hidden=bool(row["os_hidden"]),
        disk_format=facts["disk_format"],
        container_format=facts["container_format"],
        size=sizes["size"],
        virtual_size=sizes["virtual_size"],
        checksum=facts["checksum"],
        os_hash_algo=facts["os_hash_algo"],
        os_hash_value=facts["os_hash_value"],
        min_disk=sizes["min_disk"],
        min_ram=sizes["min_ram"],
        owner=facts["owner"],
        properties={str(one["name"]): str(one["value"]) for one in properties},
        tags=tuple(str(one["tag"]) for one in tags),
    )
