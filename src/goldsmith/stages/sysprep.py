"""Take out of the disk whatever must not be in every clone of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from goldsmith.artifact import qemuimg
from goldsmith.plan.stage import Context, Inputs, Kind, Work


@dataclass(frozen=True)
class Sysprep:
    """virt-sysprep with the family's operations, and the paths it does not know.

    The ``customize`` operation runs last and first writes a *fixed* machine-id (rhbz 1557042); the ``--truncate`` that
    follows it leaves the file empty, so that every clone makes its own. File systems are trimmed in the same
    appliance launch, for a launch is half of the time of each tool.
    """

    enable: Sequence[str]
    disable: Sequence[str]
    leftovers: Sequence[str]
    tool: str  # major.minor of virt-sysprep: another one may clean other things

    name = "sysprep"
    kind = Kind.DISK
    version = 1
    group = ""

    def inputs(self) -> Inputs:
        return {
            "enable": sorted(self.enable),
            "disable": sorted(self.disable),
            "leftovers": sorted(self.leftovers),
            "virt-sysprep": self.tool,
        }

    def command(self, disk: object) -> list[str]:
        operations = ["defaults", *self.enable, *(f"-{name}" for name in self.disable)]
        argv = ["virt-sysprep", "--format", "qcow2", "-a", str(disk), "--operations", ",".join(operations)]
        for path in self.leftovers:
            argv += ["--delete", path]
        argv += ["--truncate", "/etc/machine-id"]
        return [*argv, "--run-command", "fstrim -av || true", "--no-logfile"]

    def run(self, work: Work, context: Context) -> None:
        assert work.before
        host = context.host_for(self.name)
        qemuimg.create_overlay(host, work.before, work.disk, relative=True)
        host.run(
            *self.command(work.disk),
            env=context.guestfs_env,
            fix="the lines above are virt-sysprep's; the layer before is untouched",
        )
