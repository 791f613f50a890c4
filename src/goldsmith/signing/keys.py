"""Private keys that sign images: their contract, and those that are read from PEM files, or made."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from goldsmith.errors import GateError, UsageError
from goldsmith.signing.names import HashMethod, KeyType

SMALLEST_RSA = 2048  # bits, for keys that are given
MADE_RSA = 4096
ALGORITHMS: dict[HashMethod, hashes.SHA256 | hashes.SHA384 | hashes.SHA512] = {
    HashMethod.SHA256: hashes.SHA256(),
    HashMethod.SHA384: hashes.SHA384(),
    HashMethod.SHA512: hashes.SHA512(),
}
_CURVES = {"secp384r1": KeyType.SECP384R1, "secp521r1": KeyType.SECP521R1}

Public = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Passphrase = Callable[[], str]


class SigningKey(Protocol):
    """Signs a digest; where the private key lies is its own matter."""

    @property
    def kind(self) -> KeyType: ...
    @property
    def public(self) -> Public: ...
    def sign(self, digest: bytes, method: HashMethod) -> bytes: ...
    def certify(self, builder: x509.CertificateBuilder) -> x509.Certificate: ...


@dataclass(frozen=True)
class PemKey:
    """A private key in memory."""

    private: Private

    @property
    def kind(self) -> KeyType:
        return kind_of(self.public)

    @property
    def public(self) -> Public:
        return self.private.public_key()

    def sign(self, digest: bytes, method: HashMethod) -> bytes:
        prehashed = utils.Prehashed(ALGORITHMS[method])
        if isinstance(self.private, rsa.RSAPrivateKey):
            # The longest salt is what Glance's own documentation signs with; old releases accept no other.
            return self.private.sign(digest, pss(method, padding.PSS.MAX_LENGTH), prehashed)
        return self.private.sign(digest, ec.ECDSA(prehashed))

    def certify(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        return builder.sign(self.private, hashes.SHA256())


def pss(method: HashMethod, salt: object) -> padding.PSS:
    """Return the padding: MGF1 with the hash of the signature."""
    return padding.PSS(padding.MGF1(ALGORITHMS[method]), salt)  # type: ignore[arg-type]


def load_key(path: Path, passphrase: Passphrase | None = None) -> PemKey:
    """Read a private key; ``passphrase`` is asked for only if the file is encrypted. Raises UsageError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"the key {path} cannot be read: {error.strerror}", fix="name the PEM file of the private key"
        ) from None
    try:
        private = _parsed(data, path, passphrase)
    except (ValueError, UnsupportedAlgorithm):
        if b"ENCRYPTED" in data:
            raise UsageError(
                f"the passphrase does not open the key {path}", fix="see what the reference gives"
            ) from None
        raise UsageError(
            f"{path} is not a private key in PEM", fix="openssl pkey -in KEY -out KEY.pem writes one"
        ) from None
    if not isinstance(private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise _unfit(type(private).__name__.removesuffix("PrivateKey"), str(path))
    check_public(private.public_key(), str(path))
    return PemKey(private)


def _parsed(data: bytes, path: Path, passphrase: Passphrase | None) -> object:
    try:
        return serialization.load_pem_private_key(data, None)
    except TypeError:  # it is encrypted
        if passphrase is None:
            raise UsageError(
                f"the key {path} is encrypted",
                fix="--passphrase env:NAME, file:PATH or command:PROGRAM says where its passphrase is",
            ) from None
        return serialization.load_pem_private_key(data, passphrase().encode())


def check_public(key: object, where: str) -> Public:
    """Return the key if Glance can check its signatures; UsageError with the reason if not."""
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < SMALLEST_RSA:
            raise UsageError(
                f"{where}: an RSA key of {key.key_size} bits can be broken; {SMALLEST_RSA} is the least",
                fix="goldsmith keygen makes a new one",
            )
        return key
    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name not in _CURVES:
            raise _unfit(f"the curve {key.curve.name}", where)
        return key
    raise _unfit(type(key).__name__.removesuffix("PublicKey"), where)


def kind_of(key: Public) -> KeyType:
    return KeyType.RSA_PSS if isinstance(key, rsa.RSAPublicKey) else _CURVES[key.curve.name]


def new_key(kind: KeyType, *, bits: int = MADE_RSA) -> PemKey:
    if kind is KeyType.RSA_PSS:
        return PemKey(rsa.generate_private_key(public_exponent=65537, key_size=bits))
    curve = ec.SECP384R1() if kind is KeyType.SECP384R1 else ec.SECP521R1()
    return PemKey(ec.generate_private_key(curve))


def pem_of(key: PemKey, passphrase: str | None) -> bytes:
    """Return the content of a key file (PKCS#8), encrypted if there is a passphrase."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    return key.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


def public_pem(key: Public) -> str:
    encoding, layout = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(encoding, layout).decode()


def same(one: Public, other: Public) -> bool:
    return public_pem(one) == public_pem(other)


def unconfirmed() -> GateError:
    """Return what is to be said of a key that signs, and whose public half denies it."""
    return GateError(
        "the key gave a signature that its public half does not confirm",
        fix="see to the key: in a token, both halves of it have the same id",
    )


def _unfit(what: str, where: str) -> UsageError:
    return UsageError(
        f"{where}: {what} is no kind of key by which Glance checks a signature",
        fix="take RSA, or an EC key on secp384r1 or secp521r1; goldsmith keygen makes one",
    )
