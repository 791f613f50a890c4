"""Who signs: a key, its certificate and a hash, checked before anything is signed."""

from dataclasses import dataclass
from pathlib import Path

from goldsmith.signing.certificates import Certificate, check_for_signing, load_certificate
from goldsmith.signing.keys import Passphrase, SigningKey
from goldsmith.signing.names import HashMethod
from goldsmith.signing.places import KeyPlace, open_key


@dataclass(frozen=True)
class Signer:
    key: SigningKey
    certificate: Certificate
    method: HashMethod


@dataclass(frozen=True)
class SignerPlaces:
    """Where a signer is to be found; the key is opened only when something is signed.

    ``passphrase`` is the PIN, where the key is in a token.
    """

    key: KeyPlace
    certificate: Path
    method: HashMethod
    passphrase: Passphrase | None = None

    def load(self) -> Signer:
        """Return who signs; UsageError or GateError for what must not."""
        certificate = load_certificate(self.certificate)
        key = open_key(self.key, self.passphrase)
        check_for_signing(key, certificate, str(self.certificate))
        return Signer(key, certificate, self.method)
