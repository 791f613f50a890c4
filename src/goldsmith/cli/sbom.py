"""``goldsmith sbom``: the bill of materials of any image."""

from pathlib import Path

import click

from goldsmith.cli.base import Command, Settings, pass_settings
from goldsmith.cli.held import held_by
from goldsmith.errors import UsageError


@click.command(cls=Command)
@click.argument("wanted", metavar="FILE|IMAGE|NAME@VERSION|BUILD")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["cyclonedx", "spdx"]),
    default="cyclonedx",
    show_default=True,
    help="CycloneDX 1.6 or SPDX 2.3, both as JSON.",
)
@click.option(
    "--output", "-o", "target", type=click.Path(path_type=Path), help="Write it there, else to stdout."
)
@pass_settings
def sbom(settings: Settings, *, wanted: str, kind: str, target: Path | None) -> None:
    """Write the bill of materials of an image, ours or not: its packages, their licences, its checksums.

    Of what was built here it is made from what the build found; into any other image one look is taken, read-only.
    """
    from goldsmith.artifact.sbom import Subject, bill
    from goldsmith.host.files import write_atomically

    held = held_by(settings, wanted)
    if held.inventory.packages is None:
        raise UsageError(
            f"{wanted}: the packages of {held.inventory.product or 'its system'} cannot be listed",
            fix="name an image whose system has an rpm or dpkg database, or a Windows",
        )
    content = bill(kind, held.inventory, Subject(held.name, held.described(settings), held.made))
    if target:
        write_atomically(target, content)
        if not settings.quiet and not settings.json:
            click.echo(f"{len(held.inventory.packages)} packages: {target}", err=True)
    else:
        click.echo(content.decode(), nl=False)
