"""Evidence kept with an image: what was found out about its bytes, when, by whom, and the document that says so.

The record is a row of the index; the document lies in ``evidence/<first two digits>/<sha256>`` of the catalog's folder.
Records are only added: of one kind the newest counts.
"""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from goldsmith.artifact.inventory import parse
from goldsmith.catalog import index
from goldsmith.catalog.database import Session
from goldsmith.errors import CatalogError
from goldsmith.host.closed import PASSED, make_folder
from goldsmith.host.files import write_atomically

_FRESH = 3600.0  # seconds in which a document may still wait for its record


class EvidenceKind(StrEnum):
    AUDIT = "audit"
    BOOT_TEST = "boot-test"
    MANIFEST = "manifest"
    SBOM = "sbom"
    INVENTORY = "inventory"
    OPENSCAP = "openscap"
    SIGNATURE = "signature"
    PROVENANCE = "provenance"


@dataclass(frozen=True)
class Evidence:
    """One record; ``sha256`` is the digest of its document, ``summary`` one line for people."""

    image_id: str
    kind: str
    passed: bool
    recorded_at: datetime
    recorded_by: str
    sha256: str
    summary: str
    elsewhere: bool = False  # only the record came here, as a property; its document is in another catalog

    def as_json(self) -> dict[str, object]:
        return {
            "image": self.image_id,
            "kind": self.kind,
            "passed": self.passed,
            "recorded_at": self.recorded_at.isoformat(timespec="seconds"),
            "recorded_by": self.recorded_by,
            "sha256": self.sha256,
            "summary": self.summary,
        }


@dataclass(frozen=True)
class Documents:
    """The documents of a catalog, by the sha256 of their bytes."""

    folder: Path

    def path(self, sha256: str) -> Path:
        return self.folder / "evidence" / sha256[:2] / sha256

    def keep(self, content: bytes) -> str:
        """Keep a document for good and return its digest."""
        sha256 = hashlib.sha256(content).hexdigest()
        path = self.path(sha256)
        if not path.exists():
            make_folder(self.folder, PASSED)
            make_folder(self.folder / "evidence")
            make_folder(path.parent)
            write_atomically(path, content, mode=0o444)
        return sha256

    def read(self, sha256: str) -> bytes | None:
        """Return a document; None when it is gone or is not what was kept."""
        try:
            content = self.path(sha256).read_bytes()
        except OSError:
            return None
        return content if hashlib.sha256(content).hexdigest() == sha256 else None

    def drop_unused(self, session: Session) -> None:
        """Remove documents that no record names any more; the session must be one that writes."""
        used = {str(row["sha256"]) for row in session.rows("SELECT DISTINCT sha256 FROM evidence")}
        for path in sorted((self.folder / "evidence").glob("??/*")):
            with suppress(OSError):
                old = index.now().timestamp() - path.stat().st_mtime > _FRESH
                if old and path.name not in used:
                    path.unlink()


def add(session: Session, one: Evidence) -> None:
    session.run(
        "INSERT INTO evidence (image_id, kind, passed, recorded_at, recorded_by, sha256, summary) "
        "VALUES (:image, :kind, :passed, :at, :by, :sha256, :summary)",
        image=one.image_id,
        kind=one.kind,
        passed=int(one.passed),
        at=one.recorded_at.isoformat(),
        by=one.recorded_by,
        sha256=one.sha256,
        summary=one.summary,
    )


def of_image(session: Session, image_id: str) -> tuple[Evidence, ...]:
    """Return the records of an image, oldest first."""
    rows = session.rows("SELECT * FROM evidence WHERE image_id = :id ORDER BY seq", id=image_id)
    return tuple(
        Evidence(
            image_id=str(row["image_id"]),
            kind=str(row["kind"]),
            passed=bool(row["passed"]),
            recorded_at=datetime.fromisoformat(str(row["recorded_at"])),
            recorded_by=str(row["recorded_by"]),
            sha256=str(row["sha256"]),
            summary=str(row["summary"]),
        )
        for row in rows
    )


def newest(records: Sequence[Evidence], kind: str) -> Evidence | None:
    """Return what counts of a kind: the record that was added last."""
    found = [one for one in records if one.kind == kind]
    return max(found, key=lambda one: one.recorded_at) if found else None


def judge(kind: str, content: bytes) -> tuple[bool, str]:
    """Return whether a document says that all is well, and that in a line.

    Raises CatalogError for what is no document of this kind. A signature or a provenance is as good as whoever
    verified it says, which is not in the document: those are judged where they are verified.
    """
    try:
        document = json.loads(content)
        if kind in (EvidenceKind.AUDIT, EvidenceKind.BOOT_TEST):
            return _checks(document)
        if kind == EvidenceKind.MANIFEST:
            return (
                True,
                f"build {document['build']}, {len(document['files'])} files, sealed {_seal(document)}",
            )
        if kind == EvidenceKind.INVENTORY:
            held = parse(content)
            return True, f"{len(held.packages or ())} packages, {len(held.etc or ())} files in /etc"
        if kind == EvidenceKind.SBOM:
            return _sbom(document)
        if kind == EvidenceKind.OPENSCAP:
            told = ", ".join(f"{count} {name}" for name, count in document["rules"].items())
            return True, f"{document['score']:g} percent of {document['profile']}: {told}"
    except (ValueError, LookupError, TypeError, AttributeError):
        raise CatalogError(
            f"this is no {kind} document", fix=f"give the JSON file that Goldsmith wrote for the {kind}"
        ) from None
    return bool(document), f"{kind} document"


def _checks(document: dict[str, object]) -> tuple[bool, str]:
    checks = document["checks"]
    assert isinstance(checks, list)
    statuses = [str(one["status"]) for one in checks]
    failed = [str(one.get("id", "?")) for one in checks if one["status"] in ("failed", "fail")]
    told = ", ".join(
        f"{statuses.count(name)} {name}" for name in dict.fromkeys(sorted(statuses)) if name in statuses
    )
    names = f" ({', '.join(failed[:5])}{' ...' if len(failed) > 5 else ''})" if failed else ""
    return bool(statuses) and not failed, f"{told or 'no check was made'}{names}"


def _seal(document: dict[str, dict[str, str]]) -> str:
    return document["seal"]["value"][:12]


def _sbom(document: dict[str, object]) -> tuple[bool, str]:
    if document.get("bomFormat") == "CycloneDX":
        name, parts = f"CycloneDX {document['specVersion']}", document.get("components") or []
    else:
        name, parts = str(document["spdxVersion"]), document.get("packages") or []
    assert isinstance(parts, list)
    return bool(parts), f"{name}, {len(parts)} packages"
