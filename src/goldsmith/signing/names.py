"""What an image says of its signature: four properties, and the exact spellings that Glance takes."""

import base64
import binascii
import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from goldsmith.errors import UsageError

VALUE = "img_signature"
HASH = "img_signature_hash_method"
KIND = "img_signature_key_type"
CERTIFICATE = "img_signature_certificate_uuid"
PROPERTIES = (VALUE, HASH, KIND, CERTIFICATE)
SUFFIX = ".sig"  # of the file beside an image that holds its signature

# What Glance takes from anyone; Goldsmith signs by fewer (HashMethod, KeyType).
HASHES = ("SHA-224", "SHA-256", "SHA-384", "SHA-512")
KINDS = ("RSA-PSS", "DSA", "ECC_SECP384R1", "ECC_SECP521R1")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class HashMethod(StrEnum):
    SHA256 = "SHA-256"
    SHA384 = "SHA-384"
    SHA512 = "SHA-512"


class KeyType(StrEnum):
    RSA_PSS = "RSA-PSS"
    SECP384R1 = "ECC_SECP384R1"
    SECP521R1 = "ECC_SECP521R1"


def signed(properties: Mapping[str, str]) -> bool:
    """Say whether an image claims to be signed."""
    return any(name in properties for name in PROPERTIES)


def beside(image: Path) -> Path:
    """Return where the signature of a file lies."""
    return image.with_name(image.name + SUFFIX)


def check_signed(properties: Mapping[str, str]) -> None:
    """Raise UsageError unless an image has all four properties of a signature, in Glance's spelling, or none.

    With three of four Glance says nothing, checks nothing, and the image becomes active.
    """
    if not signed(properties):
        return
    if missing := [name for name in PROPERTIES if not properties.get(name)]:
        raise UsageError(
            f"{missing[0]} is missing: Glance does not check a signature unless all four properties are there",
            fix=f"set {', '.join(PROPERTIES)} together (goldsmith sign does), or none of them",
        )
    _spelled(HASH, properties[HASH], HASHES)
    _spelled(KIND, properties[KIND], KINDS)
    try:
        base64.b64decode(properties[VALUE], validate=True)
    except (binascii.Error, ValueError):
        raise UsageError(f"{VALUE} is not base64", fix="goldsmith sign writes it") from None
    if not _UUID.fullmatch(properties[CERTIFICATE]):
        raise UsageError(
            f"{CERTIFICATE} is {properties[CERTIFICATE]!r}, but must be the UUID of a secret",
            fix="give the last part of the secret's address in Barbican",
        )


def _spelled(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(
            f"{name} is {value!r}, but Glance knows only: {' '.join(known)}", fix="spell it exactly so"
        )
