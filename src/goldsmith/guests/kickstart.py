"""Kickstarts: the values that templates may use, and what ksvalidator says about the result."""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from goldsmith.errors import Mark, RecipeError
from goldsmith.guests.family import GuestFamily
from goldsmith.guests.quoting import open_quote
from goldsmith.guests.render import render
from goldsmith.guests.writing import Rendered
from goldsmith.host.aside import scratch
from goldsmith.host.process import Host
from goldsmith.recipe.model import Recipe
from goldsmith.recipe.rhel import Origin
from goldsmith.recipe.secrets import Secrets

MARKER = "GOLDSMITH-INSTALL-OK"
MARKER_FILE = "/etc/goldsmith-install-ok"
_PROBLEM = re.compile(r"The following problem occurred on line (\d+) of the kickstart file:\s*(.*)")
_DEPRECATED = re.compile(r"Ignoring deprecated \w+ on line (\d+):\s*(.*?\.)\s.*")
_GENERAL = re.compile(
    r"(?:General error in input file:\s*(.*)|(The version .* is not supported by pykickstart))"
)
_PACKAGE = "install the Python package pykickstart, which has the command ksvalidator"
_PATIENCE = 60.0  # seconds


@dataclass(frozen=True)
class KickstartReport:
    """What ksvalidator found: errors stop a build, warnings (deprecated options) do not."""

    errors: tuple[RecipeError, ...]
    warnings: tuple[RecipeError, ...]


def kickstart_values(recipe: Recipe) -> dict[str, object]:
    """Return all that a kickstart template may use; docs/recipes.md lists it."""
    install = recipe.install
    return {
        "name": recipe.name,
        "family": recipe.family,
        "os": recipe.os,
        "arch": recipe.arch,
        "firmware": str(recipe.machine.firmware),
        "tree": _tree(recipe),
        "disk": {"device": recipe.disk.device, "mib": recipe.disk.size // 2**20, "bus": str(recipe.disk.bus)},
        "locale": install.locale,
        "keyboard": install.keyboard,
        "timezone": install.timezone,
        "hostname": install.hostname,
        "packages": [*install.packages, *(() if install.origin.in_the_guest else install.content.packages)],
        "repos": [{"name": repo.name, "baseurl": repo.baseurl} for repo in install.repos],
        "variables": dict(install.variables),
        "subscription": _subscription(recipe),
        "content": {
            "origin": str(install.origin),
            "in_the_guest": install.origin.in_the_guest,
            "variables": install.content_variables(),
        },
        "root_growth": str(install.root_growth or ""),
        "marker": MARKER,
        "marker_file": MARKER_FILE,
    }


def render_kickstart(recipe: Recipe, template: str, *, folders: Sequence[Path], secrets: Secrets) -> Rendered:
    """Return the recipe's kickstart, with placeholders where secrets belong.

    Raises RecipeError at the template's line, and at the recipe's where there is no such template.
    """
    try:
        return render(
            template, kickstart_values(recipe), folders=folders, target="kickstart", secrets=secrets
        )
    except RecipeError as error:
        if error.at:
            raise
        raise RecipeError(error.problem, at=recipe.at("install", "kickstart"), fix=error.fix) from None


def _subscription(recipe: Recipe) -> dict[str, object]:
    said = recipe.install.subscription
    return {name: getattr(said, name) for name in type(said).model_fields} if said else {}


def _tree(recipe: Recipe) -> str:
    """Return the URL that packages come from; "" where they are on the medium, or the guest cannot go to them."""
    media = recipe.media
    return media.location if media.kind == "tree" and "://" in media.location else ""


def doubts(recipe: Recipe, family: GuestFamily) -> Iterator[RecipeError]:
    """Yield what may fail late in the install, and cannot be known before."""
    install = recipe.install
    asked = [name for name in (*install.content.packages, *install.packages) if name in family.not_on_dvd]
    if recipe.media.kind == "iso" and install.origin is Origin.MEDIUM and asked:
        names = " and ".join(dict.fromkeys(asked))
        yield RecipeError(
            f"content comes from the medium alone, and {names} may not be on it: the installer would then stop "
            "with 'Missing package'",
            at=recipe.at("install", "content", "origin"),
            fix="say content: rhsm (registered while it is built) or repos (your mirror); docs/recipes.md, Content",
        )


def check_kickstart(rendered: Rendered, *, version: str, host: Host) -> list[RecipeError]:
    """Return what the installer of ``version`` (RHEL6, RHEL7) would refuse, at the templates' lines."""
    return list(report_kickstart(rendered, version=version, host=host).errors)


def report_kickstart(rendered: Rendered, *, version: str, host: Host) -> KickstartReport:
    """Ask ksvalidator. Raises HostError where it is not installed.

    Its exit status counts deprecated options as well, so its text is what is read.
    """
    with scratch("kickstart") as folder:
        path = folder / "ks.cfg"
        path.write_text(rendered.text, encoding="utf-8")
        said = host.run(
            _ksvalidator(),
            "-v",
            version,
            path,
            ok=range(256),
            timeout=_PATIENCE,
            fix=_PACKAGE,
            cwd=folder,
            env={"TMPDIR": str(folder)},  # it leaves a file there each time
        )
    text = said.stderr + "\n" + said.stdout
    errors = tuple(_errors(text, rendered))
    warnings = tuple(_warnings(text, rendered))
    if said.code and not errors and not warnings:
        tail = text.strip().splitlines()[-5:]
        errors = (
            RecipeError(f"ksvalidator ended with exit status {said.code}", at=rendered.at(1), evidence=tail),
        )
    return KickstartReport(errors, warnings)


def _errors(text: str, rendered: Rendered) -> Iterator[RecipeError]:
    lines = iter(text.splitlines())
    for line in lines:
        if match := _PROBLEM.match(line):
            what = match[2] or next((one.strip() for one in lines if one.strip()), "not accepted")
            at = rendered.at(int(match[1]))
            yield RecipeError(
                f"the kickstart is not accepted: {what}", at=at, fix=_cure(rendered, int(match[1]))
            )
        elif match := _GENERAL.match(line):
            problem = f"the kickstart is not accepted: {(match[1] or match[2]).strip()}"
            yield RecipeError(problem, at=_open_line(rendered), fix="mend the template")


def _warnings(text: str, rendered: Rendered) -> Iterator[RecipeError]:
    for line in text.splitlines():
        if match := _DEPRECATED.match(line):
            yield RecipeError(match[2], at=rendered.at(int(match[1])), fix="remove it from the template")


def _cure(rendered: Rendered, number: int) -> str:
    """Name the line as the installer would read it: with its values in it, secrets as placeholders."""
    lines = rendered.text.split("\n")
    line = lines[number - 1].strip() if 0 < number <= len(lines) else ""
    return f"mend the line, which became: {line}" if line else "mend the template"


def _open_line(rendered: Rendered) -> Mark | None:
    """Find the line with the quote that is not closed, which ksvalidator does not name."""
    section = False
    for number, line in enumerate(rendered.text.split("\n"), start=1):
        if line.startswith("%"):
            section = not line.startswith("%end")
        elif not section and open_quote(line):
            return rendered.at(number)
    return rendered.at(1)


def _ksvalidator() -> str:
    beside = Path(sys.executable).parent / "ksvalidator"
    return str(beside) if beside.exists() else "ksvalidator"
