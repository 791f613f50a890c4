"""Write down what was built from what: the manifest beside the images."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from goldsmith import __version__
from goldsmith.artifact.inventory import FILE as INVENTORY
from goldsmith.artifact.inventory import Inventory, parse
from goldsmith.artifact.manifest import (
    AuditSummary,
    Document,
    ImageFile,
    Manifest,
    Medium,
    RecipeOrigin,
    StageRecord,
    host_facts,
    seal,
)
from goldsmith.artifact.sbom import Subject, write_bills
from goldsmith.artifact.tools import tool_versions
from goldsmith.errors import GoldsmithError
from goldsmith.events import PhaseStarted, Warned
from goldsmith.host import files
from goldsmith.host.process import Host
from goldsmith.plan.damage import noted_in
from goldsmith.plan.entered import by_hand
from goldsmith.plan.stage import Context, Inputs, Kind, Work
from goldsmith.plan.store import SEAL
from goldsmith.recipe.model import Recipe
from goldsmith.stages.exported import exported, image_file, made_at
from goldsmith.stages.medium import noted_of
from goldsmith.stages.parts import SCAN

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Seal:
    """The manifest of one build. ``reused`` tells which of the stages before came from the store."""

    recipe: Recipe
    reused: Callable[[str], bool]

    name = "seal"
    kind = Kind.ARTIFACT
    version = 2
    group = ""
    reads_medium = True

    def inputs(self) -> Inputs:
        return {"recipe": self.recipe.digest}

    def run(self, work: Work, context: Context) -> None:
        host = context.host_for(self.name)
        images = [image_file(one, self.recipe.name) for one in exported(context.results["export"])]
        documents = [*self._stock(work, context, images), *_scanned(context)]
        manifest = Manifest(
            goldsmith=__version__,
            build=context.build,
            recipe=RecipeOrigin(self.recipe.name, self.recipe.digest, _commit(host, self.recipe)),
            host=host_facts(),
            accel="kvm" if context.acceleration.virt_type == "kvm" else "tcg",
            stages=tuple(self._stages(context)),
            files=tuple(images),
            media=tuple(_media(context)),
            tools=tool_versions(host),
            audit=_summary(context, "audit", "audit.json"),
            boot_test=_summary(context, "boot-test", "boot-test.json"),
            documents=tuple(Document(one.name, files.sha256_of(one)) for one in documents),
            rendered=tuple(_rendered(context.folder / "rendered")),
            by_hand=by_hand(context),
        )
        text = seal(manifest)
        files.write_atomically(work.folder / MANIFEST, text)
        files.write_atomically(context.folder / MANIFEST, text)

    def _stages(self, context: Context) -> list[StageRecord]:
        records = []
        for name, entry in context.results.items():
            noted = noted_in(entry.folder, SEAL)
            records.append(StageRecord(name, entry.key, float(noted["seconds"]), self.reused(name)))
        return records

    def _stock(self, work: Work, context: Context, images: list[ImageFile]) -> list[Path]:
        """Return the inventory that the audit took, and the bills of materials that are made of it."""
        path = context.results["audit"].folder / INVENTORY if "audit" in context.results else None
        held = parse(path.read_bytes(), where=str(path)) if path and path.is_file() else None
        bills = self._bills(work, context, images, held)
        return [path, *bills] if path and held else [*bills]

    def _bills(
        self, work: Work, context: Context, images: list[ImageFile], held: Inventory | None
    ) -> tuple[Path, ...]:
        """Write the bills of materials; there are none of a guest whose packages nobody could list."""
        if held is None or held.packages is None:
            context.reporter.tell(Warned("no SBOM is made: the audit could not list the guest's packages"))
            return ()
        context.reporter.tell(PhaseStarted(self.name, "writing the SBOM"))
        subject = Subject(self.recipe.name, images, made_at(context.results["export"]))
        bills = write_bills(held, subject, work.folder)
        for one in bills:
            files.write_atomically(context.folder / one.name, one.read_bytes())
        return bills


def _scanned(context: Context) -> list[Path]:
    """Return the result of the scan with OpenSCAP, where there was one."""
    return [context.results["openscap"].folder / SCAN] if "openscap" in context.results else []


def _commit(host: Host, recipe: Recipe) -> str | None:
    folder = recipe.sources[0].parent if recipe.sources else Path()
    try:
        commit = host.run(
            "git", "-C", folder, "rev-parse", "--verify", "-q", "HEAD", ok=(0, 1, 128)
        ).stdout.strip()
        changed = host.run(
            "git", "-C", folder, "status", "--porcelain", "--", ".", ok=(0, 128)
        ).stdout.strip()
    except GoldsmithError:  # no git here
        return None
    return f"{commit}-dirty" if commit and changed else commit or None


def _media(context: Context) -> list[Medium]:
    """Return the medium of the system, and after it the files that a Windows is installed with."""
    noted = noted_of(context)
    return [
        Medium(name=Path(one["location"]).name, sha256=one["sha256"], size=one.get("size"))
        for one in (noted, *noted.get("further", {}).values())
        if one.get("sha256")
    ]


def _rendered(folder: Path) -> Iterator[Document]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield Document(path.relative_to(folder).as_posix(), files.sha256_of(path))


def _summary(context: Context, stage: str, name: str) -> AuditSummary | None:
    if stage not in context.results:
        return None
    report = noted_in(context.results[stage].folder, name)
    statuses = [check["status"] for check in report["checks"]]
    return AuditSummary(
        profile=str(report["profile"]),
        passed=statuses.count("ok"),
        failed=statuses.count("failed"),
        waived=statuses.count("waived"),
        warnings=statuses.count("warning"),
        skipped=statuses.count("skipped"),
    )
