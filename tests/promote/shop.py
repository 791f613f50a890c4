"""Versions with evidence in an embedded catalog, made in milliseconds."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from goldsmith.catalog.entry import RECIPE, VERSION, NewImage, Query
from goldsmith.catalog.local import LocalCatalog
from goldsmith.promote import decide
from goldsmith.promote.attach import attach
from goldsmith.promote.embedded import EmbeddedDesk
from goldsmith.recipe.promotion import CHANNELS


def report(*statuses):
    """Return an audit's or boot test's document with checks of these statuses."""
    checks = [{"id": f"C{at}", "status": one} for at, one in enumerate(statuses, 1)]
    return json.dumps({"profile": "p", "checks": checks}).encode()


def sbom(*packages):
    """Return a CycloneDX document of these packages: ``name=version``, of rpm."""
    purls = [f"pkg:rpm/rhel/{one.replace('=', '@')}?arch=x86_64" for one in packages]
    return json.dumps(
        {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"purl": one} for one in purls]}
    ).encode()


GOOD, BAD = report("ok", "warning"), report("ok", "failed")
GOOD_EVIDENCE = {"audit": GOOD, "boot-test": GOOD}


@dataclass
class Shop:
    folder: Path
    channels: tuple = CHANNELS
    recipe: str = "r"

    @property
    def catalog(self):
        return LocalCatalog(self.folder / "state" / "catalog")

    def desk(self, who="ann"):
        return EmbeddedDesk(self.catalog, self.channels, who)

    def make(self, version, *, formats=("raw",), size=1000, evidence=GOOD_EVIDENCE, enter=True, **more):
        """Register a version as a build does."""
        images = []
        for kind in formats:
            file = self.folder / f"{version}.{kind}"
            file.write_bytes(os.urandom(size))
            properties = {RECIPE: self.recipe, VERSION: version}
            new = NewImage(f"{self.recipe}-{version}", disk_format=kind, properties=properties, **more)
            images.append(self.catalog.register(file, new))
            file.unlink()
        for kind, content in evidence.items():
            attach(self.catalog, [one.id for one in images], kind, content, who="build b1")
        if enter:
            self.desk("build b1").act(self.recipe, lambda facts: decide.registration(facts, version))
        return [one.id for one in images]

    def attach(self, image, kind, content):
        """Keep a document with an image, as somebody who found something out later."""
        attach(self.catalog, [image], kind, content, who="ann")

    def channel_images(self, channel):
        """Return what consumers find: the images that have the property of a channel, the last changed first."""
        found = self.catalog.list(Query(properties={f"goldsmith_channel_{channel}": self.recipe}))
        return sorted(found, key=lambda one: one.updated_at, reverse=True)

    def promote(self, version, channel, *, who="ann", **more):
        return self.desk(who).act(
            self.recipe, lambda facts: decide.promotion(facts, version, channel, **more)
        )

    def rollback(self, channel, **more):
        return self.desk().act(self.recipe, lambda facts: decide.rollback(facts, channel, **more))

    def revoke(self, version, reason="it is bad"):
        return self.desk().act(self.recipe, lambda facts: decide.revocation(facts, version, reason=reason))

    def approve(self, version, channel, who):
        return self.desk(who).act(self.recipe, lambda facts: decide.approval(facts, version, channel))

    @property
    def facts(self):
        return self.desk().facts(self.recipe)

    @property
    def holds(self):
        return dict(self.facts.state.holds)

    def image(self, version):
        return self.facts.versions[version].images[0]
