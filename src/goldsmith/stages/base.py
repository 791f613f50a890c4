"""Start from a ready disk image instead of an installer."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from goldsmith.artifact import qemuimg
from goldsmith.artifact.introspect import refusal
from goldsmith.artifact.qemuimg import ImageInfo
from goldsmith.audit.container import accepted, recognise
from goldsmith.errors import Mark, RecipeError, UsageError
from goldsmith.events import PhaseStarted, Progress
from goldsmith.guests.machine import Machine
from goldsmith.host import files
from goldsmith.host.process import Host
from goldsmith.plan.stage import Context, Inputs, Json, Kind, Work
from goldsmith.stages.parts import medium_path

_BOOT_SECTOR = 512
_SIGNATURE = b"\x55\xaa"  # at its end, also where the disk has a GPT


@dataclass(frozen=True)
class Base:
    """The image that ``fetch`` got, as a flat qcow2 of ``disk_size`` bytes; the guest grows into it at its first boot.

    The format is what the header says, never the file's name; an image that names other files is refused before
    any program opens it.
    """

    image: Mapping[str, Json]  # what names it in the key
    family: str
    machine: Machine  # the steps boot it there: a system that makes its initramfs anew looks at its hardware
    disk_size: int
    at: Mark | None = None
    size_at: Mark | None = None

    name = "base"
    kind = Kind.DISK
    version = 1
    group = ""

    def inputs(self) -> Inputs:
        return {
            "image": dict(self.image),
            "family": self.family,
            "machine": self.machine.machine_type,
            "firmware": self.machine.firmware,
            "bus": self.machine.bus,
            "disk_size": self.disk_size,
        }

    def run(self, work: Work, context: Context) -> None:
        host, path = context.host_for(self.name), Path(medium_path(context))
        found = self._inspected(host, path)
        if found.virtual_size > self.disk_size:
            raise RecipeError(
                f"disk.size is {files.human_size(self.disk_size)}, but the disk in {path.name} has "
                f"{files.human_size(found.virtual_size)}",
                at=self.size_at,
                fix=f"say disk: {{size: {_gib(found.virtual_size)} GiB}} or more; a disk cannot be cut to size",
            )
        room = qemuimg.measure(host, path, found.format)
        files.need_space(work.folder, room, what=f"the disk in {path.name}")
        context.reporter.tell(PhaseStarted(self.name, f"unpacking {found.format}"))
        qemuimg.convert(
            host,
            path,
            work.disk,
            src_format=found.format,
            on_progress=lambda percent: context.reporter.tell(Progress(self.name, percent, 100, "%")),
        )
        if found.virtual_size < self.disk_size:
            qemuimg.grow(host, work.disk, self.disk_size)

    def _inspected(self, host: Host, path: Path) -> ImageInfo:
        try:
            container = recognise(path)
        except UsageError as error:
            raise RecipeError(error.problem, at=self.at, fix=error.fix) from None
        accepted(container, at=self.at)
        found = qemuimg.info(host, path, container.format)
        told = {
            "it needs another file": not found.alone,
            "it is encrypted": found.encrypted,
            "it is marked as corrupt": found.corrupt,
        }
        if problems := [words for words, so in told.items() if so]:
            raise refusal(path, problems, at=self.at)
        checked = qemuimg.check(host, path, found.format)
        if not checked.good:  # what is missing at its end would be read as zeros
            count = checked.corruptions + checked.errors
            raise refusal(path, [f"qemu-img check found {count} damaged places"], at=self.at)
        if found.format == "raw" and not _has_boot_sector(path):
            raise RecipeError(
                f"{path.name} is no disk image: it has no partition table",
                at=self.at,
                fix="unpack it if it is compressed (xz, gz, zip), or get it again",
            )
        return found


def _has_boot_sector(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(_BOOT_SECTOR)[-2:] == _SIGNATURE


def _gib(size: int) -> int:
    return -(-size // 2**30)
