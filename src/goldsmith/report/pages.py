"""Write the pages: a folder of static HTML that needs no server and asks nothing of the network."""

import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import jinja2
from markupsafe import Markup

from goldsmith.errors import HostError, UsageError
from goldsmith.record import read_builds
from goldsmith.report import views
from goldsmith.report.facts import BOOT_TEST, BuildFacts, facts_of

MARK = ".goldsmith-report"  # in a folder that may be written anew
MOST = 200  # builds with a page of their own
PICTURES = 12  # of one build


@dataclass(frozen=True)
class Channels:
    """Which version of each image a channel holds, and what was moved; plain values for the templates."""

    names: tuple[str, ...] = ()
    rows: tuple[Mapping[str, object], ...] = ()
    moves: tuple[Mapping[str, str], ...] = ()


def write_report(
    builds: Path,
    target: Path,
    *,
    recipes: Mapping[str, str],
    templates: Sequence[Path],
    channels: Channels = Channels(),
    last: int = MOST,
    mode: int = 0o755,
) -> Path:
    """Write the pages of the newest builds to ``target``, a folder of this ``mode``, and return the first one.

    They are made aside and take the place of an earlier report in one step. Raises UsageError where ``target`` holds
    something else, HostError where it cannot be written.
    """
    if target.exists() and not (target / MARK).exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(
            f"{target} is there, and is no report of ours", fix="name a new folder, or an empty one"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            _write(builds, aside, recipes, templates, channels, last)
            aside.chmod(mode)
            _take_place(aside, target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise HostError(
            f"{error.filename or target}: {error.strerror}", fix="name a folder that you may write to"
        ) from None
    return target / "index.html"


def _write(
    builds: Path,
    folder: Path,
    recipes: Mapping[str, str],
    templates: Sequence[Path],
    channels: Channels,
    last: int,
) -> None:
    facts = [facts_of(summary) for summary in read_builds(builds)[:last]]
    made = f"made {views.when(time.time())}"
    engine = _engine(templates)
    (folder / MARK).touch()
    (folder / "builds").mkdir()
    shown = views.index(facts, recipes)
    shown["plots"] = [{**one, "svg": Markup(one["svg"])} for one in shown["plots"]]
    page = engine.get_template("report/index.html.j2").render(
        home="",
        made=made,
        channel_names=channels.names,
        channels=channels.rows,
        moves=channels.moves,
        **shown,
    )
    (folder / "index.html").write_text(page, encoding="utf-8")
    for one in facts:
        pictures = _copy_pictures(one, folder / "builds")
        _copy_bills(one, folder / "builds")
        before = views.build_before(one, facts)
        text = engine.get_template("report/build.html.j2").render(
            home="../", made=made, **views.build_page(_readable(one), pictures, before=before)
        )
        (folder / "builds" / f"{one.id}.html").write_text(text, encoding="utf-8")


def _copy_pictures(build: BuildFacts, folder: Path) -> list[dict[str, str]]:
    shown = []
    for number, picture in enumerate(build.pictures[-PICTURES:]):
        name = f"{build.id}-{number}{picture.suffix}"
        try:
            shutil.copyfile(picture, folder / name)
        except OSError:
            continue  # a build that runs throws its older ones away
        boot = picture.parent.name == BOOT_TEST and any(one.name == BOOT_TEST for one in build.checks)
        shown.append({"file": name, "name": picture.name, "of": BOOT_TEST if boot else ""})
    return shown


def _copy_bills(build: BuildFacts, folder: Path) -> None:
    for bill in build.bills:
        shutil.copyfile(bill, folder / f"{build.id}.{bill.name}")


def _readable(build: BuildFacts) -> BuildFacts:
    """Return it with lines that HTML can hold: a control character in it would be an error of the page."""

    def plain(text: str) -> str:
        return "".join(char if char.isprintable() or char in "\n\t" else "�" for char in text)

    return replace(build, console=tuple(map(plain, build.console)), error=plain(build.error))


def _engine(templates: Sequence[Path]) -> jinja2.Environment:
    """Return the engine for our own pages: each value is text, whatever the guest, tool or recipe behind it says."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([str(one) for one in templates]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _take_place(aside: Path, target: Path) -> None:
    if target.exists():
        old = Path(tempfile.mkdtemp(prefix=f".{target.name}-old-", dir=target.parent))
        target.replace(old)
        aside.replace(target)
        shutil.rmtree(old, ignore_errors=True)
    else:
        aside.replace(target)
