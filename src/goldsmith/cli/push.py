"""``goldsmith push``: bring a build, an image of the embedded catalog or a file into a catalog outside."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from goldsmith.catalog.choose import NoImage
from goldsmith.catalog.command import command
from goldsmith.catalog.entry import NewImage, Visibility, stamp
from goldsmith.catalog.rules import DISK_FORMATS, container_of
from goldsmith.catalog.source import look
from goldsmith.cli.base import CatalogCommand, Settings, pass_settings
from goldsmith.cli.catalogs import destination, local_catalog
from goldsmith.cli.image_output import properties_option
from goldsmith.cli.signed_file import signature_beside
from goldsmith.errors import UsageError
from goldsmith.host.files import human_size
from goldsmith.host.process import LocalHost
from goldsmith.publish.item import Destination, Item, Wishes
from goldsmith.publish.noted import note_push
from goldsmith.publish.push import Listener, Pushed, push
from goldsmith.publish.sources import items_of, items_of_build
from goldsmith.recipe.project import LOCAL, load_project

EXPORTS = ("raw", "qcow2", "vmdk", "vdi", "vhd", "vhdx")


@click.command("push", cls=CatalogCommand)
@click.argument("wanted", metavar="BUILD|IMAGE|FILE")
@click.option("--name", help="Name in the catalog; else that of the image, or of the file.")
@click.option(
    "--format", "to_format", type=click.Choice(EXPORTS), help="Convert to this; else as the catalog wants."
)
@click.option(
    "--disk-format", type=click.Choice(DISK_FORMATS), help="What a FILE is; else found out by its content."
)
@properties_option("Set a property; may be repeated.")
@click.option("--tag", "tags", multiple=True, help="Add a tag; may be repeated.")
@click.option(
    "--visibility", type=click.Choice([one.value for one in Visibility]), help="Who may see it there."
)
@click.option("--protected/--unprotected", default=None, help="Refuse to delete it there, or not.")
@click.option("--unsigned", is_flag=True, help="Leave its signature out, for a cloud without a key manager.")
@click.option("--min-disk", type=click.IntRange(min=0), metavar="GIB", help="Smallest disk that holds it.")
@click.option("--min-ram", type=click.IntRange(min=0), metavar="MIB", help="Least memory that it needs.")
@pass_settings
def push_command(
    settings: Settings,
    *,
    wanted: str,
    name: str | None,
    to_format: str | None,
    disk_format: str | None,
    properties: tuple[tuple[str, str], ...],
    tags: tuple[str, ...],
    visibility: str | None,
    protected: bool | None,
    unsigned: bool,
    min_disk: int | None,
    min_ram: int | None,
) -> None:
    """Bring a BUILD, an IMAGE of the embedded catalog or a FILE into a catalog outside, verified and active.

    What the catalog has already is found and not sent again. A build whose upload failed goes on from here.
    """
    to = destination(settings, _catalog_name(settings), format=to_format)
    wishes = Wishes(name, visibility, protected, min_disk, min_ram, dict(properties), tags)
    if visibility:
        to = replace(to, visibility=None)
    if unsigned:
        to = replace(to, signatures=False)
    items = _items(settings, wanted, disk_format)
    chosen = items[:1] if to.format or len(items) == 1 else items
    if name and len(chosen) > 1:
        raise UsageError(
            f"{wanted} has {len(chosen)} formats, and --name would name them all",
            fix="choose one with --format",
        )
    results = [_push(settings, _wished(one, wishes), to) for one in chosen]
    for one in results:
        _tell_unmet(one, wishes)
    if settings.json:
        settings.emit([_document(one) for one in results])


def _catalog_name(settings: Settings) -> str:
    name = settings.catalog or load_project(settings.project).catalog
    if name == LOCAL:
        raise UsageError(
            "push brings images into a catalog outside, and none is named",
            fix="name one: --catalog NAME, a catalog of goldsmith.yaml or a cloud of clouds.yaml",
        )
    return name


def _items(settings: Settings, wanted: str, disk_format: str | None) -> tuple[Item, ...]:
    """Return what is meant: a path, an image of the embedded catalog, a build. Raises UsageError for nothing."""
    path = Path(wanted)
    if path.exists() and not path.is_dir():  # a folder may be called as a build is
        look(path)
        return (_file(path, disk_format, signature_beside(settings, path)),)
    if disk_format:
        raise UsageError(
            f"--disk-format says what a FILE is, and {wanted} is none", fix="leave it out, or name a file"
        )
    catalog = local_catalog(settings)
    try:
        return items_of(catalog, [catalog.find(wanted)])
    except NoImage:
        pass
    from goldsmith.cli.subjects import build_folder  # what a file does not need takes time to import
    from goldsmith.record import summary_of

    folder = build_folder(settings, wanted, otherwise="no image of the embedded catalog and no build")
    summary = summary_of(folder)
    return items_of_build({**(summary.document if summary else {}), "id": folder.name}, settings.state)


def _file(path: Path, disk_format: str | None, signature: Mapping[str, str]) -> Item:
    from goldsmith.artifact.introspect import headers, refusal
    from goldsmith.formats.source import open_file

    with open_file(path) as file:
        seen = headers(file)
    if not seen.safe:
        raise refusal(path, seen.problems)
    found = disk_format or seen.format
    if not found:
        raise UsageError(f"{path} is of a format that no catalog knows", fix="goldsmith inspect tells more")
    new = NewImage(
        name=path.stem, disk_format=found, container_format=container_of(found), properties=signature
    )
    return Item(path.absolute(), new)


def _wished(item: Item, wishes: Wishes) -> Item:
    family = tuple(replace(one, new=wishes.applied(one.new)) for one in item.family)
    return replace(item, new=wishes.applied(item.new), family=family)


def _push(settings: Settings, item: Item, to: Destination) -> Pushed:
    with _bars(settings, item) as heard:
        done = push(item, to, LocalHost(), settings.state / "push", heard)
    if item.build:
        folder = settings.state / "builds" / item.build
        note_push(folder, to.name, done.image.as_json(), at=stamp(datetime.now(UTC)))
    if not settings.json:
        image = done.image
        how = "sent and verified" if done.sent else "is there already, so it was not sent"
        size = human_size(image.size or 0)
        click.echo(
            f"{image.id}" if settings.quiet else f"{image.id} {image.name}: {size} {image.disk_format}, {how}"
        )
    return done


def _tell_unmet(done: Pushed, wishes: Wishes) -> None:
    """Say how an image that was there already can be made as was asked for; it may be in use as it is."""
    if not done.sent and (words := wishes.unmet(done.image)):
        change = command(f"image set {done.image.id} {' '.join(words)}", done.catalog)
        click.echo(f"note: {done.image.id} was left as it is there\n  fix: {change}", err=True)


def _document(done: Pushed) -> dict[str, object]:
    said = {"catalog": done.catalog, "sent": done.sent, "converted": done.converted}
    return {**said, "image": done.image.as_json()}


@contextmanager
def _bars(settings: Settings, item: Item) -> Iterator[Listener]:
    """Show on stderr, to a person, what is done: per cent of a conversion, bytes with rate and time left."""
    if not sys.stderr.isatty() or settings.quiet or settings.json:
        yield Listener()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskID,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True, no_color=not settings.color)
    text, bar, left = TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn()
    working = Progress(text, bar, TaskProgressColumn(), left, console=console, transient=True)
    moving = Progress(
        text, bar, DownloadColumn(), TransferSpeedColumn(), left, console=console, transient=True
    )
    tasks: dict[str, TaskID] = {}
    with working:

        def step(what: str, percent: float) -> None:
            if what not in tasks:
                tasks[what] = working.add_task(what, total=100)
            working.update(tasks[what], completed=percent)

        def sending(done: int, total: int) -> None:
            if "sending" not in tasks:
                working.stop()
                moving.start()
                tasks["sending"] = moving.add_task(f"sending {item.new.name}", total=total)
            moving.update(tasks["sending"], completed=done)

        try:
            yield Listener(step, sending)
        finally:
            moving.stop()
