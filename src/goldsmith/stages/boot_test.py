"""Boot the exported image as a cloud does, before anybody can take it from the catalog."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from goldsmith.boottest.hardware import Hardware
from goldsmith.boottest.own import OwnCheck
from goldsmith.boottest.place import SUFFIX, Image, Place
from goldsmith.boottest.run import REPORT, boot_test
from goldsmith.errors import GuestError
from goldsmith.events import PhaseStarted
from goldsmith.host import files
from goldsmith.plan.keeping import staying
from goldsmith.plan.stage import Context, Inputs, Kind, Work
from goldsmith.recipe.choices import Metadata
from goldsmith.stages.evidence import with_kept
from goldsmith.stages.exported import exported

EVIDENCE = "boot-test"  # folder of the build's record: consoles and screenshots


@dataclass(frozen=True)
class BootTest:
    """One boot test of the first exported file; ``hardware`` is what the catalog promises.

    ``timeout`` is in seconds from power-on until the guest lets us in, None for that of the kind of guest.
    """

    hardware: Hardware
    network: str
    own: Sequence[OwnCheck]
    waivers: Mapping[str, str]
    timeout: float | None
    metadata: Metadata
    checks: str  # digest of the set of checks: another set asks again

    name = "boot-test"
    kind = Kind.CHECK
    version = 1
    group = ""

    def inputs(self) -> Inputs:
        return {
            "hardware": asdict(self.hardware),
            "own": [asdict(one) for one in self.own],
            "waivers": dict(self.waivers),
            "metadata": str(self.metadata),
            "checks": self.checks,
        }

    def run(self, work: Work, context: Context) -> None:
        first = exported(context.results["export"])[0]
        place = Place(
            ident=f"{context.build}{SUFFIX}",
            state=context.state,
            uri=context.uri,
            virt_type=context.acceleration.virt_type,
            network=self.network,
            evidence=context.folder / EVIDENCE,
        )
        log = context.log_for(self.name)

        def tell(text: str) -> None:
            log(text)
            context.reporter.tell(PhaseStarted(self.name, text))

        entry = context.results["export"].key
        report = boot_test(
            Image(first.path, first.format, first.virtual_size),
            self.hardware,
            place,
            host=context.host_for(self.name),
            timeout=self.timeout * context.patience if self.timeout else None,
            waivers=self.waivers,
            own=self.own,
            metadata=self.metadata,
            stay=staying(context.keeper, place, context.folder, stage=self.name, parent=entry),
            env=context.guestfs_env,
            tell=tell,
        )
        text = json.dumps(report.as_json(), indent=1)
        files.write_atomically(context.folder / REPORT, text)  # also of a build that this stops
        try:
            report.raise_if_failed()
        except GuestError as error:
            raise with_kept(error, [place.folder]) from None
        files.write_atomically(work.folder / REPORT, text)
