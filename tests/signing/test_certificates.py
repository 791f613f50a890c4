from datetime import UTC, datetime, timedelta

import pytest

from goldsmith.errors import GateError, UsageError
from goldsmith.signing.certificates import (
    Certificate,
    check_dates,
    check_for_signing,
    check_issuer,
    load_certificate,
    new_certificate,
    parse,
    vouched,
)
from goldsmith.signing.names import KeyType

RSA, P384, P521 = KeyType


@pytest.mark.parametrize("kind", KeyType)
def test_a_self_signed_certificate_is_valid_now_and_for_as_long_as_asked(keys, kind):
    made = new_certificate(keys[kind], "Example builds", days=30)
    check_for_signing(keys[kind], made, "c.pem")
    assert made.subject == "CN=Example builds"
    assert timedelta(days=29) < made.until - datetime.now(UTC) <= timedelta(days=30)
    assert check_dates(made, datetime.now(UTC) + timedelta(days=31)).startswith("it expired on ")
    assert check_dates(made, datetime.now(UTC) - timedelta(days=1)).startswith("it is valid only from ")
    assert parse(made.chain_pem.encode(), "").fingerprint == made.fingerprint


def test_a_certificate_by_a_ca_carries_what_leads_to_its_root(keys, tmp_path):
    root = new_certificate(keys[RSA], "root", days=30)
    made = new_certificate(keys[P384], "builds", days=20, issuer=(keys[RSA], root))
    path = tmp_path / "c.pem"
    path.write_text(made.chain_pem)
    again = load_certificate(path)
    assert [one.subject.rfc4514_string() for one in (again.leaf, *again.between)] == ["CN=builds", "CN=root"]
    assert vouched(again, [root.leaf]) == ""


def test_a_chain_is_followed_over_a_ca_between(keys, issue):
    root = issue(keys[RSA], "root", ca=True)
    between = issue(keys[P521], "between", (keys[RSA], root), ca=True)
    leaf = issue(keys[P384], "leaf", (keys[P521], between))
    assert vouched(Certificate(leaf.leaf, (between.leaf,)), [root.leaf]) == ""
    assert vouched(leaf, [between.leaf]) == ""
    assert vouched(leaf, [leaf.leaf]) == ""
    assert "no trusted certificate vouches for it (its issuer is CN=between)" in vouched(leaf, [root.leaf])


@pytest.mark.parametrize(
    ("between", "problem"),
    [
        ({"ca": False}, "basicConstraints.cA must be asserted in a CA certificate"),
        ({"ca": True, "until": -0.5}, "cert is not valid at validation time"),
    ],
)
def test_a_chain_over_what_may_not_issue_is_none(keys, issue, between, problem):
    root = issue(keys[RSA], "root", ca=True)
    middle = issue(keys[P521], "between", (keys[RSA], root), **between)
    leaf = issue(keys[P384], "leaf", (keys[P521], middle))
    assert problem in vouched(Certificate(leaf.leaf, (middle.leaf,)), [root.leaf])


def test_a_root_of_the_same_name_and_another_key_vouches_for_nothing(keys, issue):
    leaf = issue(keys[P384], "leaf", (keys[RSA], issue(keys[RSA], "root", ca=True)))
    assert "signature does not match" in vouched(leaf, [issue(keys[P521], "root", ca=True).leaf])


def test_nothing_is_signed_with_another_keys_certificate(keys):
    made = new_certificate(keys[RSA], "x", days=3)
    with pytest.raises(UsageError, match=r"c\.pem is not the certificate of this key: CN=x"):
        check_for_signing(keys[P384], made, "c.pem")


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ({"until": -0.5}, "it expired on "),
        ({"since": 1.0}, "it is valid only from "),
        ({"usage": False}, "its key usage does not allow digital signatures"),
    ],
)
def test_nothing_is_signed_with_a_certificate_that_is_not_good_now(keys, issue, bad, problem):
    with pytest.raises(GateError, match=rf"c\.pem \(CN=x\) must not sign: {problem}") as error:
        check_for_signing(keys[P384], issue(keys[P384], "x", **bad), "c.pem")
    assert error.value.exit_code == 5


def test_a_ca_issues_for_no_longer_than_it_is_valid_itself(keys, issue):
    root = issue(keys[RSA], "root", ca=True, until=10.5)
    check_issuer(root, 10, "root.pem")
    with pytest.raises(
        UsageError, match="11 days are longer than the CA's certificate is valid\n  fix: --days 10"
    ):
        check_issuer(root, 11, "root.pem")
    with pytest.raises(UsageError, match=r"leaf\.pem is no certificate of a CA"):
        check_issuer(issue(keys[RSA], "leaf"), 1, "leaf.pem")
    with pytest.raises(UsageError, match="cannot issue: it expired"):
        check_issuer(issue(keys[RSA], "root", ca=True, until=-0.5), 1, "root.pem")


def test_what_is_no_certificate_is_said_so(keys, tmp_path):
    path = tmp_path / "c.pem"
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        load_certificate(path)
    path.write_bytes(b"\x30\x82")
    with pytest.raises(UsageError, match="holds no certificate in PEM\n  fix: openssl x509 -inform DER"):
        load_certificate(path)
