"""Install Windows from its medium, driven by an answer file on a disc of its own, until it powers itself off."""

import hashlib
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from goldsmith.artifact import qemuimg
from goldsmith.errors import GuestError, RecipeErrors
from goldsmith.events import PhaseStarted, ToolSaid
from goldsmith.guests import machine as machines
from goldsmith.guests.family import GuestFamily
from goldsmith.guests.machine import Machine
from goldsmith.guests.watch import Limits
from goldsmith.guests.windows_answers import FOLDER, LABEL, as_written
from goldsmith.guests.windows_media import check_media
from goldsmith.guests.windows_session import powered
from goldsmith.guests.windows_versions import GUEST_AGENT_ON_DRIVERS
from goldsmith.guests.windows_watch import SETUP, WindowsWatch
from goldsmith.guests.writing import Rendered
from goldsmith.host.disc import open_disc
from goldsmith.host.hypervisor import connect
from goldsmith.host.process import Host
from goldsmith.media.answers_iso import make_answers_iso
from goldsmith.plan.stage import Context, Inputs, Kind, Work
from goldsmith.recipe.model import Recipe
from goldsmith.stages.evidence import last_look
from goldsmith.stages.parts import (
    domain_name,
    further_path,
    has_file,
    keep_of,
    medium_path,
    osinfo_argument,
    private_folder,
)
from goldsmith.stages.windows_disk import SCREENSHOTS, explained, with_windows_kept
from goldsmith.stages.windows_follow import Following
from goldsmith.stages.windows_screens import Screens
from goldsmith.stages.windows_sources import AGENT, CLOUDBASE, DRIVERS


@dataclass(frozen=True)
class WindowsInstall:
    """One install. ``machine`` is complete but for names and paths, which the run gives it."""

    family: GuestFamily
    recipe: Recipe
    machine: Machine
    tpm: bool
    secure_boot: bool
    answers: Mapping[str, Rendered]
    limits: Limits
    origins: Mapping[str, Inputs] = field(default_factory=dict)

    name = "install"
    kind = Kind.DISK
    version = 1
    group = ""

    def inputs(self) -> Inputs:
        return {
            "family": self.family.name,
            "os": self.machine.osinfo,
            "machine": self.machine.machine_type,
            "firmware": self.machine.firmware,
            "tpm": self.tpm,
            "secure_boot": self.secure_boot,
            "memory": self.machine.memory,
            "vcpus": self.machine.vcpus,
            "bus": self.machine.bus,
            "disk_size": self.recipe.disk.size,
            "answers": {path: digest_of(rendered) for path, rendered in self.answers.items()},
        }

    def run(self, work: Work, context: Context) -> None:
        host = context.host_for(self.name)
        iso, drivers = Path(medium_path(context)), further_path(context, DRIVERS)
        cloudbase, agent = further_path(context, CLOUDBASE), further_path(context, AGENT)
        assert drivers
        assert cloudbase
        self._check_media(iso, drivers, cloudbase, agent, context)
        qemuimg.create(host, work.disk, self.recipe.disk.size)
        machine = replace(
            self.machine,
            name=domain_name(context.build, self.name),
            uri=context.uri,
            description=f"goldsmith build={context.build} state={context.state}",
            virt_type=context.acceleration.virt_type,
            osinfo=osinfo_argument(host, self.machine.osinfo),
            disk=work.disk,
            console=context.folder / "console.log",
        )
        try:
            with self._answers_disc(host, drivers, cloudbase, agent, context) as answers:
                argv = machines.windows(
                    machine, discs=(iso, drivers, answers), tpm=self.tpm, secure_boot=self.secure_boot
                )
                xml = host.run(*argv, timeout=300, fix="the lines above are virt-install's").stdout
                self._install(machine, xml, work, context)
            self._require_marker_on_disk(host, work, context)
        except GuestError as error:
            told = explained(error, work.disk, context, stage=self.name)
            raise with_windows_kept(told, context) from None

    def _check_media(
        self, iso: Path, drivers: Path, cloudbase: Path, agent: Path | None, context: Context
    ) -> None:
        """Refuse media that do not fit the answer file: Setup would stop at a question that nobody answers."""
        context.reporter.tell(PhaseStarted(self.name, "checking the media"))
        problems = check_media(
            self.recipe, windows=iso, drivers=drivers, cloudbase_init=cloudbase, guest_agent=agent
        )
        if problems:
            raise problems[0] if len(problems) == 1 else RecipeErrors(problems)

    @contextmanager
    def _answers_disc(
        self, host: Host, drivers: Path, cloudbase: Path, agent: Path | None, context: Context
    ) -> Iterator[Path]:
        """Give the disc with the answer file, the scripts and the installers; it holds a password, and goes again."""
        with private_folder(context) as private:
            if agent is None:
                agent = private / "qemu-ga.msi"
                with open_disc(drivers) as disc:
                    disc.copy_out(GUEST_AGENT_ON_DRIVERS, agent)
            made, place = private / "made.iso", private.parent / "answers.iso"
            make_answers_iso(
                host,
                made,
                files={path: as_written(path, one.reveal()) for path, one in self.answers.items()},
                copies={f"{FOLDER}/CloudbaseInitSetup.msi": cloudbase, f"{FOLDER}/qemu-ga.msi": agent},
                label=LABEL,
            )
            made.chmod(0o600)
            made.replace(place)  # qemu's user can enter that folder, and libvirt gives it this file
            try:
                yield place
            finally:
                place.unlink(missing_ok=True)

    def _install(self, machine: Machine, xml: str, work: Work, context: Context) -> None:
        def heard(line: str) -> None:
            context.reporter.tell(ToolSaid(self.name, "console", line))
            for event in watch.line(line, time.monotonic()):
                context.reporter.tell(event)

        limits = self.limits.times(context.patience)
        watch = WindowsWatch(self.family.console, limits, stage=self.name, now=time.monotonic())
        with connect(context.uri) as hypervisor:
            screens = Screens(hypervisor, machine.name, context.folder / SCREENSHOTS, self.name)
            context.reporter.tell(PhaseStarted(self.name, f"{SETUP}, boot 1"))
            keep = keep_of([work], machine, hypervisor, context, system="installer")
            with (
                powered(
                    hypervisor, xml, machine, boot_timeout=limits.total, on_console=heard, keep=keep
                ) as session,
                last_look(hypervisor, machine.name, machine.console, context),
            ):
                try:
                    Following(
                        session, watch, work.folder.parent, tell=context.reporter.tell, look=screens.look
                    ).to_the_end()
                except GuestError:
                    screens.take("failure")
                    raise

    def _require_marker_on_disk(self, host: Host, work: Work, context: Context) -> None:
        """Look for the marker file too: a console can be made to say anything."""
        marker = self.family.marker_file
        context.reporter.tell(PhaseStarted(self.name, "checking the disk"))
        if not has_file(host, work.disk, marker, env=context.guestfs_env):
            raise GuestError(
                f"the scripts say that the install has ended, but {marker} is not on the disk",
                fix="build.cmd must write it, as the shipped template does",
            )


def digest_of(rendered: Rendered) -> str:
    return hashlib.sha256(rendered.text.encode()).hexdigest()
