"""Give back what a generalized Windows no longer uses, and leave nothing of it readable in the image."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from goldsmith.artifact import qemuimg, unused
from goldsmith.audit.appliance import DEVICE, Appliance, converse
from goldsmith.audit.disks import kernel_device, partitions
from goldsmith.audit.ntfs import volumes
from goldsmith.errors import ToolError
from goldsmith.events import PhaseStarted
from goldsmith.guests import hive_slack
from goldsmith.host.aside import scratch
from goldsmith.host.files import human_size
from goldsmith.plan.stage import Context, Inputs, Kind, Work
from goldsmith.stages.parts import PATIENCE

CONFIG = "/windows/system32/config"
_FIX = "the lines above are those of the appliance; the layer before is untouched"


@dataclass(frozen=True)
class WindowsSparsify:
    """Trim, and overwrite what a trim leaves; the secrets of the build were in files that Windows has deleted.

    A small file lies in the MFT itself, a deleted value in its hive, and what was free in a cluster of the image that
    is still in use in part is not given back by a trim: all of it would be in every instance. ntfswipe(8) knows the
    MFT, the ends of files and the journal; hives and free clusters are overwritten here.
    """

    name = "sparsify"
    kind = Kind.DISK
    version = 1
    group = ""

    def inputs(self) -> Inputs:
        return {"mode": "trim and wipe"}

    def run(self, work: Work, context: Context) -> None:
        assert work.before
        host = context.host_for(self.name)
        qemuimg.create_overlay(host, work.before, work.disk, relative=True)
        context.reporter.tell(PhaseStarted(self.name, "trimming"))
        found = converse(
            work.disk,
            lambda appliance: self._trim(appliance, context),
            driver="qcow2",
            host=host,
            env=context.guestfs_env,
            timeout=PATIENCE,
            writable=True,
        )
        context.reporter.tell(PhaseStarted(self.name, "overwriting free clusters"))
        held = unused.with_data(host, work.disk)
        free = [one for ntfs in found for part in held for one in ntfs.free_within(part)]
        size = unused.overwrite(host, work.disk, free)
        context.log_for(self.name)(f"{human_size(size)} of free clusters overwritten, in {len(free)} places")

    def _trim(self, appliance: Appliance, context: Context) -> Sequence[unused.Volume]:
        appliance.ask("run", must=True)
        ours = volumes(appliance)
        for device in _others(appliance):
            appliance.ask("mount", device, "/")
            appliance.ask("fstrim", "/")
            appliance.ask("umount-all", must=True)
        for device in ours:
            appliance.ask("mount-vfs", "rw,ignore_case", "lowntfs-3g", device, "/", must=True)
            for words in _scrub_registry(appliance):
                context.log_for(self.name)(words)
            appliance.ask("fstrim", "/", must=True)
            appliance.ask("umount-all", must=True)
            context.log_for(self.name)(f"{device}: {_wipe(appliance, device)}")
        return [_read_volume(appliance, device) for device in ours]


def _others(appliance: Appliance) -> Iterator[str]:
    for line in appliance.text("list-filesystems").splitlines():
        device, _, kind = line.rpartition(": ")
        if kind.strip() == "vfat" and DEVICE.fullmatch(device):
            yield device


def _scrub_registry(appliance: Appliance) -> Iterator[str]:
    """Overwrite what hives hold of deleted values, also in their logs, and yield what is to be said of it."""
    for name in hive_slack.HIVES:
        path = f"{CONFIG}/{name.lower()}"
        if not _is_file(appliance, path):
            continue
        with scratch("hive") as folder:
            file = folder / name
            appliance.ask("download", path, str(file), must=True)
            before = file.read_bytes()
            try:
                after = hive_slack.scrubbed(before)
            except hive_slack.HiveNotCleanError as reason:
                yield f"the registry hive {name} stays as it is: {reason}"
                continue
            if after != before:
                file.write_bytes(after)
                appliance.ask("upload", str(file), path, must=True)
                yield f"deleted values overwritten in the registry hive {name}"
        for log in (f"{path}{suffix}" for suffix in hive_slack.LOGS):
            if _is_file(appliance, log):
                size = appliance.text("filesize", log, must=True).strip()
                appliance.ask("fill", "0", size, log, must=True)


def _is_file(appliance: Appliance, path: str) -> bool:
    return appliance.text("is-file", path).strip() == "true"


def _wipe(appliance: Appliance, device: str) -> str:
    """Overwrite what the file system's own structures hold of deleted files; it was mounted and is clean.

    ``--force`` leaves out the five seconds in which a person could change their mind.
    """
    real = kernel_device(appliance, device)
    said = appliance.shell(f"ntfswipe --force --mft --tails --logfile {real} 2>&1; echo rc=$?")
    *lines, code = [one.strip() for one in said.splitlines() if one.strip()] or ["rc=none"]
    if code != "rc=0":
        raise ToolError(
            f"ntfswipe cannot overwrite what {device} holds of deleted files ({code})",
            evidence=lines[-5:],
            fix="install ntfs-3g (ntfsprogs) for the libguestfs appliance" if code == "rc=127" else _FIX,
        )
    return "; ".join(one for one in lines if one.startswith("wipe_"))


def _read_volume(appliance: Appliance, device: str) -> unused.Volume:
    disks = appliance.text("list-devices", must=True).split()
    start = {part.device: part.start for disk in disks for part in partitions(appliance, disk)}[device]
    with scratch("ntfs") as folder:
        file = folder / "bitmap"
        appliance.ask("ntfscat-i", device, str(unused.BITMAP), str(file), must=True)
        boot = appliance.ask("pread-device", device, str(unused.BOOT), "0", must=True)
        return unused.volume(boot, file.read_bytes(), start=start)
