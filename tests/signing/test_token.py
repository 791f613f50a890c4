"""Keys in a real SoftHSM, whose signatures are checked by those that check all others."""

import sys
from pathlib import Path

import pkcs11
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pkcs11 import Attribute, ObjectClass
from pkcs11 import KeyType as TokenType
from pkcs11.util.ec import decode_ec_public_key

from goldsmith.errors import GateError, HostError, UsageError
from goldsmith.signing.certificates import check_for_signing, new_certificate, vouched
from goldsmith.signing.envelope import seal
from goldsmith.signing.keys import ALGORITHMS, new_key, public_pem, same
from goldsmith.signing.names import HashMethod, KeyType
from goldsmith.signing.places import in_token, key_place, open_key
from goldsmith.signing.signature import digest_of, good, sign

P384 = KeyType.SECP384R1
EVERY = [(kind, method) for kind in KeyType for method in HashMethod]


def pin():
    return "correct-1234"  # as the fixture has it


def opened(uri):
    return open_key(key_place(uri), pin)


@pytest.fixture
def held(token, keys):
    """Put a key into the token and return it as Goldsmith finds it there."""

    def hold(kind):
        token.take(keys[kind], "signing", "0a")
        return opened(token.uri("signing"))

    return hold


def as_glance_checks(public, value, method, digest):
    """Do what cursive does, the library by which Glance and Nova check."""
    prehashed = utils.Prehashed(ALGORITHMS[method])
    if isinstance(public, rsa.RSAPublicKey):
        longest = padding.PSS(padding.MGF1(ALGORITHMS[method]), padding.PSS.MAX_LENGTH)
        public.verify(value, digest, longest, prehashed)
    else:
        public.verify(value, digest, ec.ECDSA(prehashed))


@pytest.mark.parametrize(("kind", "method"), EVERY)
def test_a_token_signs_as_a_file_does(held, keys, kind, method):
    key = held(kind)
    assert same(key.public, keys[kind].public)
    digest = digest_of(b"image", method)
    made = sign(key, method, digest)
    assert (made.kind, made.method) == (kind, method)
    assert good(made, keys[kind].public, digest)
    assert not good(made, keys[kind].public, digest_of(b"imagf", method))
    as_glance_checks(keys[kind].public, made.value, method, digest)


@pytest.mark.parametrize("kind", KeyType)
def test_openssl_confirms_what_a_token_signed_and_certified(held, kind, tmp_path, openssl):
    key = held(kind)
    (tmp_path / "image").write_bytes(b"image")
    (tmp_path / "public.pem").write_text(public_pem(key.public))
    (tmp_path / "ours").write_bytes(
        sign(key, HashMethod.SHA384, digest_of(b"image", HashMethod.SHA384)).value
    )
    how = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:max")
    pss = how if kind is KeyType.RSA_PSS else ()
    said = openssl("dgst", "-sha384", *pss, "-verify", "public.pem", "-signature", "ours", "image")
    assert said == "Verified OK\n"
    (tmp_path / "own.pem").write_text(new_certificate(key, "Example", days=9).pem)
    assert openssl("verify", "-CAfile", "own.pem", "own.pem") == "own.pem: OK\n"


def test_provenance_is_signed_by_a_token_too(held, keys):
    envelope = seal(held(P384), "application/x", b"text")
    assert envelope.signed_by(keys[P384].public)
    assert not envelope.signed_by(keys[KeyType.SECP521R1].public)


@pytest.mark.parametrize("kind", KeyType)
def test_a_key_in_a_token_issues_certificates_and_gets_them(held, keys, kind, issue):
    key = held(kind)
    alone = new_certificate(key, "Example", days=9)
    check_for_signing(key, alone, "c.pem")
    alone.leaf.verify_directly_issued_by(alone.leaf)
    theirs = new_certificate(keys[P384], "Builds", days=9, issuer=(key, alone))
    assert vouched(theirs, [alone.leaf]) == ""
    above = issue(keys[P384], "CA", ca=True)
    assert vouched(new_certificate(key, "x", days=9, issuer=(keys[P384], above)), [above.leaf]) == ""
    with pytest.raises(UsageError, match=r"c\.pem is not the certificate of this key"):
        check_for_signing(key, issue(new_key(P384), "x"), "c.pem")


@pytest.mark.parametrize("kind", KeyType)
def test_a_new_key_never_leaves_the_token_and_is_found_again(token, kind):
    place = key_place(token.uri("new key"))
    made, new = in_token(place, pin, kind)
    assert (made.kind, new) == (kind, True)
    again, new = in_token(place, pin, kind)
    assert (same(again.public, made.public), new) == (True, False)
    with token.session() as session:
        private = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label="new key")
        assert (private[Attribute.SENSITIVE], private[Attribute.EXTRACTABLE]) == (True, False)
    with pytest.raises(UsageError, match="does not say how a new key is called"):
        in_token(key_place(token.uri(more=";id=%77")), pin, kind)


def test_a_key_is_found_by_its_id_alone_and_by_every_other_word_of_the_uri(token, keys):
    token.take(keys[P384], "one", "01")
    token.take(keys[KeyType.SECP521R1], "two", "02")
    for more in (";id=%02", ";id=%02;manufacturer=SoftHSM%20project;model=SoftHSM%20v2;type=private"):
        assert opened(token.uri(more=more)).kind is KeyType.SECP521R1
    with pytest.raises(HostError, match="there is no such token"):
        opened(token.uri("one", more=";model=other"))


def test_what_does_not_name_one_key_says_which_there_are(token, keys):
    with pytest.raises(UsageError, match=r"object=none: there is no such private key; the token has none\n"):
        opened(token.uri("none"))
    token.take(keys[P384], "one", "01")
    token.take(keys[KeyType.SECP521R1], "two", "02")
    with pytest.raises(
        UsageError, match=r"no such private key; the token has object=(one;id=%01|two;id=%02), o"
    ):
        opened(token.uri("none"))
    with pytest.raises(
        UsageError, match=r"token=gold fits several private keys: .*object=two;id=%02.*\n  fix: name"
    ):
        opened(token.uri())
    token.add("gold")
    with pytest.raises(
        UsageError, match=r"fits several tokens: gold \(serial=\w+\), gold \(serial=.*\n  fix: add"
    ):
        opened(token.uri("one"))


def test_a_pin_is_asked_for_where_it_is_needed_and_never_repeated(token, keys):
    token.take(keys[P384], "one", "01")
    place = key_place(token.uri("one"))
    with pytest.raises(
        UsageError, match=r"object=one: the token gold wants its PIN\n  fix: --passphrase env:NAME"
    ):
        open_key(place)
    with pytest.raises(UsageError, match="object=one: the PIN does not open the token gold") as told:
        open_key(place, lambda: "wrong-4321")
    assert "4321" not in str(told.value)
    with pytest.raises(HostError, match=r"there is no such token; the module .* shows token=gold\n"):
        open_key(key_place(token.uri("one", token="silver")), lambda: pytest.fail("the PIN of no token"))


def test_a_key_that_wants_its_pin_each_time_gets_it(token):
    with token.session() as session:
        session.generate_keypair(
            TokenType.RSA, 2048, id=b"1", label="each", store=True,
            private_template={Attribute.ALWAYS_AUTHENTICATE: True},
        )  # fmt: skip
    key = opened(token.uri("each"))
    assert sign(key, HashMethod.SHA256, digest_of(b"x", HashMethod.SHA256)).kind is KeyType.RSA_PSS


@pytest.mark.parametrize(
    ("kind", "mechanism"), [(KeyType.RSA_PSS, "RSA_PKCS_PSS"), (P384, "ECDSA")], ids=["rsa", "ec"]
)
def test_a_mechanism_that_the_token_does_not_allow_is_named_before_anything_is_built(
    held, token, kind, mechanism
):
    held(kind)
    token.configure(f"slots.mechanisms = -CKM_NONE,CKM_{mechanism}")  # it does not see the first
    with pytest.raises(
        UsageError, match=f"token gold does not sign by the mechanism CKM_{mechanism}\n  fix: take"
    ):
        opened(token.uri("signing"))


def test_a_key_that_glance_does_not_know_is_refused_as_in_a_file(token):
    with token.session() as session:
        session.generate_keypair(TokenType.RSA, 1024, id=b"1", label="short", store=True)
    with pytest.raises(UsageError, match="object=short: an RSA key of 1024 bits can be broken"):
        opened(token.uri("short"))


def test_a_public_half_may_be_in_a_certificate_and_must_be_somewhere(held, token, keys, issue):
    held(P384)
    with token.session() as session:
        session.get_key(object_class=ObjectClass.PUBLIC_KEY, label="signing").destroy()
    with pytest.raises(
        UsageError, match="keeps neither the public key nor a certificate with the key's id\n  fix"
    ):
        opened(token.uri("signing"))
    leaf = issue(keys[P384], "x").leaf
    with token.session() as session:
        session.create_object(
            {
                Attribute.CLASS: ObjectClass.CERTIFICATE,
                Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                Attribute.TOKEN: True,
                Attribute.ID: b"\x0a",
                Attribute.SUBJECT: leaf.subject.public_bytes(),
                Attribute.VALUE: leaf.public_bytes(Encoding.DER),
            }
        )
    assert same(opened(token.uri("signing")).public, keys[P384].public)


def test_a_public_half_of_another_key_is_found_out_before_its_signature_is_used(held, token):
    held(P384)
    other = new_key(P384).public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with token.session() as session:
        session.get_key(object_class=ObjectClass.PUBLIC_KEY, label="signing").destroy()
        session.create_object({**decode_ec_public_key(other), Attribute.ID: b"\x0a", Attribute.TOKEN: True})
    key = opened(token.uri("signing"))
    with pytest.raises(GateError, match="the key gave a signature that its public half does not confirm"):
        sign(key, HashMethod.SHA384, digest_of(b"x", HashMethod.SHA384))
    with pytest.raises(GateError, match="its public half does not confirm"):
        new_certificate(key, "x", days=9)


def test_a_token_that_is_gone_when_it_shall_sign_is_told(held, token, tmp_path):
    key = held(P384)
    Path(tmp_path / "softhsm" / "tokens").rename(tmp_path / "drawer")
    with pytest.raises(HostError, match=r"the PKCS#11 module .* cannot be loaded|there is no such token"):
        key.sign(bytes(48), HashMethod.SHA384)
    Path(tmp_path / "drawer").rename(tmp_path / "softhsm" / "tokens")
    assert key.sign(bytes(48), HashMethod.SHA384)


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("/none.so", "/none.so cannot be loaded: cannot open shared object file: No such file or directory"),
        (sys.modules["_hashlib"].__file__, "cannot be loaded: undefined symbol: C_GetFunctionList"),
    ],
)
def test_a_module_that_cannot_be_loaded_is_named(module, reason):
    with pytest.raises(
        HostError, match=rf"pkcs11:token=x: the PKCS#11 module .*{reason}\n  fix: \?module-path"
    ):
        opened(f"pkcs11:token=x?module-path={module}")


def test_without_the_library_the_way_to_it_is_told(monkeypatch):
    monkeypatch.delitem(sys.modules, "goldsmith.signing.token", raising=False)
    monkeypatch.delitem(sys.modules, "goldsmith.signing.session", raising=False)
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(
        HostError, match=r"python-pkcs11, which is not installed\n  fix: pip install 'goldsmith\[pk"
    ):
        opened("pkcs11:token=x")
