"""``goldsmith image``: list, change, export and delete the images of the embedded catalog."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path

import click

from goldsmith.catalog.entry import Changes, Image, Query, Status, Visibility
from goldsmith.catalog.local import LocalCatalog
from goldsmith.catalog.rules import CHANNEL
from goldsmith.cli import evidence
from goldsmith.cli.base import F, Group, Settings, pass_settings
from goldsmith.cli.desk import delete_image
from goldsmith.cli.image_output import age, export_image, image_table, lines, name_value, progress
from goldsmith.errors import CatalogError, UsageError
from goldsmith.host.files import human_size

_WANTED = "ID, the start of one, NAME, or NAME@latest."


def _properties(text: str) -> Callable[[F], F]:
    return click.option(
        "--property", "properties", type=name_value, multiple=True, metavar="NAME=VALUE", help=text
    )


@click.group(
    "image", cls=Group, help=f"Work with the images of the catalog. An image is named by its {_WANTED}"
)
def image() -> None: ...


image.add_command(evidence.attach)
image.add_command(evidence.evidence)


def _catalog(settings: Settings) -> LocalCatalog:
    return LocalCatalog(settings.state / "catalog")


@image.command("list")
@click.option("--name", help="Only images of this name.")
@click.option(
    "--status", type=click.Choice([one.value for one in Status]), help="Only images of this status."
)
@click.option("--tag", "tags", multiple=True, help="Only images with this tag; may be repeated.")
@_properties("Only images that say so; may be repeated.")
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
    found = _catalog(settings).list(query)
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
    catalog = _catalog(settings)
    _print(settings, catalog.find(wanted))


@image.command("set")
@click.argument("wanted", metavar="IMAGE")
@click.option("--name", help="Give it this name.")
@_properties("Set a property; may be repeated.")
@click.option("--unset-property", "unset", multiple=True, metavar="NAME", help="Remove a property.")
@click.option("--tag", "tags", multiple=True, help="Add a tag.")
@click.option("--untag", "untags", multiple=True, metavar="TAG", help="Remove a tag.")
@click.option("--visibility", type=click.Choice([one.value for one in Visibility]), help="Who may see it.")
@click.option("--protected/--unprotected", default=None, help="Refuse to delete it, or allow it again.")
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
    hidden: bool | None,
    min_disk: int | None,
    min_ram: int | None,
) -> None:
    """Change what is said of an image, all or nothing."""
    changes = Changes(
        name=name,
        visibility=visibility,
        protected=protected,
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
    catalog = _catalog(settings)
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
    catalog = _catalog(settings)
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
    """Delete images that are in no channel but the first; undelete brings them back until they are purged."""
    catalog = _catalog(settings)
    ids = [catalog.find(one).id for one in wanted]
    _each(settings, "deleted", ids, partial(delete_image, settings, catalog))


@image.command()
@click.argument("wanted", metavar="IMAGE...", nargs=-1, required=True)
@pass_settings
def undelete(settings: Settings, *, wanted: tuple[str, ...]) -> None:
    """Bring deleted images back."""
    catalog = _catalog(settings)
    ids = [catalog.find(one, deleted=True).id for one in wanted]
    _each(settings, "brought back", ids, catalog.undelete)


@image.command()
@click.argument("wanted", metavar="IMAGE...", nargs=-1, required=True)
@pass_settings
def deactivate(settings: Settings, *, wanted: tuple[str, ...]) -> None:
    """Keep images, but give their bytes to nobody."""
    catalog = _catalog(settings)
    _each(settings, "deactivated", [catalog.find(one).id for one in wanted], catalog.deactivate)


@image.command()
@click.argument("wanted", metavar="IMAGE...", nargs=-1, required=True)
@pass_settings
def reactivate(settings: Settings, *, wanted: tuple[str, ...]) -> None:
    """Make deactivated images active again."""
    catalog = _catalog(settings)
    _each(settings, "active", [catalog.find(one).id for one in wanted], catalog.reactivate)


@image.command()
@click.option("--older-than", type=age, default="30d", metavar="AGE", help="45min, 12h, 8w; else 30d.")
@click.option("--dry-run", is_flag=True, help="Only tell what would go.")
@pass_settings
def purge(settings: Settings, *, older_than: timedelta, dry_run: bool) -> None:
    """Remove for good what was deleted longer ago than that, with its bytes."""
    purged = _catalog(settings).purge(older_than=older_than, apply=not dry_run)
    if settings.json:
        images = [one.as_json() for one in purged.images]
        settings.emit({"images": images, "freed": purged.freed, "applied": not dry_run})
        return
    verb = "would remove" if dry_run else "removed"
    for one in purged.images:
        click.echo(f"{verb} {one.id} {one.name}")
    if not settings.quiet:
        count = len(purged.images)
        told = "1 image" if count == 1 else f"{count} images"
        click.echo(f"{verb} {told}, {human_size(purged.freed)} on disk")


@image.command()
@click.argument("wanted", metavar="IMAGE...", nargs=-1, required=True)
@pass_settings
def verify(settings: Settings, *, wanted: tuple[str, ...]) -> None:
    """Read the bytes of images again and compare them with what was registered."""
    catalog = _catalog(settings)
    results = []
    for found in [catalog.find(one) for one in wanted]:
        with progress(settings, f"verify {found.name}", found.size) as on_bytes:
            results.append(catalog.verify(found.id, on_bytes=on_bytes))
    bad = [result for result in results if not result.good]
    if settings.json:
        settings.emit(
            [
                {"id": one.image.id, "name": one.image.name, "good": one.good, "problems": list(one.problems)}
                for one in results
            ]
        )
    else:
        for one in results:
            click.echo(f"{one.image.id} {one.image.name}: {'; '.join(one.problems) or 'good'}")
    if bad:
        raise CatalogError(
            f"{len(bad)} of {len(results)} images are not what was registered",
            fix="build them again, or bring their files back; until then: goldsmith image deactivate IMAGE",
        )


@image.command()
@click.option("--repair", is_flag=True, help="Mend what can be mended.")
@pass_settings
def check(settings: Settings, *, repair: bool) -> None:
    """Compare the index with the files (without reading them; see verify)."""
    findings = _catalog(settings).check(repair=repair)
    if settings.json:
        settings.emit({"findings": [vars(one) for one in findings]})
    else:
        for one in findings:
            click.echo(f"{one.subject}: {one.problem}")
            click.echo(f"  {'mended' if one.repaired else 'fix'}: {one.fix}")
    if left := [one for one in findings if not one.repaired]:
        raise CatalogError(
            f"{len(left)} things are not as they should be", fix="goldsmith image check --repair"
        )
    if not findings and not settings.quiet and not settings.json:
        click.echo("the index and the files agree")


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
