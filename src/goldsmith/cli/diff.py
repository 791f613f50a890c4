"""``goldsmith diff``: what changed from one image to another."""

import click

from goldsmith.cli.base import Command, Settings, pass_settings
from goldsmith.cli.difference_table import show
from goldsmith.cli.held import held_by


@click.command(cls=Command)
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@pass_settings
def diff(settings: Settings, *, before: str, after: str) -> None:
    """Show in what image B differs from image A: packages, accounts, services, kernel arguments, files in /etc, size.

    Each is a file, an image or a version (NAME@VERSION) of the catalog, or a build. What was built here is compared by
    what its build recorded, at once; into any other image one look is taken.
    """
    from goldsmith.artifact.difference import compare

    old, new = held_by(settings, before), held_by(settings, after)
    found = compare(old.inventory, new.inventory, sizes=(old.size, new.size))
    if settings.json:
        settings.emit(
            {
                "before": before,
                "after": after,
                "size": {"before": old.size, "after": new.size},
                "changes": [one.as_json() for one in found.changes],
                "unknown": list(found.unknown),
            }
        )
    else:
        show(settings, found)
