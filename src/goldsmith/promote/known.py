"""What is known here about images of a cloud: what the embedded catalog keeps about the build, and their properties."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from goldsmith.catalog import evidence, index
from goldsmith.catalog.entry import RECIPE, VERSION, Image, Query
from goldsmith.catalog.evidence import Evidence, EvidenceKind, newest
from goldsmith.catalog.local import LocalCatalog
from goldsmith.catalog.rules import EVIDENCE

BUILD = "goldsmith_build"


@dataclass(frozen=True)
class Known:
    """The evidence of a recipe's builds in the embedded catalog."""

    embedded: LocalCatalog
    recipe: str

    def of(self, image: Image) -> tuple[Evidence, ...]:
        """Return the records about an image of a cloud, oldest first."""
        found = [*claimed(image), *self._kept.get(image.sha256 or "", ()), *self._kept.get(_build(image), ())]
        alike = {
            (one.kind, one.sha256, one.recorded_at): one for one in found
        }  # the one with its document wins
        return tuple(sorted(alike.values(), key=lambda one: one.recorded_at))

    @cached_property
    def _kept(self) -> Mapping[str, Sequence[Evidence]]:
        """Return all records, by the bytes that they are about and by the build that these came from."""
        found: dict[str, list[Evidence]] = {}
        with self.embedded.database.reading() as session:
            query = Query(properties={RECIPE: self.recipe}, hidden=True, deleted=True)
            for image in index.select(session, query):
                records = evidence.of_image(session, image.id)
                for name in filter(None, (image.sha256, _build(image))):
                    found.setdefault(name, []).extend(records)
        return found


def _build(image: Image) -> str:
    """Name the build of an image; a cloud may have it in another format, so with other bytes."""
    said = image.properties
    return f"{said[BUILD]}@{said.get(VERSION, '')}" if said.get(BUILD) else ""


def properties_of(records: Sequence[Evidence]) -> dict[str, str]:
    """Return the properties that tell in another catalog what is known: the newest record of each kind."""
    found = {}
    for kind in EvidenceKind:
        if one := newest(records, kind):
            said = {
                "passed": one.passed,
                "at": one.recorded_at.isoformat(timespec="seconds"),
                "by": one.recorded_by,
                "sha256": one.sha256,
                "summary": one.summary,
            }
            found[EVIDENCE + kind.value.replace("-", "_")] = json.dumps(said, sort_keys=True)
    return found


def claimed(image: Image) -> tuple[Evidence, ...]:
    """Return what the properties of an image say is known about it; what cannot be read says nothing."""
    found = []
    for kind in EvidenceKind:
        try:
            said = json.loads(image.properties[EVIDENCE + kind.value.replace("-", "_")])
            found.append(
                Evidence(
                    image_id=image.id,
                    kind=kind.value,
                    passed=said["passed"] is True,
                    recorded_at=datetime.fromisoformat(said["at"]),
                    recorded_by=str(said["by"]),
                    sha256=str(said["sha256"]),
                    summary=str(said["summary"]),
                    elsewhere=True,
                )
            )
        except (ValueError, LookupError, TypeError):
            continue
    return tuple(found)
