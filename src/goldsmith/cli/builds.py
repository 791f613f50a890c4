"""Look at builds, running or over: a list, their logs, the story of one."""

import sys
from pathlib import Path

import click

from goldsmith.cli.base import Command, Settings, pass_settings
from goldsmith.cli.view_text import clean, columns, encoding_of, when
from goldsmith.errors import UsageError
from goldsmith.host.files import human_time
from goldsmith.record import BuildState, BuildSummary, find, read_builds, summary_of

COLORS = {
    BuildState.RUNNING: "cyan",
    BuildState.DONE: "green",
    BuildState.FAILED: "red",
    BuildState.INTERRUPTED: "yellow",
    BuildState.DIED: "red",
}


@click.command(cls=Command)
@click.option("--recipe", "-r", help="Only builds of this recipe.")
@click.option("--last", "-n", type=click.IntRange(min=1), help="Only the newest N.")
@pass_settings
def builds(settings: Settings, recipe: str | None, last: int | None) -> None:
    """List the builds made here, the newest first."""
    found = [one for one in read_builds(builds_of(settings)) if recipe in (None, one.recipe)][:last]
    if settings.json:
        settings.emit([one.as_json() for one in found])
    elif settings.quiet:
        for one in found:
            echo(one.id)
    elif not found:
        echo(f"no build{f' of {recipe}' if recipe else ''} was made in {builds_of(settings)} yet")
    else:
        for line in _table(found, color=settings.color):
            echo(line)


@click.command(cls=Command)
@click.argument("build", required=False, default="")
@click.option(
    "--stage",
    "-s",
    help="A stage by name, or console: of the guest that failed or ran last. Of each guest: console-install, "
    "console-customize, console-boot-test-1 and -2. Without it, the stage that failed or ran last.",
)
@click.option("--follow", "-f", is_flag=True, help="Go on until the build ends.")
@pass_settings
def logs(settings: Settings, build: str, stage: str | None, *, follow: bool) -> None:
    """Show the log of BUILD.

    BUILD is an id or a part of it, or a recipe for its newest build; the newest of all when left out.
    """
    from goldsmith.cli.view_logs import choose, follow_logs, read_log

    if follow and settings.json:
        raise UsageError("--follow and --json do not go together", fix="read events.jsonl, or build --json")
    record = find(builds_of(settings), build)
    if follow:
        follow_logs(record, stage, echo)
        return
    log = choose(record, stage)
    lines = list(read_log(log))
    if settings.json:
        settings.emit({"build": record.id, "log": log.stem, "path": str(log), "lines": lines})
        return
    if not settings.quiet:
        click.echo(click.style(f"==> {log}", dim=settings.color or None), err=True)
    for line in lines:
        echo(line)


@click.command(cls=Command)
@click.argument("build", required=False, default="")
@pass_settings
def show(settings: Settings, build: str) -> None:
    """Tell the story of BUILD.

    BUILD is an id or a part of it, or a recipe for its newest build; the newest of all when left out.
    """
    from goldsmith.cli.view_story import tell_story

    record = find(builds_of(settings), build)
    summary = summary_of(record.folder)
    if summary is None:
        raise UsageError(
            f"the build {record.id} was removed meanwhile", fix="goldsmith builds lists the others"
        )
    if settings.json:
        settings.emit(summary.as_json())
        return
    for line in tell_story(summary):
        echo(line)


def builds_of(settings: Settings) -> Path:
    return settings.state / "builds"


def echo(line: str) -> None:
    """Print one line on stdout, in characters that it can show."""
    encoding = encoding_of(sys.stdout)
    click.echo(line if line.isascii() else line.encode(encoding, "replace").decode(encoding))


def _table(found: list[BuildSummary], *, color: bool) -> list[str]:
    head = ("BUILD", "RECIPE", "STATE", "STARTED", "DURATION", "IMAGE")
    rows = [
        (one.id, one.recipe, one.state.value, when(one.started), human_time(one.seconds), _image(one))
        for one in found
    ]
    first, *lines = columns([head, *rows])
    if not color:
        return [first, *lines]
    return [
        click.style(first, bold=True),
        *(_coloured(line, one) for line, one in zip(lines, found, strict=True)),
    ]


def _coloured(line: str, one: BuildSummary) -> str:
    return line.replace(f"  {one.state.value}", click.style(f"  {one.state.value}", fg=COLORS[one.state]), 1)


def _image(one: BuildSummary) -> str:
    return clean(str(one.image.get("name") or one.image.get("id") or "-"))
