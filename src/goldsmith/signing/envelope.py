"""DSSE: a text with signatures over it and over what kind of text it is."""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass

from goldsmith.signing.keys import Public, SigningKey, public_pem
from goldsmith.signing.signature import good_text, sign_text


@dataclass(frozen=True)
class Envelope:
    """A payload as it was signed; ``signatures`` are pairs: the id of a key, and what it signed."""

    payload: bytes
    kind: str
    signatures: tuple[tuple[str, bytes], ...]

    def as_json(self) -> str:
        document = {
            "payload": base64.b64encode(self.payload).decode(),
            "payloadType": self.kind,
            "signatures": [
                {"keyid": key, "sig": base64.b64encode(value).decode()} for key, value in self.signatures
            ],
        }
        return json.dumps(document, indent=2) + "\n"

    def signed_by(self, key: Public) -> bool:
        """Say whether one of the signatures is this key's; ids of keys are hints that prove nothing."""
        text = _authenticated(self.kind, self.payload)
        return any(good_text(value, key, text) for _, value in self.signatures)


def seal(key: SigningKey, kind: str, payload: bytes) -> Envelope:
    value = sign_text(key, _authenticated(kind, payload))
    return Envelope(payload, kind, ((key_id(key.public), value),))


def read(text: bytes) -> Envelope:
    """Return the envelope in a text. Raises ValueError when it is none."""
    try:
        document = json.loads(text)
        signatures = tuple(
            (str(one.get("keyid", "")), base64.b64decode(one["sig"], validate=True))
            for one in document["signatures"]
        )
        payload = base64.b64decode(document["payload"], validate=True)
        kind = document["payloadType"]
    except (KeyError, TypeError, AttributeError, binascii.Error, ValueError):
        raise ValueError("it is no DSSE envelope") from None
    return Envelope(payload, str(kind), signatures)


def key_id(key: Public) -> str:
    return hashlib.sha256(public_pem(key).encode()).hexdigest()


def _authenticated(kind: str, payload: bytes) -> bytes:
    """Return the Pre-Authentication Encoding, by which no text can be taken for one of another kind."""
    name = kind.encode()
    return b"DSSEv1 %d %b %d %b" % (len(name), name, len(payload), payload)
