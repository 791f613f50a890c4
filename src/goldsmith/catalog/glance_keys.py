"""Certificates in a cloud's Barbican, where Glance and Nova fetch them by the id that an image names."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from goldsmith.catalog.glance_api import Api
from goldsmith.catalog.glance_errors import Refused
from goldsmith.errors import CatalogError

_PREFIX = "goldsmith signing certificate"
_PAGE = 100


@dataclass(frozen=True)
class PublishedCertificates:
    """The certificates that our project has in Barbican; ``glance`` is the way into the cloud."""

    glance: Api

    @cached_property
    def api(self) -> Api:
        return replace(self.glance, service="key_manager")

    def publish(self, pem: str, fingerprint: str) -> str:
        """Return the id of this certificate in Barbican; store it there if our project has not got it yet."""
        name = f"{_PREFIX} {fingerprint}"
        for ident in self._named(name):
            if self.fetch(ident) == pem:
                return ident
        body = {
            "name": name,
            "secret_type": "certificate",
            "payload": base64.b64encode(pem.encode()).decode(),
            "payload_content_type": "application/octet-stream",
            "payload_content_encoding": "base64",
        }
        made = self._once("store the certificate", "POST", "/secrets", body=body)
        return ident_of(str(made["secret_ref"]))

    def fetch(self, ident: str) -> str | None:
        """Return the PEM text of a certificate; None where Barbican does not give it to us."""
        try:
            data = b"".join(self.api.fetch("give the certificate", f"/secrets/{ident}/payload"))
        except Refused as error:
            if error.status in (401, 403, 404, 406):
                return None
            raise
        return data.decode("ascii", "replace")

    def let_read(self, ident: str, users: Sequence[str]) -> None:
        """Let users (ids) of other projects read a certificate, beside those who may already."""
        known = self._ask("show who may read the certificate", f"/secrets/{ident}/acl")
        said = known.get("read") or {}
        wanted = sorted({*said.get("users", ()), *users})
        if wanted != sorted(said.get("users", ())):
            body = {"read": {"users": wanted, "project-access": said.get("project-access", True)}}
            self._once("let others read the certificate", "PUT", f"/secrets/{ident}/acl", body=body)

    def _named(self, name: str) -> Sequence[str]:
        found = self._ask("list certificates", "/secrets", name=name, limit=_PAGE)
        return [ident_of(str(one["secret_ref"])) for one in found.get("secrets", ())]

    def _ask(self, what: str, path: str, **params: object) -> dict[str, Any]:
        try:
            return self.api.ask(what, path, **params)
        except Refused as error:
            raise _told(error, self.glance) from None

    def _once(self, what: str, method: str, path: str, *, body: object) -> dict[str, Any]:
        try:
            return self.api.once(what, method, path, body=body)
        except Refused as error:
            raise _told(error, self.glance) from None


def ident_of(address: str) -> str:
    return address.rstrip("/").rpartition("/")[2]


def _told(error: Refused, glance: Api) -> CatalogError:
    """Return what to do where Barbican refuses or is not there at all; by 300 another service answers for it."""
    if error.status == 403:
        return Refused(
            error.problem,
            status=403,
            fix="this user may not store secrets: ask for the role member (creator, where Barbican is older)",
        )
    if error.status in (300, 404, 405) or "endpoint" in error.problem.lower():  # something else answers there
        return Refused(
            f"{glance.catalog} has no key manager (Barbican) that answers: {error.problem}",
            status=error.status,
            fix="without one this cloud checks no signatures; ask its operators, or upload without: goldsmith push "
            "--unsigned, or `signatures: false` for this catalog in goldsmith.yaml",
        )
    return error
