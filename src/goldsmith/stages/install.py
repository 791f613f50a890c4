"""Install a guest from its medium, driven by its answer file, until it powers itself off."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from goldsmith.artifact import qemuimg
from goldsmith.errors import GuestError
from goldsmith.events import ToolSaid
from goldsmith.guests import anaconda_log
from goldsmith.guests import machine as machines
from goldsmith.guests.console import ConsoleFile
from goldsmith.guests.family import GuestFamily
from goldsmith.guests.leaving import taken_away
from goldsmith.guests.machine import Machine
from goldsmith.guests.room import require_room_to_write
from goldsmith.guests.watch import InstallWatch, Limits
from goldsmith.guests.writing import Rendered
from goldsmith.host import injected
from goldsmith.host.clock import outside
from goldsmith.host.hypervisor import DomainState, Hypervisor, connect
from goldsmith.host.process import Host
from goldsmith.plan.stage import REFRESH, Context, Inputs, Kind, Work
from goldsmith.recipe.steps import Refresh
from goldsmith.stages.evidence import last_look, with_evidence
from goldsmith.stages.parts import (
    domain_name,
    has_file,
    keep_of,
    medium_path,
    osinfo_argument,
    private_folder,
)

ANACONDA_LOG = "logs/anaconda.log"  # in the build's record
POLL = 0.5  # seconds between two looks at the console and the domain


@dataclass(frozen=True)
class Install:
    """One install. ``machine`` is complete but for names and paths, which the run gives it."""

    family: GuestFamily
    machine: Machine
    disk_size: int  # bytes
    kickstart: Rendered
    kickstart_digest: str
    boot_arguments: tuple[str, ...]
    limits: Limits
    refresh: Refresh = Refresh.NEVER
    as_of: str = ""
    origins: Mapping[str, Inputs] = field(default_factory=dict)

    name = "install"
    reads = "packages"
    kind = Kind.DISK
    version = 1
    group = ""

    def inputs(self) -> Inputs:
        return {
            "family": self.family.name,
            "os": self.machine.osinfo,
            "machine": self.machine.machine_type,
            "firmware": self.machine.firmware,
            "memory": self.machine.memory,
            "vcpus": self.machine.vcpus,
            "bus": self.machine.bus,
            "disk_size": self.disk_size,
            "kickstart": self.kickstart_digest,
            "boot_arguments": list(self.boot_arguments),
            **({REFRESH: self.as_of} if self.as_of else {}),
        }

    def dated(self, as_of: str) -> "Install":
        return replace(self, as_of=as_of)

    def run(self, work: Work, context: Context) -> None:
        host = context.host_for(self.name)
        qemuimg.create(host, work.disk, self.disk_size)
        console = context.folder / "console.log"
        machine = replace(
            self.machine,
            name=domain_name(context.build, self.name),
            uri=context.uri,
            description=f"goldsmith build={context.build} state={context.state}",
            virt_type=context.acceleration.virt_type,
            osinfo=osinfo_argument(host, self.machine.osinfo),
            disk=work.disk,
            console=console,
            channels=self._channels(context),
        )
        try:
            with (
                connect(context.uri) as hypervisor,
                taken_away(
                    hypervisor,
                    machine.name,
                    keep_of([work], machine, hypervisor, context, system="installer"),
                ),
                last_look(hypervisor, machine.name, console, context),
            ):
                self._start(host, machine, context)
                self._follow(hypervisor, machine.name, ConsoleFile(console), work, context)
                self._require_marker_on_disk(host, work, context)
        except GuestError as error:
            raise with_evidence(error, work.disk, context, stage=self.name) from None

    def _channels(self, context: Context) -> tuple[str, ...]:
        if not self.family.anaconda_log:
            return (machines.AGENT,)
        return (machines.AGENT, machines.anaconda_log(context.folder / ANACONDA_LOG))

    def _start(self, host: Host, machine: Machine, context: Context) -> None:
        media = medium_path(context)
        with private_folder(context) as private:  # the file may hold secrets
            kickstart = private / "ks.cfg"  # the installer finds it under its base name
            kickstart.touch(mode=0o600)
            signature = injected.signature(context.build, context.state)
            kickstart.write_text(f"{self.kickstart.reveal().rstrip()}\n{signature}", encoding="utf-8")
            arguments = machines.install(
                machine, media=media, kickstart=kickstart, boot_arguments=self.boot_arguments
            )
            try:
                host.run(
                    *arguments,
                    timeout=300,
                    fix="the lines above are virt-install's; goldsmith doctor checks this host",
                )
            except BaseException:  # one that was stopped has not cleaned up
                self._remove_copies(context)
                raise

    def _remove_copies(self, context: Context) -> None:
        injected.remove_copies(
            context.state, lambda build: build == context.build, folders=injected.scratch_folders()
        )

    def _follow(
        self, hypervisor: Hypervisor, name: str, console: ConsoleFile, work: Work, context: Context
    ) -> None:
        log = context.folder / ANACONDA_LOG
        watch = InstallWatch(
            self.family.console,
            self.limits.times(context.patience),
            stage=self.name,
            now=time.monotonic(),
            place_of=self.kickstart.at,
            script_of=self.kickstart.script,
            status_of=lambda line: anaconda_log.script_status(log, line),
            errors=lambda: anaconda_log.errors(log),
            failed_script=lambda: anaconda_log.failed_script(log),
        )
        started = False  # virt-install makes the domain paused
        while True:
            state = hypervisor.state(name)
            for line in console.lines():
                context.reporter.tell(ToolSaid(self.name, "console", line))
                for event in watch.line(line, time.monotonic()):
                    context.reporter.tell(event)
            watch.moved(sum(_counters(hypervisor, name, self.machine.target)), time.monotonic())
            watch.heard(console.heard, time.monotonic())
            for event in watch.prompt(console.unfinished, time.monotonic()):
                context.reporter.tell(event)
            if state in (DomainState.SHUTOFF, DomainState.GONE):
                watch.powered_off()
                return
            if state is DomainState.CRASHED:
                raise GuestError(
                    "the build machine crashed", evidence=watch.evidence(), fix="see the qemu log"
                )
            if state is DomainState.PAUSED and started:
                require_room_to_write(hypervisor, name, work.folder.parent)
            started = started or state is DomainState.RUNNING
            watch.tick(time.monotonic())
            with outside.waiting():
                time.sleep(POLL)

    def _require_marker_on_disk(self, host: Host, work: Work, context: Context) -> None:
        """Look for the marker file too: a console can be made to say anything."""
        marker = self.family.marker_file
        if not has_file(host, work.disk, marker, env=context.guestfs_env):
            raise GuestError(
                f"the console says that the install has ended, but {marker} is not on the disk",
                fix="the last %post --nochroot of the kickstart must write it, as the shipped kickstarts do",
            )


def _counters(hypervisor: Hypervisor, name: str, disk: str) -> tuple[int, int]:
    """Return the bytes read and written; none of a machine that is off, or that ends while it is asked."""
    with suppress(GuestError):
        return hypervisor.disk_counters(name, disk)
    return 0, 0
