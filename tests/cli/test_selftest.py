"""``goldsmith selftest`` on fake tools: what the report holds, and how the command ends."""

import json
import tarfile

import pytest

from .conftest import VIRT_INSTALL

SECRET = "hunter2-hunter2"
XORRISO = 'for word; do case $before in -o) : > "$word" ;; esac; before=$word; done'
# A domain whose machine is one that libvirt's test driver cannot define: so no guest ever runs.
DOMAIN = """
for word; do case "$word" in --print-xml) echo '<domain type="test"><name>factory</name></domain>' ;; esac; done
"""


@pytest.fixture
def report(factory, tmp_path):
    """Run the self-test of a recipe; return how it ended, the document, and the folder of the report.

    There is no guest here to boot; ``--boot`` tries it nevertheless.
    """

    def go(name, *words):
        out = tmp_path / "out"
        boots = () if "--boot" in words else ("--no-boot-test",)
        given = [one for one in words if one != "--boot"]
        done = factory("selftest", "--family", name, "--to", str(out), *given, *boots)
        archives = list(out.glob("*.tar.gz"))
        if not archives:
            return done, {}, out
        with tarfile.open(archives[0]) as packed:
            packed.extractall(tmp_path / "unpacked", filter="data")
        (folder,) = (tmp_path / "unpacked").iterdir()
        return done, json.loads((folder / "selftest.json").read_text()), folder

    return go


def test_a_build_that_succeeds_is_reported_with_all_its_facts(factory, report):
    done, facts, folder = report("r")
    assert (done.code, done.err) == (0, ""), done.err
    assert done.out.splitlines()[-2].startswith("report: ")
    assert facts["ok"]
    assert [one["name"] for one in facts["stages"]][-1] == "seal", "nothing goes to the catalog"
    assert {one["state"] for one in facts["stages"]} == {"done"}
    assert all(one["seconds"] is not None for one in facts["stages"])
    assert facts["acceleration"]["virt_type"] == "qemu"
    assert facts["host"]["cpus"] > 0
    assert {"virt-install", "qemu-img"} <= facts["tools"].keys()
    assert facts["medium"]["kind"] == "tree"
    assert facts["medium"]["treeinfo"]["family"] == "x"
    assert facts["audit"]["profile"] == "debian"
    assert facts["boot_test"]["ran"] is False
    assert json.loads(factory("image", "list", "--json").out) == []
    page = (folder / "selftest.md").read_text()
    for text in (
        "# Self-test of r: built",
        "TCG (emulation)",
        "| install | done |",
        "O-C1",
        "It was not run: --no-boot-test was given.",
    ):
        assert text in page
    assert "## Failure" not in page
    assert {"console.log", "events.jsonl", "audit.json", "manifest.json", "rendered", "logs"} <= {
        one.name for one in (folder / "build").iterdir()
    }
    assert not list(folder.rglob("*.qcow2"))
    assert json.loads((folder / "build" / "build.json").read_text())["host"] == ""


def test_a_build_that_fails_is_reported_and_ends_as_a_build_does(factory, report, monkeypatch):
    monkeypatch.setenv("SAID", "Missing package: no-such-thing")
    done, facts, folder = report("r")
    assert done.code == 4
    assert "package no-such-thing is not on the medium" in done.err
    assert done.out.splitlines()[-2].startswith("report: ")
    assert (facts["ok"], facts["exit_code"]) == (False, 4)
    assert facts["audit"] is None
    page = (folder / "selftest.md").read_text()
    assert "# Self-test of r: FAILED with exit code 4" in page
    assert "Missing package: no-such-thing" in page.partition("## Failure")[2]
    assert "It was not reached." in page


def test_an_image_that_cannot_be_booted_fails_the_self_test(factory, report, fake_tool):
    factory.tools["virt-install"] = fake_tool("virt-install", VIRT_INSTALL + DOMAIN)
    fake_tool("xorriso", XORRISO)
    path = factory.project / "recipes" / "r.yaml"
    path.write_text(path.read_text() + "boot_test: {waivers: [{check: B-L1, reason: there is no guest}]}\n")
    done, facts, folder = report("r", "--boot")
    assert done.code == 3, done.err
    assert "an os <type> must be specified" in done.err
    assert (facts["ok"], facts["exit_code"]) == (False, 3)
    assert [one["name"] for one in facts["stages"] if one["state"] != "done"] == ["boot-test", "seal"]
    assert (facts["boot_test"]["ran"], facts["boot_test"]["passed"]) == (True, False)
    assert facts["boot_test"]["report"] is None
    page = (folder / "selftest.md").read_text()
    assert "# Self-test of r: FAILED with exit code 3" in page
    assert "## Boot test\n\nFAILED: libvirt refused" in page
    assert "an os <type> must be specified" in page.partition("## Failure")[2]
    assert (folder / "build" / "boot-test" / "console-1.log").exists()


def test_an_unknown_check_in_a_waiver_is_told_before_anything_runs(factory, report):
    path = factory.project / "recipes" / "r.yaml"
    path.write_text(path.read_text() + "boot_test: {waivers: [{check: B-X9, reason: there is no guest}]}\n")
    done, _, _ = report("r")
    assert done.code == 2
    assert "unknown check of boots 'B-X9'" in done.err


def test_a_medium_of_another_system_is_in_the_report_too(factory, report):
    other = factory.project / "other"
    other.mkdir()
    (other / ".treeinfo").write_text("[general]\nfamily=CentOS\nversion=7\narch=x86_64\n")
    path = factory.project / "recipes" / "r.yaml"
    path.write_text(path.read_text() + "os: rhel7.9\n")
    done, facts, folder = report("r", "--tree", str(other))
    assert done.code == 2
    assert "installs CentOS 7 (x86_64)" in facts["error"]
    assert "CentOS 7 x86\\_64" in (folder / "selftest.md").read_text()


def test_a_program_gets_one_document(factory, report):
    done, facts, _ = report("r", "--json")
    shown = json.loads(done.out)
    assert shown.pop("archive").endswith(".tar.gz")
    assert shown == facts


def test_all_is_built_anew_unless_it_is_to_be_reused(factory, report, tmp_path):
    assert factory("selftest", "--family", "r", "--to", str(tmp_path / "first"), "--no-boot-test").code == 0
    assert factory("selftest", "--family", "r", "--to", str(tmp_path / "second"), "--no-boot-test").code == 0
    assert len([one for one in factory.tools["virt-install"].calls if "--connect" in one]) == 2
    _, facts, _ = report("r", "--reuse")
    assert {one["state"] for one in facts["stages"]} == {"cached"}
    assert facts["audit"]["profile"] == "debian", "a cached audit is reported as well"


def test_secrets_are_in_no_file_of_the_report(factory, report, fake_tool, monkeypatch):
    monkeypatch.setenv("ROOT_PW", SECRET)
    (factory.project / "kickstarts" / "s.ks.j2").write_text(
        "rootpw --plaintext {{ variables.password }}\nreboot\n"
    )
    factory.recipe("s", "install: {kickstart: s.ks.j2, variables: {password: !secret env:ROOT_PW}}\n")
    factory.tools["virt-install"] = fake_tool(
        "virt-install",
        "for word; do case $word in pty,log.file=*) c=${word#pty,log.file=};; esac\n"
        "case $before in --initrd-inject) cat $word > $c;; esac; before=$word; done; exit 1",
    )
    done, facts, folder = report("s")
    assert done.code == 1
    assert facts["recipe"]["install"]["variables"] == {"password": "!secret env:ROOT_PW"}
    assert "rootpw --plaintext ********" in (folder / "build" / "console.log").read_text()
    assert [one for one in folder.rglob("*") if one.is_file() and SECRET.encode() in one.read_bytes()] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--family", "zos"), "zos is several recipes\n  fix: --family is one of zosA, zosB"),
        (("--family", "nothing"), "there is no recipe 'nothing'"),
        (("--family", "r", "--iso", "a.iso", "--tree", "http://h/os"), "--iso and --tree are two media"),
        ((), "Missing option '--family'"),
    ],
)
def test_a_wrong_call_is_told_and_makes_no_report(factory, tmp_path, words, said):
    for name in ("zosA", "zosB"):
        factory.recipe(name)
    text = (factory.project / "recipes" / "zosA.yaml").read_text()
    done = factory("selftest", *words, "--to", str(tmp_path / "out"))
    assert done.code == 2
    assert said in done.err, text
    assert not (tmp_path / "out").exists()
