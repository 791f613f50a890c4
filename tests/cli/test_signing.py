"""``goldsmith keygen``, ``sign`` and ``verify`` as a person types them."""

import json
import os
import shutil
from pathlib import Path

import jsonschema
import pytest

from goldsmith.catalog.entry import NewImage
from goldsmith.catalog.local import LocalCatalog
from goldsmith.cli.main import run
from goldsmith.host.process import LocalHost
from goldsmith.recipe.outputs import output_schemas
from goldsmith.signing.certificates import load_certificate, new_certificate
from goldsmith.signing.keys import load_key, new_key, pem_of
from goldsmith.signing.names import PROPERTIES, KeyType

KEY = ["--key", "k.pem", "--certificate", "c.pem"]
TRUSTED = ["--certificate", "c.pem"]


@pytest.fixture
def call(capfd, tmp_path, monkeypatch):
    """Run a command in a folder of its own; return its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        code = run([str(word) for word in words])
        said = capfd.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def key(call):
    code, out, err = call("keygen", *KEY, "--name", "Example builds", "--type", "ECC_SECP384R1")
    assert (code, err) == (0, "")
    assert out.startswith("k.pem: new key, ECC_SECP384R1\nc.pem: CN=Example builds, until ")


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "disk.raw"
    path.write_bytes(os.urandom(100_000))
    return path


def rows(out):
    """Return the status of each fact, by its id."""
    document = json.loads(out)
    jsonschema.validate(document, output_schemas()["verify"])
    return {one["id"]: one["status"] for one in document["checks"]}


def test_a_new_key_is_its_owners_alone_and_nothing_is_overwritten(call, key, tmp_path):
    assert (tmp_path / "k.pem").stat().st_mode & 0o777 == 0o600
    before = (tmp_path / "c.pem").read_text()
    code, _, err = call("keygen", *KEY, "--name", "x")
    assert (code, err.splitlines()[0]) == (2, "c.pem exists already")
    assert (tmp_path / "c.pem").read_text() == before


def test_a_key_that_is_there_gets_a_new_certificate(call, key, tmp_path):
    code, out, _ = call("keygen", "--key", "k.pem", "--certificate", "c2.pem", "--name", "Later", "--json")
    assert code == 0
    assert (json.loads(out)["made"], json.loads(out)["subject"]) == (False, "CN=Later")
    assert load_certificate(tmp_path / "c2.pem").public == load_key(tmp_path / "k.pem").public


def test_the_passphrase_is_given_by_reference_alone(call, tmp_path, monkeypatch, disk):
    monkeypatch.setenv("PASSPHRASE", "correct horse")
    words = ["--passphrase", "env:PASSPHRASE"]
    assert call("keygen", *KEY, "--name", "x", "--type", "ECC_SECP521R1", *words)[0] == 0
    assert "ENCRYPTED" in (tmp_path / "k.pem").read_text()
    code, _, err = call("sign", disk, *KEY)
    assert (code, err.splitlines()[0]) == (2, "the key k.pem is encrypted")
    code, _, err = call("sign", disk, *KEY, "--passphrase", "correct horse")
    assert code == 2
    assert "--passphrase takes a reference, not the passphrase itself" in err
    assert "horse" not in err
    assert call("sign", disk, *KEY, *words)[0] == 0


def test_a_signed_file_is_good_by_its_certificate_or_a_ca_and_by_nobody_else(call, key, disk):
    code, out, err = call("sign", "disk.raw", *KEY, "--hash", "SHA-384")
    assert (code, out, err) == (0, "disk.raw: signed, ECC_SECP384R1 with SHA-384\n", "")
    code, out, _ = call("verify", "disk.raw", *TRUSTED, "--json")
    assert (code, json.loads(out)["ok"]) == (0, True)
    good = ("digest", "signature", "key", "certificate", "chain", "same")
    none = dict.fromkeys(("manifest", "sbom", "provenance"), "skipped")
    assert rows(out) == {**dict.fromkeys(good, "ok"), **none}
    code, out, _ = call("verify", "disk.raw", "--ca", "c.pem", "--json")
    assert (code, rows(out)["chain"]) == (0, "ok")
    code, out, _ = call("verify", "disk.raw", "--json")
    assert (code, rows(out)["chain"], rows(out)["signature"]) == (5, "failed", "ok")
    call("keygen", "--key", "k2.pem", "--certificate", "c2.pem", "--name", "x", "--type", "ECC_SECP384R1")
    code, out, _ = call("verify", "disk.raw", "--certificate", "c2.pem", "--json")
    assert (code, rows(out)["signature"], rows(out)["same"]) == (5, "failed", "failed")
    code, out, _ = call("verify", "disk.raw", "--ca", "c2.pem")
    assert code == 5
    assert "no trusted certificate vouches for it (its issuer is CN=Example builds)" in out
    assert out.endswith("disk.raw: refused\n")


def test_a_changed_file_and_a_changed_signature_are_refused(call, key, disk):
    call("sign", disk, *KEY)
    signature = Path("disk.raw.sig")
    was = signature.read_text()
    with disk.open("r+b") as file:
        file.seek(50_000)
        file.write(b"\0\0\0\0")
    code, out, _ = call("verify", disk, *TRUSTED, "--json")
    assert (code, rows(out)["digest"], rows(out)["signature"]) == (5, "failed", "failed")
    call("sign", disk, *KEY)
    document = json.loads(signature.read_text())
    signature.write_text(json.dumps({**document, "img_signature": json.loads(was)["img_signature"]}))
    code, out, _ = call("verify", disk, *TRUSTED, "--json")
    assert (code, rows(out)["digest"], rows(out)["signature"]) == (5, "ok", "failed")
    signature.write_text("{}")
    code, out, _ = call("verify", disk, *TRUSTED)
    assert (code, "is not a signature of Goldsmith" in out) == (5, True)


def test_what_is_not_signed_is_refused_where_a_signer_is_named(call, key, disk):
    code, out, _ = call("verify", disk, *TRUSTED, "--json")
    assert (code, rows(out)["signature"]) == (5, "failed")
    code, out, _ = call("verify", disk)
    assert code == 5
    assert "nothing says what it should be; sha256 " in out


def test_nothing_is_signed_without_what_it_takes(call, key, disk, tmp_path):
    refusals = [
        (["sign", disk], 2, "--key is not given"),
        (["sign", disk, "--key", "k.pem"], 2, "--certificate is not given"),
        (["sign", disk, "--key", "no.pem", *TRUSTED], 2, "the key no.pem cannot be read: No such file"),
        (["sign", disk, "--key", "k.pem", "--certificate", "no.pem"], 2, "the certificate no.pem cannot be"),
        (["sign", "nothing", *KEY], 2, "nothing is no file, no image of the catalog and no build"),
        (["sign", tmp_path, *KEY], 2, f"{tmp_path} is a folder"),
    ]
    for words, wanted, problem in refusals:
        code, _, err = call(*words)
        assert (code, err.splitlines()[0][: len(problem)]) == (wanted, problem)
    late = new_certificate(load_key(tmp_path / "k.pem"), "x", days=0)
    Path("late.pem").write_text(late.pem)
    code, _, err = call("sign", disk, "--key", "k.pem", "--certificate", "late.pem")
    assert (code, "late.pem (CN=x) must not sign: it expired on " in err) == (5, True)
    call("keygen", "--key", "k2.pem", "--certificate", "c2.pem", "--name", "x", "--type", "ECC_SECP384R1")
    code, _, err = call("sign", disk, "--key", "k2.pem", *TRUSTED)
    assert (code, err.splitlines()[0]) == (2, "c.pem is not the certificate of this key: CN=Example builds")
    assert not Path("disk.raw.sig").exists()


def test_an_open_key_that_others_can_read_is_warned_of(call, key, disk):
    Path("k.pem").chmod(0o644)
    code, _, err = call("sign", disk, *KEY)
    assert (code, err) == (0, "k.pem can be read by others and has no passphrase\n  fix: chmod 600 k.pem\n")


def test_an_entry_of_the_catalog_gets_all_four_properties_and_is_good(call, key, disk, tmp_path):
    catalog = LocalCatalog(tmp_path / "state" / "catalog")
    image = catalog.register(disk, NewImage("demo", disk_format="raw"))
    code, out, err = call("sign", "demo", *KEY)
    assert (code, out, err) == (0, "demo: signed, ECC_SECP384R1 with SHA-256\n", "")
    now = catalog.get(image.id)
    assert set(PROPERTIES) <= now.properties.keys()
    code, out, _ = call("verify", "demo", *TRUSTED, "--json")
    assert (code, rows(out)["digest"], rows(out)["same"]) == (0, "ok", "ok")
    code, out, _ = call("verify", "demo", "--json")
    assert (code, rows(out)["signature"], rows(out)["chain"]) == (5, "ok", "failed")
    code, _, err = call("image", "set", "demo", "--unset-property", "img_signature_key_type")
    assert (code, err.splitlines()[0].split(":")[0]) == (2, "img_signature_key_type is missing")
    unset = [word for name in PROPERTIES for word in ("--unset-property", name)]
    assert call("image", "set", "demo", *unset)[0] == 0


def test_a_signed_file_is_imported_with_its_signature_and_a_changed_one_is_not(call, key, disk, tmp_path):
    assert call("sign", disk, *KEY)[0] == 0
    code, out, err = call("image", "import", disk, "--name", "demo", "--json")
    assert code == 0, err
    assert set(PROPERTIES) <= json.loads(out)["image"].keys()
    code, out, _ = call("verify", "demo", *TRUSTED, "--json")
    assert (code, rows(out)["signature"], rows(out)["same"]) == (0, "ok", "ok")
    with disk.open("r+b") as file:
        file.write(b"changed")
    code, out, err = call("image", "import", disk, "--name", "other")
    assert (code, out, err.splitlines()) == (
        *(5, ""),
        [
            f"{disk} is not what was signed: disk.raw.sig is for other bytes",
            "  fix: sign it again (goldsmith sign), or remove the signature's file",
        ],
    )
    assert [one.name for one in LocalCatalog(tmp_path / "state" / "catalog").list()] == ["demo"]


@pytest.mark.parametrize(
    "words",
    [("verify",), ("sign", *KEY), ("push", "--catalog", "lab"), ("audit",)],
    ids=lambda words: words[0],
)
def test_a_catalog_that_cannot_be_read_is_told_and_not_taken_for_one_without_the_image(
    call, key, words, tmp_path, monkeypatch
):
    (tmp_path / "clouds.yaml").write_text("clouds: {lab: {auth_type: none}}")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    (tmp_path / "state" / "catalog").mkdir(parents=True)
    (tmp_path / "state" / "catalog" / "index.db").write_bytes(b"garbage" * 1000)
    command, *more = words
    code, _, err = call(command, "demo", *more)
    assert (code, "the index of the catalog is damaged" in err, "fix: move it away" in err) == (
        6,
        True,
        True,
    ), err


def test_an_entry_whose_bytes_have_changed_is_neither_signed_nor_good(call, key, disk, tmp_path):
    catalog = LocalCatalog(tmp_path / "state" / "catalog")
    image = catalog.register(disk, NewImage("demo", disk_format="raw"))
    assert call("sign", "demo", *KEY)[0] == 0
    blob = catalog.file_of(image)
    blob.chmod(0o644)
    blob.write_bytes(blob.read_bytes()[:-1] + b"\0")
    code, out, _ = call("verify", "demo", *TRUSTED, "--json")
    assert (code, rows(out)["digest"], rows(out)["signature"]) == (5, "failed", "failed")
    code, _, err = call("sign", "demo", *KEY)
    assert (code, "demo is not signed: checksum (md5) is " in err) == (5, True)


def test_a_build_is_signed_in_its_folder_and_in_the_catalog(factory, call, key, monkeypatch):
    here = Path.cwd()
    monkeypatch.chdir(factory.project)
    shown = factory("build", "r", "--json", "--id", "one", "--state", factory.state)
    assert shown.code == 0, shown.err
    monkeypatch.chdir(here)
    words = ["--state", factory.state]
    code, out, err = call("sign", "one", *KEY, *words)
    assert (code, out, err) == (0, "r.qcow2: signed, ECC_SECP384R1 with SHA-256\n", "")
    assert (factory.state / "builds/one/signatures/r.qcow2.sig").is_file()
    code, out, _ = call("verify", "one", *TRUSTED, "--json", *words)
    assert (code, rows(out)["digest"], rows(out)["manifest"], rows(out)["same"]) == (0, "ok", "ok", "ok")
    image = LocalCatalog(factory.state / "catalog").list()[0]
    code, out, _ = call("verify", image.name, *TRUSTED, "--json", *words)
    assert (code, rows(out)["digest"], rows(out)["manifest"], rows(out)["same"]) == (0, "ok", "ok", "ok")
    manifest = factory.state / "builds/one/manifest.json"
    manifest.write_text(manifest.read_text().replace('"accel": "tcg"', '"accel": "kvm"'))
    code, out, _ = call("verify", image.name, *TRUSTED, "--json", *words)
    assert (code, rows(out)["manifest"]) == (5, "failed")
    code, _, err = call("sign", image.name, *KEY, *words)
    assert (code, "was changed after it was sealed" in err) == (5, True)


@pytest.mark.parametrize(
    "command", ["verify {}", "sign {} --key k.pem --certificate c.pem", "sbom {}", "diff {} {}"]
)
def test_a_name_that_may_be_several_builds_is_told_with_their_ids(call, key, command, tmp_path):
    for end in ("aaaa", "bbbb"):
        folder = tmp_path / "state" / "builds" / f"demo-20260101-{end}"
        folder.mkdir(parents=True)
        (folder / "build.json").write_text('{"recipe": "demo", "state": "succeeded"}')
    code, _, err = call(*command.replace("{}", "demo-2026").split())
    known = "demo-20260101-bbbb, demo-20260101-aaaa"
    assert (code, err) == (2, f"'demo-2026' may be 2 builds: {known}\n  fix: give more of the id\n")
    code, _, err = call(*command.replace("{}", "demo-2027").split())
    assert (code, "demo-2027 is no file, no image" in err) == (2, True), err


PROJECT = """\
signing:
  key: k.pem
  certificate: c.pem
  passphrase: !secret env:PASSPHRASE
  hash: SHA-384
"""


def test_a_project_that_says_who_signs_has_every_build_signed_and_its_provenance_stated(
    factory, call, monkeypatch
):
    monkeypatch.setenv("PASSPHRASE", "correct horse")
    monkeypatch.chdir(factory.project)
    words = ["--passphrase", "env:PASSPHRASE", "--type", "ECC_SECP384R1"]
    assert call("keygen", *KEY, "--name", "Example builds", *words)[0] == 0
    Path("goldsmith.yaml").write_text(PROJECT)
    shown = factory("build", "r", "--json", "--id", "one", "--state", factory.state)
    assert shown.code == 0, shown.err
    assert shown.stages("StageFinished")[-3:] == ["seal", "attest", "register"]
    state = ["--state", factory.state]
    image = LocalCatalog(factory.state / "catalog").list()[0]
    for wanted in ("one", image.name, image.id):
        code, out, _ = call("verify", wanted, "--json", *state)  # trusts the project's certificate
        found = rows(out)
        assert found.pop("sbom") == "skipped", "the guest has no packages"
        assert (code, set(found.values())) == (0, {"ok"})
    record = factory.state / "builds/one"
    assert "correct horse" not in "".join(one.read_text() for one in record.rglob("*") if one.is_file())
    sealed = (record / "provenance.json").read_text()
    spoiled = json.loads(sealed)
    spoiled["payload"] = spoiled["payload"][:-8] + "AAAAAAA="
    for text in (json.dumps(spoiled), "{}", ""):
        (record / "provenance.json").write_text(text)
        code, out, _ = call("verify", "one", "--json", *state)
        assert (code, rows(out)["provenance"], rows(out)["signature"]) == (5, "failed", "ok")
    (record / "provenance.json").write_text(sealed)
    shutil.rmtree(record)  # what the catalog keeps of it is enough
    code, out, _ = call("verify", image.name, "--json", *state)
    assert (code, {status for name, status in rows(out).items() if name != "sbom"}) == (0, {"ok"}), out
    shown = factory("build", "r", "--json", "--id", "two", "--state", factory.state)
    assert shown.stages("StageCached")[-1] == "register"


def test_a_build_is_signed_by_a_key_in_a_token_whose_pin_is_nowhere(factory, call, token, monkeypatch):
    monkeypatch.setenv("PIN", token.pin)
    monkeypatch.chdir(factory.project)
    uri = token.uri("builds", pin="env:PIN")
    words = ["keygen", "--key", uri, "--certificate", "c.pem", "--name", "Builds", "--type", "ECC_SECP384R1"]
    code, out, _ = call(*words)
    assert (code, out.splitlines()[0]) == (0, "pkcs11:token=gold;object=builds: new key, ECC_SECP384R1")
    Path("goldsmith.yaml").write_text(f"signing: {{key: '{uri}', certificate: c.pem}}\n")
    shown = factory("build", "r", "--json", "--id", "one", "--state", factory.state)
    assert (shown.code, shown.stages("StageFinished")[-2:]) == (0, ["attest", "register"]), shown.err
    code, out, _ = call("verify", "one", "--json", "--state", factory.state)
    found = rows(out)
    assert (code, found.pop("sbom"), set(found.values())) == (0, "skipped", {"ok"})
    kept = [one for one in (factory.state / "builds").rglob("*") if one.is_file()]
    assert kept
    assert not [one for one in kept if token.pin.encode() in one.read_bytes()]
    monkeypatch.setenv("PIN", "wrong-4321")
    Path("goldsmith.yaml").write_text(f"signing: {{key: '{uri}', certificate: c.pem, hash: SHA-512}}\n")
    shown = factory("build", "r", "--json", "--state", factory.state)
    assert (shown.code, shown.stages("StageStarted")) == (2, [])
    assert "object=builds: the PIN does not open the token gold" in shown.err


def test_the_options_and_the_project_each_name_the_place_of_a_pin(call, token, disk, monkeypatch, tmp_path):
    (tmp_path / "pin").write_text(f"{token.pin}\n")
    secret = ["--passphrase", f"file:{tmp_path}/pin"]
    uri = token.uri("k")
    code, out, _ = call("keygen", "--key", uri, "--certificate", "c.pem", "--name", "x", *secret, "--json")
    assert (code, json.loads(out)["key"]) == (0, "pkcs11:token=gold;object=k")
    project = Path("goldsmith.yaml")
    Path("recipes").mkdir()
    project.write_text(
        f"signing:\n  key: {uri}\n  passphrase: !secret file:{tmp_path}/pin\n  certificate: c.pem\n"
    )
    assert call("sign", "disk.raw")[0] == 0
    assert call("verify", "disk.raw")[0] == 0
    for key in (uri, token.uri("k", pin=f"file:{tmp_path}/pin")):
        assert call("sign", "disk.raw", "--key", key)[0] == 0
    both = token.uri("k", pin=f"file:{tmp_path}/pin")
    refusals = [
        (["--key", token.uri("k", more=";id=%01")], "object=k;id=%01: the token gold wants its PIN"),
        (["--key", both, *secret], "object=k: two places are named for its PIN"),
        (["--key", f"{uri}&pin-value={token.pin}"], "a PIN may not stand in a URI"),
        (["--key", f"{uri}&pin-source={token.pin}"], "object=k: pin-source is no reference to a PIN"),
    ]
    for words, problem in refusals:
        code, _, err = call("sign", "disk.raw", *words)
        assert (code, problem in err, token.pin in err) == (2, True, False), err


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("pkcs11:token=x?pin-value=1234", "a PIN may not stand in a URI, where others read it"),
        ("pkcs11:token=x?pin-source=1234", "pkcs11:token=x: pin-source is no reference to a PIN"),
        ("pkcs11:object", "pkcs11:object is no URI of a key"),
    ],
)
def test_a_bad_uri_in_a_project_is_told_at_its_line(call, disk, key, problem):
    Path("recipes").mkdir()
    Path("goldsmith.yaml").write_text(f"signing:\n  certificate: c.pem\n  key: {key}\n")
    code, _, err = call("sign", disk)
    assert (code, f"goldsmith.yaml:3:8: signing.key: {problem}" in err, "1234" in err) == (2, True, False), (
        err
    )


def test_a_build_whose_key_cannot_be_opened_does_not_begin(factory, call, monkeypatch):
    monkeypatch.chdir(factory.project)
    assert call("keygen", *KEY, "--name", "x", "--type", "ECC_SECP384R1")[0] == 0
    Path("goldsmith.yaml").write_text("signing: {key: other.pem, certificate: c.pem}\n")
    shown = factory("build", "r", "--json", "--state", factory.state)
    assert (shown.code, shown.stages("StageStarted")) == (2, [])
    assert "other.pem cannot be read" in shown.err
    Path("goldsmith.yaml").write_text("signing: {key: k.pem, certificate: c.pem, passphrase: horse}\n")
    shown = factory("build", "r", "--json", "--state", factory.state)
    assert (shown.code, "the passphrase itself may not stand here" in shown.err) == (2, True)


def test_the_page_verifies_by_hand_what_was_signed(call, disk, tool_on_path, tmp_path):
    """Run the commands of docs/signing.md as they stand there."""
    if shutil.which("jq", path="/usr/local/bin:/usr/bin:/bin") is None:
        pytest.skip("jq is not installed")
    for tool in ("openssl", "jq", "base64", "sh"):
        tool_on_path(tool)
    Path("k.pem").write_bytes(pem_of(new_key(KeyType.RSA_PSS, bits=2048), None))
    call("keygen", *KEY, "--name", "x")
    disk.rename("rhel7.qcow2")
    assert call("sign", "rhel7.qcow2", *KEY)[0] == 0
    page = (Path(__file__).parents[2] / "docs" / "signing.md").read_text()
    commands = page.partition("## By hand")[2].partition("```sh\n")[2].partition("```")[0]
    done = LocalHost().run("sh", "-e", "-c", commands, cwd=tmp_path)
    assert done.stdout == "Verified OK\n"
    Path("rhel7.qcow2").write_bytes(b"other")
    assert LocalHost().run("sh", "-c", commands, cwd=tmp_path, ok=(1,)).stdout.startswith("Verification")
