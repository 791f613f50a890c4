import base64
import re
import stat
import urllib.parse

import pytest

from goldsmith.errors import HostError, Mark, RecipeError
from goldsmith.host.process import LocalHost
from goldsmith.recipe.marks import read_nodes
from goldsmith.recipe.secrets import MASK, References, Secret, Vault, is_reference

VALUE = "s3cr3t/pass+wörd?"


@pytest.fixture
def vault(tmp_path):
    return Vault(state=tmp_path / "state", host=LocalHost(log=tmp_path / "log"))


def test_a_secret_comes_from_the_environment_a_file_or_a_command(vault, tmp_path, monkeypatch, fake_tool):
    monkeypatch.setenv("KEY", VALUE)
    (tmp_path / "key").write_text(VALUE + "\n")
    tool = fake_tool("pass", f"echo '{VALUE}'")
    for reference in ("env:KEY", f"file:{tmp_path / 'key'}", "command:pass show 'my key'"):
        assert vault.reveal(Secret(reference)) == VALUE
    assert tool.calls == [["show", "my key"]]


def test_what_a_command_prints_stays_out_of_the_log(vault, tmp_path, fake_tool):
    fake_tool("pass", f"echo '{VALUE}'")
    vault.reveal(Secret("command:pass show"))
    assert not (tmp_path / "log").exists()


def test_a_command_is_no_shell(vault, tmp_path, fake_tool):
    tool = fake_tool("pass", "echo abcd")
    vault.reveal(Secret(f"command:pass ; touch {tmp_path / 'oops'}"))
    assert tool.calls == [[";", "touch", str(tmp_path / "oops")]]
    assert not (tmp_path / "oops").exists()


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("env:NOWHERE", "the secret env:NOWHERE is not set\n  fix: export NOWHERE="),
        ("file:/nowhere", "the secret file:/nowhere cannot be read: No such file"),
        ("command:false-tool", r"failed \(exit status 3 from\)"),
        ("command:'open", "has an open quote"),
        ("command:/", "the secret command:/ failed: / cannot be run: Permission denied"),
        ("command:/etc/passwd/x", "failed: /etc/passwd/x cannot be run: Not a directory"),
        ("command:" + "x" * 5000, "cannot be run: File name too long"),
        ("command:nowhere-tool", "failed: nowhere-tool is not installed\n  fix: name a program of this host"),
        ("file:~nobody-here/x", "cannot be read: No such file"),
    ],
)
def test_a_secret_that_is_not_there_is_told_by_its_reference(vault, fake_tool, reference, problem):
    fake_tool("false-tool", "echo hidden; exit 3")
    with pytest.raises(RecipeError, match=problem) as caught:
        vault.reveal(Secret(reference))
    assert "hidden" not in str(caught.value)


def test_a_program_that_cannot_be_run_is_told_at_the_place_of_its_secret(vault):
    with pytest.raises(RecipeError, match=r"r\.yaml:3:9: the secret command:/ failed"):
        vault.digest(Secret("command:/", Mark("r.yaml", 3, 9)))


def test_a_secret_that_is_no_text_is_refused_and_not_changed(vault, monkeypatch, fake_tool):
    monkeypatch.setenv("KEY", "a\udcffb")
    fake_tool("pass", "printf 'abcd\\377'")
    for reference in ("env:KEY", "command:pass"):
        with pytest.raises(RecipeError, match=f"the secret {reference} is not UTF-8 text\n  fix: "):
            vault.reveal(Secret(reference))


def test_a_reference_holds_no_control_character():
    assert is_reference("command:pass show x\n")
    for text in ("env:A\0", "file:/x\0y", "command:a\nb", "command:a\x1b", "env:\ud800"):
        assert not is_reference(text)


def test_an_empty_secret_is_none(vault, monkeypatch):
    monkeypatch.setenv("KEY", "")
    with pytest.raises(RecipeError, match="is empty"):
        vault.reveal(Secret("env:KEY"))


def test_a_digest_changes_with_the_value_and_with_the_state_folder_only(tmp_path, monkeypatch):
    def digest(folder, value):
        monkeypatch.setenv("KEY", value)
        return Vault(state=tmp_path / folder, host=LocalHost()).digest(Secret("env:KEY"))

    assert digest("a", VALUE) == digest("a", VALUE)
    assert digest("a", VALUE) != digest("a", "other value")
    assert digest("a", VALUE) != digest("b", VALUE), (
        "so nobody can try values against a digest they have seen"
    )
    key = tmp_path / "a" / "secret-key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_bytes()) == 64
    assert [path.name for path in key.parent.iterdir()] == ["secret-key"]


def test_the_value_is_masked_however_it_is_written(vault, monkeypatch):
    monkeypatch.setenv("KEY", VALUE)
    vault.reveal(Secret("env:KEY"))
    wide = VALUE.encode("utf-16-le")
    forms = [
        VALUE,
        urllib.parse.quote(VALUE, safe=""),
        base64.b64encode(VALUE.encode()).decode(),
        base64.b64encode(wide).decode(),
        wide.decode("latin-1"),
        VALUE.encode().hex(),
    ]
    for form in forms:
        assert vault.redactor(f"a {form} b") == f"a {MASK} b"
    for before in ("x", "xy", "xyz", "user:"):
        text = base64.b64encode((before + VALUE + "tail").encode()).decode()
        assert MASK in vault.redactor(text), "also in the middle of a longer text"


def test_no_representation_shows_a_value(vault, monkeypatch):
    monkeypatch.setenv("KEY", VALUE)
    secret = Secret("env:KEY")
    vault.reveal(secret)
    assert VALUE not in f"{vault!r} {vault.redactor!r} {secret!r} {secret}"


def test_references_stand_for_values_where_none_are_wanted(monkeypatch):
    monkeypatch.delenv("KEY", raising=False)
    assert len(References().digest(Secret("env:KEY"))) == 16
    with pytest.raises(RecipeError, match="not revealed here"):
        References().reveal(Secret("env:KEY"))


def test_a_password_for_the_build_is_the_same_again_in_its_state_folder_and_in_no_other(tmp_path):
    def password(folder):
        return Vault(state=tmp_path / folder, host=LocalHost()).reveal(Secret("build:administrator"))

    assert password("a") == password("a")
    assert password("a") != password("b")
    assert re.fullmatch(r"Gs1-[a-z2-7]{20}", password("a"))


def test_no_recipe_can_name_a_password_of_the_build(tmp_path):
    path = tmp_path / "r.yaml"
    path.write_text("name: !secret build:administrator\n")
    problems: list[RecipeError] = []
    read_nodes(path, problems)
    assert [one.problem for one in problems] == ["this secret does not say where it is found"]


@pytest.mark.parametrize("at", [0, 31, 32, 63])
def test_a_damaged_key_of_the_digests_is_told_and_never_used(tmp_path, monkeypatch, at):
    monkeypatch.setenv("A", "value")
    vault = Vault(state=tmp_path, host=LocalHost())
    vault.digest(Secret("env:A"))
    key = tmp_path / "secret-key"
    data = bytearray(key.read_bytes())
    data[at] ^= 1
    key.write_bytes(data)
    with pytest.raises(HostError, match="secret-key is damaged"):
        vault.digest(Secret("env:A"))
