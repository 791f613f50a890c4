"""``goldsmith audit``."""

from collections.abc import Sequence
from pathlib import Path

import click

from goldsmith.audit.junit import write_junit
from goldsmith.audit.run import audit as audited
from goldsmith.audit.run import check_request
from goldsmith.cli.base import Command, Settings, pass_settings
from goldsmith.cli.report_table import show
from goldsmith.errors import GateError, UsageError
from goldsmith.host import accel, guestfs
from goldsmith.host.process import LocalHost


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
        show(report, settings)
    return GateError.exit_code if report.failed else 0


def _waivers(given: Sequence[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    for ident, equals, _ in pairs:
        if not equals:
            raise UsageError(
                f"--waive {ident} gives no reason", fix=f"--waive '{ident}=why this image may fail it'"
            )
    return {ident: reason for ident, _, reason in pairs}
