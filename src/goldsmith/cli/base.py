"""What all commands share: the global options, the state folder, JSON output."""

import json
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from goldsmith.errors import UsageError

PROJECT_FILE = "goldsmith.yaml"
F = TypeVar("F", bound=Callable[..., Any])


def default_state() -> Path:
    """Return GOLDSMITH_STATE, else /var/lib/goldsmith for root and the XDG data folder for others."""
    if named := os.environ.get("GOLDSMITH_STATE"):
        return Path(named).absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/goldsmith")
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local/share")
    return Path(data) / "goldsmith"


def find_project(named: Path | None) -> Path | None:
    """Return the folder with ``recipes/`` or goldsmith.yaml: as named, else from the current one upwards, else None."""
    if named:
        if not _is_project(named):
            problem = f"{named} is no project: it has neither a folder recipes/ nor a file {PROJECT_FILE}"
            raise UsageError(problem, fix="see --project")
        return named.absolute()
    here = Path.cwd()
    return next(filter(_is_project, (here, *here.parents)), None)


def _is_project(folder: Path) -> bool:
    return (folder / "recipes").is_dir() or (folder / PROJECT_FILE).is_file()


def key_values(pairs: Sequence[str]) -> dict[str, str]:
    """Return KEY=VALUE options as a mapping. Raises UsageError for what is no such pair."""
    values: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"--set {pair} is not KEY=VALUE", fix="for example --set iso=/path/to.iso")
        values[name] = value
    return values


class Number(click.FloatRange):
    """A number that is one: Python also reads ``nan`` and ``inf``, and no limit holds them back."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is no number that can be used.", param, ctx)
        return number


@dataclass(frozen=True)
class Settings:
    """The global options of one call."""

    project_option: Path | None = None
    state_option: Path | None = None
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    color: bool = True
    catalog: str | None = None  # as named with --catalog, on the commands that have it

    @property
    def state(self) -> Path:
        return Path(os.path.realpath(self.state_option or default_state()))

    @property
    def project(self) -> Path | None:
        return find_project(self.project_option)

    def emit(self, document: object) -> None:
        """Print one JSON document on stdout."""
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))


GLOBAL_OPTIONS = (
    click.Option(
        ["--project", "project_option"],
        type=click.Path(path_type=Path),
        help="Folder with recipes/ and goldsmith.yaml.",
    ),
    click.Option(["--state", "state_option"], type=click.Path(path_type=Path), help="State folder."),
    click.Option(["--json", "json"], is_flag=True, help="Print JSON on stdout, and nothing else."),
    click.Option(["--quiet", "-q", "quiet"], is_flag=True, help="Only results and errors."),
    click.Option(["--verbose", "-v", "verbose"], is_flag=True, help="Every line that tools and guests say."),
    click.Option(["--no-color", "no_color"], is_flag=True, help="No colours (also NO_COLOR)."),
)
CATALOG_OPTION = click.Option(
    ["--catalog", "catalog"],
    metavar="NAME",
    help="local (the embedded one), a catalog of goldsmith.yaml, or a cloud of clouds.yaml.",
)
_NAMES = ("catalog", "project_option", "state_option", "json", "quiet", "verbose", "no_color")


def absorb(ctx: click.Context) -> None:
    """Move the global options from the call into the Settings of ``ctx``."""
    given = {name: ctx.params.pop(name) for name in _NAMES if name in ctx.params}
    known = ctx.obj if isinstance(ctx.obj, Settings) else Settings(color="NO_COLOR" not in os.environ)
    if given.pop("no_color", False):
        known = replace(known, color=False)
    ctx.obj = replace(known, **{name: value for name, value in given.items() if value})


class Command(click.Command):
    """A command that takes the global options too, so that ``goldsmith build demo --json`` works."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = {param.name for param in self.params}
        self.params += [option for option in GLOBAL_OPTIONS if option.name not in own]

    def invoke(self, ctx: click.Context) -> Any:
        absorb(ctx)
        return super().invoke(ctx)


class CatalogCommand(Command):
    """A command on one catalog, which ``--catalog`` names; see cli/catalogs.py."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(CATALOG_OPTION)


class Group(click.Group):
    """A group of commands such as ``goldsmith image``; it takes the global options as well."""

    command_class = Command

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += list(GLOBAL_OPTIONS)

    def invoke(self, ctx: click.Context) -> Any:
        absorb(ctx)
        return super().invoke(ctx)


class CatalogGroup(Group):
    """A group of commands on one catalog."""

    command_class = CatalogCommand


pass_settings = click.make_pass_decorator(Settings)
