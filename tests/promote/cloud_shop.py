"""Versions in a real Glance, in a project of their own, with their evidence in their properties."""

import os
from dataclasses import dataclass
from pathlib import Path

from goldsmith.catalog.entry import RECIPE, VERSION, NewImage
from goldsmith.catalog.glance import GlanceCatalog
from goldsmith.catalog.local import LocalCatalog
from goldsmith.promote import decide
from goldsmith.promote.cloud import GlanceDesk
from goldsmith.promote.known import properties_of
from goldsmith.recipe.project import CloudCatalog

from .shop import GOOD_EVIDENCE, Shop


@dataclass
class CloudShop(Shop):
    cloud: str = "glance"

    @property
    def embedded(self):
        return LocalCatalog(self.folder / "state" / "catalog")

    @property
    def catalog(self):
        return GlanceCatalog(
            self.cloud, CloudCatalog(cloud=self.cloud), self.folder / "state/clouds" / self.cloud
        )

    def desk(self, who="ann", *, lease=60.0):
        return GlanceDesk(self.catalog, self.embedded, self.channels, who, lease)

    def make(self, version, *, formats=("raw",), size=1000, evidence=GOOD_EVIDENCE, enter=True, **more):
        """Register a version here, with its evidence, and push it; ``enter`` promotes it into the first channel."""
        data = {kind: os.urandom(size) for kind in formats}
        local = Shop(self.folder, self.channels, self.recipe)
        kept = local.make(version, evidence=evidence, enter=False)
        records = local.facts.versions[version].evidence
        ids = []
        for kind, content in data.items():
            file = Path(self.folder, f"{version}.{kind}")
            file.write_bytes(content)
            properties = {RECIPE: self.recipe, VERSION: version, **properties_of(records)}
            new = NewImage(f"{self.recipe}-{version}", disk_format=kind, properties=properties, **more)
            ids.append(self.catalog.register(file, new).id)
        assert len(kept) == 1
        if enter:
            self.desk("build b1").act(self.recipe, lambda facts: decide.registration(facts, version))
        return ids
