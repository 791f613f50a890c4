"""``goldsmith inspect``: what an image is by its content, and whether it may be used."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from goldsmith.artifact.introspect import Inspection
from goldsmith.artifact.introspect import inspect as inspected
from goldsmith.cli.base import Command, Settings, pass_settings
from goldsmith.cli.image_output import lines, transfer
from goldsmith.errors import GateError
from goldsmith.formats.header import Detail
from goldsmith.formats.remote import NoRanges, open_url
from goldsmith.formats.source import Source, open_file
from goldsmith.host.aside import aside
from goldsmith.host.closed import PASSED, make_folder
from goldsmith.host.files import human_size, need_space
from goldsmith.host.process import LocalHost
from goldsmith.media.download import Download


@click.command(cls=Command)
@click.argument("image", metavar="IMAGE|URL")
@click.option("--no-check", is_flag=True, help="Read the headers only, not the tables of the whole image.")
@pass_settings
def inspect(settings: Settings, *, image: str, no_check: bool) -> int:
    """Tell what an image really is: format, sizes, partitions, what is embedded, and whether it is safe.

    The format is told by content, never by the name. Of a URL only the parts that matter are fetched. The exit
    status is 5 where the image is dangerous (it refers to other files, is several formats at once, is encrypted)
    or damaged.
    """
    with opened(settings, image) as source:
        found = inspected(source, LocalHost(), check=not no_check)
    if settings.json:
        settings.emit(found.as_json())
    else:
        lines(_told(found))
        for partition in found.partitions:
            click.echo(f"  {partition}")
        for note in found.notes:
            click.echo(f"note: {note}", err=True)
        for problem in found.problems:
            click.echo(f"problem: {problem}", err=True)
    return 0 if found.safe else GateError.exit_code


@contextmanager
def opened(settings: Settings, image: str) -> Iterator[Source]:
    """Open a path or a URL; what a server gives only as a whole is downloaded, and removed at the end."""
    if "://" not in image:
        with open_file(Path(image)) as file:
            yield file
        return
    try:
        source = open_url(image)
    except NoRanges as error:
        make_folder(settings.state, PASSED)
        with aside(settings.state, "inspect") as folder:
            if error.size:
                need_space(folder, error.size, what=f"the download of {image}")
            with transfer(settings, "download", error.size) as heard:
                path = Download(image, folder).run(LocalHost(), on_progress=heard)
            with open_file(path) as file:
                yield file
        return
    yield source


def _told(found: Inspection) -> Mapping[str, str]:
    header = found.header
    facts: dict[str, Detail] = {
        "file": found.name,
        "format": found.format or f"none ({found.container or 'unknown'})",
        "size": _size(found.size),
        "allocated": _size(found.allocated),
        "virtual size": _size(header.virtual_size),
        "cluster size": _size(header.cluster_size),
        "compression": header.compression,
        "backing file": header.backing_file,
        "data file": header.data_file,
        "encryption": header.encryption,
        "snapshots": ", ".join(one.name or one.id for one in header.snapshots),
        **{name.replace("_", " "): value for name, value in header.details.items()},
        **header.properties,
        "partition table": found.table.kind if found.table else None,
        "safe": "yes" if found.safe else "no",
    }
    return {name: _word(value) for name, value in facts.items() if value not in (None, "", [])}


def _word(value: Detail) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)


def _size(size: int | None) -> str | None:
    return None if size is None else f"{size} ({human_size(size)})"
