import pytest

from goldsmith.errors import UsageError
from goldsmith.signing.uri import parse, quoted


def test_all_parts_of_a_uri_are_read_and_their_escapes_undone():
    said = parse(
        "pkcs11:token=Build%20keys;manufacturer=SoftHSM%20project;model=v2;serial=2f3c;slot-id=12;object=sign%3Bing;"
        "id=%01%FF;type=private?module-path=/usr/lib/lib%20x.so&pin-source=file:/etc/pin%20file"
    )
    assert (said.token, said.manufacturer, said.model, said.serial, said.slot) == (
        "Build keys",
        "SoftHSM project",
        "v2",
        "2f3c",
        12,
    )
    assert (said.label, said.ident) == ("sign;ing", b"\x01\xff")
    assert (said.module, said.pin) == ("/usr/lib/lib x.so", "file:/etc/pin file")
    assert str(said).endswith("id=%01%FF;type=private"), "messages show nothing of the query"
    assert parse("pkcs11:") == parse("pkcs11:?")


@pytest.mark.parametrize(
    ("source", "reference"),
    [
        ("file:///etc/pin", "file:///etc/pin"),
        ("/etc/pin", "file:/etc/pin"),
        ("%7C/usr/bin/pin%20tool", "command:/usr/bin/pin tool"),
        ("env:PIN", "env:PIN"),
    ],
)
def test_the_place_of_a_pin_is_a_reference_as_all_secrets_have(source, reference):
    assert parse(f"pkcs11:token=x?pin-source={source}").pin == reference


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("pkcs11:token=x?pin-value=1234", "a PIN may not stand in a URI, where others read it"),
        ("pkcs11:token=x;pin-value=1234", "a PIN may not stand in a URI, where others read it"),
        ("pkcs11:token=x&pin-value=1234", "a PIN may not stand in a URI, where others read it"),
        ("pkcs11:token=x;token=y?pin-value=1234", "a PIN may not stand in a URI, where others read it"),
        ("pkcs11:token", "pkcs11:token is no URI of a key: a part of it has no '='"),
        ("pkcs11:token=x?1234", "pkcs11:token=x is no URI of a key: a part of it has no '='"),
        ("pkcs11:token=x;token=y", "pkcs11:token=x;token=y says token twice"),
        ("pkcs11:tokn=x", "pkcs11:tokn=x: Goldsmith does not know 'tokn'"),
        ("pkcs11:token=x?module-name=softhsm2", "pkcs11:token=x: Goldsmith does not know 'module-name'"),
        ("pkcs11:token=x;type=cert", "pkcs11:token=x;type=cert names no private key"),
        ("pkcs11:slot-id=first", "pkcs11:slot-id=first: slot-id is not a number"),
        ("pkcs11:token=%FF", "pkcs11:token=%FF: token is not UTF-8 text"),
        ("pkcs11:token=x?module-path=x.so", "pkcs11:token=x: module-path is not an absolute path"),
    ],
)
def test_what_is_wrong_with_a_uri_is_said_without_its_pin(text, problem):
    with pytest.raises(UsageError) as told:
        parse(text)
    assert told.value.problem == problem
    assert told.value.fix
    assert "1234" not in str(told.value)


def test_names_are_shown_as_they_may_be_written():
    assert quoted(b"\x01\xff") == "%01%FF"
    assert parse(f"pkcs11:object={quoted('a;b=ä')}").label == "a;b=ä"
