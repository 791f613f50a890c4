"""What ``goldsmith image`` reads and shows: ages, name=value, tables, progress, exported files."""

import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import click

from goldsmith.catalog.contract import Catalog
from goldsmith.catalog.entry import Image
from goldsmith.cli.base import F, Settings
from goldsmith.convert.disk import must_be_free, place
from goldsmith.errors import UsageError
from goldsmith.host.aside import aside
from goldsmith.host.files import human_size

EXPORTS = ("raw", "qcow2", "vmdk", "vdi", "vhd", "vhdx")
_UNITS = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PROGRESS_FROM = 64 << 20  # bytes; less than that is done before a bar can be read


def age(text: str) -> timedelta:
    """Read a number with a unit: 45min, 12h, 30d, 8w."""
    found = re.fullmatch(r"(\d{1,5})\s*(m|min|h|d|w)", text.strip())
    if not found:
        raise click.BadParameter(f"{text!r} is no age; write 45min, 12h, 30d or 8w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def name_value(text: str) -> tuple[str, str]:
    """Read a property as name=value."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{text!r} is no property; write name=value")
    return name, value


def properties_option(text: str) -> Callable[[F], F]:
    return click.option(
        "--property", "properties", type=name_value, multiple=True, metavar="NAME=VALUE", help=text
    )


def image_table(settings: Settings, images: Sequence[Image]) -> None:
    """Print one line for each image, with as much of the ids as tells them apart."""
    from rich.console import Console
    from rich.table import Table

    width = next((size for size in range(8, 36) if len({one.id[:size] for one in images}) == len(images)), 36)
    console = Console(no_color=not settings.color, highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        console.width = 400  # whoever reads a pipe wants one line an image
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("ID", "NAME", "STATUS", "FORMAT"):
        table.add_column(title, no_wrap=title != "NAME", overflow="fold")
    for title in ("SIZE", "VIRTUAL"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("CREATED", no_wrap=True)
    for one in images:
        sizes = (human_size(size) if size is not None else "-" for size in (one.size, one.virtual_size))
        created = one.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
        table.add_row(one.id[:width], one.name, one.status.value, one.disk_format, *sizes, created)
    console.print(table)


def lines(facts: Mapping[str, str]) -> None:
    """Print name and value, one a line."""
    width = max(map(len, facts))
    for name, value in facts.items():
        click.echo(f"{name.ljust(width)}  {value}")


@contextmanager
def progress(settings: Settings, label: str, total: int | None) -> Iterator[Callable[[int], None] | None]:
    """Show a bar on stderr while a big file is read, where a person is there to see it; it takes the steps."""
    done = 0
    with transfer(settings, label, total) as heard:

        def advance(size: int) -> None:
            nonlocal done
            done += size
            if heard:
                heard(done, total or 0)

        yield advance if heard else None


@contextmanager
def transfer(
    settings: Settings, label: str, total: int | None
) -> Iterator[Callable[[int, int], None] | None]:
    """Show a bar on stderr as ``progress`` does; it takes the bytes that are done, and how many there are in all."""
    seen = sys.stderr.isatty() and not settings.quiet and not settings.json
    if not seen or (total or 0) < _PROGRESS_FROM:
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns: tuple[ProgressColumn, ...] = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True, no_color=not settings.color)
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=total)

        def heard(done: int, there: int) -> None:
            bar.update(task, completed=done, total=there or total)

        yield heard


def export_image(
    catalog: Catalog,
    image: Image,
    file: Path,
    state: Path,
    *,
    disk_format: str | None,
    force: bool,
    on_bytes: Callable[[int], None] | None,
) -> None:
    """Write the image to ``file`` (- is stdout), in another format if asked; verified before it appears."""
    wanted = disk_format or image.disk_format
    to_stdout = str(file) == "-"
    _check_target(image, file, wanted, force=force or to_stdout)
    with aside(state if to_stdout else file.parent, "export" if to_stdout else file.name) as folder:
        whole = folder / "image"
        catalog.download(image.id, whole, on_bytes=on_bytes)
        if wanted != image.disk_format:
            whole = _converted(image, whole, wanted)
        if to_stdout:
            with whole.open("rb") as source:
                shutil.copyfileobj(source, sys.stdout.buffer, 1 << 20)
        else:
            place(whole, file, force=force)


def _check_target(image: Image, file: Path, wanted: str, *, force: bool) -> None:
    if wanted != image.disk_format and not {wanted, image.disk_format} <= set(EXPORTS):
        raise UsageError(
            f"a {image.disk_format} image cannot become {wanted}",
            fix=f"formats that can: {' '.join(EXPORTS)}",
        )
    must_be_free(file, force=force)


def _converted(image: Image, whole: Path, wanted: str) -> Path:
    from goldsmith.artifact.target import Target, settled
    from goldsmith.convert.disk import rewrite
    from goldsmith.host.process import LocalHost

    out = whole.with_name(f"image.{wanted}")
    rewrite(LocalHost(), whole, image.disk_format, out, settled(Target(wanted)))
    return out
