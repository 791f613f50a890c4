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
    """List, add, remove and make installation media."""


@media.command(name="list", cls=Command)
@pass_settings
def list_media(settings: Settings) -> None:
    """List the media kept here, and those that a recipe can name because Goldsmith makes them."""
    from goldsmith.cli.view_text import columns
    from goldsmith.host.files import human_size

    kept = _library(settings).list()
    made = _named(settings)
    if settings.json:
        settings.emit({"media": [_document(one) for one in kept], "named": made})
        return
    kept_rows = [(one.sha256[:12], human_size(one.size), one.added, one.os or "-", one.name) for one in kept]
    for line in columns([("SHA256", "SIZE", "ADDED", "OS", "NAME"), *kept_rows] if kept_rows else []):
        click.echo(line)
    if kept_rows:
        click.echo()
    rows = [(str(one["name"]), _made_state(one), str(one["summary"])) for one in made]
    for line in columns([("MADE HERE", "NOW", "WHAT IT IS"), *rows]):
        click.echo(line)


def _made_state(facts: dict[str, object]) -> str:
    from goldsmith.host.files import human_size

    if facts["built"]:
        return human_size(Path(str(facts["path"])).stat().st_size)
    return str(facts["problem"]) or "when needed"


@media.command(cls=Command)
@click.argument("path", type=click.Path(path_type=Path))
@pass_settings
def add(settings: Settings, *, path: Path) -> None:
    """Keep a copy of an ISO or image file by its sha256; it stays until `goldsmith media remove`."""
    import shutil

    from goldsmith.host.files import human_size
    from goldsmith.host.homes import expanded
    from goldsmith.host.process import LocalHost
    from goldsmith.media.library import Origin

    library = _library(settings)
    host = LocalHost() if shutil.which("osinfo-detect") else None
    medium = library.add(expanded(path).absolute(), host=host, origin=Origin.BY_HAND)
    if settings.json:
        settings.emit(_document(medium))
        return
    click.echo(f"{medium.sha256}  {human_size(medium.size)}  {medium.os or 'unknown to libosinfo'}")
    click.echo(medium.path)


@media.command(cls=Command)
@click.argument("name")
@pass_settings
def remove(settings: Settings, *, name: str) -> None:
    """Remove a medium that was added, copied or downloaded, by its name or digest; a build that uses it keeps it."""
    from goldsmith.cli.store import waiting
    from goldsmith.host.files import human_size
    from goldsmith.media.named import NAMED
    from goldsmith.plan.store import Store
    from goldsmith.record.media import keys_kept

    store, library = Store(settings.state), _library(settings)
    with store.clearing(on_wait=waiting(settings)):
        medium = library.find(name)
        if medium is None:
            made = "goldsmith store prune --unused removes what is made here, once nothing needs it"
            fix = made if name in NAMED else "goldsmith media list shows what is kept"
            raise UsageError(f"there is no medium {name} that was added, copied or downloaded", fix=fix)
        kept = keys_kept(store)
        if kept is None or medium.sha256 in kept:
            raise HostError(
                f"{medium.name} is in use by a build that runs, or a guest that was kept",
                fix="goldsmith builds tells which run; repeat this when they have ended",
            )
        library.remove(medium.sha256, by_hand=True)
    if settings.json:
        settings.emit(_document(medium))
    elif not settings.quiet:
        click.echo(f"removed {medium.name}, {human_size(medium.size)}")


@media.command(cls=Command)
@click.argument("name")
@pass_settings
def build(settings: Settings, *, name: str) -> None:
    """Make one of the named media now; it is kept, and made again only when its inputs change."""
    from goldsmith.host.closed import PASSED, make_folder
    from goldsmith.host.process import LocalHost
    from goldsmith.media.named import NAMED

    if name not in NAMED:
        raise UsageError(f"there is no medium named {name}", fix=f"names are: {', '.join(NAMED)}")
    tell = None if settings.json or settings.quiet else _tell
    make_folder(settings.state, PASSED)
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
        facts: dict[str, object] = {
            "name": name,
            "summary": made.summary,
            "path": "",
            "built": False,
            "problem": "",
        }
        try:
            path = made.path(settings.state)
            facts.update(path=str(path), built=path.exists())
        except HostError as error:  # this host cannot make it, which is no reason to hide the others
            facts["problem"] = error.problem
        found.append(facts)
    return found
