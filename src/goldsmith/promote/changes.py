"""In what a version differs from another, as far as their inventories are kept."""

from goldsmith.artifact.difference import Difference, compare
from goldsmith.artifact.inventory import Inventory, known
from goldsmith.catalog.evidence import EvidenceKind
from goldsmith.promote.facts import Facts
from goldsmith.promote.version import Version


def changes(facts: Facts, before: str, after: str) -> Difference | None:
    """Return what changed from one version to another; None where that of one of them is not known here."""
    versions = [facts.versions.get(one) for one in (before, after)]
    held = [_inventory(facts, one) for one in versions if one]
    if len(held) != len(versions) or held[0] is None or held[1] is None:
        return None
    old, new = (one.size if one else None for one in versions)
    return compare(held[0], held[1], sizes=(old, new))


def _inventory(facts: Facts, version: Version) -> Inventory | None:
    record = version.newest(EvidenceKind.INVENTORY)
    return known(facts.read(record.sha256) if record else None)
