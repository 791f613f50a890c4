"""``goldsmith build`` and ``goldsmith plan``."""

import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from goldsmith.cli.base import CatalogCommand, Settings, key_values, pass_settings
from goldsmith.cli.hashing import Hashing
from goldsmith.cli.stopping import stoppable
from goldsmith.errors import GoldsmithError, InterruptedBuild, UsageError
from goldsmith.host.homes import expanded

if TYPE_CHECKING:  # loaded when needed: they bring libvirt and more
    from goldsmith.build import Options
    from goldsmith.cli.junit import StageCases
    from goldsmith.events import Event, Reporter
    from goldsmith.publish.item import Destination


def parse_values(pairs: Sequence[str], iso: str | None) -> dict[str, str]:
    """Turn ``--set key=value`` and ``--iso PATH`` into the variables of a recipe."""
    values = key_values(pairs)
    if iso is not None:
        file = expanded(iso)
        known_elsewhere = "://" in iso or ("/" not in iso and not file.exists())  # a URL, or a name
        values["iso"] = iso if known_elsewhere else str(file.absolute())
    return values


_SET = click.option("--set", "pairs", multiple=True, metavar="KEY=VALUE", help="A variable of the recipe.")
_BOOT = click.option(
    "--boot-test/--no-boot-test",
    default=None,
    help="Boot the finished image, or not; else as the recipe says.",
)
_REFRESH = click.option(
    "--refresh", is_flag=True, help="Read the outside world again: updates, and media by URL without sha256."
)
_ISO = click.option("--iso", metavar="PATH", help="The installation medium: short for --set iso=PATH.")


@dataclass(frozen=True)
class Parts:
    """Which of the last stages a build has, and whether it reads the outside world again."""

    register: bool = True
    boot_test: bool | None = None
    refresh: bool = False

    def destinations(self, settings: Settings) -> tuple["Destination", ...]:
        """Return the catalogs outside that get what is registered: the one of --catalog, else the project's."""
        from goldsmith.cli.catalogs import destination
        from goldsmith.recipe.project import LOCAL, load_project

        if not self.register:
            if settings.catalog:
                raise UsageError(
                    "--no-register and --catalog do not go together", fix="leave one of them out"
                )
            return ()
        name = settings.catalog or load_project(settings.project).catalog
        return () if name == LOCAL else (destination(settings, name),)


@click.command(cls=CatalogCommand)
@click.argument("recipe")
@_SET
@_ISO
@click.option("--from", "start", metavar="STAGE", default="", help="Plan this stage and all after it anew.")
@click.option("--no-cache", is_flag=True, help="Plan everything anew but a medium of known sha256.")
@_BOOT
@_REFRESH
@pass_settings
def plan(
    settings: Settings,
    *,
    recipe: str,
    pairs: tuple[str, ...],
    iso: str | None,
    start: str,
    no_cache: bool,
    boot_test: bool | None,
    refresh: bool,
) -> None:
    """Show the stages of a build: cached or not, and why."""
    from goldsmith.cli.plan_table import plan_document, print_plan
    from goldsmith.compose import Where, compose
    from goldsmith.host import libvirtd
    from goldsmith.host.process import LocalHost
    from goldsmith.plan.store import Store
    from goldsmith.planning import plan_of
    from goldsmith.stages.remote import Looking

    where = Where(settings.project, settings.state, libvirtd.default_uri())
    composed = compose(
        recipe,
        where,
        values=parse_values(pairs, iso),
        boot_test=boot_test,
        refresh=refresh,
        destinations=Parts().destinations(settings),
        on_hashing=Hashing(settings.quiet),
        anew_from="fetch" if no_cache else start,
        looking=Looking(LocalHost()),
    )
    _check_stage(start, [stage.name for stage in composed.stages])
    found = plan_of(composed, Store(where.state), start=start, no_cache=no_cache)
    document = plan_document(found, where.state)
    if settings.json:
        settings.emit(document)
    else:
        print_plan(document, verbose=settings.verbose)


@click.command(cls=CatalogCommand)
@click.argument("recipes", nargs=-1)
@_SET
@_ISO
@click.option("--from", "start", metavar="STAGE", default="", help="Run this stage and all after it again.")
@click.option(
    "--no-cache", is_flag=True, help="Run every stage again; a medium of known sha256 is taken as it is."
)
@_BOOT
@_REFRESH
@click.option("--no-register", is_flag=True, help="Stop before the catalog.")
@click.option(
    "--id", "build_id", metavar="ID", help="Name of the build; made from recipe and time if not given."
)
@click.option("--keep-failed", is_flag=True, help="Leave a guest that fails as it is, for goldsmith shell.")
@click.option(
    "--resume",
    metavar="BUILD",
    help="Go on with this failed build, from the guest that it kept if there is one.",
)
@click.option("--locked", is_flag=True, help="Refuse a guest that is not as RECIPE.lock says.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write the stages as a JUnit report.")
@pass_settings
def build(
    settings: Settings,
    *,
    recipes: tuple[str, ...],
    pairs: tuple[str, ...],
    iso: str | None,
    start: str,
    no_cache: bool,
    boot_test: bool | None,
    refresh: bool,
    no_register: bool,
    build_id: str | None,
    keep_failed: bool,
    resume: str | None,
    locked: bool,
    junit: Path | None,
) -> int:
    """Build images from recipes, one after the other; goes on after a failure and ends with the worst exit code."""
    from goldsmith.build import Options
    from goldsmith.cli.junit import StageCases
    from goldsmith.resume import Asked

    if resume and (recipes or start or no_cache or no_register or boot_test is not None or refresh or locked):
        raise UsageError(
            "--resume takes the recipe and what was asked for from the record of that build",
            fix=f"goldsmith build --resume {resume}; --set, --iso, --id, --keep-failed and --junit go with it",
        )
    if not (recipes or resume):
        raise UsageError("no recipe is given", fix="goldsmith recipes lists them; or --resume BUILD")
    if build_id and len(recipes) > 1:
        raise UsageError("--id names one build, but several recipes are given", fix="build them one by one")
    options = Options(start=start, no_cache=no_cache, build_id=build_id, keep_failed=keep_failed)
    values = parse_values(pairs, iso)
    if resume:
        recipes, values, options = _gone_on_with(settings, resume, values, options)
    else:
        asked = Asked("", register=not no_register, boot_test=boot_test, refresh=refresh, locked=locked)
        options = replace(options, asked=asked)
    worst, cases = 0, StageCases()
    with stoppable(), cases.written_to(junit):
        for recipe in recipes:
            try:
                with cases.suite(recipe):
                    _build_one(settings, recipe, values, options, cases)
            except GoldsmithError as error:
                if len(recipes) == 1 or error.exit_code == InterruptedBuild.exit_code:
                    raise
                click.echo(error.text(), err=True)
                worst = max(worst, error.exit_code)
    return worst


def _build_one(
    settings: Settings,
    recipe: str,
    values: dict[str, str],
    options: "Options",
    cases: "StageCases",
) -> None:
    from goldsmith.build import run_build
    from goldsmith.cli.view import console_reporter
    from goldsmith.compose import Where, compose, held_to_lock
    from goldsmith.events import Tee
    from goldsmith.host import libvirtd
    from goldsmith.host.process import LocalHost
    from goldsmith.resume import with_mended
    from goldsmith.stages.remote import Looking

    asked = options.asked
    parts = Parts(asked.register, asked.boot_test, asked.refresh)
    where = Where(_project(settings, asked.project), settings.state, libvirtd.default_uri())
    today, reading = asked.today or time.time(), Hashing(settings.quiet)
    composed = compose(
        recipe,
        where,
        values=values,
        register=parts.register,
        boot_test=parts.boot_test,
        refresh=parts.refresh,
        destinations=parts.destinations(settings),
        on_hashing=reading,
        today=today,
        anew_from="fetch" if options.no_cache else options.start,
        looking=Looking(LocalHost(), gets=True, on_progress=reading.downloading),
    )
    composed = with_mended(held_to_lock(composed, where) if asked.locked else composed, asked)
    known = replace(
        asked,
        recipe=str(Path(recipe).absolute()) if "/" in recipe or Path(recipe).suffix else recipe,
        values=values,
        project=str(where.project or ""),
        today=today,
    )
    options = replace(options, asked=known, on_hashing=reading)
    _check_stage(options.start, [stage.name for stage in composed.stages])
    with console_reporter(settings, stdout_is_terminal=sys.stdout.isatty()) as view:
        run_build(composed, where, Tee(cases, Deaf(view)), options)


def _gone_on_with(
    settings: Settings, name: str, values: dict[str, str], options: "Options"
) -> tuple[tuple[str, ...], dict[str, str], "Options"]:
    """Return the recipe, the values and the options of a failed build; what is given now comes before its values."""
    from goldsmith.resume import resuming

    found = resuming(settings.state / "builds", name)
    asked = found.asked
    return (asked.recipe,), {**asked.values, **values}, replace(options, asked=asked, resuming=found)


def _project(settings: Settings, recorded: str) -> Path | None:
    folder = Path(recorded)
    return folder if recorded and not settings.project_option and folder.is_dir() else settings.project


class Deaf:
    """Keeps a build going when nobody can read what it says: a closed pipe, a full disk below a redirection."""

    def __init__(self, inner: "Reporter") -> None:
        self._inner: Reporter | None = inner

    def tell(self, event: "Event") -> None:
        if self._inner is None:
            return
        try:
            self._inner.tell(event)
        except OSError as error:
            self._inner = None
            click.echo(f"the build goes on unseen: {error.strerror} while writing to the console", err=True)
            _forget_stdout()


def _forget_stdout() -> None:
    """Let what is left in the buffer of stdout go nowhere, else the interpreter fails at its end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _check_stage(start: str, names: Sequence[str]) -> None:
    if start and start not in names:
        raise UsageError(f"there is no stage {start}", fix=f"one of {', '.join(names)}")
