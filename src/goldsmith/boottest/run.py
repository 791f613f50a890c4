"""One boot test: overlays and config drives, two boots, evidence, all checks."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from goldsmith.artifact import qemuimg
from goldsmith.audit.check import Finding, moot
from goldsmith.audit.container import FORMATS
from goldsmith.audit.facts import NotLooked
from goldsmith.audit.report import BOOT_TEST, Report, Result, harmless, judged
from goldsmith.boottest.check import BootCheck
from goldsmith.boottest.checks import CHECKS
from goldsmith.boottest.facts import Boot, Heard, Trial
from goldsmith.boottest.hardware import Hardware
from goldsmith.boottest.linux import LinuxGuest, boot_linux
from goldsmith.boottest.own import OwnCheck, boot_checks
from goldsmith.boottest.seed import Instance, new_instance, write_drive
from goldsmith.boottest.windows import boot_windows
from goldsmith.errors import GoldsmithError, GuestError
from goldsmith.guests import machine as machines
from goldsmith.guests.machine import Machine
from goldsmith.guests.powered import PoweredGuest, switched_on
from goldsmith.guests.session import free_port
from goldsmith.guests.windows_session import WindowsSession
from goldsmith.host import copies, files, osinfo
from goldsmith.host.domains import with_untouched_backing
from goldsmith.host.hypervisor import Hypervisor, connect
from goldsmith.host.locks import locked
from goldsmith.host.process import Host

BOOT_TESTS = "boot-tests"  # folder of the state folder with the evidence of each test, by its id
REPORT = "boot-test.json"
TIMEOUT, TIMEOUT_WINDOWS = 900.0, 3600.0  # seconds from power-on until the guest lets us in
_GROWTH = 5 << 30  # bytes
_GROWTH_SHARE = 0.15


@dataclass(frozen=True)
class Image:
    """The file to boot, which stays as it is; ``format`` by the Image API, ``size`` of its disk in bytes."""

    path: Path
    format: str
    size: int
    label: str = ""  # its name in a catalog

    @property
    def grown(self) -> int:
        """Return the size of the disk that the guests get: so much more that metadata cannot hide it."""
        more = max(_GROWTH, int(self.size * _GROWTH_SHARE))
        return (self.size + more) >> 20 << 20


@dataclass(frozen=True)
class Place:
    """Where and by what a test runs; ``ident`` names its folders and machines, ``network`` as in Machine."""

    ident: str
    state: Path
    uri: str
    virt_type: str
    network: str

    @property
    def folder(self) -> Path:
        """Return the folder of the evidence, which stays."""
        return self.state / BOOT_TESTS / self.ident

    @property
    def scratch(self) -> Path:
        """Return the folder of overlays and drives, which goes with the test."""
        return self.state / "run" / self.ident


def boot_test(
    image: Image,
    hardware: Hardware,
    place: Place,
    *,
    host: Host,
    timeout: float | None = None,
    waivers: Mapping[str, str] | None = None,
    own: Sequence[OwnCheck] = (),
    tell: Callable[[str], None],
) -> Report:
    """Boot an image twice as two instances and answer every check; ``tell`` hears each phase.

    The image itself is only read. Whoever kills this process leaves nothing running: libvirt ends the guests, and
    the next command sweeps the folders. Raises GuestError when the guest never comes up; a failed check raises nothing.
    """
    begun = time.monotonic()
    limit = timeout or (TIMEOUT_WINDOWS if hardware.windows else TIMEOUT)
    with _folders(place), connect(place.uri) as hypervisor:
        reachable = _reachable(image, place, tell)
        run = _Run(reachable, hardware, place, host, hypervisor, limit, tell, own)
        first = run.boot(1, whole=True)
        second = run.boot(2, whole=False)
    trial = Trial(hardware, image.size, image.grown, first, second)
    return Report(
        image=Path(image.label) if image.label else image.path,
        profile=hardware.profile,
        format=image.format,
        system=harmless(next(iter(first.seen.get("system", ())), "").strip()),
        checks=tuple(answers(trial, waivers or {}, (*CHECKS, *boot_checks(own)))),
        seconds=time.monotonic() - begun,
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
def _folders(place: Place) -> Iterator[None]:
    """Make the folders and hold the lock that keeps the sweep away; the scratch goes on every way out."""
    for folder in (place.state, place.folder, place.scratch):
        folder.mkdir(parents=True, exist_ok=True)
    for folder in (place.state, place.folder, place.scratch):
        with suppress(OSError):  # qemu runs as another user, and has to pass
            folder.chmod(folder.stat().st_mode | 0o111)
    with locked(place.folder / "lock"):
        try:
            yield
        finally:
            shutil.rmtree(place.scratch, ignore_errors=True)


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


@dataclass(frozen=True)
class _Run:
    image: Image
    hardware: Hardware
    place: Place
    host: Host
    hypervisor: Hypervisor
    timeout: float
    tell: Callable[[str], None]
    own: Sequence[OwnCheck] = ()

    def boot(self, number: int, *, whole: bool) -> Boot:
        """Boot one instance on an overlay of its own."""
        which = {1: "first", 2: "second"}[number]
        instance = new_instance(number, legacy=self.hardware.legacy_ssh)
        disk = self._overlay(number)
        drive = write_drive(self.host, instance, self.place.scratch, windows=self.hardware.windows)
        machine = self._machine(number, disk)
        self.tell(f"{which} boot: {instance.hostname}, {self._shape()}")

        def told(text: str) -> None:
            self.tell(f"{which} boot: {text}")

        try:
            if self.hardware.windows:
                return self._windows(machine, drive, instance, told, whole=whole)
            return self._linux(machine, drive, instance, told, whole=whole)
        finally:
            disk.unlink(missing_ok=True)

    def _linux(
        self, machine: Machine, drive: Path, instance: Instance, told: Callable[[str], None], *, whole: bool
    ) -> Boot:
        xml = self._xml(machine, machines.boot(machine, seed=drive))
        heard = Heard()
        hear: list[Callable[[str], None]] = [heard.take]
        with switched_on(
            PoweredGuest, self.hypervisor, xml, machine,
            boot_timeout=self.timeout, on_console=lambda line: hear[-1](line),
        ) as session, self._pictured(session):  # fmt: skip
            guest = LinuxGuest(
                session, self.hardware, instance, heard, told, lambda: self.screenshot(session)
            )
            hear.append(guest.hear)
            return boot_linux(guest, timeout=self.timeout, whole=whole, own=self.own)

    def _windows(
        self, machine: Machine, drive: Path, instance: Instance, told: Callable[[str], None], *, whole: bool
    ) -> Boot:
        argv = machines.windows(
            machine, discs=(drive,), tpm=self.hardware.tpm, secure_boot=self.hardware.secure_boot
        )
        xml = self._xml(machine, argv)
        heard = Heard()
        with switched_on(
            WindowsSession, self.hypervisor, xml, machine, boot_timeout=self.timeout, on_console=heard.take
        ) as session, self._pictured(session):  # fmt: skip
            return boot_windows(
                session, instance, heard, timeout=self.timeout, whole=whole, tell=told, own=self.own
            )

    @contextmanager
    def _pictured(self, session: PoweredGuest) -> Iterator[None]:
        """Take a picture of the screen when the guest has failed, and say where the evidence lies."""
        try:
            yield
        except GuestError as error:
            screen = self.screenshot(session)
            seen = f"{session.machine.console.name}{f' and {screen.name}' if screen else ''}"
            error.fix = f"{error.fix}; {seen} in {self.place.folder}"
            raise

    def screenshot(self, session: PoweredGuest) -> Path | None:
        with suppress(GoldsmithError, OSError):  # a picture is never worth a test
            shot = self.hypervisor.screenshot(session.name)
            path = session.machine.console.with_suffix(shot.suffix)
            path.write_bytes(shot.data)
            return path
        return None

    def _xml(self, machine: Machine, argv: Sequence[str]) -> str:
        xml = self.host.run(*argv, timeout=120).stdout
        driver = FORMATS[self.image.format]
        return with_untouched_backing(xml, disk=machine.disk, backing=self.image.path, driver=driver)

    def _overlay(self, number: int) -> Path:
        disk = self.place.scratch / f"boot-{number}.qcow2"
        qemuimg.create_overlay(
            self.host, self.image.path, disk, relative=False, backing_format=self.image.format
        )
        qemuimg.grow(self.host, disk, self.image.grown)
        return disk

    def _shape(self) -> str:
        one = self.hardware
        size = files.human_size(self.image.grown)
        return f"{one.machine_type}, {one.firmware}, {one.bus} disk of {size}, {one.nic} card, {one.memory >> 20} MiB"

    def _machine(self, number: int, disk: Path) -> Machine:
        one, place = self.hardware, self.place
        return Machine(
            name=f"goldsmith-{place.ident}-{number}",
            uri=place.uri,
            description=f"goldsmith build={place.ident} state={place.state}",
            virt_type=place.virt_type,
            memory=one.memory,
            vcpus=one.vcpus,
            osinfo=osinfo.argument(self.host, one.system) if one.system else "detect=off,require=off",
            machine_type=one.machine_type,
            firmware=one.firmware,
            disk=disk,
            bus=one.bus,
            network=place.network,
            console=place.folder / f"console-{number}.log",
            ssh_port=free_port() if place.network == "user" and not one.windows else None,
            nic=one.nic,
        )
