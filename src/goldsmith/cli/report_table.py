"""The outcome of an audit or a boot test as a table."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from goldsmith.audit.report import Report, Status
from goldsmith.cli.base import Settings

_COLORS = {
    Status.OK: "green",
    Status.WARNING: "yellow",
    Status.FAILED: "bold red",
    Status.WAIVED: "magenta",
    Status.SKIPPED: "dim",
}


def show(report: Report, settings: Settings) -> None:
    """Print a report; with --quiet only what failed."""
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
