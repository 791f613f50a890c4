"""A certificate that is signed by somebody who cannot give his key away."""

from collections.abc import Callable

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from goldsmith.signing.keys import Public, unconfirmed

_SEQUENCE, _BITS = 0x30, 0x03


def certified(
    builder: x509.CertificateBuilder, public: Public, sign: Callable[[bytes], bytes]
) -> x509.Certificate:
    """Return the certificate, signed with SHA-256 by ``sign``, which has the private half of ``public``.

    cryptography signs by keys in memory alone. So a key of the same kind stands in, and its signature is replaced:
    what is signed names the kind, not the key.
    """
    stand_in = _stand_in(public)
    other = builder.sign(stand_in, hashes.SHA256())
    text = other.tbs_certificate_bytes
    signature = sign(text)
    _confirm(public, signature, text)
    whole = other.public_bytes(Encoding.DER)
    end = whole.index(text) + len(text)
    algorithm = whole[end : end + 2 + whole[end + 1]]
    return x509.load_der_x509_certificate(_der(_SEQUENCE, text + algorithm + _der(_BITS, b"\0" + signature)))


def _confirm(public: Public, signature: bytes, text: bytes) -> None:
    try:
        if isinstance(public, rsa.RSAPublicKey):
            public.verify(signature, text, padding.PKCS1v15(), hashes.SHA256())
        else:
            public.verify(signature, text, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise unconfirmed() from None


def _stand_in(public: Public) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    if isinstance(public, rsa.RSAPublicKey):
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(public.curve)


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + content
