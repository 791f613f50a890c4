"""What an image holds, by whatever names it: from what was recorded of it, else by a look into its file."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from goldsmith.artifact.inventory import FILE, Inventory, known, parse
from goldsmith.artifact.manifest import ImageFile
from goldsmith.catalog.entry import Image
from goldsmith.catalog.evidence import Documents, EvidenceKind, newest
from goldsmith.catalog.local import LocalCatalog
from goldsmith.cli.base import Settings
from goldsmith.cli.desk import desk
from goldsmith.cli.subjects import build_folder
from goldsmith.errors import CatalogError, HostError, UsageError
from goldsmith.plan.stage import Entry
from goldsmith.promote.attach import kept
from goldsmith.promote.version import split
from goldsmith.recipe.project import LOCAL
from goldsmith.record import reading
from goldsmith.stages.exported import Exported, exported, image_file, made_at


@dataclass(frozen=True)
class Held:
    """An image with its inventory; sizes in bytes, ``made`` in seconds since the epoch.

    ``files`` are known from a record; where there are none, ``path`` is read for its digests when they are asked for.
    """

    name: str
    inventory: Inventory = field(repr=False)
    made: float
    size: int | None = None
    virtual_size: int | None = None
    files: tuple[ImageFile, ...] = ()
    path: Path | None = None

    def described(self, settings: Settings) -> Sequence[ImageFile]:
        """Return the files of the image with their checksums."""
        if self.files or self.path is None:
            return self.files
        from goldsmith.cli.image_output import progress
        from goldsmith.host.files import digest

        with progress(settings, f"read {self.path.name}", self.path.stat().st_size) as on_bytes:
            found = digest(self.path, on_bytes=on_bytes)
        return (
            ImageFile(name=self.path.name, format="", virtual_size=self.virtual_size or 0, **asdict(found)),
        )


def held_by(settings: Settings, wanted: str) -> Held:
    """Return what is meant: a file, an image or a version of the embedded catalog, or a build.

    Raises UsageError when it is none of them.
    """
    path = Path(wanted)
    if path.is_file():
        return _looked(settings, path.absolute(), path.name)
    catalog = LocalCatalog(settings.state / "catalog")
    if images := _images(settings, catalog, wanted):
        return _of_images(settings, catalog, wanted, images)
    otherwise = "no image or version of the catalog, and no build"
    return of_build(settings, build_folder(settings, wanted, otherwise=otherwise))


def recorded(catalog: LocalCatalog, image: Image) -> Inventory | None:
    """Return the inventory that is kept with an image; None where there is none, or it is damaged."""
    record = newest(kept(catalog, image.id), EvidenceKind.INVENTORY)
    return known(Documents(catalog.folder).read(record.sha256) if record else None)


def _made(export: Entry) -> tuple[list[Exported], float]:
    """Return what was exported, and when; nothing where it is gone or damaged."""
    try:
        return exported(export), made_at(export)
    except HostError:
        return [], 0.0


def of_build(settings: Settings, folder: Path) -> Held:
    """Return what a build found in its image. Raises UsageError for one that has got no image."""
    summary = reading.summary_of(folder)
    keys = {one["name"]: str(one["key"]) for one in (summary.document if summary else {}).get("stages", ())}
    layers = settings.state / "store" / "layers"
    export = Entry(keys.get("export", "-"), layers / keys.get("export", "-"))
    places = (folder / FILE, layers / keys.get("audit", "-") / FILE)
    found = next((one for one in places if one.is_file()), None)
    with suppress(OSError, ValueError, LookupError):
        made, at = _made(export)
        if found is None:
            return _looked(settings, made[0].path, folder.name)
        files = tuple(image_file(one, summary.recipe if summary else "") for one in made)
        return Held(
            folder.name,
            parse(found.read_bytes(), where=str(found)),
            at,
            files[0].size,
            files[0].virtual_size,
            files,
        )
    if found is None or summary is None:
        raise UsageError(
            f"the build {folder.name} has no image that was looked into",
            fix="goldsmith builds tells which have",
        )
    return Held(folder.name, parse(found.read_bytes(), where=str(found)), summary.started)


def _images(settings: Settings, catalog: LocalCatalog, wanted: str) -> Sequence[Image]:
    if "@" in wanted:
        recipe, version = split(wanted)
        if found := desk(settings, name=LOCAL).facts(recipe).versions.get(version):
            return found.images
    with suppress(CatalogError):
        return (catalog.find(wanted),)
    return ()


def _of_images(settings: Settings, catalog: LocalCatalog, wanted: str, images: Sequence[Image]) -> Held:
    first = images[0]
    inventory = recorded(catalog, first)
    if inventory is None:
        return _looked(settings, catalog.file_of(first), wanted, format=first.disk_format)
    files = tuple(
        ImageFile(
            name=f"{one.name}.{one.disk_format}",
            format=one.disk_format,
            size=one.size or 0,
            virtual_size=one.virtual_size or 0,
            md5=one.checksum or "",
            sha256=one.sha256 or "",
            sha512=one.os_hash_value or "",
        )
        for one in images
    )
    return Held(wanted, inventory, first.created_at.timestamp(), first.size, first.virtual_size, files)


def _looked(settings: Settings, path: Path, name: str, *, format: str | None = None) -> Held:  # noqa: A002
    """Look into a file, dated by its last change. Raises GateError where no program may open it."""
    from goldsmith.audit.container import accepted, recognise
    from goldsmith.audit.run import take_stock
    from goldsmith.host import accel, guestfs
    from goldsmith.host.process import LocalHost

    accepted(recognise(path))  # before anything is started
    host = LocalHost()
    chosen = accel.detect(host, state=settings.state)
    env = guestfs.environment(chosen, cache=settings.state / "cache")
    found = take_stock(path, host=host, env=env, format=format)
    status = path.stat()
    return Held(name, found, status.st_mtime, status.st_size, path=path)
