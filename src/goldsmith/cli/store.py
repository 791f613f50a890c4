"""``goldsmith store``: what is kept, how large and how old it is, and a way to give it back."""

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from goldsmith.cli.base import Command, Group, Number, Settings, pass_settings

if TYPE_CHECKING:
    from goldsmith.plan.store import EntryInfo, Store


@click.group(cls=Group)
def store() -> None:
    """Look at the layers and evidence that builds left, and remove what is not needed."""


@store.command(name="list", cls=Command)
@pass_settings
def list_entries(settings: Settings) -> None:
    """List the entries: stage, recipe, size, age, the time it took to make them, and which recipes use them."""
    from goldsmith.host.files import human_size, human_time
    from goldsmith.plan.store import Store
    from goldsmith.record.uses import uses

    used = uses(settings.state / "builds")
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
                    "used_by": list(used.get(one.entry.key, ())),
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
            f"  {', '.join(used.get(one.entry.key, ())) or 'unused'}"
        )
    click.echo(f"{len(found)} entries, {human_size(sum(one.size for one in found))}")


@store.command(cls=Command)
@click.option(
    "--older-than",
    "days",
    type=Number(min=0),
    help="Days since it was made; 30 where nothing is said.",
)
@click.option(
    "--to-size", "limit", metavar="SIZE", help="Remove the oldest until no more is left, such as 50 GiB."
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
    """Remove old entries and broken-off downloads; a build makes again what it needs."""
    from goldsmith.host.files import human_size
    from goldsmith.plan.store import Store

    place = Store(settings.state)
    before = time.time() - 86400 * (30.0 if days is None else days)
    doomed = _doomed(settings, place, days=days, limit=limit, unused=unused, newest=keep_newest)
    broken = _broken_off(settings, before)
    size = sum(one.size for one in doomed) + sum(_bytes(path) for path in broken)
    if apply:
        for one in doomed:  # the topmost first: a kill in the middle leaves no layer without the one below
            place.remove(one.entry.key)
        for path in broken:
            shutil.rmtree(path, ignore_errors=True)
    if settings.json:
        keys = [one.entry.key for one in doomed]
        settings.emit(
            {"applied": apply, "size": size, "keys": keys, "downloads": [str(one) for one in broken]}
        )
        return
    for one in doomed:
        click.echo(f"{one.entry.key[:12]}  {one.recipe}  {one.stage}  {human_size(one.size)}")
    for path in broken:
        click.echo(f"a download that broke off  {path.name}  {human_size(_bytes(path))}")
    verb = "removed" if apply else "would remove (--apply does it)"
    click.echo(f"{verb} {len(doomed)} entries, {len(broken)} broken-off downloads, {human_size(size)}")


def _doomed(
    settings: Settings, place: "Store", *, days: float | None, limit: str | None, unused: bool, newest: bool
) -> "list[EntryInfo]":
    """Return what is to go by all that was asked for, the topmost first; by age where nothing was."""
    from goldsmith.plan.pruning import old_ones, to_fit
    from goldsmith.record.uses import uses

    used, left = _in_use(settings), list(place.entries())
    if newest:
        used |= set(uses(settings.state / "builds"))
    doomed: list[EntryInfo] = []
    if unused:
        doomed += old_ones(left, made_before=time.time(), used={*used, *uses(settings.state / "builds")})
    if days is not None or (limit is None and not unused):
        gone = {one.entry.key for one in doomed}
        left = [one for one in left if one.entry.key not in gone]
        doomed += old_ones(
            left, made_before=time.time() - 86400 * (30.0 if days is None else days), used=used
        )
    if limit is not None:
        gone = {one.entry.key for one in doomed}
        left = [one for one in left if one.entry.key not in gone]
        doomed += to_fit(left, _size(limit), used=used)
    return doomed


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _size(text: str) -> int:
    from goldsmith.recipe.quantities import parse_size

    try:
        return parse_size(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--to-size") from None


def _broken_off(settings: Settings, before: float) -> list[Path]:
    """Return the folders of downloads that nobody went on with since ``before`` (seconds since the epoch)."""
    from goldsmith.host.locks import is_locked

    place = settings.state / "store" / "media" / "partial"
    found = [one for one in place.iterdir() if one.is_dir()] if place.is_dir() else []
    return sorted(
        one
        for one in found
        if not is_locked(place / f"{one.name}.lock")
        and all(part.stat().st_mtime < before for part in (one, *one.rglob("*")))
    )


@store.command(cls=Command)
@click.option(
    "--apply", is_flag=True, help="Remove what is damaged, and what stands on it; builds make it again."
)
@pass_settings
def verify(settings: Settings, *, apply: bool) -> None:
    """Read every byte of every entry, medium and record, and tell what is not as it was made; exit status 1 then."""
    from goldsmith.cli.store_verify import damaged_entries, damaged_media, damaged_records, require_none
    from goldsmith.plan.store import Store

    place = Store(settings.state)
    found = damaged_entries(place)
    media, records = damaged_media(settings.state), damaged_records(settings.state)
    count = len(place.keys())
    if apply:
        for key in found:
            place.remove_with_all_on_it(key)
        for path in media:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    others = [{"path": str(path), "problems": what} for path, what in {**media, **records}.items()]
    if settings.json:
        damaged = [{"key": key, "problems": what} for key, what in found.items()]
        settings.emit({"entries": count, "damaged": damaged, "others": others, "applied": apply})
    else:
        for name, what in [*found.items(), *((path, what) for path, what in {**media, **records}.items())]:
            for one in what:
                click.echo(f"{name[:12] if isinstance(name, str) else name}  {one}")
        gone = " and removed" if apply and found else ""
        click.echo(f"{count} entries read, {len(found)} damaged{gone}")
    require_none(found, media, records, applied=apply)


def _in_use(settings: Settings) -> set[str]:
    """Return the keys in the plans of all builds that run, and those that kept guests stand on."""
    from goldsmith.plan.kept import standing
    from goldsmith.record import BuildState, read_builds

    running = [one for one in read_builds(settings.state / "builds") if one.state is BuildState.RUNNING]
    kept = {one.parent for one in standing(settings.state) if one.parent}
    return kept | {str(stage["key"]) for one in running for stage in one.document.get("stages", ())}
