"""``goldsmith store``: what is kept, how large and how old it is, and a way to give it back."""

import time
from typing import TYPE_CHECKING

import click

from goldsmith.cli.base import Command, Group, Settings, pass_settings

if TYPE_CHECKING:
    from goldsmith.plan.store import EntryInfo


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
    "--older-than",
    "days",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    help="Days since it was made.",
)
@click.option("--apply", is_flag=True, help="Remove; without it the command only tells.")
@pass_settings
def prune(settings: Settings, *, days: float, apply: bool) -> None:
    """Remove old entries that no younger entry stands on; a build makes them again when it needs them."""
    from goldsmith.host.files import human_size
    from goldsmith.plan.store import Store

    place = Store(settings.state)
    doomed = place.prunable(older_than=days * 86400, used=_in_use(settings))
    if apply:
        for one in reversed(
            _from_below(doomed)
        ):  # a kill in the middle leaves no layer without the one below
            place.remove(one.entry.key)
    size = sum(one.size for one in doomed)
    if settings.json:
        settings.emit({"applied": apply, "size": size, "keys": [one.entry.key for one in doomed]})
        return
    for one in doomed:
        click.echo(f"{one.entry.key[:12]}  {one.recipe}  {one.stage}  {human_size(one.size)}")
    verb = "removed" if apply else "would remove (--apply does it)"
    click.echo(f"{verb} {len(doomed)} entries, {human_size(size)}")


@store.command(cls=Command)
@click.option(
    "--apply", is_flag=True, help="Remove what is damaged, and what stands on it; builds make it again."
)
@pass_settings
def verify(settings: Settings, *, apply: bool) -> None:
    """Read every byte of every entry and tell what is not as it was made; exit status 1 when there is something."""
    from goldsmith.errors import GoldsmithError
    from goldsmith.plan.store import Store

    place = Store(settings.state)
    keys = place.keys()
    found = {key: damage for key in keys if (damage := place.damage(key, thorough=True))}
    if apply:
        for key in found:
            place.remove_with_all_on_it(key)
    if settings.json:
        damaged = [{"key": key, "problems": [str(one) for one in what]} for key, what in found.items()]
        settings.emit({"entries": len(keys), "damaged": damaged, "applied": apply})
    else:
        for key, what in found.items():
            for one in what:
                click.echo(f"{key[:12]}  {one}")
        click.echo(
            f"{len(keys)} entries read, {len(found)} damaged{' and removed' if apply and found else ''}"
        )
    if found and not apply:
        raise GoldsmithError(
            f"{len(found)} entries of the store are damaged",
            fix="goldsmith store verify --apply removes them; builds make them again, and never use them",
        )


def _in_use(settings: Settings) -> set[str]:
    """Return the keys in the plans of all builds that run; they may stand on these at any moment."""
    from goldsmith.record import BuildState, read_builds

    running = [one for one in read_builds(settings.state / "builds") if one.state is BuildState.RUNNING]
    return {str(stage["key"]) for one in running for stage in one.document.get("stages", ())}


def _from_below(entries: "list[EntryInfo]") -> "list[EntryInfo]":
    """Sort entries so that each comes after the one it stands on."""
    by_key = {one.entry.key: one for one in entries}

    def depth(one: "EntryInfo") -> int:
        below = by_key.get(one.parent)
        return 1 + depth(below) if below else 0

    return sorted(entries, key=depth)
