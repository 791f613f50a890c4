"""What the commands on channels share: where the channels are, who asks, and what is said of versions."""

import getpass
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from goldsmith.cli.base import F, Settings
from goldsmith.promote.desk import Desk
from goldsmith.promote.event import Answer, Event, Kind, Verdict
from goldsmith.recipe.promotion import CHANNELS, ChannelPart, Retention

if TYPE_CHECKING:
    from goldsmith.catalog.entry import Image
    from goldsmith.catalog.local import LocalCatalog

_COLORS = {Answer.PASSED: "green", Answer.REFUSED: "bold red", Answer.UNKNOWN: "yellow"}


def named(command: F) -> F:
    """Add the option for whose name the history keeps."""
    option: Callable[[F], F] = click.option(
        "--as", "who", metavar="NAME", help="Whose name the history keeps; else the user's."
    )
    return option(command)


def channels_of(settings: Settings) -> Sequence[ChannelPart]:  # noqa: ARG001
    """Return the channels of the project, in order."""
    return CHANNELS


def retention_of(settings: Settings) -> Retention:  # noqa: ARG001
    return Retention()


def desk(settings: Settings, *, who: str | None = None) -> Desk:
    """Return the channels of the embedded catalog."""
    from goldsmith.catalog.local import LocalCatalog
    from goldsmith.promote.embedded import EmbeddedDesk

    return EmbeddedDesk(
        LocalCatalog(settings.state / "catalog"), channels_of(settings), who or getpass.getuser()
    )


def delete_image(settings: Settings, catalog: "LocalCatalog", image_id: str) -> "Image":
    """Delete an image, and take its version out of the first channel, where builds come by themselves."""
    from goldsmith.catalog.entry import RECIPE, VERSION
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
        click.echo(f"{event.recipe}@{event.version} {event.kind}{how}{': ' if moved else ''}{moved}")


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
