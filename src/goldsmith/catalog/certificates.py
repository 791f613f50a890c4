"""Certificates that signatures name: kept beside the embedded catalog, by the id that its images name them by."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from goldsmith.errors import CatalogError
from goldsmith.host.closed import PASSED, make_folder
from goldsmith.host.files import write_atomically


@dataclass(frozen=True)
class KeptCertificates:
    """PEM files ``<id>.pem``. They prove nothing by themselves: whoever verifies says whom he trusts."""

    folder: Path

    def keep(self, pem: str, ident: str = "") -> str:
        """Keep a certificate and return its id: where it was published, else one that follows from its text."""
        ident = ident or str(UUID(hashlib.sha256(pem.encode()).hexdigest()[:32], version=4))
        path = self._path(ident)
        if not path.exists() or path.read_text(encoding="ascii") != pem:
            try:
                make_folder(self.folder.parent, PASSED)
                make_folder(self.folder)
            except OSError as error:
                raise CatalogError(f"cannot make {self.folder}: {error.strerror}") from None
            write_atomically(path, pem)
        return ident

    def find(self, ident: str) -> str | None:
        """Return the PEM text of a certificate; None if it is not here."""
        path = self._path(ident)
        return path.read_text(encoding="ascii") if path.is_file() else None

    def _path(self, ident: str) -> Path:
        if not re.fullmatch(r"[0-9a-f-]{36}", ident):
            raise CatalogError(
                f"{ident!r} is no id of a certificate", fix="see img_signature_certificate_uuid of the image"
            )
        return self.folder / f"{ident}.pem"
