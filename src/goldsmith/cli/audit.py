"""``goldsmith audit``."""

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from goldsmith.audit.junit import write_junit
from goldsmith.audit.report import Report, Status
from goldsmith.audit.run import audit as audited
from goldsmith.audit.run import check_request
from goldsmith.cli.base import Command, Settings, pass_settings
from goldsmith.errors import GateError, UsageError
from goldsmith.host import accel, guestfs
from goldsmith.host.process import LocalHost

_COLORS = {
    Status.OK: "green",
    Status.WARNING: "yellow",
    Status.FAILED: "bold red",
    Status.WAIVED: "magenta",
    Status.SKIPPED: "dim",
}


@click.command(cls=Command)
@click.argument("image", type=click.Path(path_type=Path))
@click.option("--profile", help="Set of checks: debian, rhel7, ... By default the guest's system decides.")
@click.option("--format", "disk_format", help="Declared format; it must be the real one.")
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write a JUnit report too.")
@click.option(
    "--waive", multiple=True, metavar="ID=REASON", help="Let this check fail, for a reason. Repeatable."
)
@pass_settings
def audit(
    settings: Settings,
    *,
    image: Path,
    profile: str | None,
    disk_format: str | None,
    junit: Path | None,
    waive: Sequence[str],
) -> int:
    """Check an image offline, ours or not: whether it is safe, clean, and ready for a cloud."""
    waivers = _waivers(waive)
    check_request(image, profile=profile, format=disk_format, waivers=waivers)
    host = LocalHost()
    chosen = accel.detect(host, state=settings.state)
    report = audited(
        image,
        host=host,
        env=guestfs.environment(chosen, cache=settings.state / "cache"),
        profile=profile,
        format=disk_format,
        waivers=waivers,
    )
    if junit:
        write_junit(report, junit)
    if settings.json:
        settings.emit(report.as_json())
    else:
        _show(report, settings)
    return GateError.exit_code if report.failed else 0


def _waivers(given: Sequence[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    for ident, equals, _ in pairs:
        if not equals:
            raise UsageError(
                f"--waive {ident} gives no reason", fix=f"--waive '{ident}=why this image may fail it'"
            )
    return {ident: reason for ident, _, reason in pairs}


def _show(report: Report, settings: Settings) -> None:
    console = Console(no_color=not settings.color, highlight=False)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for one in report.checks:
        if settings.quiet and one.status != Status.FAILED:
            continue
        told = Text.assemble((one.title, "bold"), ": ", one.detail)
        if one.waiver:
            told.append(f"\nwaived: {one.waiver}")
        if one.fix:
            told.append(f"\nwhy: {one.why}\nfix: {one.fix}")
        table.add_row(Text(one.status, _COLORS[one.status]), Text(one.id, "bold"), told)
    if table.row_count:
        console.print(table)
    if not settings.quiet:
        verdict = "refused" if report.failed else "passed"
        about = ", ".join(
            part for part in (report.system, report.format, f"profile {report.profile}") if part
        )
        console.print(
            Text(f"{report.image.name} {verdict}: {report.summary()} ({about}, {report.seconds:.0f} s)")
        )
