"""``goldsmith media``: the installation media kept here, and those that Goldsmith makes itself."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from goldsmith.cli.base import Command, Group, Settings, pass_settings
from goldsmith.errors import HostError, UsageError

if TYPE_CHECKING:
    from goldsmith.media.library import Library, Medium


@click.group(cls=Group)
def media() -> None:
    """List, add and make installation media."""


@media.command(name="list", cls=Command)
@pass_settings
def list_media(settings: Settings) -> None:
    """List the media kept here, and the names that recipes can use."""
    from goldsmith.host.files import human_size

    kept = _library(settings).list()
    made = _named(settings)
    if settings.json:
        settings.emit({"media": [_document(one) for one in kept], "named": made})
        return
    for one in kept:
        click.echo(
            f"{one.sha256[:12]}  {human_size(one.size):>10}  {one.added}  {one.os or '-':<10}  {one.name}"
        )
    for name, facts in ((str(one["name"]), one) for one in made):
        click.echo(
            f"{name}: {facts['path'] if facts['built'] else facts['problem'] or 'made when a build needs it'}"
        )


@media.command(cls=Command)
@click.argument("path", type=click.Path(path_type=Path))
@pass_settings
def add(settings: Settings, *, path: Path) -> None:
    """Keep a copy of an ISO or image file by its sha256."""
    import shutil

    from goldsmith.host.files import human_size
    from goldsmith.host.process import LocalHost

    library = _library(settings)
    host = LocalHost() if shutil.which("osinfo-detect") else None
    medium = library.add(path.expanduser().absolute(), host=host)
    if settings.json:
        settings.emit(_document(medium))
        return
    click.echo(f"{medium.sha256}  {human_size(medium.size)}  {medium.os or 'unknown to libosinfo'}")
    click.echo(medium.path)


@media.command(cls=Command)
@click.argument("name")
@pass_settings
def build(settings: Settings, *, name: str) -> None:
    """Make one of the named media now; it is kept, and made again only when its inputs change."""
    from goldsmith.host.process import LocalHost
    from goldsmith.media.named import NAMED

    if name not in NAMED:
        raise UsageError(f"there is no medium named {name}", fix=f"names are: {', '.join(NAMED)}")
    tell = None if settings.json or settings.quiet else _tell
    settings.state.mkdir(parents=True, exist_ok=True)
    lines = _tell if settings.verbose and not settings.json else None
    path = NAMED[name].build(LocalHost(), settings.state, on_line=lines, on_phase=tell)
    if settings.json:
        settings.emit({"name": name, "path": str(path), "size": path.stat().st_size})
    else:
        click.echo(path)


def _tell(text: str) -> None:
    click.echo(text, err=True)


def _library(settings: Settings) -> "Library":
    from goldsmith.media.library import Library

    return Library(settings.state / "store" / "media")


def _document(medium: "Medium") -> dict[str, object]:
    return {**asdict(medium), "path": str(medium.path)}


def _named(settings: Settings) -> list[dict[str, object]]:
    from goldsmith.media.named import NAMED

    found: list[dict[str, object]] = []
    for name, made in NAMED.items():
        facts: dict[str, object] = {"name": name, "path": "", "built": False, "problem": ""}
        try:
            path = made.path(settings.state)
            facts.update(path=str(path), built=path.exists())
        except HostError as error:  # this host cannot make it, which is no reason to hide the others
            facts["problem"] = error.problem
        found.append(facts)
    return found
