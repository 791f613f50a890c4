"""Hand the finished image to the catalog."""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from goldsmith.artifact.inventory import FILE as INVENTORY
from goldsmith.artifact.sbom import CYCLONEDX
from goldsmith.artifact.sbom import FILES as BILLS
from goldsmith.catalog.entry import BUILD_KEY, VERSION, Image, NewImage, Query, min_disk_for
from goldsmith.catalog.evidence import EvidenceKind
from goldsmith.catalog.local import LocalCatalog
from goldsmith.catalog.numbers import next_version
from goldsmith.errors import CatalogError, GateError, HostError
from goldsmith.events import Progress, Warned
from goldsmith.host import files
from goldsmith.plan.damage import noted_in
from goldsmith.plan.entered import by_hand
from goldsmith.plan.stage import Context, Entry, Inputs, Kind, Work
from goldsmith.publish.item import FACTS
from goldsmith.recipe.model import Recipe
from goldsmith.recipe.promotion import CHANNELS, ChannelPart
from goldsmith.stages.described import Origin, described, promised
from goldsmith.stages.exported import Exported, exported, made_at
from goldsmith.stages.parts import SCAN

if TYPE_CHECKING:
    from goldsmith.promote.embedded import EmbeddedDesk

BY_HAND = "goldsmith_by_hand"  # there only where a person may have changed the guest
DOCUMENTS = (  # what stages leave for the gates: kind, stage, file
    (EvidenceKind.AUDIT, "audit", "audit.json"),
    (EvidenceKind.BOOT_TEST, "boot-test", "boot-test.json"),
    (EvidenceKind.MANIFEST, "seal", "manifest.json"),
    (EvidenceKind.SBOM, "seal", BILLS[CYCLONEDX]),
    (EvidenceKind.INVENTORY, "audit", INVENTORY),
    (EvidenceKind.OPENSCAP, "openscap", SCAN),
    (EvidenceKind.PROVENANCE, "attest", "provenance.json"),
)


@dataclass(frozen=True)
class Register:
    """One catalog entry for each exported format, all of one version: the day and a number, ``20260131.1``.

    What the stages before found out is kept with the entries, and the first channel points to the version.
    """

    recipe: Recipe
    properties: Mapping[str, str]
    least_ram: int  # MiB, where the recipe leaves min_ram to us
    channels: Sequence[ChannelPart] = CHANNELS

    name = "register"
    kind = Kind.CATALOG
    version = 3
    group = ""

    def inputs(self) -> Inputs:
        said = self.recipe.catalog.model_dump(mode="json")
        return {
            "catalog": json.dumps(said, sort_keys=True),
            "properties": dict(self.properties),
            "least_ram": self.least_ram,
        }

    def run(self, work: Work, context: Context) -> None:
        from goldsmith.promote.attach import attach
        from goldsmith.stages.attested import signed_properties

        catalog = LocalCatalog(context.state / "catalog")
        exports = exported(context.results["export"])
        keys = [f"{work.key}-{one.named(self.recipe.name)}" for one in exports]
        version = self._version(catalog, keys)
        self._require_not_revoked(catalog, version, exports, context)
        origin = Origin(context.build, version, made_at(context.results["export"]))
        images: list[Image] = []
        for one, key in zip(exports, keys, strict=True):
            done = 0

            def heard(block: int, of: Exported = one) -> None:
                nonlocal done
                done += block
                context.reporter.tell(Progress(self.name, done, of.digests.size, "bytes"))

            signed = signed_properties(context.results, one.named(self.recipe.name), catalog.folder)
            new = self._new(one, origin, key, {**signed, **_by_hand(context)})
            images.append(catalog.register(one.path, new, one.digests, on_bytes=heard))
        ids = [image.id for image in images]
        for kind, document in evidence_of(context.results):
            attach(catalog, ids, kind, document, who=f"build {context.build}")
        self._enter(catalog, version, context)
        noted = [catalog.get(one).as_json() for one in ids]
        files.write_atomically(work.folder / FACTS, json.dumps({"images": noted}, indent=1))

    def _desk(self, catalog: LocalCatalog, context: Context) -> "EmbeddedDesk":
        from goldsmith.promote.embedded import EmbeddedDesk

        return EmbeddedDesk(catalog, self.channels, f"build {context.build}")

    def _require_not_revoked(
        self, catalog: LocalCatalog, version: str, exports: Sequence[Exported], context: Context
    ) -> None:
        """Refuse what was built before to the byte, and then revoked: in the catalog it would be active again."""
        name = self.recipe.name
        facts = self._desk(catalog, context).facts(name)
        bytes_now = {one.digests.sha256 for one in exports}
        for known, event in facts.state.revoked.items():
            held = facts.versions[known].images if known in facts.versions else ()
            if known == version or bytes_now & {image.sha256 for image in held}:
                raise GateError(
                    f"this is {name}@{known} once more, which {event.who} revoked: {event.reason}",
                    fix="change in the recipe what is wrong with it, or --refresh what the guest reads from outside, "
                    "and build again",
                )

    def _enter(self, catalog: LocalCatalog, version: str, context: Context) -> None:
        """Let the first channel point to the new version, if its gates let it."""
        from goldsmith.promote.decide import registration, verdicts
        from goldsmith.promote.gates import refusals

        desk = self._desk(catalog, context)
        first = self.channels[0].name
        if not desk.act(self.recipe.name, lambda facts: registration(facts, version)):
            facts = desk.facts(self.recipe.name)
            if facts.state.holds.get(first) != version and refusals(
                verdicts(facts, facts.version(version), first)
            ):
                fix = f"goldsmith promote {self.recipe.name}@{version} --to {first} tells why"
                context.reporter.tell(Warned(f"the gates of {first} refuse {version}", fix))

    @property
    def min_ram(self) -> int:
        """Return the MiB that a guest needs."""
        wanted = self.recipe.catalog.min_ram
        return self.least_ram if wanted == "auto" else wanted

    def promised(self, version: str) -> Mapping[str, str]:
        """Return the properties that a cloud reads: computed ones, and over them the recipe's own."""
        return promised(self.recipe, self.properties, version)

    def _version(self, catalog: LocalCatalog, keys: Sequence[str]) -> str:
        """Return the number of this build: the one that its images have already, else the next of the day."""
        for key in keys:
            for image in catalog.list(Query(properties={BUILD_KEY: key}, hidden=True)):
                if known := image.properties.get(VERSION):
                    return known
        return next_version(catalog.database, self.recipe.name)

    def _new(self, one: Exported, origin: Origin, key: str, more: Mapping[str, str]) -> NewImage:
        from goldsmith.artifact.introspect import headers
        from goldsmith.formats.source import open_file

        wanted = self.recipe.catalog
        with open_file(one.path) as file:
            embedded = headers(file).header.properties  # what a VMDK says of itself
        properties = {**embedded, **described(self.recipe, self.properties, origin), BUILD_KEY: key, **more}
        return NewImage(
            name=self.recipe.entry_name(origin.version),
            disk_format=one.format,
            visibility=wanted.visibility.value,
            protected=wanted.protected,
            min_disk=min_disk_for(one.virtual_size) if wanted.min_disk == "auto" else wanted.min_disk,
            min_ram=self.min_ram,
            virtual_size=one.virtual_size,
            properties=properties,
            tags=tuple(dict.fromkeys((*wanted.tags, *wanted.upkeep.tags))),
        )


def _by_hand(context: Context) -> Mapping[str, str]:
    changed = by_hand(context)
    return {BY_HAND: "; ".join(changed)} if changed else {}


def evidence_of(results: Mapping[str, Entry]) -> Iterator[tuple[str, bytes]]:
    """Yield the documents of a build that are kept with its images, by their kinds."""
    for kind, stage, name in DOCUMENTS:
        if stage in results:
            with suppress(FileNotFoundError):
                yield kind, (results[stage].folder / name).read_bytes()


def registered(entry: Path) -> Sequence[Mapping[str, object]]:
    """Return the catalog entries that a register stage noted; none where its note is gone or damaged."""
    try:
        images: list[Mapping[str, object]] = noted_in(entry, FACTS)["images"]
    except (HostError, LookupError):
        return []
    return images


def image_is_gone(entry: Path, catalog: Path) -> bool:
    """Say whether this is the entry of a register stage whose image is no more in the catalog, or is damaged there."""
    try:
        local = LocalCatalog(catalog)
        return any(not local.has_whole(str(one["id"])) for one in registered(entry))
    except (OSError, ValueError, LookupError):
        return False
    except CatalogError:  # it cannot be read: whoever registers is told
        return True


def first_image(results: Mapping[str, Entry]) -> Mapping[str, object]:
    """Return the first catalog entry that a build made or found; empty where it does not register."""
    if "register" not in results:
        return {}
    return next(iter(registered(results["register"].folder)), {})


def next_steps(image: Mapping[str, object]) -> Sequence[str]:
    """Return the commands that one may want after a build, as a shell takes them."""
    if not image:
        return ["goldsmith image list"]
    ident, file = str(image["id"]), f"{image['name']}.{image['disk_format']}"
    return [f"goldsmith image show {ident}", f"goldsmith image export {ident} {shlex.quote(file)}"]
