"""``goldsmith store``: what is kept, how large and how old it is, and a way to give it back."""

import time
from collections.abc import Callable

import click

from goldsmith.cli.base import Command, Group, Number, Settings, pass_settings


@click.group(cls=Group)
def store() -> None:
    """Look at the layers, evidence and media that builds left, and remove what is not needed."""


@store.command(name="list", cls=Command)
@pass_settings
def list_entries(settings: Settings) -> None:
    """List what is kept, the oldest first, and which recipes use it.

    Entries: recipe, stage, size, age, the time it took to make them. Media: name, size, age, what it takes to get them
    again.
    """
    from goldsmith.cli.store_rows import rows_of
    from goldsmith.host.files import human_size

    rows = rows_of(settings.state)
    if settings.json:
        settings.emit([one.as_json() for one in rows])
        return
    for one in rows:
        click.echo(one.line(time.time()))
    media = sum(one.is_medium for one in rows)
    click.echo(f"{len(rows) - media} entries, {media} media, {human_size(sum(one.size for one in rows))}")


@store.command(cls=Command)
@click.option(
    "--older-than",
    "days",
    type=Number(min=0),
    help="Days since it was made, or got; 30 where nothing is said.",
)
@click.option(
    "--to-size",
    "limit",
    metavar="SIZE",
    help="Remove the oldest until no more is left, media included, such as 50 GiB.",
)
@click.option("--unused", is_flag=True, help="Remove what the newest good build of no recipe has.")
@click.option("--keep-newest", is_flag=True, help="Keep what the newest good build of a recipe has.")
@click.option("--apply", is_flag=True, help="Remove; without it the command only tells.")
@pass_settings
def prune(
    settings: Settings,
    *,
    days: float | None,
    limit: str | None,
    unused: bool,
    keep_newest: bool,
    apply: bool,
) -> None:
    """Remove old entries, media and broken-off downloads; a build makes or gets again what it needs.

    A medium stays while an entry stays that was made from it. What `goldsmith media add` put here is never removed:
    `goldsmith media remove` does that.
    """
    from goldsmith.cli import store_prune
    from goldsmith.host.files import human_size

    asked = store_prune.Asked(days, None if limit is None else _size(limit), unused, keep_newest)
    found = store_prune.prune(settings.state, asked, apply=apply, on_wait=waiting(settings))
    if settings.json:
        settings.emit(
            {
                "applied": apply,
                "size": found.size,
                "keys": [one.entry.key for one in found.gone],
                "media": [one.key for one in found.media],
                "in_use": found.keys_in_use,
                "damaged": [one.entry.key for one in found.damaged],
                "downloads": [str(one.folder) for one in found.downloads],
            }
        )
        return
    for line in found.lines:
        click.echo(line)
    verb = "removed" if apply else "would remove (--apply does it)"
    count = (
        f"{len(found.gone)} entries, {len(found.media)} media, {len(found.downloads)} broken-off downloads"
    )
    click.echo(f"{verb} {count}, {human_size(found.size)}")


def waiting(settings: Settings) -> Callable[[str], None]:
    def tell(_holder: str) -> None:
        if not (settings.json or settings.quiet):
            click.echo("waiting for a build that is planning, or another one that clears the store", err=True)

    return tell


def _size(text: str) -> int:
    from goldsmith.recipe.quantities import parse_size

    try:
        return parse_size(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--to-size") from None


@store.command(cls=Command)
@click.option(
    "--apply",
    is_flag=True,
    help="Remove what is damaged, and what stands on it; builds make or get it again.",
)
@pass_settings
def verify(settings: Settings, *, apply: bool) -> None:
    """Read every byte of every entry, medium and record, and tell what is not as it was made; exit status 1 then."""
    from goldsmith.cli.store_verify import (
        damaged_entries,
        damaged_media,
        damaged_records,
        remove,
        require_none,
    )
    from goldsmith.plan.store import Store

    place = Store(settings.state)
    made = {one: place.created(one) for one in place.keys()}  # noqa: SIM118  no mapping
    found = damaged_entries(place, made)
    (media, which), records = damaged_media(settings.state), damaged_records(settings.state)
    in_use: set[str] = set()
    if apply and (found or media):
        in_use = remove(place, {key: made[key] for key in found}, which, on_wait=waiting(settings))
    others = [{"path": str(path), "problems": what} for path, what in {**media, **records}.items()]
    if settings.json:
        damaged = [{"key": key, "problems": what, "in_use": key in in_use} for key, what in found.items()]
        settings.emit({"entries": len(made), "damaged": damaged, "others": others, "applied": apply})
    else:
        for name, what in [*found.items(), *((path, what) for path, what in {**media, **records}.items())]:
            for one in what:
                click.echo(f"{name[:12] if isinstance(name, str) else name}  {one}")
        for key in sorted(in_use):
            click.echo(f"{key[:12]}  in use")
        gone = " and removed" if apply and found and not in_use else ""
        gone = f", {len(found) - len(in_use)} removed" if in_use else gone
        click.echo(f"{len(made)} entries read, {len(found)} damaged{gone}")
    require_none(found, media, records, applied=apply, in_use=in_use)
