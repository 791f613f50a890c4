from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from goldsmith.host.process import LocalHost
from goldsmith.signing.certificates import Certificate
from goldsmith.signing.keys import new_key
from goldsmith.signing.names import KeyType


@pytest.fixture(scope="session")
def keys():
    """Give one key of each kind; RSA as small as it may be, since making a large one takes seconds."""
    return {kind: new_key(kind, bits=2048) for kind in KeyType}


@pytest.fixture(scope="session")
def issue():
    """Make a certificate as a CA would, of any kind of badness; days are from now."""

    def issue(key, name, issuer=None, *, since=-1.0, until=10.0, ca=False, usage=None):
        now = datetime.now(UTC)
        signing, above = issuer or (key, None)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(above.leaf.subject if above else subject)
            .public_key(key.public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + timedelta(days=since))
            .not_valid_after(now + timedelta(days=until))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if usage is not None:
            flags = dict.fromkeys(
                ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False
            )
            more = dict.fromkeys(("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False)
            builder = builder.add_extension(
                x509.KeyUsage(digital_signature=usage, **flags, **more), critical=True
            )
        return Certificate(builder.sign(signing.private, hashes.SHA256()))

    return issue


@pytest.fixture
def openssl(tool_on_path, tmp_path):
    tool_on_path("openssl")

    def run(*words):
        return LocalHost().run("openssl", *words, cwd=tmp_path, ok=(0, 1)).stdout

    return run
