"""A signature over the bytes of a whole file: made from their digest, checked by a public key."""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from goldsmith.signing.keys import ALGORITHMS, Public, SigningKey, kind_of, pss, unconfirmed
from goldsmith.signing.names import CERTIFICATE, HASH, KIND, VALUE, HashMethod, KeyType


@dataclass(frozen=True)
class Signature:
    """What the four properties of an image say; without ``certificate`` it is not known to any catalog yet."""

    value: bytes
    method: HashMethod
    kind: KeyType
    certificate: str = ""  # id of the secret that holds the certificate

    def as_properties(self) -> Mapping[str, str]:
        return {
            VALUE: base64.b64encode(self.value).decode(),
            HASH: self.method.value,
            KIND: self.kind.value,
            CERTIFICATE: self.certificate,
        }


class UnknownSignature(ValueError):
    """The properties are of a kind that Goldsmith does not check."""


def from_properties(properties: Mapping[str, str]) -> Signature:
    """Return the signature that properties tell of. Raises UnknownSignature, with the reason."""
    try:
        method, kind = HashMethod(properties[HASH]), KeyType(properties[KIND])
        value = base64.b64decode(properties[VALUE], validate=True)
    except KeyError as error:
        raise UnknownSignature(f"{error.args[0]} is missing") from None
    except binascii.Error:
        raise UnknownSignature(f"{VALUE} is not base64") from None
    except ValueError as error:
        raise UnknownSignature(f"{error}: Goldsmith does not check this kind") from None
    return Signature(value, method, kind, properties.get(CERTIFICATE, ""))


def sign(key: SigningKey, method: HashMethod, digest: bytes) -> Signature:
    """Return the signature over bytes with this digest. Raises GateError if the public half does not confirm it."""
    made = Signature(key.sign(digest, method), method, key.kind)
    if not good(made, key.public, digest):
        raise unconfirmed()
    return made


def good(signature: Signature, key: Public, digest: bytes) -> bool:
    """Say whether the key's owner signed bytes with this digest."""
    if kind_of(key) is not signature.kind:
        return False
    prehashed = utils.Prehashed(ALGORITHMS[signature.method])
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature.value, digest, pss(signature.method, padding.PSS.AUTO), prehashed)
        else:
            key.verify(signature.value, digest, ec.ECDSA(prehashed))
    except InvalidSignature:
        return False
    return True


def sign_text(key: SigningKey, text: bytes) -> bytes:
    """Return a signature over a short text; the hash is the one that fits the key."""
    method = method_for(key.kind)
    return sign(key, method, digest_of(text, method)).value


def good_text(value: bytes, key: Public, text: bytes) -> bool:
    method = method_for(kind_of(key))
    return good(Signature(value, method, kind_of(key)), key, digest_of(text, method))


def method_for(kind: KeyType) -> HashMethod:
    """Return the hash that is as strong as a key of this kind."""
    return {
        KeyType.RSA_PSS: HashMethod.SHA256,
        KeyType.SECP384R1: HashMethod.SHA384,
        KeyType.SECP521R1: HashMethod.SHA512,
    }[kind]


def digest_of(text: bytes, method: HashMethod) -> bytes:
    return hashlib.new(method.value.replace("-", "").lower(), text).digest()
