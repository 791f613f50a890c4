"""Keys that stay in a token (HSM, smart card, SoftHSM) and sign there, over PKCS#11."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pkcs11
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from pkcs11 import MGF, Attribute, Mechanism, MechanismFlag, Object, ObjectClass, PrivateKey, Session
from pkcs11.util.ec import encode_named_curve_parameters

from goldsmith.errors import UsageError
from goldsmith.signing import session as sessions
from goldsmith.signing.certified import certified
from goldsmith.signing.keys import ALGORITHMS, MADE_RSA, Passphrase, Public, check_public, kind_of
from goldsmith.signing.names import HashMethod, KeyType
from goldsmith.signing.uri import TokenUri, quoted

CURVES = {
    curve: encode_named_curve_parameters(curve) for curve in ("secp384r1", "secp521r1")
}  # as a token spells them
_HASHES = {
    HashMethod.SHA256: (Mechanism.SHA256, MGF.SHA256),
    HashMethod.SHA384: (Mechanism.SHA384, MGF.SHA384),
    HashMethod.SHA512: (Mechanism.SHA512, MGF.SHA512),
}
OTHER = "take a key and a token that allow it; EC keys need CKM_ECDSA, RSA keys CKM_RSA_PKCS_PSS"


@dataclass(frozen=True)
class TokenKey:
    """A private key in a token, which is opened for each signature."""

    uri: TokenUri
    pin: Passphrase | None
    public: Public

    @property
    def kind(self) -> KeyType:
        return kind_of(self.public)

    def sign(self, digest: bytes, method: HashMethod) -> bytes:
        if isinstance(self.public, rsa.RSAPublicKey):
            # Glance takes the longest salt alone.
            salt = padding.calculate_max_pss_salt_length(self.public, ALGORITHMS[method])
            try:
                return self._signed(Mechanism.RSA_PKCS_PSS, digest, (*_HASHES[method], salt))
            except pkcs11.MechanismParamInvalid:
                raise UsageError(
                    f"{self.uri}: the token does not take {method} with a salt of {salt} bytes",
                    fix="take an EC key, or another --hash: Glance takes the longest salt alone",
                ) from None
        return self._by_curve(digest)

    def certify(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        return certified(builder, self.public, self._over_text)

    def _over_text(self, text: bytes) -> bytes:
        """Return a signature as certificates have it: by SHA-256, of RSA in its older padding."""
        if isinstance(self.public, rsa.RSAPublicKey):
            return self._signed(Mechanism.SHA256_RSA_PKCS, text)
        return self._by_curve(hashlib.sha256(text).digest())

    def _by_curve(self, digest: bytes) -> bytes:
        """Sign by ECDSA: as many bits of the digest as the curve has, and r and s as DER."""
        size = (self.public.key_size + 7) // 8
        value = self._signed(Mechanism.ECDSA, digest[:size])
        half = len(value) // 2
        return utils.encode_dss_signature(int.from_bytes(value[:half]), int.from_bytes(value[half:]))

    def _signed(self, mechanism: Mechanism, data: bytes, how: object = None) -> bytes:
        with sessions.opened(self.uri, self.pin) as (session, pin):
            sessions.wanted(self.uri, session.token, mechanism, fix=OTHER)
            key = _private(session, self.uri)
            again = {"pin": pin} if _said(key, Attribute.ALWAYS_AUTHENTICATE) else {}
            return bytes(key.sign(data, mechanism=mechanism, mechanism_param=how, **again))  # type: ignore[attr-defined]


def load(uri: TokenUri, pin: Passphrase | None) -> TokenKey:
    """Find the key that a URI names. Raises UsageError or HostError for what would keep it from signing."""
    with sessions.opened(uri, pin) as (session, _):
        return _known(session, _private(session, uri), uri, pin)


def load_or_make(uri: TokenUri, pin: Passphrase | None, kind: KeyType) -> tuple[TokenKey, bool]:
    """Return the key, made in the token if there is none of this name, and whether it was made."""
    with sessions.opened(uri, pin) as (session, _):
        if _found(session, uri):
            return _known(session, _private(session, uri), uri, pin), False
    if not uri.label:
        raise UsageError(f"{uri} does not say how a new key is called", fix="add ;object=NAME")
    with sessions.opened(uri, pin, writable=True) as (session, _):
        _make(session, uri, kind)
        return _known(session, _private(session, uri), uri, pin), True


def _make(session: Session, uri: TokenUri, kind: KeyType) -> None:
    how: dict[str, Any] = {
        "id": uri.ident or os.urandom(8),
        "label": uri.label,
        "store": True,
        "capabilities": MechanismFlag.SIGN | MechanismFlag.VERIFY,
        "private_template": {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
    }
    if kind is KeyType.RSA_PSS:
        session.generate_keypair(pkcs11.KeyType.RSA, MADE_RSA, **how)
        return
    curve = CURVES["secp384r1" if kind is KeyType.SECP384R1 else "secp521r1"]
    of_curve = session.create_domain_parameters(pkcs11.KeyType.EC, {Attribute.EC_PARAMS: curve}, local=True)
    of_curve.generate_keypair(mechanism=Mechanism.EC_KEY_PAIR_GEN, **how)


def _private(session: Session, uri: TokenUri) -> PrivateKey:
    """Return the only private key that fits."""
    keys = _found(session, uri)
    if len(keys) == 1:
        return keys[0]  # type: ignore[return-value]
    every = keys or _objects(session, {Attribute.CLASS: ObjectClass.PRIVATE_KEY})
    names = ", ".join(_name(one) for one in every) or "none"
    if keys:
        raise UsageError(f"{uri} fits several private keys: {names}", fix="name one of them by its id")
    raise UsageError(
        f"{uri}: there is no such private key; the token has {names}",
        fix="name one that is there, or goldsmith keygen --key URI makes one",
    )


def _known(session: Session, key: PrivateKey, uri: TokenUri, pin: Passphrase | None) -> TokenKey:
    public = check_public(_public(session, key, uri), str(uri))
    by = Mechanism.RSA_PKCS_PSS if isinstance(public, rsa.RSAPublicKey) else Mechanism.ECDSA
    sessions.wanted(uri, session.token, by, fix=OTHER)
    if _said(key, Attribute.SIGN) is False:
        raise UsageError(f"{uri}: the token does not let this key sign (CKA_SIGN)", fix="take another key")
    return TokenKey(uri, pin, public)


def _public(session: Session, key: PrivateKey, uri: TokenUri) -> object:
    """Return the public half: as the token keeps it beside the key, by the same id, or in a certificate."""
    for half in (key, *_beside(session, key, ObjectClass.PUBLIC_KEY)):
        if public := _half(half):
            return public
    for one in _beside(session, key, ObjectClass.CERTIFICATE):
        return x509.load_der_x509_certificate(bytes(one[Attribute.VALUE])).public_key()
    raise UsageError(
        f"{uri}: the token keeps neither the public key nor a certificate with the key's id",
        fix="pkcs11-tool --module FILE --login --write-object PUBLIC.der --type pubkey --id ID puts it there",
    )


def _half(key: Object) -> Public | None:
    """Return the public key that an object tells of, if it does and Goldsmith knows its curve."""
    modulus, exponent = _said(key, Attribute.MODULUS), _said(key, Attribute.PUBLIC_EXPONENT)
    if modulus and exponent:
        return rsa.RSAPublicNumbers(int.from_bytes(exponent), int.from_bytes(modulus)).public_key()
    point, curve = _said(key, Attribute.EC_POINT), _said(key, Attribute.EC_PARAMS)
    for name, spelled in CURVES.items():
        if point and curve == spelled:
            of = ec.SECP384R1() if name == "secp384r1" else ec.SECP521R1()
            size = 2 * ((of.key_size + 7) // 8) + 1
            return ec.EllipticCurvePublicKey.from_encoded_point(of, bytes(point[-size:]))  # without its DER
    return None


def _beside(session: Session, key: PrivateKey, kind: ObjectClass) -> Sequence[Object]:
    ident = _said(key, Attribute.ID)
    return _objects(session, {Attribute.CLASS: kind, Attribute.ID: ident}) if ident else ()


def _found(session: Session, uri: TokenUri) -> Sequence[Object]:
    asked: dict[Attribute, Any] = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
    if uri.label:
        asked[Attribute.LABEL] = uri.label
    if uri.ident:
        asked[Attribute.ID] = uri.ident
    return _objects(session, asked)


def _objects(session: Session, asked: dict[Attribute, Any]) -> Sequence[Object]:
    """Return what fits; a search that is not read to its end would keep the token from anything else."""
    return list(session.get_objects(asked))


def _said(key: Object, name: Attribute) -> Any:
    """Return an attribute, None where the token does not know it or keeps it to itself."""
    try:
        return key[name]
    except (pkcs11.PKCS11Error, NotImplementedError):
        return None


def _name(key: Object) -> str:
    label, ident = _said(key, Attribute.LABEL), _said(key, Attribute.ID)
    return f"object={quoted(str(label))};id={quoted(bytes(ident))}"
