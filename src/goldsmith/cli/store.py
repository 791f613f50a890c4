"""``goldsmith store``: what is kept, how large and how old it is, and a way to give it back."""

import time

import click

from goldsmith.cli.base import Command, Group, Settings, pass_settings


@click.group(cls=Group)
def store() -> None:
    """Look at the layers and evidence that builds left, and remove what is not needed."""


@store.command(name="list", cls=Command)
@pass_settings
def list_entries(settings: Settings) -> None:
    """List the entries: stage, recipe, size, age, and the time it took to make them."""
    from goldsmith.host.files import human_size, human_time
    from goldsmith.plan.store import Store

    found = sorted(Store(settings.state).entries(), key=lambda one: one.created)
    if settings.json:
        settings.emit(
            [
                {
                    "key": one.entry.key,
                    "stage": one.stage,
                    "recipe": one.recipe,
                    "size": one.size,
                    "created": one.created,
                    "seconds": one.seconds,
                    "parent": one.parent,
                }
                for one in found
            ]
        )
        return
    for one in found:
        age = human_time(max(0.0, time.time() - one.created))
        click.echo(
            f"{one.entry.key[:12]}  {one.recipe:<16} {one.stage:<24} {human_size(one.size):>10}"
            f"  made in {human_time(one.seconds)}, {age} ago"
        )
    click.echo(f"{len(found)} entries, {human_size(sum(one.size for one in found))}")


@store.command(cls=Command)
@click.option(
    "--older-than", "days", type=float, default=30.0, show_default=True, help="Days since it was made."
)
@click.option("--apply", is_flag=True, help="Remove; without it the command only tells.")
@pass_settings
def prune(settings: Settings, *, days: float, apply: bool) -> None:
    """Remove old entries that no younger entry stands on; a build makes them again when it needs them."""
    from goldsmith.host.files import human_size
    from goldsmith.plan.store import Store

    place = Store(settings.state)
    doomed = place.prunable(older_than=days * 86400)
    if apply:
        for one in doomed:
            place.remove(one.entry.key)
    size = sum(one.size for one in doomed)
    if settings.json:
        settings.emit({"applied": apply, "size": size, "keys": [one.entry.key for one in doomed]})
        return
    for one in doomed:
        click.echo(f"{one.entry.key[:12]}  {one.recipe}  {one.stage}  {human_size(one.size)}")
    verb = "removed" if apply else "would remove (--apply does it)"
    click.echo(f"{verb} {len(doomed)} entries, {human_size(size)}")
