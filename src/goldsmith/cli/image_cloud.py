"""``goldsmith image import``, ``members``, ``stores``, ``limits`` and ``copy-to-store``."""

import re
from collections.abc import Mapping
from pathlib import Path

import click

from goldsmith.artifact.introspect import DISKS
from goldsmith.catalog.contract import Catalog
from goldsmith.catalog.entry import Image, NewImage, Visibility, min_disk_for
from goldsmith.catalog.facts import ImportMethod, Member, MemberStatus, Source
from goldsmith.catalog.local import LocalCatalog
from goldsmith.catalog.rules import CONTAINER_FORMATS, DISK_FORMATS, KINDS, container_of
from goldsmith.cli.base import CatalogCommand, CatalogGroup, Settings, pass_settings
from goldsmith.cli.catalogs import open_catalog
from goldsmith.cli.image_output import lines, name_value, progress
from goldsmith.cli.signed_file import signature_there
from goldsmith.convert.disk import admitted
from goldsmith.errors import GateError, UsageError
from goldsmith.host.files import human_size
from goldsmith.host.process import LocalHost
from goldsmith.signing.names import beside

_URL = re.compile(r"https?://", re.IGNORECASE)
_UNMARKED = ("raw", "ploop", *KINDS)  # nothing in the bytes need say which


@click.command("import", cls=CatalogCommand)
@click.argument("source", metavar="FILE|URL")
@click.option("--name", help="Name in the catalog; else that of the file.")
@click.option(
    "--format", "disk_format", type=click.Choice(DISK_FORMATS), help="What the bytes are; else looked at."
)
@click.option("--container-format", type=click.Choice(CONTAINER_FORMATS), default="bare", show_default=True)
@click.option(
    "--method",
    type=click.Choice([one.value for one in ImportMethod]),
    help="Let the cloud import it: from here (glance-direct), or from the URL (web-download, as is done with URLs).",
)
@click.option(
    "--store", "stores", multiple=True, help="With --method: a store that gets it; may be repeated."
)
@click.option("--sha512", help="What a URL's bytes are known to be.")
@click.option(
    "--visibility", type=click.Choice([one.value for one in Visibility]), default="private", show_default=True
)
@click.option("--protected", is_flag=True, help="Refuse to delete it.")
@click.option(
    "--min-disk", type=click.IntRange(min=0), metavar="GIB", help="Else what the virtual size needs."
)
@click.option(
    "--min-ram", type=click.IntRange(min=0), default=0, metavar="MIB", help="Least memory that it needs."
)
@click.option(
    "--property", "properties", type=name_value, multiple=True, metavar="NAME=VALUE", help="May be repeated."
)
@click.option("--tag", "tags", multiple=True, help="May be repeated.")
@pass_settings
def import_image(
    settings: Settings,
    *,
    source: str,
    name: str | None,
    disk_format: str | None,
    container_format: str,
    method: str | None,
    stores: tuple[str, ...],
    sha512: str | None,
    visibility: str,
    protected: bool,
    min_disk: int | None,
    min_ram: int,
    properties: tuple[tuple[str, str], ...],
    tags: tuple[str, ...],
) -> None:
    """Bring an image that was made elsewhere into the catalog: a file, or what a cloud fetches from a URL."""
    how = _method(source, method, stores, sha512)
    catalog = open_catalog(settings)
    if _URL.match(source) and isinstance(catalog, LocalCatalog):
        raise UsageError(
            f"{source} is a URL, which only a cloud can import",
            fix="name one with --catalog, or fetch the file and import that",
        )
    seen, virtual_size, told = _looked(source, disk_format)
    signature = {} if _URL.match(source) else signature_there(settings, Path(source).absolute())
    if min_disk is None:
        min_disk = min_disk_for(virtual_size or 0)
    new = NewImage(
        name=name or _name(source),
        disk_format=seen,
        container_format=container_of(seen) if container_format == "bare" else container_format,
        visibility=visibility,
        protected=protected,
        min_disk=min_disk,
        virtual_size=virtual_size,
        min_ram=min_ram,
        properties={**told, **signature, **dict(properties)},
        tags=tags,
    )
    found, notes = _brought(settings, catalog, new, source, how, stores, sha512)
    if settings.json:
        settings.emit({"image": found.as_json(), "notes": list(notes)})
        return
    click.echo(f"{found.id} {found.name}: {found.status}, {found.disk_format}, {human_size(found.size or 0)}")
    for note in notes:
        click.echo(f"note: {note}", err=True)


def _brought(
    settings: Settings,
    catalog: Catalog,
    new: NewImage,
    source: str,
    how: ImportMethod | None,
    stores: tuple[str, ...],
    sha512: str | None,
) -> tuple[Image, tuple[str, ...]]:
    size = None if _URL.match(source) else _size(Path(source))
    with progress(settings, f"import {new.name}", size) as on_bytes:
        if how is None:
            return catalog.register(Path(source).absolute(), new, on_bytes=on_bytes), ()
        place = source if _URL.match(source) else Path(source).absolute()
        done = catalog.import_image(new, Source(place, how, stores, sha512), on_bytes=on_bytes)
    return catalog.get(done.image_id), done.notes


def _method(
    source: str, method: str | None, stores: tuple[str, ...], sha512: str | None
) -> ImportMethod | None:
    url = bool(_URL.match(source))
    if url and method not in (None, ImportMethod.WEB_DOWNLOAD):
        raise UsageError(
            f"{method} sends a file of this host, and {source} is a URL",
            fix="leave --method out: the cloud fetches it (web-download)",
        )
    if method == ImportMethod.WEB_DOWNLOAD and not url:
        raise UsageError(
            f"{source} is no URL for a cloud to fetch",
            fix="give http://... or https://..., or leave --method out",
        )
    if stores and method is None and not url:
        raise UsageError(
            "a store is named, but no method of import",
            fix="add --method, or use goldsmith image copy-to-store after it",
        )
    if sha512 and not re.fullmatch("[0-9a-fA-F]{128}", sha512):
        raise UsageError(f"{sha512[:20]}... is no sha512", fix="give its 128 hexadecimal digits")
    if sha512 and not url:
        raise UsageError("--sha512 is for URLs", fix="leave it out: a file is digested when it is read")
    if url:
        return ImportMethod.WEB_DOWNLOAD
    if method and beside(Path(source)).is_file():
        raise UsageError(
            f"{source} is signed, but a server that imports may convert it, and then no signature is good",
            fix="leave --method out; or remove the signature's file",
        )
    return ImportMethod(method) if method else None


def _looked(source: str, said: str | None) -> tuple[str, int | None, Mapping[str, str]]:
    """Return format, virtual size and properties; a file is looked at, whatever is said of it.

    Raises GateError for what would make a server read other files, is damaged, or is not what was said.
    """
    if _URL.match(source):
        if said is None:
            raise UsageError(
                "what a URL holds cannot be looked at before", fix="say --format qcow2, raw, ..."
            )
        return said, None, {}
    file = Path(source).absolute()
    _size(file)
    found = admitted(LocalHost(), file)
    if found.header.snapshots:
        raise GateError(
            f"{file} has internal snapshots, which no cloud shows", fix="goldsmith convert leaves them out"
        )
    real = found.format or found.container
    if said not in (None, real) and not (said in _UNMARKED and real in _UNMARKED):
        raise GateError(f"{file} is {real}, not {said}", fix="leave --format out, or convert it")
    format_ = said or real
    return format_, found.header.virtual_size if format_ in DISKS else None, found.header.properties


def _size(file: Path) -> int:
    if not file.is_file():
        raise UsageError(f"there is no file {file}", fix="name the image file")
    return file.stat().st_size


def _name(source: str) -> str:
    last = source.rstrip("/").rpartition("/")[2].partition("?")[0]
    return re.sub(r"\.(qcow2|raw|img|vmdk|vdi|vhd|vhdx|iso)$", "", last) or "image"


@click.group("members", cls=CatalogGroup)
def members() -> None:
    """Share an image with single projects of a cloud."""


@members.command("list")
@click.argument("wanted", metavar="IMAGE")
@pass_settings
def list_members(settings: Settings, *, wanted: str) -> None:
    """List the projects that an image is shared with, and what they said to it."""
    catalog = open_catalog(settings)
    _tell(settings, catalog.members(catalog.find(wanted).id))


@members.command()
@click.argument("wanted", metavar="IMAGE")
@click.argument("projects", metavar="PROJECT...", nargs=-1, required=True)
@pass_settings
def add(settings: Settings, *, wanted: str, projects: tuple[str, ...]) -> None:
    """Share an image (of the visibility `shared`) with projects, by their ids."""
    catalog = open_catalog(settings)
    image_id = catalog.find(wanted).id
    _tell(settings, tuple(catalog.add_member(image_id, one) for one in projects))


@members.command()
@click.argument("wanted", metavar="IMAGE")
@click.argument("projects", metavar="PROJECT...", nargs=-1, required=True)
@pass_settings
def remove(settings: Settings, *, wanted: str, projects: tuple[str, ...]) -> None:
    """Stop sharing an image with projects."""
    catalog = open_catalog(settings)
    image_id = catalog.find(wanted).id
    for one in projects:
        catalog.remove_member(image_id, one)
    _tell(settings, catalog.members(image_id))


def _answers(name: str, status: MemberStatus, text: str) -> None:
    @members.command(name, help=text)
    @click.argument("image_id", metavar="ID")
    @click.option(
        "--project-id", help="Whose answer it is, where the cloud does not tell which project is ours."
    )
    @pass_settings
    def command(settings: Settings, *, image_id: str, project_id: str | None) -> None:
        _tell(settings, (open_catalog(settings).answer(image_id, project_id, status),))


_answers(
    "accept",
    MemberStatus.ACCEPTED,
    "Accept an image that was shared with this project; it is listed from then on.",
)
_answers("reject", MemberStatus.REJECTED, "Reject an image that was shared with this project.")


@click.command(cls=CatalogCommand)
@pass_settings
def stores(settings: Settings) -> None:
    """Show where the catalog keeps bytes, and how much it takes."""
    catalog = open_catalog(settings)
    found, limits = catalog.stores(), catalog.limits()
    if settings.json:
        settings.emit({"stores": [vars(one) for one in found], "limits": vars(limits)})
        return
    for one in found:
        marks = [*(["default"] if one.default else []), *(["read only"] if one.read_only else [])]
        click.echo("  ".join([one.id, one.description, *marks]).strip())
    told = {name: value for name, value in vars(limits).items() if value is not None}
    if told:
        lines({name: str(value) if "count" in name else human_size(value) for name, value in told.items()})


@click.command("copy-to-store", cls=CatalogCommand)
@click.argument("wanted", metavar="IMAGE")
@click.argument("names", metavar="STORE...", nargs=-1, required=True)
@pass_settings
def copy_to_store(settings: Settings, *, wanted: str, names: tuple[str, ...]) -> None:
    """Have copies of an image in more stores of its cloud; ends when they are there."""
    catalog = open_catalog(settings)
    found = catalog.copy_to_stores(catalog.find(wanted).id, names)
    if settings.json:
        settings.emit(found.as_json())
    elif not settings.quiet:
        click.echo(f"{found.id} {found.name}: {', '.join(found.stores) or names[0]}")


def _tell(settings: Settings, found: tuple[Member, ...]) -> None:
    if settings.json:
        settings.emit(
            [
                {"image_id": one.image_id, "member_id": one.project, "status": one.status.value}
                for one in found
            ]
        )
        return
    for one in found:
        click.echo(f"{one.project}  {one.status}")
    if not found and not settings.quiet:
        click.echo("shared with no project", err=True)
