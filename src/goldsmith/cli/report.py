"""``goldsmith report``: pages about all that was built here."""

import functools
import http.server
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from goldsmith.cli.base import Command, Settings, pass_settings
from goldsmith.errors import UsageError

if TYPE_CHECKING:
    from goldsmith.promote.event import Event
    from goldsmith.report.pages import Channels

LOOPBACK = "127.0.0.1"
MOVES = 50  # of the history


@click.command(cls=Command)
@click.option(
    "--to", "target", type=click.Path(path_type=Path), help="Folder for the pages; else STATE/report."
)
@click.option(
    "--last", type=click.IntRange(min=1), default=200, show_default=True, help="Only the newest builds."
)
@click.option("--serve", is_flag=True, help="Show them in a browser of this host until Ctrl-C.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="With --serve; else a free one.")
@pass_settings
def report(settings: Settings, *, target: Path | None, last: int, serve: bool, port: int) -> None:
    """Write static pages about the builds: what was built, what failed and why, times, sizes, channels."""
    if port and not serve:
        raise UsageError("--port goes with --serve", fix="goldsmith report --serve --port 8000")
    first = write_pages(settings, target, last=last)
    if settings.json:
        settings.emit({"index": str(first), "url": first.as_uri()})
    elif not serve:
        click.echo(first)
    if serve:
        _serve(settings, first.parent, port)


def write_pages(settings: Settings, target: Path | None, *, last: int = 200) -> Path:
    """Write the pages, and return the first one."""
    from goldsmith.host.closed import PRIVATE
    from goldsmith.recipe.places import data_folders
    from goldsmith.report.pages import write_report

    return write_report(
        settings.state / "builds",
        (target or settings.state / "report").absolute(),
        recipes=_summaries(settings),
        templates=data_folders("templates", settings.project),
        channels=_channels(settings),
        last=last,
        mode=0o755 if target else PRIVATE,  # the digests in it are names of images in the catalog
    )


def _channels(settings: Settings) -> "Channels":
    """Return what the channels of the embedded catalog hold, and what was moved last."""
    from goldsmith.catalog.local import LocalCatalog
    from goldsmith.cli.desk import channels_of, local_time, moves_told
    from goldsmith.promote.embedded import EmbeddedDesk
    from goldsmith.report.pages import Channels

    folder = settings.state / "catalog"
    if not folder.is_dir():
        return Channels()
    known = channels_of(settings)
    desk = EmbeddedDesk(LocalCatalog(folder), known, "")
    rows: list[Mapping[str, object]] = []
    events: list[Event] = []
    for recipe in desk.recipes():
        state = desk.facts(recipe).state
        cells = [
            {"version": held, "when": local_time(since) if (since := state.since(one.name)) else ""}
            if (held := state.holds.get(one.name))
            else None
            for one in known
        ]
        rows.append({"name": recipe, "cells": cells})
        events += desk.history(recipe)
    moves = tuple(
        {
            "when": local_time(one.at),
            "name": one.recipe,
            "version": one.version,
            "what": f"{one.kind}{' (forced)' if one.forced else ''} {moves_told(one)}".strip(),
            "who": one.who,
            "why": one.reason,
        }
        for one in sorted(events, key=lambda one: one.at, reverse=True)[:MOVES]
    )
    return Channels(tuple(one.name for one in known), tuple(rows), moves)


def _summaries(settings: Settings) -> dict[str, str]:
    """Return the recipes of the project, with a line each; those that begin with _ are only there to be extended."""
    from goldsmith.cli.recipes import listed
    from goldsmith.recipe.places import data_folders, list_recipes

    folders = data_folders("recipes", settings.project)
    found = [listed(path, folders) for path in list_recipes(folders[:1] if settings.project else [])]
    return {one.name: one.summary or one.problem for one in found if not one.name.startswith("_")}


def _serve(settings: Settings, folder: Path, port: int) -> None:
    handler = functools.partial(_Quiet, directory=str(folder))
    try:
        server = http.server.ThreadingHTTPServer((LOOPBACK, port), handler)
    except OSError as error:
        raise UsageError(f"port {port} of {LOOPBACK}: {error.strerror}", fix="give another --port") from None
    with server:
        if not settings.json:
            click.echo(f"http://{LOOPBACK}:{server.server_address[1]}/  (Ctrl-C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            return


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name is its parent's
        """Say nothing of each request."""
