"""``goldsmith lock``: write down what the last good build was made of, for ``build --locked``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from goldsmith.cli.base import Command, Settings, key_values, pass_settings
from goldsmith.errors import HostError, UsageError


@click.command(cls=Command)
@click.argument("recipe")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="A variable of the recipe.")
@click.option("--build", "wanted", metavar="BUILD", default="", help="Another build than the last good one.")
@click.option(
    "--to", "target", type=click.Path(path_type=Path), metavar="FILE", help="Write it there instead."
)
@pass_settings
def lock(
    settings: Settings, *, recipe: str, pairs: tuple[str, ...], wanted: str, target: Path | None
) -> None:
    """Write the exact package versions and media digests of the last good build beside the recipe, as RECIPE.lock.

    `goldsmith build --locked` then refuses a guest, or a medium, that is another.
    """
    from goldsmith.cli.held import of_build
    from goldsmith.compose import Where, load
    from goldsmith.host import libvirtd
    from goldsmith.host.files import write_atomically
    from goldsmith.record import BuildState, reading
    from goldsmith.stages.locked import Lock, lock_path, versions_of

    loaded = load(recipe, Where(settings.project, settings.state, libvirtd.default_uri()), key_values(pairs))
    good = [
        one
        for one in reading.read_builds(settings.state / "builds")
        if one.recipe == loaded.name and one.state is BuildState.DONE and wanted in ("", one.id)
    ]
    if not good:
        raise UsageError(
            f"there is no good build {wanted or 'of ' + loaded.name}", fix=f"goldsmith build {loaded.name}"
        )
    held = of_build(settings, good[0].folder)
    made = Lock(
        recipe=loaded.name,
        build=good[0].id,
        media=_media(settings, good[0].document, loaded.name),
        packages=versions_of(held.inventory),
        path=target or lock_path(loaded, settings.project),
    )
    write_atomically(made.path, made.text())
    if settings.json:
        settings.emit(
            {
                "file": str(made.path),
                "build": made.build,
                "media": dict(made.media),
                "packages": dict(made.packages),
            }
        )
    elif not settings.quiet:
        click.echo(f"{made.path}: {len(made.packages)} packages, {len(made.media)} media, as of {made.build}")


def _media(settings: Settings, document: Mapping[str, Any], recipe: str) -> dict[str, str]:
    """Return the digests that the build's fetch stage noted. Raises HostError where they are lost."""
    from goldsmith.stages.locked import media_of
    from goldsmith.stages.parts import noted_medium

    key = next((str(one["key"]) for one in document.get("stages", ()) if one["name"] == "fetch"), "-")
    try:
        return media_of(noted_medium(settings.state / "store" / "layers" / key))
    except (HostError, LookupError):
        raise HostError(
            f"what {document.get('id')} was installed from is not in the store any more, so no lock is written",
            fix=f"goldsmith build {recipe} --from seal, then goldsmith lock {recipe}",
        ) from None
