"""``goldsmith image evidence`` and ``attach``: what is known about the bytes of an image, kept with it."""

import getpass
from collections.abc import Sequence
from pathlib import Path

import click

from goldsmith.catalog.evidence import Evidence, EvidenceKind
from goldsmith.catalog.local import LocalCatalog
from goldsmith.cli.base import Command, Settings, pass_settings
from goldsmith.cli.desk import desk, local_time, named
from goldsmith.errors import UsageError
from goldsmith.promote.attach import attach as keep
from goldsmith.promote.attach import kept
from goldsmith.promote.version import split

_BY_HAND = [one.value for one in EvidenceKind if one is not EvidenceKind.SIGNATURE]


def meant(settings: Settings, wanted: str) -> Sequence[str]:
    """Return the ids of the images that are meant: all of NAME@VERSION, else the one image."""
    recipe, version = split(wanted) if "@" in wanted else (wanted, "")
    if version:
        found = desk(settings).facts(recipe).versions.get(version)
        if found:
            return [one.id for one in found.images]
    return [LocalCatalog(settings.state / "catalog").find(wanted).id]


@click.command(cls=Command)
@click.argument("wanted", metavar="IMAGE|NAME@VERSION")
@click.argument("kind", type=click.Choice(_BY_HAND))
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@named
@pass_settings
def attach(settings: Settings, *, wanted: str, kind: str, file: Path, who: str | None) -> None:
    """Keep a document (an audit, a boot test, an SBOM ...) with an image, for the gates of channels.

    Whoever attaches it stands for its being about these bytes; the name is kept. A signature is recorded by
    `goldsmith verify` alone.
    """
    content = file.read_bytes()
    if not content:
        raise UsageError(f"{file} is empty", fix="name the document that Goldsmith wrote")
    catalog = LocalCatalog(settings.state / "catalog")
    records = keep(catalog, meant(settings, wanted), kind, content, who=who or getpass.getuser())
    _print(settings, records)


@click.command(cls=Command)
@click.argument("wanted", metavar="IMAGE|NAME@VERSION")
@pass_settings
def evidence(settings: Settings, *, wanted: str) -> None:
    """Show what is kept with an image; of one kind the newest counts."""
    catalog = LocalCatalog(settings.state / "catalog")
    _print(settings, [one for image in meant(settings, wanted) for one in kept(catalog, image)])


def _print(settings: Settings, records: Sequence[Evidence]) -> None:
    if settings.json:
        settings.emit([one.as_json() for one in records])
        return
    for one in records:
        verdict = "passed" if one.passed else "failed"
        click.echo(
            f"{one.image_id[:8]}  {local_time(one.recorded_at)}  {one.kind}  {verdict}  {one.summary}  "
            f"[{one.sha256[:12]}] by {one.recorded_by}"
        )
    if not records and not settings.quiet:
        click.echo("nothing is kept with it", err=True)
