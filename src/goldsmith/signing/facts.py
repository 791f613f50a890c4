"""What is true of a signature and its certificate, each fact a row that says what to do if it is not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cryptography import x509

from goldsmith.errors import GoldsmithError
from goldsmith.signing.certificates import Certificate, check_dates, check_usage, vouched
from goldsmith.signing.keys import kind_of
from goldsmith.signing.signature import Signature, good

UNKNOWN = "if you know this certificate, name it: --certificate FILE; else its issuer's: --ca BUNDLE"


class Status(StrEnum):
    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Fact:
    id: str
    status: Status
    detail: str
    fix: str = ""


@dataclass(frozen=True)
class Trust:
    """Whose signatures are wanted: those of one certificate, or of all that these authorities vouch for."""

    certificate: Certificate | None = None
    authorities: Sequence[x509.Certificate] = ()

    @property
    def wanted(self) -> bool:
        return self.certificate is not None or bool(self.authorities)


def fact(ident: str, wrong: str, right: str, fix: str = "") -> Fact:
    """Return a row: ``wrong`` is empty where all is well."""
    return Fact(ident, Status.FAILED, wrong, fix) if wrong else Fact(ident, Status.OK, right)


def signature_facts(
    signature: Signature, certificate: Certificate | None, digest: bytes, trust: Trust
) -> Iterator[Fact]:
    """Yield the rows of one signature over bytes with this digest."""
    shown = trust.certificate or certificate
    if shown is None:
        yield Fact("signature", Status.FAILED, "the certificate of its key is not to be had", UNKNOWN)
        return
    whole = good(signature, shown.public, digest)
    yield fact(
        "signature",
        "" if whole else f"it is not by the key of {shown.subject}, or not over these bytes",
        f"{signature.kind} with {signature.method} by the key of {shown.subject}",
        "do not use the image; take it again from where it was signed, or sign these bytes again",
    )
    yield from certificate_facts(shown, trust, signature)
    if certificate and shown is not certificate:
        same = certificate.fingerprint == shown.fingerprint
        wrong = "" if same else f"it was signed with another certificate: {certificate.fingerprint}"
        yield fact("same", wrong, "it names the certificate that was given", UNKNOWN)


def certificate_facts(certificate: Certificate, trust: Trust, signature: Signature) -> Iterator[Fact]:
    try:
        kind = kind_of(certificate.public)
    except GoldsmithError as error:
        yield Fact("key", Status.FAILED, error.problem, error.fix)
        return
    wrong = (
        "" if kind is signature.kind else f"the certificate's key is {kind}, the signature {signature.kind}"
    )
    yield fact("key", wrong, f"{kind} of {certificate.leaf.public_key().key_size} bits")  # type: ignore[union-attr]
    yield fact(
        "certificate",
        check_dates(certificate) or check_usage(certificate),
        f"valid until {certificate.until:%Y-%m-%d}, sha256 {certificate.fingerprint}",
        "have the image signed again with a certificate that is valid",
    )
    yield _chain(certificate, trust)


def _chain(certificate: Certificate, trust: Trust) -> Fact:
    if trust.authorities:
        wrong = vouched(certificate, trust.authorities)
        return fact("chain", wrong, "its issuer is trusted", "see --ca: is it the issuer's certificate?")
    if trust.certificate:
        return Fact("chain", Status.OK, "it is the certificate that was given")
    issuer = certificate.leaf.issuer.rfc4514_string()
    alone = certificate.leaf.issuer == certificate.leaf.subject
    who = "it is self-signed" if alone else f"its issuer is {issuer}"
    return Fact("chain", Status.FAILED, f"nobody was named who vouches for it: {who}", UNKNOWN)
