"""``goldsmith retire``: a plan for what nobody needs any more, and one step at a time of carrying it out."""

from collections.abc import Mapping

import click

from goldsmith.cli.base import CatalogCommand, Settings, pass_settings
from goldsmith.cli.desk import desk, existing, local_time, named, retention_of, tell
from goldsmith.errors import UsageError
from goldsmith.host.files import human_size
from goldsmith.promote import retention
from goldsmith.promote.desk import Desk
from goldsmith.promote.event import Event
from goldsmith.promote.facts import Facts
from goldsmith.promote.retention import Fate, Row
from goldsmith.promote.version import split
from goldsmith.recipe.promotion import Retention


@click.command(cls=CatalogCommand)
@click.argument("wanted", metavar="[NAME[@VERSION]]", required=False)
@click.option("--apply", is_flag=True, help="Do what is due; without it the command only tells.")
@click.option("--undo", is_flag=True, help="Bring back what was retired, until its grace time ends.")
@named
@pass_settings
def retire(settings: Settings, *, wanted: str | None, apply: bool, undo: bool, who: str | None) -> None:
    """Hide, later deactivate, later delete the versions that no rule keeps, each step a grace time after the last.

    Kept is what is in a channel, protected, used, the newest, the young, and what channels could be rolled back to.
    """
    place, rules = desk(settings, who=who), retention_of(settings)
    recipe, version = split(wanted) if wanted else ("", "")
    if undo:
        if not recipe:
            raise UsageError("--undo wants a name", fix="goldsmith retire NAME[@VERSION] --undo")
        _undo(settings, place, recipe, version, rules)
        return
    plans = {one: _plan(place, one, version, rules) for one in existing(place, recipe)}
    done: list[Event] = []
    if apply:
        done = [event for one, rows in plans.items() for event in _apply(place, one, rows, rules)]
    _show(settings, [row for rows in plans.values() for row in rows], done, apply=apply)


def _plan(place: Desk, recipe: str, version: str, rules: Retention) -> list[Row]:
    facts = place.facts(recipe)
    rows = retention.plan(facts, rules, place.uses(facts))
    if version:
        facts.version(version)
    return [one for one in rows if not version or one.version.version == version]


def _apply(place: Desk, recipe: str, rows: list[Row], rules: Retention) -> list[Event]:
    """Take each step that is due, decided anew under the catalog's lock: it may be needed by now."""
    done = []
    for row in rows:
        if row.fate in (Fate.KEEP, Fate.WAIT):
            continue

        def decided(facts: Facts, number: str = row.version.version) -> Event | None:
            return retention.due(facts, rules, place.uses(facts), number)

        if event := place.act(recipe, decided):
            done.append(event)
    return done


def _undo(settings: Settings, place: Desk, recipe: str, version: str, rules: Retention) -> None:
    facts = place.facts(recipe)
    found = [version] if version else list(retention.retired(facts))
    if not found:
        raise UsageError(
            f"no version of {recipe} can be brought back", fix=facts.command(f"history {recipe}")
        )
    for number in found:
        event = place.act(
            recipe,
            lambda facts, number=number: retention.undone(facts, rules, number),  # type: ignore[misc]
        )
        tell(settings, event, otherwise="")


def _show(settings: Settings, rows: list[Row], done: list[Event], *, apply: bool) -> None:
    if settings.json:
        settings.emit(
            {
                "applied": apply,
                "versions": [one.as_json() for one in rows],
                "events": [one.as_json() for one in done],
            }
        )
        return
    _table(settings, rows, {one.version: one for one in done})
    due = [one for one in rows if one.fate not in (Fate.KEEP, Fate.WAIT)]
    size = human_size(sum(image.size or 0 for one in due for image in one.version.images))
    if not settings.quiet:
        steps = _counted(len(done if apply else due), "step")
        verb = (
            f"done: {steps}" if apply else f"due: {steps} (--apply takes {'it' if len(due) == 1 else 'them'})"
        )
        concerned = f", {size} of images concerned" if due else ""
        click.echo(f"{_counted(len(rows), 'version')}; {verb}{concerned}")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _table(settings: Settings, rows: list[Row], done: Mapping[str, Event]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(no_color=not settings.color, highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        console.width = 400
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("VERSION", "MADE", "SIZE", "FATE", "WHY", "NEXT"):
        table.add_column(title, no_wrap=title != "WHY", overflow="fold")
    for one in rows:
        size = human_size(sum(image.size or 0 for image in one.version.images))
        following = f"{one.step} from {local_time(one.due)}" if one.step and one.due else "-"
        if event := done.get(one.version.version):
            following = f"{event.step} now"
        made = local_time(one.version.made_at)
        table.add_row(one.version.name, made, size, one.fate.value, one.why, following)
    console.print(table)
