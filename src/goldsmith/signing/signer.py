"""Who signs: a key, its certificate and a hash, checked before anything is signed."""

from dataclasses import dataclass
from pathlib import Path

from goldsmith.signing.certificates import Certificate, check_for_signing, load_certificate
from goldsmith.signing.keys import Passphrase, SigningKey, load_key
from goldsmith.signing.names import HashMethod


@dataclass(frozen=True)
class Signer:
    key: SigningKey
    certificate: Certificate
    method: HashMethod


@dataclass(frozen=True)
class SignerFiles:
    """Where a signer is to be found; the key is opened only when something is signed."""

    key: Path
    certificate: Path
    method: HashMethod
    passphrase: Passphrase | None = None

    def load(self) -> Signer:
        """Return who signs; UsageError or GateError for what must not."""
        certificate = load_certificate(self.certificate)
        key = load_key(self.key, self.passphrase)
        check_for_signing(key, certificate, str(self.certificate))
        return Signer(key, certificate, self.method)
