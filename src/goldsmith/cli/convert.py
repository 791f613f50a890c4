"""``goldsmith convert``: another format of an image, compared with what it came from."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from goldsmith.artifact.target import ADAPTERS, COMPATS, COMPRESSIONS, FORMATS, SUBFORMATS, Target
from goldsmith.cli.base import Command, Settings, pass_settings
from goldsmith.cli.stopping import stoppable
from goldsmith.convert.disk import WHOLE, Converted, OnStep, must_be_free
from goldsmith.convert.disk import convert as converted
from goldsmith.convert.partition import Taken, Wanted, extract
from goldsmith.errors import UsageError
from goldsmith.formats.source import open_file
from goldsmith.host import accel, guestfs
from goldsmith.host.files import human_size
from goldsmith.host.process import LocalHost

_PARTS = ("ami", "aki", "ari")
_PATH = click.Path(path_type=Path)


@click.command(cls=Command)
@click.argument("image", type=_PATH)
@click.argument("out", type=_PATH)
@click.option(
    "--to", "format_", required=True, type=click.Choice([*FORMATS, "iso", *_PARTS]), help="Format of OUT."
)
@click.option(
    "--compression",
    type=click.Choice(COMPRESSIONS),
    help="qcow2: zlib if not said; zstd needs QEMU 5.1 to read.",
)
@click.option(
    "--subformat",
    type=click.Choice(sorted({kind for kinds in SUBFORMATS.values() for kind in kinds})),
    help="Of vmdk, vhd, vhdx, vdi: streamOptimized or dynamic if not said.",
)
@click.option("--compat", type=click.Choice(list(COMPATS)), help="Version of a qcow2: v3 if not said.")
@click.option(
    "--adapter", type=click.Choice(ADAPTERS), help="Controller that a vmdk names: lsilogic if not said."
)
@click.option("--kernel", type=_PATH, metavar="FILE", help="With --to ami: write the kernel (AKI) here too.")
@click.option(
    "--ramdisk", type=_PATH, metavar="FILE", help="With --to ami: write the ramdisk (ARI) here too."
)
@click.option("--force", is_flag=True, help="Replace OUT if it exists.")
@pass_settings
def convert(
    settings: Settings,
    *,
    image: Path,
    out: Path,
    format_: str,
    compression: str | None,
    subformat: str | None,
    compat: str | None,
    adapter: str | None,
    kernel: Path | None,
    ramdisk: Path | None,
    force: bool,
) -> None:
    """Write IMAGE in another format as OUT.

    What IMAGE is, is told by its content. A dangerous or damaged one is refused (exit status 5). OUT is compared with
    IMAGE and appears when it is whole. ami, aki and ari are taken out of a disk: the root partition, its kernel, its
    ramdisk.
    """
    wish = Target(format_, compression, subformat, compat, adapter)
    if (kernel or ramdisk) and format_ != "ami":
        raise UsageError(
            "--kernel and --ramdisk belong to --to ami", fix="--to aki or --to ari gives one of them alone"
        )
    for path in (out, kernel, ramdisk):
        if path:
            must_be_free(path, force=force)
    with stoppable(), steps(settings) as on_step:
        real = _format_of(image)
        if format_ in _PARTS and real not in WHOLE and (real != format_ or kernel or ramdisk):
            _without_options(wish)
            wanted = Wanted(**{"aki": kernel, "ari": ramdisk, format_: out})
            chosen = accel.detect(LocalHost(), state=settings.state)
            env = guestfs.environment(chosen, cache=settings.state / "cache")
            taken = extract(LocalHost(), image, wanted, env=env, force=force, on_step=on_step)
            document = _parts(taken, wanted)
        else:
            document = _whole(converted(LocalHost(), image, out, wish, force=force, on_step=on_step))
    _tell(settings, document)


def _format_of(image: Path) -> str:
    from goldsmith.artifact.introspect import headers

    with open_file(image) as source:
        return headers(source).format or ""


def _without_options(wish: Target) -> None:
    if wish != Target(wish.format):
        raise UsageError(f"{wish.format} has no options", fix="leave them out: a part is taken out as it is")


def _whole(done: Converted) -> dict[str, object]:
    return {
        "file": str(done.file.absolute()),
        "format": done.format,
        "size": done.size,
        "virtual_size": done.virtual_size,
        "virtual_size_before": done.virtual_size_before,
        "passed_through": done.passed_through,
        "parts": [],
    }


def _parts(taken: Taken, wanted: Wanted) -> dict[str, object]:
    origins = {"ami": taken.root, "aki": taken.kernel, "ari": taken.ramdisk}
    parts = [
        {"format": name, "file": str(path.absolute()), "size": path.stat().st_size, "origin": origins[name]}
        for name, path in vars(wanted).items()
        if path
    ]
    main = parts[0]
    return {
        "file": main["file"],
        "format": main["format"],
        "size": main["size"],
        "virtual_size": main["size"],
        "virtual_size_before": main["size"],
        "passed_through": False,
        "parts": parts,
        "kernel_chosen_by": taken.chosen,
    }


def _tell(settings: Settings, document: dict[str, object]) -> None:
    if settings.json:
        settings.emit(document)
        return
    if settings.quiet:
        return
    parts = document["parts"]
    assert isinstance(parts, list)
    for part in parts:
        click.echo(f"{part['file']}: {part['format']}, {human_size(part['size'])}, from {part['origin']}")
    if parts:
        click.echo(f"kernel: {document['kernel_chosen_by']}")
        return
    size, before, after = (
        int(str(document[name])) for name in ("size", "virtual_size_before", "virtual_size")
    )
    click.echo(f"{document['file']}: {document['format']}, {human_size(size)}, a disk of {human_size(after)}")
    if after != before:
        click.echo(
            f"the format has rounded the disk up from {before} to {after} bytes; the rest is zeros", err=True
        )


@contextmanager
def steps(settings: Settings) -> Iterator[OnStep | None]:
    """Show each step with its per cent on stderr, where a person is there to see it."""
    if not sys.stderr.isatty() or settings.quiet or settings.json:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True, no_color=not settings.color)
    with Progress(*columns, console=console, transient=True) as bar:
        tasks = dict[str, int]()

        def on_step(name: str, percent: float) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=100)
            bar.update(tasks[name], completed=percent)  # type: ignore[arg-type]

        yield on_step
