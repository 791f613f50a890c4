"""The boots of one test: an overlay, a machine and the metadata for each instance, and a picture of its screen."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from goldsmith.artifact import qemuimg
from goldsmith.audit import linux_logs, windows_logs
from goldsmith.audit.container import FORMATS
from goldsmith.boottest.facts import Boot, Heard
from goldsmith.boottest.hardware import Hardware
from goldsmith.boottest.linux import LinuxGuest, boot_linux
from goldsmith.boottest.metadata import answered_paths
from goldsmith.boottest.metadata_server import Service, served
from goldsmith.boottest.own import OwnCheck
from goldsmith.boottest.place import Image, Place
from goldsmith.boottest.seed import Instance, Source, new_instance, write_drive
from goldsmith.boottest.stay import Stay
from goldsmith.boottest.windows import boot_windows
from goldsmith.errors import GoldsmithError, GuestError
from goldsmith.guests import machine as machines
from goldsmith.guests.access import Way
from goldsmith.guests.leaving import Keep
from goldsmith.guests.machine import Machine
from goldsmith.guests.powered import PoweredGuest, switched_on
from goldsmith.guests.session import free_port
from goldsmith.guests.windows_session import WindowsSession
from goldsmith.host import files, osinfo
from goldsmith.host.domains import with_untouched_backing
from goldsmith.host.hypervisor import Hypervisor
from goldsmith.host.process import Host

Judge = Callable[[Boot], None]  # what it raises is a failure of the guest


@dataclass(frozen=True)
class Boots:
    """What all boots of a test have in common; ``timeout`` in seconds, ``tell`` hears each phase."""

    image: Image
    hardware: Hardware
    place: Place
    host: Host
    hypervisor: Hypervisor
    timeout: float
    tell: Callable[[str], None]
    own: Sequence[OwnCheck] = ()
    stay: Stay | None = None
    env: Mapping[str, str] | None = None  # of libguestfs; without it no disk is read

    def boot(self, number: int, source: Source, *, whole: bool, judge: Judge = lambda _boot: None) -> Boot:
        """Boot one instance on an overlay of its own, with its metadata from ``source``.

        ``judge`` hears what the boot showed while the guest is still there.
        """
        which = {1: "first", 2: "second"}[number]
        instance = new_instance(number, legacy=self.hardware.legacy_ssh, source=source)
        windows = self.hardware.windows
        self.tell(f"{which} boot: {instance.hostname} by {source}, {self._shape()}")

        def told(text: str) -> None:
            self.tell(f"{which} boot: {text}")

        disk = self._overlay(number)
        service = Service(
            answered_paths(instance, windows=windows), self.place.folder / f"metadata-{number}.log"
        )
        try:
            with nullcontext(None) if source is Source.DRIVE else served(service) as port:
                drive = (
                    None if port else write_drive(self.host, instance, self.place.scratch, windows=windows)
                )
                machine = self._machine(instance, disk, port)
                boot = self._windows if windows else self._linux

                def ended(seen: Boot) -> Boot:
                    whole_story = replace(seen, asked=tuple(service.asked))
                    judge(whole_story)
                    return whole_story

                seen = boot(machine, drive, instance, told, ended, whole=whole)
            if not seen.seen:
                self._pull_logs(disk, number)
            return seen
        except GuestError as error:
            if self._pull_logs(disk, number):
                error.fix = f"{error.fix}; the logs on its disk in {self._logs(number)}"
            raise
        finally:
            if not self._stays:
                disk.unlink(missing_ok=True)

    @property
    def _stays(self) -> bool:
        return self.stay is not None and self.stay.stays

    def _logs(self, number: int) -> Path:
        return self.place.folder / f"logs-{number}"

    def _pull_logs(self, disk: Path, number: int) -> bool:
        """Bring the logs from the disk of a guest that nobody could ask, one launch of the appliance; say if any.

        The disk of a guest that stays is in use.
        """
        if self.env is None or self._stays:
            return False
        pull = windows_logs.pull_logs if self.hardware.windows else linux_logs.pull_logs
        folder = self._logs(number)
        folder.mkdir(mode=0o700, exist_ok=True)
        with suppress(GoldsmithError, OSError):  # the first failure is the one to tell
            pull(disk, driver="qcow2", host=self.host, env=self.env, into=folder)
        if found := any(folder.iterdir()):
            self.tell(f"the guest's own logs: {folder}")
        else:
            folder.rmdir()
        return found

    def _linux(
        self,
        machine: Machine,
        drive: Path | None,
        instance: Instance,
        told: Callable[[str], None],
        ended: Callable[[Boot], Boot],
        *,
        whole: bool,
    ) -> Boot:
        xml = self._xml(machine, machines.boot(machine, seed=drive))
        heard = Heard()
        guests: list[LinuxGuest] = []

        def hear(line: str) -> None:
            guests[0].hear(line) if guests else heard.take(line)

        with switched_on(
            PoweredGuest, self.hypervisor, xml, machine, boot_timeout=self.timeout, on_console=hear,
            keep=self._keep(machine, lambda: guests[0].way if guests else None),
        ) as session:  # fmt: skip
            with self._pictured(session):
                guest = LinuxGuest(
                    session, self.hardware, instance, heard, told, lambda: self.screenshot(session)
                )
                guests.append(guest)
                boot = boot_linux(guest, timeout=self.timeout, whole=whole, own=self.own)
            return ended(boot)

    def _windows(
        self,
        machine: Machine,
        drive: Path | None,
        instance: Instance,
        told: Callable[[str], None],
        ended: Callable[[Boot], Boot],
        *,
        whole: bool,
    ) -> Boot:
        argv = machines.windows(
            machine,
            discs=(drive,) if drive else (),
            tpm=self.hardware.tpm,
            secure_boot=self.hardware.secure_boot,
        )
        xml = self._xml(machine, argv)
        heard = Heard()
        with switched_on(
            WindowsSession, self.hypervisor, xml, machine,
            boot_timeout=self.timeout, on_console=heard.take, keep=self._keep(machine, lambda: None),
        ) as session:  # fmt: skip
            with self._pictured(session):
                boot = boot_windows(
                    session, instance, heard, timeout=self.timeout, whole=whole, tell=told, own=self.own,
                    picture=lambda: self.screenshot(session),
                )  # fmt: skip
            return ended(boot)

    def _keep(self, machine: Machine, way: Callable[[], Way | None]) -> Keep | None:
        stay = self.stay
        return (lambda: stay.asked(machine, self.hypervisor, way())) if stay else None

    @contextmanager
    def _pictured(self, session: PoweredGuest) -> Iterator[None]:
        """Take a picture of the screen when the guest has failed, and say where the evidence lies."""
        try:
            yield
        except GuestError as error:
            screen = self.screenshot(session)
            kept = (
                session.machine.console,
                screen,
                *self.place.folder.glob(f"metadata-{session.name[-1]}.log"),
            )
            seen = ", ".join(one.name for one in kept if one)
            error.fix = f"{error.fix}; {seen} in {self.place.folder}"
            raise

    def screenshot(self, session: PoweredGuest) -> Path | None:
        with suppress(GoldsmithError, OSError):  # a picture is never worth a test
            shot = self.hypervisor.screenshot(session.name)
            name = session.machine.console.stem.replace("console", "screen")
            path = self.place.folder / f"{name}{shot.suffix}"
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

    def _machine(self, instance: Instance, disk: Path, metadata_port: int | None) -> Machine:
        one, place = self.hardware, self.place
        network = "user" if metadata_port else place.network
        return Machine(
            name=f"goldsmith-{place.ident}-{instance.number}",
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
            network=network,
            console=place.folder / f"console-{instance.number}.log",
            ssh_port=free_port() if network == "user" and not one.windows else None,
            nic=one.nic,
            metadata_port=metadata_port,
            instance=instance.id,
            mac=instance.mac,
        )
