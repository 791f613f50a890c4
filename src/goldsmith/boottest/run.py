"""One boot test: overlays and config drives, two boots, evidence, all checks."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from goldsmith.audit.check import Finding, moot
from goldsmith.audit.facts import NotLooked
from goldsmith.audit.report import BOOT_TEST, Report, Result, harmless, judged
from goldsmith.boottest.boots import Boots
from goldsmith.boottest.check import BootCheck
from goldsmith.boottest.checks import CHECKS
from goldsmith.boottest.facts import Boot, Trial
from goldsmith.boottest.hardware import Hardware
from goldsmith.boottest.own import OwnCheck, boot_checks
from goldsmith.boottest.place import Image, Place
from goldsmith.boottest.seed import Source
from goldsmith.boottest.stay import Stay
from goldsmith.errors import GuestError
from goldsmith.host import copies, files
from goldsmith.host.closed import PASSED, make_folder
from goldsmith.host.hypervisor import connect
from goldsmith.host.locks import locked
from goldsmith.host.process import Host
from goldsmith.recipe.choices import Metadata

REPORT = "boot-test.json"
TIMEOUT, TIMEOUT_WINDOWS = 900.0, 3600.0  # seconds from power-on until the guest lets us in
_SOURCES = {
    Metadata.BOTH: (Source.DRIVE, Source.SERVICE),
    Metadata.CONFIG_DRIVE: (Source.DRIVE, Source.DRIVE),
    Metadata.SERVICE: (Source.SERVICE, Source.SERVICE),
}


def boot_test(
    image: Image,
    hardware: Hardware,
    place: Place,
    *,
    host: Host,
    timeout: float | None = None,
    waivers: Mapping[str, str] | None = None,
    own: Sequence[OwnCheck] = (),
    metadata: Metadata = Metadata.BOTH,
    stay: Stay | None = None,
    env: Mapping[str, str] | None = None,
    tell: Callable[[str], None],
) -> Report:
    """Boot an image twice as two instances and answer every check; ``tell`` hears each phase.

    The image itself is only read. Whoever kills this process leaves nothing running: libvirt ends the guests, and
    the next command sweeps the folders. Raises GuestError when the guest never comes up; a failed check raises nothing.
    With ``env``, that of libguestfs, the logs are read from the disk of a guest that nobody could ask.
    With ``stay`` a guest that does not come up is left, and the second one where a check failed.
    """
    begun = time.monotonic()
    sources = _SOURCES[metadata]
    limit = timeout or (TIMEOUT_WINDOWS if hardware.windows else TIMEOUT)
    reports: list[Report] = []
    with _folders(place, stay), connect(place.uri) as hypervisor:
        reachable = _reachable(image, place, tell)
        boots = Boots(reachable, hardware, place, host, hypervisor, limit, tell, own, stay, env)
        first = boots.boot(1, sources[0], whole=True)

        def judge(second: Boot) -> None:
            """Answer while the second guest still runs, so that it can stay where a check failed."""
            trial = Trial(hardware, image.size, image.grown, first, second)
            checks = tuple(answers(trial, waivers or {}, (*CHECKS, *boot_checks(own))))
            reports.append(_report(image, trial, checks, time.monotonic() - begun))
            if stay:
                reports[0].raise_if_failed()

        try:
            boots.boot(2, sources[1], whole=False, judge=judge)
        except GuestError:
            if not reports:
                raise
    return reports[0]


def _report(image: Image, trial: Trial, checks: tuple[Result, ...], seconds: float) -> Report:
    return Report(
        image=Path(image.label) if image.label else image.path,
        profile=trial.hardware.profile,
        format=image.format,
        system=harmless(next(iter(trial.first.seen.get("system", ())), "").strip()),
        checks=checks,
        seconds=seconds,
        kind=BOOT_TEST,
    )


def answers(
    trial: Trial, waivers: Mapping[str, str], checks: Sequence[BootCheck] = CHECKS
) -> Iterator[Result]:
    """Ask all checks in the order of their table; those of other systems are skipped, and say so."""
    for check in checks:
        yield judged(check, _answer(check, trial), waivers.get(check.id, ""))


def _answer(check: BootCheck, trial: Trial) -> Finding:
    if trial.hardware.profile not in check.profiles:
        return moot(f"not asked of {trial.hardware.profile}")
    try:
        return check.find(trial)
    except NotLooked as reason:
        return moot(str(reason))


@contextmanager
def _folders(place: Place, stay: Stay | None) -> Iterator[None]:
    """Make the folders and hold the lock that keeps the sweep away; the scratch goes on every way out.

    It stays with the guest that uses it, and the folder of the lock where it holds the evidence too.
    """
    make_folder(place.state, PASSED)
    for folder in (place.own.parent, place.own):
        make_folder(folder)
    with locked(place.own / "lock"):
        try:
            for folder in (place.state / "run", place.scratch):  # QEMU's user has to pass
                make_folder(folder, PASSED)
            make_folder(place.folder)
            yield
        finally:
            if not (stay and stay.stays):
                shutil.rmtree(place.scratch, ignore_errors=True)
            if place.own != place.folder:
                shutil.rmtree(place.own, ignore_errors=True)


def _reachable(image: Image, place: Place, tell: Callable[[str], None]) -> Image:
    """Return the image where QEMU's user can read it: itself, else a copy that goes with the test.

    A file that only its owner may read would have to be given to that user, and the image is to stay as it is.
    """
    folders = image.path.resolve().parents
    open_to_all = image.path.stat().st_mode & 0o004 and all(one.stat().st_mode & 0o001 for one in folders)
    if "session" in place.uri or open_to_all:
        return image
    copy = place.scratch / f"image.{image.format}"
    files.need_space(place.scratch, files.allocated(image.path), what=f"a copy of {image.path.name}")
    tell(f"copying {image.path.name}: QEMU's user cannot read it where it is")
    copies.copy(image.path, copy)
    copy.chmod(0o444)
    return replace(image, path=copy)
