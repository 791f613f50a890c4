"""What ``validate`` tells, ``plan`` tells in the same words: with its place, before anything is made."""

import pytest

LONG = "x" * 5000
SCRIPT = "customize: [{run: latin.sh, via: offline}]\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (SCRIPT, "the script latin.sh cannot be read: byte 0xe9 is no UTF-8 text in its line 2"),
        ("boot_test: {profile: linux}\n", "unknown audit profile 'linux'"),
        ("boot_test: {metadata: disk}\n", "boot_test.metadata wants both, config-drive, service"),
        ("install: {content: {origin: [medium]}}\n", "install.content.origin wants medium, repos, rhsm"),
        ('summary: "a\\0b"\n', "a character that no text can hold (code 0)"),
        ('customize: [{write: {path: /x, content: !secret "file:/x\\0y"}}]\n', "holds a control character"),
        ("install: {kickstart: ../own.ks.j2}\n", "there is no template ../own.ks.j2"),
        (f"install: {{kickstart: {LONG}}}\n", "install.kickstart cannot be xxxx"),
        ("install: {kickstart: include.j2}\n", "kickstarts/include.j2:1: there is no template xxxx"),
    ],
)
def test_a_mistake_has_its_place_in_the_recipe(factory, text, told):
    (factory.project / "recipes" / "latin.sh").write_bytes(b"# one\n# \xe9\n")
    (factory.project / "kickstarts" / "include.j2").write_text('{% include "' + LONG + '" %}\n')
    factory.recipe("r", text)
    for command in ("validate", "plan"):
        failed = factory(command, "r")
        assert (failed.code, told in failed.err) == (2, True), failed.err
        assert "recipes/r.yaml:" in failed.err or "include.j2:1: " in told


def test_a_secret_that_cannot_be_had_has_its_place_in_the_recipe(factory):
    factory.recipe("r", "customize: [{write: {path: /x, content: !secret command:/}}]\n")
    assert factory("validate", "r").code == 0
    failed = factory("plan", "r")
    assert failed.code == 2
    assert "recipes/r.yaml:" in failed.err
    assert "the secret command:/ failed: / cannot be run: Permission denied" in failed.err


def test_a_file_whose_name_is_too_long_is_not_there(factory):
    factory.recipe("r", f"openscap: {{content: {LONG}, profile: p}}\n")
    failed = factory("plan", "r")
    assert (failed.code, "recipes/r.yaml:" in failed.err) == (2, True)
    assert "there is no file " in failed.err


def test_a_recipe_says_where_its_boots_get_their_metadata(factory):
    factory.recipe("r", "boot_test: {metadata: service}\n")
    assert factory("validate", "r").code == 0
