"""``goldsmith image``: list, change, export and delete the images of a catalog."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

import click

from goldsmith.catalog.entry import Changes, Image, Query, Status, Visibility
from goldsmith.catalog.rules import CHANNEL
from goldsmith.cli import evidence, image_care, image_cloud
from goldsmith.cli.base import CatalogGroup, Settings, pass_settings
from goldsmith.cli.catalogs import embedded_only, open_catalog
from goldsmith.cli.desk import delete_image
from goldsmith.cli.image_output import export_image, image_table, lines, progress, properties_option
from goldsmith.errors import UsageError
from goldsmith.host.files import human_size

_WANTED = "ID, the start of one, NAME, or NAME@latest."


@click.group(
    "image", cls=CatalogGroup, help=f"Work with the images of the catalog. An image is named by its {_WANTED}"
)
def image() -> None: ...


image.add_command(evidence.attach)
image.add_command(evidence.evidence)
for one in (
    *(image_care.purge, image_care.verify, image_care.check),
    *(image_cloud.import_image, image_cloud.members, image_cloud.stores, image_cloud.copy_to_store),
):
    image.add_command(one)


@image.command("list")
@click.option("--name", help="Only images of this name.")
@click.option(
    "--status", type=click.Choice([one.value for one in Status]), help="Only images of this status."
)
@click.option("--tag", "tags", multiple=True, help="Only images with this tag; may be repeated.")
@properties_option("Only images that say so; may be repeated.")
@click.option("--channel", metavar="CHANNEL", help="Only images that this channel points to.")
@click.option("--all", "everything", is_flag=True, help="Hidden and deleted images too.")
@pass_settings
def list_images(
    settings: Settings,
    *,
    name: str | None,
    status: str | None,
    tags: tuple[str, ...],
    properties: tuple[tuple[str, str], ...],
    channel: str | None,
    everything: bool,
) -> None:
    """List images, newest first."""
    wanted = Status(status) if status else None
    query = Query(
        name=name,
        status=wanted,
        tags=tags,
        properties=dict(properties),
        hidden=everything,
        deleted=everything or wanted is Status.DELETED,
    )
    found = open_catalog(settings).list(query)
    if channel:
        found = tuple(one for one in found if f"{CHANNEL}{channel}" in one.properties)
    if settings.json:
        settings.emit([one.as_json() for one in found])
    elif found:
        image_table(settings, found)
    elif not settings.quiet:
        click.echo("no images; `goldsmith build RECIPE` makes one", err=True)


@image.command()
@click.argument("wanted", metavar="IMAGE")
@pass_settings
def show(settings: Settings, *, wanted: str) -> None:
    """Show all that is known of an image."""
    catalog = open_catalog(settings)
    _print(settings, catalog.find(wanted))


@image.command("set")
@click.argument("wanted", metavar="IMAGE")
@click.option("--name", help="Give it this name.")
@properties_option("Set a property; may be repeated.")
@click.option("--unset-property", "unset", multiple=True, metavar="NAME", help="Remove a property.")
@click.option("--tag", "tags", multiple=True, help="Add a tag.")
@click.option("--untag", "untags", multiple=True, metavar="TAG", help="Remove a tag.")
@click.option("--visibility", type=click.Choice([one.value for one in Visibility]), help="Who may see it.")
@click.option("--protected/--unprotected", default=None, help="Refuse to delete it, or allow it again.")
@click.option("--owner", metavar="PROJECT", help="Give it to this project (administrators only).")
@click.option("--hidden/--visible", default=None, help="Leave it out of lists, or show it again.")
@click.option("--min-disk", type=click.IntRange(min=0), metavar="GIB", help="Smallest disk that holds it.")
@click.option("--min-ram", type=click.IntRange(min=0), metavar="MIB", help="Least memory that it needs.")
@pass_settings
def set_image(
    settings: Settings,
    *,
    wanted: str,
    name: str | None,
    properties: tuple[tuple[str, str], ...],
    unset: tuple[str, ...],
    tags: tuple[str, ...],
    untags: tuple[str, ...],
    visibility: str | None,
    protected: bool | None,
    owner: str | None,
    hidden: bool | None,
    min_disk: int | None,
    min_ram: int | None,
) -> None:
    """Change what is said of an image, all or nothing."""
    changes = Changes(
        name=name,
        visibility=visibility,
        protected=protected,
        owner=owner,
        hidden=hidden,
        min_disk=min_disk,
        min_ram=min_ram,
        set_properties=dict(properties),
        unset_properties=frozenset(unset),
        add_tags=frozenset(tags),
        remove_tags=frozenset(untags),
    )
    if changes == Changes():
        raise UsageError(
            "nothing to change was given", fix="goldsmith image set --help shows what can change"
        )
    catalog = open_catalog(settings)
    _print(settings, catalog.update(catalog.find(wanted).id, changes))


@image.command()
@click.argument("wanted", metavar="IMAGE")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--format", "disk_format", help="Convert to this format (raw, qcow2, vmdk, vdi, vhd, vhdx).")
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@pass_settings
def export(settings: Settings, *, wanted: str, file: Path, disk_format: str | None, force: bool) -> None:
    """Copy an image out, compared by its digests. FILE appears when it is whole; - is stdout."""
    if str(file) == "-" and settings.json:
        raise UsageError("the image and the JSON document cannot both go to stdout", fix="name a file")
    catalog = open_catalog(settings)
    found = catalog.find(wanted)
    with progress(settings, f"export {found.name}", found.size) as on_bytes:
        export_image(
            catalog, found, file, settings.state, disk_format=disk_format, force=force, on_bytes=on_bytes
        )
    if settings.json:
        size = file.stat().st_size
        written = disk_format or found.disk_format
        settings.emit({"id": found.id, "file": str(file.absolute()), "disk_format": written, "size": size})
    elif str(file) != "-" and not settings.quiet:
        click.echo(f"{file}: {human_size(file.stat().st_size)} of {found.name}")


@image.command()
@click.argument("wanted", metavar="IMAGE...", nargs=-1, required=True)
@pass_settings
def delete(settings: Settings, *, wanted: tuple[str, ...]) -> None:
    """Delete images that are in no channel but the first; the embedded catalog can bring them back for a while."""
    catalog = open_catalog(settings)
    ids = [catalog.find(one).id for one in wanted]
    _each(settings, "deleted", ids, partial(delete_image, settings, catalog))


@image.command()
@click.argument("wanted", metavar="IMAGE...", nargs=-1, required=True)
@pass_settings
def undelete(settings: Settings, *, wanted: tuple[str, ...]) -> None:
    """Bring deleted images back."""
    catalog = embedded_only(settings, "Glance keeps nothing of a deleted image")
    ids = [catalog.find(one, deleted=True).id for one in wanted]
    _each(settings, "brought back", ids, catalog.undelete)


@image.command()
@click.argument("wanted", metavar="IMAGE...", nargs=-1, required=True)
@pass_settings
def deactivate(settings: Settings, *, wanted: tuple[str, ...]) -> None:
    """Keep images, but give their bytes to nobody."""
    catalog = open_catalog(settings)
    _each(settings, "deactivated", [catalog.find(one).id for one in wanted], catalog.deactivate)


@image.command()
@click.argument("wanted", metavar="IMAGE...", nargs=-1, required=True)
@pass_settings
def reactivate(settings: Settings, *, wanted: tuple[str, ...]) -> None:
    """Make deactivated images active again."""
    catalog = open_catalog(settings)
    _each(settings, "active", [catalog.find(one).id for one in wanted], catalog.reactivate)


def _print(settings: Settings, found: Image) -> None:
    if settings.json:
        settings.emit(found.as_json())
    else:
        lines(_told(found))


def _told(found: Image) -> Mapping[str, str]:
    facts = {name: value for name, value in found.as_json().items() if value not in (None, [])}
    for name in ("size", "virtual_size"):
        if isinstance(value := facts.get(name), int):
            facts[name] = f"{value} ({human_size(value)})"
    return {
        name: ", ".join(value) if isinstance(value, list) else str(value) for name, value in facts.items()
    }


def _each(settings: Settings, verb: str, ids: Iterable[str], work: Callable[[str], Image]) -> None:
    done: list[Image] = []
    try:
        for one in ids:
            done.append(work(one))
            if not settings.json and not settings.quiet:
                click.echo(f"{verb}: {done[-1].id} {done[-1].name}")
    finally:
        if settings.json:
            settings.emit([one.as_json() for one in done])
