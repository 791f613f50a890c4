"""``goldsmith image purge``, ``verify`` and ``check``: what keeps a catalog sound."""

from datetime import timedelta

import click

from goldsmith.catalog.command import command
from goldsmith.cli.base import CatalogCommand, Settings, pass_settings
from goldsmith.cli.catalogs import catalog_name, embedded_only, open_catalog
from goldsmith.cli.image_output import age, progress
from goldsmith.errors import CatalogError
from goldsmith.host.files import human_size


@click.command(cls=CatalogCommand)
@click.option("--older-than", type=age, default="30d", metavar="AGE", help="45min, 12h, 8w; else 30d.")
@click.option("--dry-run", is_flag=True, help="Only tell what would go.")
@pass_settings
def purge(settings: Settings, *, older_than: timedelta, dry_run: bool) -> None:
    """Remove for good what was deleted longer ago than that, with its bytes."""
    purged = open_catalog(settings).purge(older_than=older_than, apply=not dry_run)
    if settings.json:
        images = [one.as_json() for one in purged.images]
        settings.emit({"images": images, "freed": purged.freed, "applied": not dry_run})
        return
    verb = "would remove" if dry_run else "removed"
    for one in purged.images:
        click.echo(f"{verb} {one.id} {one.name}")
    if not settings.quiet:
        count = len(purged.images)
        told = "1 image" if count == 1 else f"{count} images"
        click.echo(f"{verb} {told}, {human_size(purged.freed)} on disk")


@click.command(cls=CatalogCommand)
@click.argument("wanted", metavar="IMAGE...", nargs=-1, required=True)
@pass_settings
def verify(settings: Settings, *, wanted: tuple[str, ...]) -> None:
    """Read the bytes of images again and compare them with what was registered."""
    catalog = open_catalog(settings)
    results = []
    for found in [catalog.find(one) for one in wanted]:
        with progress(settings, f"verify {found.name}", found.size) as on_bytes:
            results.append(catalog.verify(found.id, on_bytes=on_bytes))
    bad = [result for result in results if not result.good]
    if settings.json:
        settings.emit(
            [
                {"id": one.image.id, "name": one.image.name, "good": one.good, "problems": list(one.problems)}
                for one in results
            ]
        )
    else:
        for one in results:
            click.echo(f"{one.image.id} {one.image.name}: {'; '.join(one.problems) or 'good'}")
    if bad:
        cloud = catalog_name(settings)
        again = "push them again" if cloud else "build them again, or bring their files back"
        raise CatalogError(
            f"{len(bad)} of {len(results)} images are not what was registered",
            fix=f"{again}; until then: {command('image deactivate IMAGE', cloud)}",
        )


@click.command(cls=CatalogCommand)
@click.option("--repair", is_flag=True, help="Mend what can be mended.")
@pass_settings
def check(settings: Settings, *, repair: bool) -> None:
    """Compare the index with the files (without reading them; see verify)."""
    findings = embedded_only(settings, "it is asked about its own files by its operators").check(
        repair=repair
    )
    if settings.json:
        settings.emit({"findings": [vars(one) for one in findings]})
    else:
        for one in findings:
            click.echo(f"{one.subject}: {one.problem}")
            click.echo(f"  {'mended' if one.repaired else 'fix'}: {one.fix}")
    if left := [one for one in findings if not one.repaired]:
        raise CatalogError(
            f"{len(left)} {'thing is not as it' if len(left) == 1 else 'things are not as they'} should be",
            fix="goldsmith image check --repair",
        )
    if not findings and not settings.quiet and not settings.json:
        click.echo("the index and the files agree")
