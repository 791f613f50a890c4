"""The gate `signature` rests on a verification that somebody to trust was named for."""

import pytest

GATED = """\
channels:
  - name: dev
  - name: out
    gates: {signature: true}
"""


@pytest.fixture
def signed(shop, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "goldsmith.yaml").write_text(GATED)
    (image,) = shop.make("20260101.1")
    key = ["--key", "k.pem", "--certificate", "c.pem"]
    assert call("keygen", *key, "--name", "Builds", "--type", "ECC_SECP384R1")[0] == 0
    assert call("sign", image, *key)[0] == 0
    return image


def test_a_signature_that_was_verified_against_a_certificate_lets_an_image_in(signed, call):
    code, out, _ = call("promote", "r", "--to", "out")
    assert code == 5
    assert "it is signed, but nobody has verified the signature" in out
    assert "fix: goldsmith verify r@20260101.1" in call("promote", "r", "--to", "out")[2]
    call("verify", signed)
    assert call("promote", "r", "--to", "out")[0] == 5, "nobody said whose signature is wanted"
    assert call("verify", "r@20260101.1", "--certificate", "c.pem")[0] == 0
    code, out, _ = call("promote", "r", "--to", "out")
    assert code == 0
    assert "ECC_SECP384R1 with SHA-256 by the key of CN=Builds" in out


def test_a_signature_by_somebody_else_keeps_an_image_out(signed, call):
    other = ["--key", "k2.pem", "--certificate", "c2.pem"]
    assert call("keygen", *other, "--name", "Eve", "--type", "ECC_SECP384R1")[0] == 0
    assert call("verify", signed, "--certificate", "c2.pem")[0] == 5
    code, out, _ = call("promote", "r", "--to", "out")
    assert code == 5
    assert "signature refused" in " ".join(out.split())
    assert "it is not by the key of CN=Eve" in out
