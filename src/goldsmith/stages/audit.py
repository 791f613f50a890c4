"""Check the finished image offline; a failed check of severity error stops the build before the catalog."""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

from goldsmith.artifact.inventory import FILE
from goldsmith.audit.facts import Expected, ExpectedWindows
from goldsmith.events import Warned
from goldsmith.host import files
from goldsmith.plan.stage import Context, Inputs, Kind, Work
from goldsmith.stages.exported import FINISH, Looked, exported

REPORT = "audit.json"


@dataclass(frozen=True)
class Audit:
    """One audit of the first exported file. ``secrets`` gives the values that no byte of any of the files may hold."""

    profile: str
    distro: str  # what the guest must call itself
    major: int | None  # the first number of its version
    firmware: str  # bios or uefi: what the catalog will promise
    growroot: bool  # the initramfs is to grow the root partition
    windows: ExpectedWindows | None  # what the recipe promises of a Windows
    waivers: Mapping[str, str]
    checks: str  # digest of the set of checks: another set asks again
    secrets: Callable[[], Sequence[str]]
    secret_digests: Sequence[str]

    name = "audit"
    kind = Kind.CHECK
    version = 3
    group = FINISH

    def inputs(self) -> Inputs:
        return {
            "profile": self.profile,
            "distro": self.distro,
            "major": self.major,
            "firmware": self.firmware,
            "growroot": self.growroot,
            **({"windows": asdict(self.windows)} if self.windows else {}),
            "waivers": dict(self.waivers),
            "checks": self.checks,
            "secrets": list(self.secret_digests),
        }

    def run(self, work: Work, context: Context) -> None:
        self.check(work, context, looked=None)

    def run_together(self, works: Sequence[Work], context: Context) -> None:
        """Check what another build has exported."""
        (work,) = works
        with context.announce(work):
            self.run(work, context)
            work.commit()

    def looking(self, disk: Path, context: Context) -> AbstractContextManager[Looked]:
        """Begin the look at the disk that is exported in the meantime: with two processors it is for nothing."""
        from goldsmith.audit.run import looking

        return looking(
            disk,
            driver="qcow2",
            profile=self.profile,
            host=context.host_for(self.name),
            env=context.guestfs_env,
        )

    def check(self, work: Work, context: Context, *, looked: Looked | None) -> None:
        """Audit the exported files; ``looked`` gives what a look at a disk of the same content has shown."""
        from goldsmith.audit.run import audit

        image, *copies = exported(context.results["export"])
        report = audit(
            image.path,
            format=image.format,
            profile=self.profile,
            expected=Expected(
                format=image.format,
                virtual_size=image.virtual_size,
                distro=self.distro,
                major=self.major,
                firmware=self.firmware,
                growroot=self.growroot,
                windows=self.windows,
            ),
            host=context.host_for(self.name),
            env=context.guestfs_env,
            secrets=self.secrets(),
            copies=[one.path for one in copies],
            waivers=self.waivers,
            looked=looked,
        )
        text = json.dumps(report.as_json(), indent=1)
        files.write_atomically(context.folder / REPORT, text)  # also of a build that this stops
        for result in report.checks:
            if result.status == "warning":
                context.reporter.tell(Warned(f"{result.id}: {result.detail}", result.fix))
        report.raise_if_failed()
        files.write_atomically(work.folder / REPORT, text)
        if report.inventory:
            for folder in (work.folder, context.folder):
                files.write_atomically(folder / FILE, report.inventory.text())
