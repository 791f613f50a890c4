"""What a build records of its image, and the commands that read it: sbom, lock, build --locked, diff, promote."""

import json

import jsonschema
import pytest
from tests.stages.layers.test_openscap import a_scanner

from goldsmith.artifact.provenance import MANIFEST
from goldsmith.artifact.sbom import FILES, checked
from goldsmith.recipe.outputs import output_schemas
from goldsmith.record import read_builds

from .conftest import guestfish

# A Debian of which the appliance tells the packages that stand in $STATUS, and an empty root folder.
GUESTFISH = """packed() { printf "$1" | gzip | base64 -w0; }""" + guestfish("""
        *list-devices*) answer=/dev/sda ;;
        *list-filesystems*) answer='/dev/sda1: ext4' ;;
        *inspect-os*) answer=/dev/sda1 ;;
        *inspect-get-type*) answer=linux ;;
        *inspect-get-distro*) answer=debian ;;
        *inspect-get-major*) answer=12 ;;
        *inspect-get-package-format*) answer=deb ;;
        *inspect-get-mountpoints*) answer='/: /dev/sda1' ;;
        *egrep*) answer=$(cat "$STATUS") ;;
        *readlink*) answer=$(printf '%s' "$line" | sed "s/[^']*'//; s/'.*//; s/[\\\\]x22/\\"/g" | sh) ;;
        *find*) answer=$(packed 'd 0 755 0\\0./\\0\\0') ;;
        *is-file*|*is-dir*) answer=true ;;
""")


class Guest:
    def __init__(self, path):
        self.path = path

    def has(self, **packages):
        blocks = [
            f"Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n"
            for name, version in packages.items()
        ]
        self.path.write_text("\n".join(blocks))


@pytest.fixture
def guest(factory, fake_tool, tmp_path, monkeypatch):
    monkeypatch.setenv("STATUS", str(tmp_path / "status"))
    factory.tools["guestfish"] = fake_tool("guestfish", GUESTFISH)
    made = Guest(tmp_path / "status")
    made.has(bash="5.2-1", sudo="1.9-1")
    return made


def test_a_build_keeps_its_bills_and_verify_holds_them_to_the_image(factory, guest):
    assert factory("build", "r").code == 0
    (one,) = read_builds(factory.state / "builds")
    manifest = json.loads((one.folder / MANIFEST).read_text())
    assert [doc["name"] for doc in manifest["documents"]] == ["inventory.json", *FILES.values()]
    for kind, name in FILES.items():
        content = (one.folder / name).read_bytes()
        assert checked(kind, content) == ()
        assert manifest["files"][0]["sha256"] in content.decode()
    image = one.image["id"]
    kinds = {
        row["kind"]: row["summary"] for row in json.loads(factory("image", "evidence", image, "--json").out)
    }
    assert kinds["inventory"] == "2 packages, 0 files in /etc"
    assert kinds["sbom"].startswith("CycloneDX 1.6, ")
    row = next(
        row for row in json.loads(factory("verify", one.id, "--json").out)["checks"] if row["id"] == "sbom"
    )
    assert (row["status"], row["detail"]) == (
        "ok",
        "sbom.cdx.json, sbom.spdx.json: of these bytes, as sealed",
    )
    (one.folder / "sbom.cdx.json").chmod(0o600)
    (one.folder / "sbom.cdx.json").write_text("{}")
    done = factory("verify", one.id)
    assert (done.code, "sbom.cdx.json is not the one that was sealed" in done.out) == (5, True)


def test_a_bill_can_be_had_of_what_was_built_and_of_any_file(factory, guest, tmp_path):
    factory("build", "r")
    (one,) = read_builds(factory.state / "builds")
    calls = len(factory.tools["guestfish"].calls)
    told = factory("sbom", one.id)
    assert (told.code, checked("cyclonedx", told.out.encode())) == (0, ())
    assert "r.qcow2" in told.out
    assert told.out.encode() == factory("sbom", one.id).out.encode()
    assert len(factory.tools["guestfish"].calls) == calls, "nothing was looked into again"
    file = tmp_path / "foreign.qcow2"
    file.write_bytes(next((factory.state / "store").rglob("image.qcow2")).read_bytes())
    done = factory("sbom", str(file), "--format", "spdx", "-o", str(tmp_path / "out.json"))
    assert (done.code, done.out) == (0, "")
    document = json.loads((tmp_path / "out.json").read_text())
    assert [part["name"] for part in document["packages"]] == ["foreign.qcow2", "bash", "sudo"]
    assert len(factory.tools["guestfish"].calls) == calls + 1


def test_a_locked_build_refuses_a_guest_with_other_packages_and_names_each(factory, guest):
    done = factory("build", "r", "--locked")
    assert done.code == 2
    assert "there is no lock recipes/r.lock" in done.err
    factory("build", "r")
    assert factory("lock", "r").out.endswith("r.lock: 2 packages, 0 media, as of " + last(factory).id + "\n")
    text = (factory.project / "recipes" / "r.lock").read_text()
    assert '\npackages:\n  "bash.amd64": "5.2-1"\n  "sudo.amd64": "1.9-1"\n' in text
    assert factory("build", "r", "--locked", "--no-cache").code == 0
    guest.has(bash="5.2-2", vim="9")
    done = factory("build", "r", "--locked", "--no-cache")
    assert done.code == 5
    assert "3 packages are not those of" in done.err
    assert "bash.amd64 5.2-1 -> 5.2-2; sudo.amd64 1.9-1 -> not there; vim.amd64 not there -> 9" in done.err
    assert "fix: goldsmith build r, then goldsmith lock r" in done.err


def test_a_locked_build_with_another_medium_does_not_begin(factory, guest):
    factory("build", "r")
    factory("lock", "r")
    path = factory.project / "recipes" / "r.lock"
    path.write_text(path.read_text().replace("media: {}", f'media:\n  "virtio_win": "{"ab" * 32}"'))
    built = len(read_builds(factory.state / "builds"))
    assert factory("build", "r", "--locked").code == 5, "found after the fetch, for it is not known before"
    path.write_text("packages: [\n")
    assert factory("build", "r", "--locked").code == 2
    assert len(read_builds(factory.state / "builds")) == built + 1


def test_two_builds_and_two_versions_are_compared_by_what_was_recorded(factory, guest):
    factory("build", "r")
    first = last(factory)
    guest.has(bash="5.2-2", vim="9")
    factory.recipe("r", "customize:\n  - {name: one, run: echo three, via: offline}\n")
    factory("build", "r")
    second = last(factory)
    calls = len(factory.tools["guestfish"].calls)
    done = factory("diff", first.id, second.id)
    assert done.code == 0
    assert [line.split() for line in done.out.splitlines()] == [
        ["PACKAGES"],
        ["~", "bash.amd64", "5.2-1", "->", "5.2-2"],
        ["-", "sudo.amd64", "1.9-1"],
        ["+", "vim.amd64", "9"],
        ["packages:", "1", "added,", "1", "removed,", "1", "changed"],
    ]
    versions = [f"r@{one.image['goldsmith_version']}" for one in (first, second)]
    found = json.loads(factory("diff", *versions, "--json").out)
    jsonschema.validate(found, output_schemas()["diff"])
    assert [(one["kind"], one["name"]) for one in found["changes"]] == [
        ("changed", "bash.amd64"),
        ("removed", "sudo.amd64"),
        ("added", "vim.amd64"),
    ]
    assert len(factory.tools["guestfish"].calls) == calls, "nothing was looked into again"
    assert factory("diff", first.id, first.id).out == "nothing differs\n"
    assert factory("diff", first.id, "nosuch").code == 2


def last(factory):
    return read_builds(factory.state / "builds")[0]


def test_a_scan_that_the_recipe_asks_for_is_evidence_of_the_image(factory, guest, fake_tool):
    (factory.project / "recipes" / "ds.xml").write_text("<data-stream-collection/>")
    factory.recipe("r", "openscap: {content: ds.xml, profile: standard}\n")
    assert factory("build", "r").code == 3
    tool = a_scanner(fake_tool)
    assert factory("build", "r").code == 0
    (one,) = [one for one in read_builds(factory.state / "builds") if one.image]
    manifest = json.loads((one.folder / MANIFEST).read_text())
    assert "openscap.json" in [document["name"] for document in manifest["documents"]]
    shown = factory("--json", "image", "evidence", one.image["id"])
    assert {each["kind"]: each["summary"] for each in json.loads(shown.out)}["openscap"] == (
        "66.67 percent of standard: 1 fail, 1 notapplicable, 2 pass"
    )
    assert factory("build", "r").code == 0
    assert len(tool.calls) == 1  # the same image, content and profile
