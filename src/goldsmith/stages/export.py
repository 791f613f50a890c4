"""Make the finished image files: flat, compressed, digested."""

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from goldsmith.artifact import qemuimg
from goldsmith.artifact.target import Target, settled
from goldsmith.events import PhaseStarted, Progress
from goldsmith.host import files
from goldsmith.host.process import Host
from goldsmith.plan.stage import Context, Inputs, Kind, Work
from goldsmith.recipe.model import Export as Wanted
from goldsmith.stages.exported import FACTS, FINISH, STEM, Judge, Looked

EXTENSIONS = {"qcow2": "qcow2", "raw": "raw", "vmdk": "vmdk", "vdi": "vdi", "vhd": "vhd", "vhdx": "vhdx"}
# How a format is written beyond what the recipe says: when it changes, so does the image.
_MORE = {"vmdk": " lsilogic", "vhd": " of its exact size"}


@dataclass(frozen=True)
class Export:
    """One image for each wanted format, none of them with a trace of the layers it came from.

    Recipes that make the same disk share them, so that each gives them its own name only when they are sealed.
    """

    wanted: Sequence[Wanted]

    name = "export"
    kind = Kind.ARTIFACT
    version = 2
    group = FINISH

    def inputs(self) -> Inputs:
        return {
            "formats": [
                f"{one.format.value} {one.compression.value}{_MORE.get(one.format.value, '')}"
                for one in self.wanted
            ]
        }

    def suffixes(self) -> list[str]:
        """Return the ends of the files' names; a second one of a format is told apart by its compression."""
        found: list[str] = []
        for one in self.wanted:
            suffix = f".{EXTENSIONS[one.format.value]}"
            found.append(f"-{one.compression.value}{suffix}" if suffix in found else suffix)
        return found

    def run(self, work: Work, context: Context) -> None:
        self._export(work, context, compared=False)

    def run_together(self, works: Sequence[Work], context: Context) -> None:
        """Export, while the audit's look into the same disk goes on beside.

        The two are worth one another only if file and disk are equal, so the file is then compared with the disk.
        """
        work, *judged = works
        assert work.before
        with ExitStack() as stack:
            looks: list[tuple[Work, Judge, Looked]] = []
            for one in judged:
                judge = cast(Judge, one.stage)
                looks.append((one, judge, stack.enter_context(judge.looking(work.before, context))))
            with context.announce(work):
                self._export(work, context, compared=bool(judged))
                work.commit()
            for one, judge, looked in looks:
                with context.announce(one):
                    judge.check(one, context, looked=looked)
                    one.commit()

    def _export(self, work: Work, context: Context, *, compared: bool) -> None:
        assert work.before
        host = context.host_for(self.name)
        room = qemuimg.measure(host, work.before)
        files.need_space(work.folder, room * len(self.wanted), what="the export of the finished image")
        noted: list[dict[str, object]] = []
        for one, suffix in zip(self.wanted, self.suffixes(), strict=True):
            target = work.folder / f"{STEM}{suffix}"
            context.reporter.tell(PhaseStarted(self.name, f"writing {one.format.value}"))
            self._write(host, work.before, target, one, context, compared=compared or bool(noted))
            context.reporter.tell(PhaseStarted(self.name, "reading its digests"))
            digests = files.digest(target)
            target.chmod(0o444)
            info = qemuimg.info(host, target, one.format.value)
            noted.append(
                {
                    "file": target.name,
                    "suffix": suffix,
                    "format": one.format.value,
                    "compression": target_of(one).compression,
                    "virtual_size": info.virtual_size,
                    **asdict(digests),
                }
            )
        files.write_atomically(work.folder / FACTS, json.dumps({"images": noted}, indent=1))

    def _write(
        self, host: Host, disk: Path, target: Path, one: Wanted, context: Context, *, compared: bool
    ) -> None:
        """Write one image. One that is itself looked into needs no comparison with the disk that it is of."""
        wish = target_of(one)
        if not compared:
            qemuimg.convert(host, disk, target, to=wish, on_progress=self._heard(context))
            return
        from goldsmith.convert.disk import rewrite

        heard = self._heard(context)
        rewrite(host, disk, "qcow2", target, wish, on_step=lambda _, percent: heard(percent))

    def _heard(self, context: Context) -> Callable[[float], None]:
        return lambda percent: context.reporter.tell(Progress(self.name, percent, 100, "%"))


def target_of(one: Wanted) -> Target:
    """Return what a recipe's export asks for; of formats that know no compression its default is none."""
    compresses = one.format.value in ("qcow2", "vmdk")
    return settled(Target(one.format.value, one.compression.value if compresses else "none"))
