"""Give the blocks back that the guest no longer uses."""

from dataclasses import dataclass

from goldsmith.artifact import qemuimg
from goldsmith.plan.damage import noted_in
from goldsmith.plan.stage import Context, Inputs, Kind, Work
from goldsmith.stages.parts import PATIENCE, TRIM


@dataclass(frozen=True)
class Sparsify:
    """virt-sparsify in place: it discards, where the copying mode would read and write the whole disk.

    Where sysprep has trimmed every file system in its own launch, a second launch finds nothing to give back (0.04 %
    of the demo disk), and the layer stays empty.
    """

    name = "sparsify"
    kind = Kind.DISK
    version = 1
    group = ""

    def inputs(self) -> Inputs:
        return {"mode": "in-place"}

    def run(self, work: Work, context: Context) -> None:
        assert work.before
        host = context.host_for(self.name)
        qemuimg.create_overlay(host, work.before, work.disk, relative=True)
        if _trimmed(context):
            context.log_for(self.name)("every file system was trimmed in the launch of virt-sysprep")
            return
        host.run(
            "virt-sparsify", "--in-place", "--format", "qcow2", work.disk,
            env=context.guestfs_env,
            timeout=PATIENCE,
            fix="the lines above are virt-sparsify's; the layer before is untouched",
        )  # fmt: skip


def _trimmed(context: Context) -> bool:
    return bool(noted_in(context.results["sysprep"].folder, TRIM)["trimmed"])
