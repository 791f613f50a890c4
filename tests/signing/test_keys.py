import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

from goldsmith.errors import UsageError
from goldsmith.signing.keys import kind_of, load_key, pem_of, same
from goldsmith.signing.names import KeyType


def pem(private, passphrase=None):
    encryption = (
        serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    )
    return private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def never():
    pytest.fail("the passphrase of an open key was asked for")


@pytest.mark.parametrize("kind", KeyType)
def test_a_key_comes_back_from_its_file_with_and_without_a_passphrase(keys, kind, tmp_path):
    path = tmp_path / "key.pem"
    path.write_bytes(pem_of(keys[kind], None))
    assert same(load_key(path, never).public, keys[kind].public)
    path.write_bytes(pem_of(keys[kind], "horse"))
    again = load_key(path, lambda: "horse")
    assert again.kind is kind_of(keys[kind].public) is kind


def test_an_encrypted_key_needs_its_own_passphrase(keys, tmp_path):
    path = tmp_path / "key.pem"
    path.write_bytes(pem_of(keys[KeyType.SECP384R1], "horse"))
    with pytest.raises(UsageError, match=r"key\.pem is encrypted\n  fix: --passphrase env:NAME"):
        load_key(path)
    with pytest.raises(UsageError, match=r"the passphrase does not open the key .*key\.pem"):
        load_key(path, lambda: "donkey")


def test_an_old_encrypted_form_is_read_too(tmp_path):
    private = rsa.generate_private_key(65537, 2048)
    path = tmp_path / "key.pem"
    path.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.BestAvailableEncryption(b"horse"),
        )
    )
    assert load_key(path, lambda: "horse").kind is KeyType.RSA_PSS
    with pytest.raises(UsageError, match="does not open"):
        load_key(path, lambda: "donkey")


@pytest.mark.parametrize(
    ("private", "problem"),
    [
        (lambda: rsa.generate_private_key(65537, 1024), "an RSA key of 1024 bits can be broken; 2048 is"),
        (lambda: ec.generate_private_key(ec.SECP256R1()), "the curve secp256r1 is no kind of key"),
        (lambda: ed25519.Ed25519PrivateKey.generate(), "Ed25519 is no kind of key by which Glance checks"),
        (lambda: dsa.generate_private_key(2048), "DSA is no kind of key"),
    ],
)
def test_a_key_that_glance_or_we_do_not_take_is_refused_with_the_reason(tmp_path, private, problem):
    path = tmp_path / "key.pem"
    path.write_bytes(pem(private()))
    with pytest.raises(UsageError, match=f"key.pem: {problem}"):
        load_key(path)


def test_what_is_no_key_is_said_so(tmp_path):
    path = tmp_path / "key.pem"
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        load_key(path)
    path.write_text("hello")
    with pytest.raises(UsageError, match="is not a private key in PEM"):
        load_key(path)
    path.write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    with pytest.raises(UsageError, match="is not a private key in PEM"):
        load_key(path)
