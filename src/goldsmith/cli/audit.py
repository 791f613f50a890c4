"""``goldsmith audit``."""

import getpass
import json
from collections.abc import Sequence
from pathlib import Path

import click

from goldsmith.audit.junit import write_junit
from goldsmith.audit.run import audit as audited
from goldsmith.audit.run import check_request
from goldsmith.catalog.choose import NoImage
from goldsmith.catalog.entry import Image
from goldsmith.catalog.evidence import EvidenceKind
from goldsmith.catalog.local import LocalCatalog
from goldsmith.cli.base import Command, Settings, pass_settings
from goldsmith.cli.report_table import show
from goldsmith.errors import GateError, UsageError
from goldsmith.host import accel, guestfs
from goldsmith.host.process import LocalHost
from goldsmith.promote.attach import attach


@click.command(cls=Command)
@click.argument("wanted", metavar="IMAGE")
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
    wanted: str,
    profile: str | None,
    disk_format: str | None,
    junit: Path | None,
    waive: Sequence[str],
) -> int:
    """Check an image offline, ours or not: whether it is safe, clean, and ready for a cloud.

    IMAGE is a file, or an ID or NAME of the catalog, whose report is then kept with it for the gates of channels.
    """
    waivers = _waivers(waive)
    image, entry = _meant(settings, wanted)
    disk_format = disk_format or (entry.disk_format if entry else None)
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
    if entry:
        content = json.dumps(report.as_json(), indent=1).encode()
        attach(_catalog(settings), [entry.id], EvidenceKind.AUDIT, content, who=getpass.getuser())
    if settings.json:
        settings.emit(report.as_json())
    else:
        show(report, settings)
    return GateError.exit_code if report.failed else 0


def _catalog(settings: Settings) -> LocalCatalog:
    return LocalCatalog(settings.state / "catalog")


def _meant(settings: Settings, wanted: str) -> tuple[Path, Image | None]:
    """Return the file that is meant, and its entry in the catalog; none for a file of the user's own."""
    path, catalog = Path(wanted), _catalog(settings)
    if path.exists() or path.is_symlink():
        return path, None
    try:
        entry = catalog.find(wanted)
    except NoImage:
        fix = "give the path of a disk image, or a name that `goldsmith image list` shows"
        raise UsageError(
            f"{wanted} does not exist, and the catalog has no image of that name", fix=fix
        ) from None
    return catalog.file_of(entry), entry


def _waivers(given: Sequence[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    for ident, equals, _ in pairs:
        if not equals:
            raise UsageError(
                f"--waive {ident} gives no reason", fix=f"--waive '{ident}=why this image may fail it'"
            )
    return {ident: reason for ident, _, reason in pairs}
