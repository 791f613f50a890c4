"""What the commands on channels share: where the channels are, who asks, and what is said of versions."""

import getpass
from collections.abc import Callable, Sequence
from datetime import datetime

import click

from goldsmith.catalog.contract import Catalog
from goldsmith.catalog.entry import RECIPE, VERSION, Image
from goldsmith.catalog.local import LocalCatalog
from goldsmith.cli.base import F, Settings
from goldsmith.cli.catalogs import local_catalog, open_catalog
from goldsmith.errors import CatalogError
from goldsmith.promote.desk import Desk
from goldsmith.promote.event import Answer, Event, Kind, Verdict
from goldsmith.recipe.project import load_project
from goldsmith.recipe.promotion import ChannelPart, Retention

_COLORS = {Answer.PASSED: "green", Answer.REFUSED: "bold red", Answer.UNKNOWN: "yellow"}


def named(command: F) -> F:
    """Add the option for whose name the history keeps."""
    option: Callable[[F], F] = click.option(
        "--as", "who", metavar="NAME", help="Whose name the history keeps; else the user's."
    )
    return option(command)


def channels_of(settings: Settings) -> Sequence[ChannelPart]:
    """Return the channels of the project, in order."""
    return load_project(settings.project).channels


def retention_of(settings: Settings) -> Retention:
    return load_project(settings.project).retention


def desk(settings: Settings, *, who: str | None = None, name: str | None = None) -> Desk:
    """Return the channels of the catalog of this name, or of that which the command means."""
    from goldsmith.promote.embedded import EmbeddedDesk

    channels, who = channels_of(settings), who or getpass.getuser()
    catalog = open_catalog(settings, name)
    if isinstance(catalog, LocalCatalog):
        return EmbeddedDesk(catalog, channels, who)
    from goldsmith.catalog.glance import GlanceCatalog
    from goldsmith.promote.cloud import GlanceDesk

    assert isinstance(catalog, GlanceCatalog)
    return GlanceDesk(catalog, local_catalog(settings), channels, who)


def existing(place: Desk, recipe: str | None) -> Sequence[str]:
    """Return the recipe that was named, if the catalog has versions of it, or all of which it has."""
    known = place.recipes()
    if recipe and recipe not in known:
        raise CatalogError(
            f"the catalog has no versions of {recipe!r}", fix=f"there are: {', '.join(known) or 'none'}"
        )
    return [recipe] if recipe else known


def delete_image(settings: Settings, catalog: Catalog, image_id: str) -> Image:
    """Delete an image, and take its version out of the first channel, where builds come by themselves."""
    from goldsmith.promote.decide import withdrawal

    found = catalog.get(image_id)
    recipe, version = found.properties.get(RECIPE, ""), found.properties.get(VERSION, "")
    if recipe and version and not found.protected:
        desk(settings).act(recipe, lambda facts: withdrawal(facts, version, reason="an image was deleted"))
    return catalog.delete(image_id)


def local_time(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def moves_told(event: Event) -> str:
    """Return what an event did to channels: ``released: 20260130.1 -> 20260131.2``."""
    told = [f"{one.channel}: {one.before or '-'} -> {one.after or '-'}" for one in event.moves]
    if event.kind is Kind.APPROVED:
        told.append(f"for {event.channel}")
    if event.step:
        told.append(event.step)
    return ", ".join(told)


def tell(settings: Settings, event: Event | None, *, otherwise: str) -> None:
    """Say what was done; ``otherwise`` is said where there was nothing to do."""
    if settings.json:
        settings.emit({"changed": event is not None, "event": event.as_json() if event else None})
    elif event is None:
        click.echo(otherwise)
    else:
        how = " (forced)" if event.forced else ""
        moved = moves_told(event)
        between = " " if event.kind is Kind.APPROVED else ": " if moved else ""
        click.echo(f"{event.recipe}@{event.version} {event.kind}{how}{between}{moved}")


def gate_table(settings: Settings, gates: Sequence[Verdict]) -> None:
    """Print every gate with its answer and what it rests on."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(no_color=not settings.color, highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        console.width = 400  # whoever reads a pipe wants one line a gate
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("GATE", no_wrap=True)
    table.add_column("ANSWER", no_wrap=True)
    table.add_column("GROUNDS", overflow="fold")
    for one in gates:
        grounds = Text(one.detail)
        if one.evidence:
            grounds.append(f"  [{one.evidence[:12]}]", "dim")
        table.add_row(Text(one.gate, "bold"), Text(one.answer, _COLORS[one.answer]), grounds)
    console.print(table)
