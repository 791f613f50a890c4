"""Give the blocks back that the guest no longer uses."""

from dataclasses import dataclass

from goldsmith.artifact import qemuimg
from goldsmith.plan.stage import Context, Inputs, Kind, Work


@dataclass(frozen=True)
class Sparsify:
    """virt-sparsify in place: it discards, where the copying mode would read and write the whole disk."""

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
        host.run(
            "virt-sparsify", "--in-place", "--format", "qcow2", work.disk,
            env=context.guestfs_env,
            fix="the lines above are virt-sparsify's; the layer before is untouched",
        )  # fmt: skip
