import base64
import hashlib
import json
import os

import pytest
from securesystemslib.dsse import Envelope as TheirEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from goldsmith.errors import GateError, UsageError
from goldsmith.signing import detached, envelope
from goldsmith.signing.certificates import new_certificate
from goldsmith.signing.detached import Detached
from goldsmith.signing.keys import pem_of, public_pem
from goldsmith.signing.names import PROPERTIES, HashMethod, KeyType, beside, check_signed
from goldsmith.signing.signature import (
    Signature,
    UnknownSignature,
    digest_of,
    from_properties,
    good,
    method_for,
    sign,
)

UUID = "0b5a1a2c-6b43-4f1e-9a55-3d6f0f8f8f10"
EVERY = [(kind, method) for kind in KeyType for method in HashMethod]


@pytest.mark.parametrize(("kind", "method"), EVERY)
def test_a_signature_is_good_for_its_bytes_and_its_key_alone(keys, kind, method):
    digest = digest_of(b"image", method)
    made = sign(keys[kind], method, digest)
    assert good(made, keys[kind].public, digest)
    assert not good(made, keys[kind].public, digest_of(b"imagf", method))
    for other in set(KeyType) - {kind}:
        assert not good(made, keys[other].public, digest)
    spoiled = Signature(bytes([made.value[0] ^ 1]) + made.value[1:], method, kind)
    assert not good(spoiled, keys[kind].public, digest)


@pytest.mark.parametrize(("kind", "method"), EVERY)
def test_openssl_confirms_our_signatures_and_we_confirm_its(keys, kind, method, tmp_path, openssl):
    (tmp_path / "image").write_bytes(data := os.urandom(100_000))
    (tmp_path / "key.pem").write_bytes(pem_of(keys[kind], None))
    (tmp_path / "public.pem").write_text(public_pem(keys[kind].public))
    (tmp_path / "ours").write_bytes(sign(keys[kind], method, digest_of(data, method)).value)
    name = method.value.replace("-", "").lower()
    pss = ["-sigopt", "rsa_padding_mode:pss"] if kind is KeyType.RSA_PSS else []
    most = ["-sigopt", "rsa_pss_saltlen:max"] if pss else []  # the longest salt, or openssl refuses it
    check = ["dgst", f"-{name}", *pss, *most, "-verify", "public.pem", "-signature", "ours", "image"]
    assert openssl(*check) == "Verified OK\n"
    openssl("dgst", f"-{name}", *pss, "-sign", "key.pem", "-out", "theirs", "image")
    theirs = Signature((tmp_path / "theirs").read_bytes(), method, kind)
    assert good(theirs, keys[kind].public, digest_of(data, method))
    (tmp_path / "image").write_bytes(data + b"x")
    assert openssl(*check).startswith("Verification fail")


def test_a_signature_comes_back_from_its_properties(keys):
    made = sign(keys[KeyType.SECP384R1], HashMethod.SHA512, digest_of(b"image", HashMethod.SHA512))
    said = {**made.as_properties(), PROPERTIES[3]: UUID}
    check_signed(said)
    assert from_properties(said) == Signature(made.value, HashMethod.SHA512, KeyType.SECP384R1, UUID)
    with pytest.raises(UnknownSignature, match="SHA-224"):
        from_properties({**said, PROPERTIES[1]: "SHA-224"})


@pytest.mark.parametrize("count", [1, 2, 3])
def test_less_than_four_properties_are_refused_since_glance_would_check_nothing(count):
    said = dict(zip(PROPERTIES, ["YWJj", "SHA-256", "RSA-PSS", UUID], strict=True))
    check_signed(said)
    check_signed({"os_distro": "debian"})
    for left_out in PROPERTIES[count:]:
        del said[left_out]
    with pytest.raises(UsageError, match=f"{PROPERTIES[count]} is missing: Glance does not check"):
        check_signed(said)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("img_signature_hash_method", "sha256", "is 'sha256', but Glance knows only: SHA-224 SHA-256"),
        ("img_signature_key_type", "ECC_SECP256R1", "but Glance knows only: RSA-PSS DSA ECC_SECP384R1"),
        ("img_signature", "b'YWJj'", "img_signature is not base64"),
        ("img_signature_certificate_uuid", "http://x/secrets/1", "must be the UUID of a secret"),
    ],
)
def test_a_spelling_that_glance_does_not_know_is_refused(name, value, problem):
    said = dict(zip(PROPERTIES, ["YWJj", "SHA-256", "RSA-PSS", UUID], strict=True))
    with pytest.raises(UsageError, match=problem):
        check_signed({**said, name: value})


def test_a_signature_file_comes_back_whole_and_a_spoiled_one_is_refused(keys, tmp_path):
    key = keys[KeyType.SECP521R1]
    made = Detached(
        "demo.qcow2",
        5,
        hashlib.sha256(b"image").hexdigest(),
        sign(key, HashMethod.SHA384, digest_of(b"image", HashMethod.SHA384)),
        new_certificate(key, "builds", days=3),
    )
    path = beside(tmp_path / "demo.qcow2")
    assert path.name == "demo.qcow2.sig"
    detached.write(path, made)
    assert detached.read(path) == made
    assert json.loads(path.read_text())["img_signature_certificate_uuid"] is None
    path.write_text(path.read_text().replace("SHA-384", "MD5"))
    with pytest.raises(GateError, match="Goldsmith does not check this kind"):
        detached.read(path)
    for text in ("[]", "{", "{}", '{"img_signature": 3}'):
        path.write_text(text)
        with pytest.raises(GateError, match="is not a signature of Goldsmith"):
            detached.read(path)


SCHEMES = {KeyType.RSA_PSS: ("rsa", "rsassa-pss-sha256"), KeyType.SECP384R1: ("ecdsa", "ecdsa-sha2-nistp384")}


@pytest.mark.parametrize("kind", SCHEMES)
def test_the_envelope_is_one_that_securesystemslib_confirms(keys, kind):
    made = envelope.seal(keys[kind], "text/plain", b"hello")
    theirs = TheirEnvelope.from_dict(json.loads(made.as_json()))
    assert theirs.payload == b"hello"
    keytype, scheme = SCHEMES[kind]
    ident = envelope.key_id(keys[kind].public)
    key = SSlibKey(ident, keytype, scheme, {"public": public_pem(keys[kind].public)})
    assert list(theirs.verify([key], 1)) == [ident]
    theirs.payload = b"hullo"
    with pytest.raises(VerificationError):
        theirs.verify([key], 1)


@pytest.mark.parametrize("kind", KeyType)
def test_an_envelope_is_signed_by_its_key_for_its_kind_of_text(keys, kind):
    made = envelope.read(envelope.seal(keys[kind], "text/plain", b"hello").as_json().encode())
    assert made.signed_by(keys[kind].public)
    assert not any(made.signed_by(keys[other].public) for other in set(KeyType) - {kind})
    assert not envelope.Envelope(made.payload, "text/html", made.signatures).signed_by(keys[kind].public)
    assert not envelope.Envelope(b"hullo", made.kind, made.signatures).signed_by(keys[kind].public)
    assert not envelope.Envelope(made.payload, made.kind, ()).signed_by(keys[kind].public)


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"payload": "!", "payloadType": "x", "signatures": []}']
)
def test_what_is_no_envelope_is_said_so(text):
    with pytest.raises(ValueError, match="it is no DSSE envelope"):
        envelope.read(text)


def test_the_hash_fits_the_key():
    assert [method_for(kind).value for kind in KeyType] == ["SHA-256", "SHA-384", "SHA-512"]
    assert base64.b64encode(digest_of(b"", HashMethod.SHA256)).startswith(b"47DEQpj8")
