"""``goldsmith boot-test``."""

import getpass
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from goldsmith.cli.base import Command, Number, Settings, pass_settings
from goldsmith.cli.image_output import name_value
from goldsmith.cli.stopping import stoppable
from goldsmith.errors import GuestError
from goldsmith.recipe.choices import Metadata

if TYPE_CHECKING:
    from goldsmith.audit.report import Report
    from goldsmith.boottest.hardware import Hardware
    from goldsmith.boottest.place import Image, Place
    from goldsmith.host.accel import Acceleration
    from goldsmith.plan.kept import Keeper, Kept


@click.command("boot-test", cls=Command)
@click.argument("wanted", metavar="IMAGE")
@click.option(
    "--profile", help="Set of checks: debian, rhel7, ... By default the image's properties or its system."
)
@click.option(
    "--user", help="Whom the cloud's key must let in; os_admin_user of the image, or of its system."
)
@click.option("--memory", type=click.IntRange(min=128), metavar="MIB", help="Memory of the guest; min_ram.")
@click.option(
    "--property",
    "properties",
    type=name_value,
    multiple=True,
    metavar="NAME=VALUE",
    help="A property of the image, such as hw_firmware_type=uefi. Repeatable.",
)
@click.option("--timeout", type=Number(min=1), metavar="SECONDS", help="From power-on until it lets us in.")
@click.option(
    "--metadata",
    type=click.Choice([str(one) for one in Metadata]),
    default=str(Metadata.BOTH),
    show_default=True,
    help="How the instances are told who they are; both is config-drive first, then service.",
)
@click.option("--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write a JUnit report too.")
@click.option("--keep-failed", is_flag=True, help="Leave a guest that fails as it is, for goldsmith shell.")
@pass_settings
def boot_test(
    settings: Settings,
    *,
    wanted: str,
    profile: str | None,
    user: str | None,
    memory: int | None,
    properties: tuple[tuple[str, str], ...],
    timeout: float | None,
    metadata: str,
    junit: Path | None,
    keep_failed: bool,
) -> int:
    """Boot IMAGE twice as two instances, as a cloud does, and check what came up. IMAGE is a file, or an ID or NAME
    of the catalog, whose report is then kept with it for the gates of channels; the image is only read.
    """  # noqa: D205
    from goldsmith.audit.junit import write_junit
    from goldsmith.audit.run import known_profile
    from goldsmith.catalog.local import LocalCatalog
    from goldsmith.host import accel
    from goldsmith.host.process import LocalHost
    from goldsmith.plan.kept import Keeper
    from goldsmith.promote.attach import attach

    if profile:
        known_profile(profile)
    said = dict(properties) | ({"os_admin_user": user} if user else {})
    chosen = accel.detect(LocalHost(), state=settings.state)
    known = None if Path(wanted).exists() else LocalCatalog(settings.state / "catalog").find(wanted).id
    image, hardware = _asked_for(settings, known or wanted, said, profile, memory, chosen)
    place, keeper = new_place(settings.state), Keeper(asked=keep_failed)
    with stoppable():
        report = run_test(
            settings, image, hardware, place, timeout=timeout, metadata=Metadata(metadata), keeper=keeper
        )
    if junit:
        write_junit(report, junit)
    if known:  # the gates of channels ask for it
        content = json.dumps(report.as_json(), indent=1).encode()
        attach(LocalCatalog(settings.state / "catalog"), [known], "boot-test", content, who=getpass.getuser())
    _show(settings, report, place.folder, keeper.guest)
    return GuestError.exit_code if report.failed else 0


def new_place(state: Path) -> "Place":
    """Return where a new boot test leaves its evidence, and on which network of this host it runs."""
    from goldsmith.boottest.place import Place
    from goldsmith.compose import network
    from goldsmith.host import accel, libvirtd
    from goldsmith.host.process import LocalHost
    from goldsmith.record.writing import new_id

    uri = libvirtd.default_uri()
    chosen = accel.detect(LocalHost(), state=state)
    return Place(new_id("boot-test"), state, uri, chosen.virt_type, network("auto", uri))


def run_test(
    settings: Settings,
    image: "Image",
    hardware: "Hardware",
    place: "Place",
    *,
    timeout: float | None,
    metadata: Metadata,
    keeper: "Keeper",
) -> "Report":
    """Run a boot test with its phases on stderr; its report is also in the folder of its evidence."""
    from goldsmith.boottest.run import REPORT, boot_test
    from goldsmith.compose import Where
    from goldsmith.host import accel, guestfs, libvirtd
    from goldsmith.host.files import write_atomically
    from goldsmith.host.process import LocalHost
    from goldsmith.plan.keeping import staying
    from goldsmith.plan.store import Store
    from goldsmith.resume import with_kept
    from goldsmith.sweep import sweep

    host = LocalHost()
    libvirtd.ensure_running(host, place.uri)
    sweep(Where(None, place.state, place.uri), Store(place.state))
    libvirtd.ensure_network_of(place.network, place.uri)
    tell = _Phases(settings).tell
    try:
        report = boot_test(
            image,
            hardware,
            place,
            host=host,
            timeout=timeout,
            metadata=metadata,
            stay=staying(keeper, place, place.folder, stage="boot-test"),
            env=guestfs.environment(accel.detect(host, state=place.state), cache=place.state / "cache"),
            tell=tell,
        )
    except GuestError as error:
        with_kept(error, keeper.guest)
        raise
    write_atomically(place.folder / REPORT, json.dumps(report.as_json(), indent=1))
    return report


def _show(settings: Settings, report: "Report", folder: Path, kept: "Kept | None") -> None:
    from goldsmith.cli.report_table import show
    from goldsmith.plan.kept import where_kept
    from goldsmith.resume import told_of

    if settings.json:
        settings.emit({**report.as_json(), "folder": str(folder), "kept": told_of(kept)})
        return
    show(report, settings)
    if report.failed or settings.verbose:
        click.echo(f"consoles and screenshots: {folder}")
    if kept:
        click.echo(where_kept(kept))


def _asked_for(
    settings: Settings,
    wanted: str,
    said: Mapping[str, str],
    profile: str | None,
    memory: int | None,
    chosen: "Acceleration",
) -> "tuple[Image, Hardware]":
    """Return the file, and the machine that the properties, the catalog or a look into the image promise."""
    from goldsmith.audit.check import Profile
    from goldsmith.boottest.hardware import profile_promised, promised
    from goldsmith.boottest.look import inspected, recognised
    from goldsmith.catalog.local import LocalCatalog
    from goldsmith.host import guestfs
    from goldsmith.host.process import LocalHost

    host, known, min_ram = LocalHost(), dict(said), 0
    if Path(wanted).exists():
        path, declared, label = Path(wanted).absolute(), None, ""
    else:
        catalog = LocalCatalog(settings.state / "catalog")
        entry = catalog.find(wanted)
        path, declared, label = catalog.file_of(entry), entry.disk_format, entry.name
        known, min_ram = {**entry.properties, **said}, entry.min_ram
    image = replace(recognised(path, declared, host), label=label)
    if "hw_firmware_type" not in known or not (profile or profile_promised(known)):
        known = {
            **inspected(image, host, guestfs.environment(chosen, cache=settings.state / "cache")),
            **known,
        }
    found = Profile(profile) if profile else profile_promised(known) or Profile.GENERIC_LINUX
    return image, promised(known, min_ram=memory or min_ram, profile=found)


class _Phases:
    """Prints what a test is doing, with the seconds since its start."""

    def __init__(self, settings: Settings) -> None:
        self._quiet = settings.quiet
        self._begun = time.monotonic()

    def tell(self, text: str) -> None:
        if not self._quiet:
            click.echo(f"{time.monotonic() - self._begun:5.0f} s  {text}", err=True)
