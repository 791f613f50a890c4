"""Take out of the disk whatever must not be in every clone of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from goldsmith.artifact import qemuimg
from goldsmith.errors import ToolError
from goldsmith.host.files import write_atomically
from goldsmith.plan.stage import Context, Inputs, Kind, Work
from goldsmith.stages.parts import PATIENCE, TRIM

_FIX = "the lines above are virt-sysprep's; the layer before is untouched"


@dataclass(frozen=True)
class Sysprep:
    """virt-sysprep with the family's operations, and the paths it does not know.

    The ``customize`` operation runs last and first writes a *fixed* machine-id (rhbz 1557042); the ``--truncate`` that
    follows it leaves the file empty, so that every clone makes its own. File systems are trimmed in the same
    appliance launch, for a launch is half of the time of each tool; whether that was done is noted for sparsify.
    """

    enable: Sequence[str]
    disable: Sequence[str]
    leftovers: Sequence[str]
    tool: str  # major.minor of virt-sysprep: another one may clean other things
    machine_id: bool = True  # the guest has such a file; to truncate one that is not there is an error

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
            **({} if self.machine_id else {"machine-id": False}),
        }

    def command(self, disk: object, *, trim: bool = True) -> list[str]:
        operations = ["defaults", *self.enable, *(f"-{name}" for name in self.disable)]
        argv = ["virt-sysprep", "--format", "qcow2", "-a", str(disk), "--operations", ",".join(operations)]
        for path in self.leftovers:
            argv += ["--delete", path]
        if self.machine_id:
            argv += ["--truncate", "/etc/machine-id"]
        argv.append("--no-logfile")
        return [*argv, "--run-command", "fstrim -av"] if trim else argv

    def run(self, work: Work, context: Context) -> None:
        assert work.before
        host = context.host_for(self.name)
        qemuimg.create_overlay(host, work.before, work.disk, relative=True)
        trimmed = True
        try:
            host.run(*self.command(work.disk), env=context.guestfs_env, timeout=PATIENCE, fix=_FIX)
        except ToolError as error:
            if not any("fstrim" in line for line in error.evidence):
                raise
            trimmed = False  # a guest that cannot: once more without, and virt-sparsify does it
            work.disk.unlink()
            qemuimg.create_overlay(host, work.before, work.disk, relative=True)
            host.run(
                *self.command(work.disk, trim=False), env=context.guestfs_env, timeout=PATIENCE, fix=_FIX
            )
        write_atomically(work.folder / TRIM, json.dumps({"trimmed": trimmed}))
