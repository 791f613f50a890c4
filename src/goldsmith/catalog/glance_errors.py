"""What a Glance refused, in words that say what to do."""

import json
import re
from collections.abc import Callable

from goldsmith.errors import CatalogError

PASSING = frozenset({408, 429, 500, 502, 503, 504})  # may be gone when asked again

_FIXES = {
    400: "see what Glance says of it",
    401: "the token is refused or has expired: see to the credentials of {cloud} in clouds.yaml "
    "(openstack --os-cloud {cloud} token issue)",
    403: "the role of this user does not allow it: ask for another role, or have somebody do it who has one",
    404: "goldsmith image list --all --catalog {catalog}",
    405: "this cloud does not offer it: ask its operators",
    409: "somebody else changes this image, or it is not in the state for this: look at it, then try again",
    410: "somebody deleted the image meanwhile: push it again",
    413: "it is larger than this cloud takes, or the quota is used up: delete what is not needed, "
    "ask for more, or push a smaller format (qcow2)",
    415: "Glance takes the bytes for something else than they are declared, or for unsafe: "
    "look at them with goldsmith inspect",
    429: "the cloud asks to be asked less often: try again later",
}
_NO_CERTIFICATE = "unable to retrieve certificate"  # cursive's words, by which Glance checks
_OTHER_BYTES = "signature verification"
_FILTERED = "does not pass filtering"
_PUBLIC = "publicize_image"
_KNOWN = {
    _PUBLIC: "public images are the administrators' affair: try --visibility shared or community, or have one of them "
    "set it",
    _NO_CERTIFICATE: "whoever uploads must be able to read the certificate in Barbican: goldsmith sign "
    "--publish-certificate --catalog {catalog} puts it there for this project, and whose it is may let others read it "
    "(--reader USER-ID)",
    _OTHER_BYTES: "the signature is not over these bytes: sign the file that is sent, after the last conversion",
    _FILTERED: "the cloud fetches only what its import_filtering_opts allow (ports 80 and 443, and no loopback, where "
    "they are left as they are): fetch the file here, then goldsmith push FILE --catalog {catalog}",
}
_DELEGATED = (
    "{cloud} is entered by an application credential, with which Keystone lets Glance fetch no certificate: "
    "upload signed images as a user with a password"
)
_LATER = "the cloud is not well: try again later, and tell its operators if it stays so"


class Refused(CatalogError):
    """Glance answered with a refusal; ``status`` is that of HTTP, 0 when no answer came."""

    def __init__(self, problem: str, *, status: int, fix: str = "", evidence: tuple[str, ...] = ()) -> None:
        super().__init__(problem, fix=fix, evidence=evidence)
        self.status = status

    @property
    def passing(self) -> bool:
        """Say whether the same question may be answered later."""
        return self.status == 0 or self.status in PASSING


def refused(
    status: int,
    body: str,
    *,
    what: str,
    catalog: str,
    cloud: str,
    request: str = "",
    delegated: Callable[[], bool] = bool,
) -> Refused:
    """Return the error for an answer; ``what`` was to be done, ``request`` is the id that Glance's log has.

    ``delegated`` says whether the cloud was entered by an application credential.
    """
    known = _known(body, delegated) if status in (400, 403) else ""
    fix = known or _FIXES.get(status, _LATER if status >= 500 else _FIXES[400])
    fix = fix.format(catalog=catalog, cloud=cloud)
    said = words(body)
    note = (f"for its operators: {request}",) if request and status >= 500 else ()
    return Refused(
        f"{catalog} refused to {what} ({status}): {said or 'without a reason'}",
        status=status,
        fix=fix,
        evidence=note,
    )


def _known(body: str, delegated: Callable[[], bool]) -> str:
    found = next((known for known in _KNOWN if known in body.lower()), "")
    if found == _NO_CERTIFICATE and delegated():
        return _DELEGATED
    return _KNOWN.get(found, "")


def unanswered(reason: str, *, what: str, catalog: str) -> Refused:
    """Return the error for a question that no answer came to."""
    return Refused(
        f"no answer from {catalog} when it was asked to {what}: {reason}",
        status=0,
        fix="see to the network, the proxies in between, and the cloud's state; then try again",
    )


def words(body: str) -> str:
    """Return the reason in an answer of Glance (JSON or HTML) or of a proxy, on one line."""
    try:
        said = json.loads(body)
        text = str(said.get("message") or said.get("title") or "") if isinstance(said, dict) else str(said)
    except ValueError:
        text = body
    text = re.sub(r"(?is)<(head|style|script)\b.*?</\1>", " ", text)
    text = " ".join(re.sub(r"<[^>]+>", " ", text).split())
    return text[:600]
