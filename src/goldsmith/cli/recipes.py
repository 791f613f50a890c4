"""``goldsmith recipes``, ``validate`` and ``schema``."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from goldsmith.cli.base import Command, Settings, key_values, pass_settings
from goldsmith.errors import RecipeError, RecipeErrors, UsageError
from goldsmith.host.process import LocalHost
from goldsmith.recipe.load import load_recipe
from goldsmith.recipe.model import Recipe
from goldsmith.recipe.outputs import output_schemas
from goldsmith.recipe.places import data_folders, find_recipe, list_recipes
from goldsmith.recipe.project import project_schema
from goldsmith.recipe.schema import recipe_schema
from goldsmith.recipe.secrets import References
from goldsmith.recipe.variables import Undefined

STAND_INS = {"iso": "medium.iso", "tree": "http://medium.invalid/", "image": "base.qcow2"}


@dataclass(frozen=True)
class Listed:
    """One recipe as ``goldsmith recipes`` shows it."""

    name: str
    family: str
    summary: str
    path: str
    problem: str = ""


def family_defaults() -> dict[str, dict[str, object]]:
    """Return what the reading of recipes must know of every family."""
    from goldsmith.guests import FAMILIES

    return {name: one.for_recipes() for name, one in FAMILIES.items()}


def _read(path: Path, folders: Sequence[Path], values: Mapping[str, str]) -> Recipe:
    from goldsmith.guests.render import expand

    return load_recipe(path, families=family_defaults(), values=values, search=folders, expand=expand)


@click.command(cls=Command)
@pass_settings
def recipes(settings: Settings) -> None:
    """List what can be built here: the project's recipes, then those shipped with Goldsmith."""
    folders = data_folders("recipes", settings.project)
    found = [listed(path, folders) for path in list_recipes(folders)]
    if settings.json:
        settings.emit(
            [{key: value for key, value in vars(one).items() if value or key != "problem"} for one in found]
        )
        return
    width = max((len(one.name) for one in found), default=0)
    kind = max((len(one.family) for one in found), default=0)
    for one in found:
        click.echo(f"{one.name:{width}}  {one.family:{kind}}  {one.summary or one.problem}")
    if not found:
        click.echo("no recipes here\n  fix: create recipes/NAME.yaml; docs/recipes.md says how", err=True)


def listed(path: Path, folders: Sequence[Path]) -> Listed:
    """Return a recipe as a list shows it, also one that cannot be read."""
    try:
        recipe = with_stand_ins(partial(_read, path, folders), {})
    except RecipeError as error:
        first = error.problems[0] if isinstance(error, RecipeErrors) else error
        return Listed(path.stem, "?", "", str(path), problem=f"cannot be read: {first.problem}")
    return Listed(path.stem, recipe.family, recipe.summary, str(path))


def with_stand_ins(read: Callable[[Mapping[str, str]], Recipe], values: Mapping[str, str]) -> Recipe:
    """Read a recipe with stand-ins for the media that a build would be given."""
    while True:
        try:
            return read(values)
        except RecipeError as error:
            problems = error.problems if isinstance(error, RecipeErrors) else (error,)
            wanted = {one.name for one in problems if isinstance(one, Undefined)} & STAND_INS.keys()
            if not wanted - values.keys():
                raise
            values = {**values, **{name: STAND_INS[name] for name in wanted}}


@click.command(cls=Command)
@click.argument("names", metavar="[RECIPE]...", nargs=-1)
@click.option(
    "--set", "given", metavar="KEY=VALUE", multiple=True, help="A value for {{ KEY }} in the recipe."
)
@pass_settings
def validate(settings: Settings, names: tuple[str, ...], given: tuple[str, ...]) -> None:
    """Check recipes with their kickstarts and answer files, all when none is named; show every problem of each."""
    folders = data_folders("recipes", settings.project)
    paths = [find_recipe(name, folders) for name in names] or list_recipes(folders)
    values = key_values(given)
    problems: list[RecipeError] = []
    warnings: list[RecipeError] = []
    for path in paths:
        found, doubts = _validated(path, folders, values, settings.project)
        problems += found
        warnings += doubts
        if not found and not settings.json and not settings.quiet:
            click.echo(f"{path}: ok")
    for one in () if settings.json else warnings:
        click.echo(f"warning: {one.text()}", err=True)
    if settings.json:
        settings.emit({"recipes": [str(path) for path in paths], "problems": [_told(one) for one in problems],
                       "warnings": [_told(one) for one in warnings]})  # fmt: skip
        raise click.exceptions.Exit(2 if problems else 0)
    if problems:
        raise RecipeErrors(problems)


def _told(error: RecipeError) -> dict[str, object]:
    at = error.at
    return {
        "file": at.path if at else None,
        "line": at.line if at else None,
        "column": at.column if at else None,
        "problem": error.problem,
        "fix": error.fix,
    }


def _validated(
    path: Path, folders: Sequence[Path], values: Mapping[str, str], project: Path | None
) -> tuple[list[RecipeError], list[RecipeError]]:
    from goldsmith.guests import FAMILIES, rhel
    from goldsmith.guests.family import Answer
    from goldsmith.guests.kickstart import doubts, render_kickstart, report_kickstart
    from goldsmith.stages.judged import audit_problems

    try:
        recipe = with_stand_ins(partial(_read, path, folders), values)
        if FAMILIES[recipe.family].answer is Answer.UNATTEND:
            return _validated_windows(recipe, project), []
        unfit = list(audit_problems(recipe))
        if recipe.media.kind == "image" or not recipe.install.kickstart:
            return unfit, []
        places = data_folders("kickstarts", project)
        rendered = render_kickstart(recipe, recipe.install.kickstart, folders=places, secrets=References())
    except RecipeErrors as error:
        return list(error.problems), []
    except RecipeError as error:
        return [error], []
    unfit += rhel.problems(recipe)
    version = FAMILIES[recipe.family].kickstart_version
    if not version:
        return unfit, []
    report = report_kickstart(rendered, version=version, host=LocalHost())
    return [*unfit, *report.errors], [*report.warnings, *doubts(recipe, FAMILIES[recipe.family])]


def _validated_windows(recipe: Recipe, project: Path | None) -> list[RecipeError]:
    from goldsmith.guests import FAMILIES, windows_rules
    from goldsmith.guests.windows_answers import render_answers
    from goldsmith.guests.windows_needs import check_answers, check_windows
    from goldsmith.stages.judged import audit_problems

    unfit = [
        *windows_rules.problems(recipe, FAMILIES[recipe.family]),
        *check_windows(recipe),
        *audit_problems(recipe),
    ]
    if unfit:
        return unfit
    return check_answers(
        render_answers(recipe, folders=data_folders("templates", project), secrets=References())
    )


@click.command(cls=Command)
@click.option("--outputs", is_flag=True, help="The schemas of what commands print with --json.")
@click.option("--project-file", is_flag=True, help="The schema of goldsmith.yaml.")
def schema(*, outputs: bool, project_file: bool) -> None:
    """Print the JSON Schema of recipes or of goldsmith.yaml, for editors; or those of the outputs, for scripts."""
    if outputs and project_file:
        raise UsageError("two schemas were asked for", fix="give one of --outputs and --project-file")
    wanted = output_schemas() if outputs else project_schema() if project_file else recipe_schema()
    click.echo(json.dumps(wanted, indent=2, ensure_ascii=False))
