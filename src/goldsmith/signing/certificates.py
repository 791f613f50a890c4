"""Certificates: read, made, and checked for what Glance does not look at (dates, issuer, whose key it is)."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from goldsmith.errors import GateError, UsageError
from goldsmith.signing.keys import Public, SigningKey, check_public, same

SKEW = timedelta(minutes=5)  # a new certificate is good already where a clock is late
LONGEST = 3650  # days


@dataclass(frozen=True)
class Certificate:
    """The certificate of a signer, with those between it and its root, as they stood in one PEM file."""

    leaf: x509.Certificate
    between: tuple[x509.Certificate, ...] = ()

    @property
    def public(self) -> Public:
        return check_public(self.leaf.public_key(), self.subject)

    @property
    def subject(self) -> str:
        return self.leaf.subject.rfc4514_string()

    @property
    def fingerprint(self) -> str:
        """Return the sha256 of the DER form, as ``openssl x509 -fingerprint -sha256`` prints it, without colons."""
        return hashlib.sha256(self.leaf.public_bytes(serialization.Encoding.DER)).hexdigest()

    @property
    def until(self) -> datetime:
        return self.leaf.not_valid_after_utc

    @property
    def pem(self) -> str:
        return self.leaf.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def chain_pem(self) -> str:
        return "".join(
            one.public_bytes(serialization.Encoding.PEM).decode() for one in (self.leaf, *self.between)
        )


def load_certificate(path: Path) -> Certificate:
    """Read a PEM file: the signer's certificate first, then those that lead to its root."""
    return parse(_read(path), str(path))


def load_bundle(path: Path) -> tuple[x509.Certificate, ...]:
    """Read the certificates that one trusts."""
    return _parsed(_read(path), str(path))


def parse(pem: bytes, where: str) -> Certificate:
    leaf, *between = _parsed(pem, where)
    check_public(leaf.public_key(), where)
    return Certificate(leaf, tuple(between))


def check_dates(certificate: Certificate, now: datetime | None = None) -> str:
    """Return what is wrong with the time of a certificate, in words; "" if it is valid now."""
    now = now or datetime.now(UTC)
    if now < certificate.leaf.not_valid_before_utc:
        return f"it is valid only from {_day(certificate.leaf.not_valid_before_utc)}"
    if now > certificate.until:
        return f"it expired on {_day(certificate.until)}"
    return ""


def check_usage(certificate: Certificate) -> str:
    """Return why a certificate is not one for signatures; "" if it is."""
    try:
        usage = certificate.leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return ""
    return "" if usage.digital_signature else "its key usage does not allow digital signatures"


def vouched(
    certificate: Certificate, trusted: Sequence[x509.Certificate], now: datetime | None = None
) -> str:
    """Return why none of the trusted certificates vouches for this one; "" if one does."""
    if certificate.leaf in trusted:
        return ""
    roots = verification.ExtensionPolicy.permit_all().require_present(
        x509.BasicConstraints, verification.Criticality.AGNOSTIC, None
    )
    policy = (
        verification.PolicyBuilder()
        .store(verification.Store(list(trusted)))
        .time(now or datetime.now(UTC))
        .extension_policies(ca_policy=roots, ee_policy=verification.ExtensionPolicy.permit_all())
    )
    try:
        policy.build_client_verifier().verify(certificate.leaf, list(certificate.between))
    except verification.VerificationError as error:
        issuer = certificate.leaf.issuer.rfc4514_string()
        return f"no trusted certificate vouches for it (its issuer is {issuer}): {_reason(error)}"
    return ""


def check_for_signing(key: SigningKey, certificate: Certificate, where: str) -> None:
    """Raise what is to be known before anything is signed: another key's certificate, dates, usage."""
    if not same(key.public, certificate.public):
        raise UsageError(
            f"{where} is not the certificate of this key: {certificate.subject}",
            fix="give the certificate that was made for the key",
        )
    if wrong := check_dates(certificate) or check_usage(certificate):
        raise GateError(
            f"the certificate {where} ({certificate.subject}) must not sign: {wrong}",
            fix="get a new one from its issuer, or goldsmith keygen --key KEY makes one for the same key",
        )


def new_certificate(
    key: SigningKey, name: str, *, days: int, issuer: tuple[SigningKey, Certificate] | None = None
) -> Certificate:
    """Return a certificate for a key, self-signed, or by a CA.

    A self-signed one may sign certificates: Nova takes it as a trusted one only then.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer, above = (issuer[0], issuer[1].leaf.subject) if issuer else (key, subject)
    alone = issuer is None
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above)
        .public_key(key.public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=alone, path_length=0 if alone else None), critical=True)
        .add_extension(_usage(alone=alone), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public), critical=False)
    )
    between = (issuer[1].leaf, *issuer[1].between) if issuer else ()
    return Certificate(signer.certify(builder), between)


def check_issuer(issuer: Certificate, days: int, where: str) -> None:
    """Raise UsageError for a CA certificate that cannot issue one for so long."""
    try:
        able = issuer.leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        able = False
    if not able:
        raise UsageError(f"{where} is no certificate of a CA", fix="name the one that may issue certificates")
    if wrong := check_dates(issuer):
        raise UsageError(f"the CA's certificate {where} cannot issue: {wrong}", fix="renew it first")
    if datetime.now(UTC) + timedelta(days=days) > issuer.until:
        left = (issuer.until - datetime.now(UTC)).days
        raise UsageError(
            f"{days} days are longer than the CA's certificate is valid", fix=f"--days {left} at most"
        )


def _usage(*, alone: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=alone,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"the certificate {path} cannot be read: {error.strerror}", fix="name a PEM file"
        ) from None


def _parsed(pem: bytes, where: str) -> tuple[x509.Certificate, ...]:
    try:
        found = tuple(x509.load_pem_x509_certificates(pem))
    except (ValueError, UnsupportedAlgorithm):
        found = ()
    if not found:
        raise UsageError(
            f"{where} holds no certificate in PEM",
            fix="openssl x509 -inform DER -in FILE -out FILE.pem turns DER into PEM",
        )
    return found


def _reason(error: Exception) -> str:
    return str(error).rpartition("validation failed: ")[2].partition(" (encountered")[0]


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
