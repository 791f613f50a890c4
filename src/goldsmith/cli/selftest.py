"""``goldsmith selftest``: build and audit a family's recipe from real media, and write down what happened."""

import json
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from goldsmith.cli.base import Command, Settings, pass_settings
from goldsmith.cli.build import Deaf, parse_values
from goldsmith.cli.hashing import Hashing
from goldsmith.cli.stopping import stoppable
from goldsmith.errors import GoldsmithError, UsageError
from goldsmith.host.homes import expanded

if TYPE_CHECKING:
    from goldsmith.compose import Composed, Where
    from goldsmith.events import Event
    from goldsmith.report.selftest import Ending


@click.command(cls=Command)
@click.option(
    "--family", required=True, metavar="NAME", help="What to build: rhel7, rhel6, windows2022, demo, ..."
)
@click.option("--iso", metavar="PATH", help="The installation medium: a path, a URL, or a name.")
@click.option("--tree", metavar="URL", help="An installation tree in place of the ISO: a URL or a folder.")
@click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="A variable of the recipe.")
@click.option(
    "--to", "folder", type=click.Path(path_type=Path), default=Path(), help="Where the report is written."
)
@click.option("--no-boot-test", is_flag=True, help="Build and audit alone.")
@click.option("--reuse", is_flag=True, help="Take results that the store has; by default all is built anew.")
@pass_settings
def selftest(
    settings: Settings,
    *,
    family: str,
    iso: str | None,
    tree: str | None,
    pairs: tuple[str, ...],
    folder: Path,
    no_boot_test: bool,
    reuse: bool,
) -> None:
    """Build, audit and boot a recipe from your media, and write a report to send back.

    Nothing goes to the catalog.
    """
    from goldsmith.compose import Where, compose
    from goldsmith.host import libvirtd
    from goldsmith.host.process import LocalHost
    from goldsmith.stages.remote import Looking

    if iso and tree:
        raise UsageError("--iso and --tree are two media", fix="give one of them")
    where = Where(settings.project, settings.state, libvirtd.default_uri())
    with _recipe(family, tree, where) as path:
        composed = compose(
            str(path),
            where,
            values=parse_values(pairs, iso),
            register=False,
            boot_test=not no_boot_test,
            on_hashing=(reading := Hashing(settings.quiet)),
            looking=Looking(LocalHost(), gets=True, on_progress=reading.downloading),
        )
    with stoppable():
        ending, failure = _built(settings, composed, where, reuse=reuse)
    facts, archive = _reported(composed, ending, where, family=family, folder=folder)
    if settings.json:
        settings.emit({**facts, "archive": str(archive)})
    else:
        click.echo(f"report: {archive}\n  send it back as it is; selftest.md in it is for reading")
    if failure:
        raise failure


@contextmanager
def _recipe(family: str, tree: str | None, where: "Where") -> Iterator[Path]:
    """Give a recipe that extends the family's own, with another name and the tree as its medium."""
    from goldsmith.host.aside import scratch
    from goldsmith.recipe.places import data_folders, find_recipe, list_recipes

    folders = data_folders("recipes", where.project)
    names = [one.stem for one in list_recipes(folders)]
    alike = [one for one in names if one.startswith(family)]
    if family not in names and alike:
        raise UsageError(f"{family} is several recipes", fix=f"--family is one of {', '.join(alike)}")
    parent = find_recipe(family, folders).stem
    said: dict[str, object] = {"name": f"selftest-{parent}", "extends": parent}
    if tree:
        here = expanded(tree)
        said["media"] = {"tree": tree if "://" in tree else str(here.absolute())}
    with scratch("selftest") as folder:
        path = folder / f"selftest-{parent}.yaml"
        path.write_text(json.dumps(said), encoding="utf-8")  # JSON is YAML, and has no surprises
        yield path


def _built(
    settings: Settings, composed: "Composed", where: "Where", *, reuse: bool
) -> "tuple[Ending, Exception | None]":
    """Build, and return how it ended, also when it was with a failure or a bug."""
    from goldsmith.build import Options, run_build
    from goldsmith.cli.view import console_reporter
    from goldsmith.record.writing import new_id
    from goldsmith.report.selftest import Ending

    build = new_id(composed.recipe.name)
    options = Options(build_id=build, no_cache=not reuse, on_hashing=Hashing(settings.quiet))
    try:
        if settings.json:
            run_build(composed, where, _Silent(), options)
        else:
            with console_reporter(settings, stdout_is_terminal=sys.stdout.isatty()) as view:
                run_build(composed, where, Deaf(view), options)
    except GoldsmithError as error:
        return Ending(build, ok=False, exit_code=error.exit_code, error=error.text()), error
    except Exception as error:  # noqa: BLE001  a bug is what the report is for
        return Ending(build, ok=False, exit_code=70, error=_trace(composed, error)), error
    return Ending(build, ok=True), None


def _reported(
    composed: "Composed", ending: "Ending", where: "Where", *, family: str, folder: Path
) -> tuple[Mapping[str, object], Path]:
    from goldsmith.host import accel
    from goldsmith.host.process import LocalHost
    from goldsmith.report.selftest import document, write

    host = LocalHost(mask=composed.vault.redactor)
    try:
        acceleration = accel.detect(host, state=where.state)
    except GoldsmithError:
        acceleration = None
    facts = document(
        composed,
        ending,
        family=family,
        state=where.state,
        host=host,
        acceleration=acceleration,
    )
    folder.mkdir(parents=True, exist_ok=True)
    archive = write(
        facts,
        record=where.state / "builds" / ending.build,
        folder=folder.absolute() / ending.build,
        mask=composed.vault.redactor,
    )
    return facts, archive


def _trace(composed: "Composed", error: Exception) -> str:
    return composed.vault.redactor("".join(traceback.format_exception(error)))


class _Silent:
    """A reporter for --json, where stdout is for one document at the end."""

    def tell(self, event: "Event") -> None:
        pass
