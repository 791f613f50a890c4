"""``goldsmith nightly``: build all recipes, promote what passes, clean up, tell."""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from goldsmith.cli.base import Command, Settings, pass_settings
from goldsmith.cli.stopping import stoppable
from goldsmith.errors import GoldsmithError, HostError, InterruptedBuild, RecipeErrors, UsageError
from goldsmith.host.aside import scratch

if TYPE_CHECKING:
    from goldsmith.compose import Where
    from goldsmith.fleet.night import Job
    from goldsmith.fleet.results import Result
    from goldsmith.host.process import LocalHost
    from goldsmith.recipe.nightly import Nightly


@click.command(cls=Command)
@click.argument("recipes", metavar="[RECIPE]...", nargs=-1)
@click.option("--jobs", metavar="N|auto", help="Builds at once; goldsmith.yaml's nightly.jobs, else auto.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write a JUnit report.")
@click.option(
    "--report", "pages", type=click.Path(path_type=Path), help="Folder for the page; else STATE/report."
)
@click.option("--no-promote", is_flag=True, help="Leave all channels as they are.")
@click.option("--no-refresh", is_flag=True, help="Take updates from the store where the recipe lets it.")
@pass_settings
def nightly(
    settings: Settings,
    *,
    recipes: tuple[str, ...],
    jobs: str | None,
    junit: Path | None,
    pages: Path | None,
    no_promote: bool,
    no_refresh: bool,
) -> int:
    """Build every recipe of the project (or those named) that has changed, boot what was built, promote what passes.

    Goes on after a failure; ends with the exit status of the worst.
    """
    from goldsmith.fleet.results import Ended, summary
    from goldsmith.fleet.telling import document, notify, write_junit
    from goldsmith.host.closed import PASSED, make_folder
    from goldsmith.host.files import try_lock, write_atomically
    from goldsmith.host.process import LocalHost
    from goldsmith.recipe.project import load_project

    project = load_project(settings.project)
    wanted = project.nightly if not no_promote else project.nightly.model_copy(update={"promote_to": None})
    began, host = time.time(), LocalHost()
    folder = settings.state / "nightly"
    make_folder(folder, PASSED)
    with try_lock(folder / "lock") as mine, scratch("nightly") as parts:
        if not mine:
            raise HostError(
                f"another nightly uses {settings.state}", fix="wait for its end, or give another --state"
            )
        how = {"named": bool(recipes), "refresh": not no_refresh, "signs": bool(project.signing)}
        run = _Run(settings, wanted, host, parts, **how)
        with stoppable():
            results = run.all(recipes or wanted.recipes or _of_project(settings), _limit(jobs, wanted))
            stopped = any(one.ended is Ended.STOPPED for one in results)
            problems = [] if stopped else run.clean_up()
        told = document(results, began=began, seconds=time.time() - began)
        name = time.strftime("%Y%m%d-%H%M%S.json", time.gmtime(began))
        write_atomically(folder / name, json.dumps(told, indent=1), mode=0o600)
        if junit:
            write_junit(junit, results, parts)
    told["page"] = str(_page(settings, pages))
    problems += notify(project.notify, told, host) if project.notify else []
    _say(settings, told, summary(results), problems)
    if stopped:
        raise InterruptedBuild(
            "interrupted; everything that was running is stopped", fix="the same command goes on"
        )
    return int(told["exit_code"])


def _say(settings: Settings, told: Mapping[str, object], line: str, problems: Sequence[str]) -> None:
    for one in problems:
        click.echo(f"warning: {one}", err=True)
    if settings.json:
        settings.emit(told)
    else:
        click.echo(f"{line}; {told['page']}")


def _limit(jobs: str | None, wanted: "Nightly") -> int | None:
    chosen = wanted.jobs if jobs is None else jobs
    if chosen == "auto":
        return None
    if not str(chosen).isdigit() or int(chosen) < 1:
        raise UsageError(f"--jobs {chosen} is no number of builds", fix="give 1, 2, ... or auto")
    return int(chosen)


def _of_project(settings: Settings) -> tuple[str, ...]:
    """Return the recipes of the project; those that begin with _ are only there to be extended."""
    from goldsmith.recipe.places import data_folders, list_recipes

    if settings.project is None:
        raise UsageError("no project was found here", fix="name the recipes, or see --project")
    found = list_recipes(data_folders("recipes", settings.project)[:1])
    return tuple(path.stem for path in found if not path.stem.startswith("_"))


def _page(settings: Settings, folder: Path | None) -> Path:
    from goldsmith.cli.report import write_pages

    return write_pages(settings, folder)


@dataclass(frozen=True)
class _Run:
    settings: Settings
    wanted: "Nightly"
    host: "LocalHost"
    parts: Path
    named: bool
    refresh: bool
    signs: bool = False

    def all(self, recipes: Sequence[str], limit: int | None) -> "list[Result]":
        """Plan every recipe, build those that changed, promote; in the order of the recipes."""
        from goldsmith.fleet.needs import room_here
        from goldsmith.fleet.night import Interrupted, Night
        from goldsmith.fleet.results import Result
        from goldsmith.host import accel

        results: list[Result] = []
        work: list[Job] = []
        for recipe in dict.fromkeys(recipes):
            found = self._planned(recipe)
            if isinstance(found, Result):
                results.append(self._finish(found))
            else:
                work.append(found)
        kvm = bool(work) and accel.detect(self.host, state=self.settings.state).virt_type == "kvm"
        night = Night(
            host=self.host,
            room=lambda: room_here(self.settings.state, kvm=kvm),
            limit=limit,
            retries=self.wanted.retries,
            retry_after=self.wanted.retry_after,
            tell=self._tell,
            ended=self._finish,
        )
        try:
            results += night.run(work)
        except Interrupted as stop:
            results += stop.results
        order = list(dict.fromkeys(recipes))
        return sorted(results, key=lambda one: order.index(one.recipe))

    def _planned(self, recipe: str) -> "Job | Result":
        """Return what is to be built, or what the recipe came to without a build."""
        from goldsmith.compose import Where, compose
        from goldsmith.fleet.needs import needs_of
        from goldsmith.fleet.night import Job
        from goldsmith.fleet.results import Ended, Result
        from goldsmith.host import libvirtd
        from goldsmith.plan.store import Store
        from goldsmith.planning import plan_of
        from goldsmith.stages.remote import Looking

        where = Where(self.settings.project, self.settings.state, libvirtd.default_uri())
        values = dict(self.wanted.values.get(recipe, {}))
        try:
            composed = compose(
                recipe,
                where,
                values=values,
                boot_test=self._boot,
                refresh=self.refresh,
                looking=Looking(self.host),
            )
            plan = plan_of(composed, Store(where.state))
        except GoldsmithError as error:
            if not self.named and (lacking := _no_medium(error)):
                return Result(
                    recipe, Ended.SKIPPED, f"{lacking}: say it in goldsmith.yaml, nightly.values.{recipe}"
                )
            return Result(recipe, Ended.FAILED, exit_code=error.exit_code, error=error.text())
        first = next((step for step in plan.steps if not step.cached), None)
        if first is None:
            return Result(
                recipe, Ended.UNCHANGED, "every stage is cached", image=_registered(plan.steps[-1].key, where)
            )
        return Job(
            recipe,
            needs_of(composed.recipe),
            f"{first.stage.name}: {first.reason}",
            self._words(recipe, values),
        )

    @property
    def _boot(self) -> bool | None:
        return True if self.wanted.boot_test else None

    def _words(self, recipe: str, values: Mapping[str, str]) -> tuple[str, ...]:
        words = ["build", recipe, "--json", "--junit", str(self.parts / f"{recipe}.xml")]
        words += ["--boot-test"] if self._boot else []
        words += ["--refresh"] if self.refresh else []
        for name, value in values.items():
            words += ["--set", f"{name}={value}"]
        return self._goldsmith(*words)

    def _goldsmith(self, *words: str) -> tuple[str, ...]:
        place = ["--state", str(self.settings.state)]
        if self.settings.project:
            place += ["--project", str(self.settings.project)]
        return (sys.executable, "-m", "goldsmith", *words, *place)

    def _finish(self, result: "Result") -> "Result":
        """Promote what was built, and tell how the recipe ended."""
        from goldsmith.fleet.results import Ended

        channel = self.wanted.promote_to
        if channel and result.ended in (Ended.BUILT, Ended.UNCHANGED) and result.image:
            result = self._promoted(result, channel)
        if not self.settings.json and not self.settings.quiet:
            click.echo(result.line)
        return result

    def _promoted(self, result: "Result", channel: str) -> "Result":
        name = f"{result.recipe}@{result.image.get('goldsmith_version', '')}"
        if self.signs:  # what the build has signed is verified by another process, for the gate that asks
            self.host.run(*self._goldsmith("verify", name, "--quiet"), ok=range(256))
        done = self.host.run(*self._goldsmith("promote", name, "--to", channel, "--json"), ok=range(256))
        if done.code == 0:
            return result.promoted(channel)
        refused = _refused(done.stdout) or [
            done.stderr.strip().partition("\n")[0] or f"exit status {done.code}"
        ]
        return replace(result, refused=tuple(refused), exit_code=done.code)

    def clean_up(self) -> list[str]:
        """Prune and retire by policy; return in words what could not be done, which fails no night."""
        commands: list[list[str]] = []
        if prune := self.wanted.prune:
            words = ["store", "prune", "--keep-newest", "--apply"]  # else what did not change is built anew
            words += ["--older-than", str(prune.older_than_days)] if prune.older_than_days is not None else []
            words += ["--to-size", f"{prune.to_size / 2**30:.3f} GiB"] if prune.to_size else []
            commands.append(words)
        if self.wanted.retire:
            commands.append(["retire", "--apply"])
        lost = []
        for words in commands:
            done = self.host.run(*self._goldsmith(*words, "--quiet"), ok=range(256))
            if done.code:
                lost.append(f"goldsmith {' '.join(words)}: {done.stderr.strip()}")
        return lost

    def _tell(self, recipe: str, what: str) -> None:
        if not self.settings.json and not self.settings.quiet:
            click.echo(f"{time.strftime('%H:%M:%S')} {recipe}: {what}", err=True)


def _no_medium(error: GoldsmithError) -> str:
    """Return what a recipe lacks to be built here, when that is all: a variable that nobody gave."""
    from goldsmith.recipe.variables import Undefined

    problems = error.problems if isinstance(error, RecipeErrors) else (error,)
    return problems[0].problem if all(isinstance(one, Undefined) for one in problems) else ""


def _registered(key: str, where: "Where") -> Mapping[str, object]:
    from goldsmith.plan.store import Store
    from goldsmith.stages.register import registered

    return next(iter(registered(Store(where.state).layers / key)), {})


def _refused(text: str) -> list[str]:
    try:
        gates = json.loads(text)["gates"]
        return [f"{one['gate']}: {one['detail']}" for one in gates if one["answer"] != "passed"]
    except (ValueError, LookupError, TypeError):
        return []
