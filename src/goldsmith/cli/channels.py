"""``goldsmith channels`` and ``history``: where versions are, and how they came there."""

from collections.abc import Sequence

import click

from goldsmith.cli.base import CatalogCommand, Settings, pass_settings
from goldsmith.cli.desk import channels_of, desk, existing, gate_table, local_time, moves_told
from goldsmith.promote.event import Answer, Event, Verdict
from goldsmith.promote.facts import Facts
from goldsmith.promote.version import split


@click.command(cls=CatalogCommand)
@click.argument("recipe", metavar="[NAME]", required=False)
@pass_settings
def channels(settings: Settings, *, recipe: str | None) -> None:
    """Show which version each channel has, of one recipe or of all."""
    place = desk(settings)
    found = [place.facts(one) for one in existing(place, recipe)]
    if settings.json:
        settings.emit([row for facts in found for row in _rows(facts)])
    elif not found:
        click.echo("no versions yet; `goldsmith build RECIPE` makes one", err=True)
    else:
        _table(settings, found)


def _rows(facts: Facts) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for channel in facts.channels:
        held = facts.state.holds.get(channel.name)
        since, version = facts.state.since(channel.name), facts.versions.get(held or "")
        images = version.images if version else ()
        rows.append(
            {
                "recipe": facts.recipe,
                "channel": channel.name,
                "version": held,
                "since": since.isoformat(timespec="seconds") if since else None,
                "images": [
                    {"id": one.id, "name": one.name, "disk_format": one.disk_format, "sha256": one.sha256}
                    for one in images
                ],
            }
        )
    return rows


def _table(settings: Settings, found: list[Facts]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(no_color=not settings.color, highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        console.width = 400
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("RECIPE", "CHANNEL", "VERSION", "SINCE", "IMAGES"):
        table.add_column(title, no_wrap=title != "IMAGES", overflow="fold")
    for facts in found:
        for channel in facts.channels:
            held = facts.state.holds.get(channel.name)
            since = facts.state.since(channel.name)
            version = facts.versions.get(held or "")
            images = ", ".join(f"{one.id[:8]} {one.disk_format}" for one in version.images) if version else ""
            table.add_row(
                facts.recipe, channel.name, held or "-", local_time(since) if since else "-", images or "-"
            )
    console.print(table)


@click.command(cls=CatalogCommand)
@click.argument("wanted", metavar="NAME[@VERSION]")
@click.option("--channel", metavar="CHANNEL", help="Only what concerned this channel.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the last N.")
@pass_settings
def history(settings: Settings, *, wanted: str, channel: str | None, limit: int | None) -> None:
    """Tell what happened to the versions of a recipe: when, who, what, why, gates; with -v on what grounds."""
    recipe, version = split(wanted)
    events = [
        one
        for one in desk(settings).history(recipe)
        if (not version or one.version == version or any(version in (m.before, m.after) for m in one.moves))
        and (not channel or channel == one.channel or any(channel == m.channel for m in one.moves))
    ]
    if channel and channel not in [one.name for one in channels_of(settings)] and not events:
        raise click.UsageError(f"there is no channel {channel!r}")
    events = events[-limit:] if limit else events
    if settings.json:
        settings.emit([one.as_json() for one in events])
    elif not events:
        click.echo(f"nothing has happened to {wanted} yet", err=True)
    else:
        for one in events:
            _told(settings, one)


def _told(settings: Settings, event: Event) -> None:
    forced = " (forced)" if event.forced else ""
    moved = moves_told(event)
    head = f"{local_time(event.at)}  {event.who}  {event.kind}{forced}  {event.version}"
    click.echo(f"{head}  {moved}".rstrip())
    if event.reason:
        click.echo(f"    why: {event.reason}")
    if event.origin:
        click.echo(f"    from: {event.origin}")
    if settings.verbose and event.gates:
        gate_table(settings, event.gates)
    elif event.gates:
        click.echo(f"    gates: {_gates_told(event.gates)}")


def _gates_told(gates: Sequence[Verdict]) -> str:
    by_answer = {answer: [one.gate for one in gates if one.answer is answer] for answer in Answer}
    return "; ".join(f"{answer}: {', '.join(names)}" for answer, names in by_answer.items() if names)
