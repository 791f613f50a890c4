"""The commands, as a person and as a script use them."""

import json

import jsonschema
import pytest

from goldsmith.artifact.inventory import Inventory, Package
from goldsmith.recipe.outputs import output_schemas

from .shop import BAD, GOOD, GOOD_EVIDENCE, sbom


def fits(command, out):
    document = json.loads(out)
    jsonschema.validate(document, output_schemas()[command])
    return document


@pytest.fixture
def two(shop):
    for number in (1, 2):
        shop.make(f"20260101.{number}", formats=("raw", "qcow2"))
    return shop


def test_an_image_goes_the_whole_way_and_the_history_tells_it(two, call):
    assert call("promote", "r@20260101.1", "--to", "candidate", "--as", "ann")[0] == 0
    code, out, _ = call("promote", "r", "--to", "released", "--as", "ann", "--reason", "first")
    assert code == 0
    assert out.splitlines()[-1] == "r@20260101.1 promoted: released: - -> 20260101.1"
    assert call("promote", "r@20260101.2", "--to", "candidate")[0] == 0
    assert call("promote", "r", "--to", "released", "--if-current", "20260101.1")[0] == 0
    code, out, _ = call("rollback", "r", "--channel", "released", "--reason", "slow", "--as", "bob")
    assert (code, out) == (0, "r@20260101.1 rolled back: released: 20260101.2 -> 20260101.1\n")
    code, out, _ = call("revoke", "r@20260101.2", "--reason", "CVE-1")
    assert out == "r@20260101.2 revoked: dev: 20260101.2 -> 20260101.1, candidate: 20260101.2 -> 20260101.1\n"
    never = call("promote", "r@20260101.2", "--to", "candidate")
    assert never[0] == 5
    assert never[2].endswith("\n  fix: promote another version\n"), "not: reactivate its image"
    code, out, _ = call("retire", "r", "--apply")
    assert code == 0
    assert "revoked: CVE-1" in out
    code, out, _ = call("history", "r")
    kinds = [line.split("  ")[2] for line in out.splitlines() if not line.startswith(" ")]
    assert kinds == ["registered"] * 2 + ["promoted"] * 4 + ["rolled back", "revoked"]
    assert "    why: slow" in out
    assert "    from: candidate" in out
    assert out.count("\n    gates: passed: ") >= 4, "each promotion says what its gates answered"


def test_a_promotion_says_what_is_new_to_the_channel(shop, call):
    for number, version in ((1, "5.2-1"), (2, "5.2-2")):
        held = Inventory(
            "Debian 12", "debian", "12", "x86_64", packages=(Package("deb", "bash", version, "amd64"),)
        )
        shop.make(f"20260101.{number}", evidence={**GOOD_EVIDENCE, "inventory": held.text().encode()})
        assert call("promote", f"r@20260101.{number}", "--to", "candidate", "--dry-run")[0] == 0
        code, out, _ = call("promote", f"r@20260101.{number}", "--to", "candidate")
        assert (code, "since 20260101.1: packages: 1 changed\n" in out) == (0, number == 2)


def test_a_refusal_shows_every_gate_and_ends_with_5(shop, call):
    shop.make("20260101.1", evidence={**GOOD_EVIDENCE, "audit": BAD})
    code, out, err = call("promote", "r", "--to", "candidate")
    assert code == 5
    rows = {line[:13].strip(): line[13:].split()[0] for line in out.splitlines()[1:]}
    assert rows == {
        "not revoked": "passed",
        "whole": "passed",
        "order": "passed",
        "audit": "refused",
        "boot test": "passed",
    }
    assert err.startswith("r@20260101.1 is not let into candidate: 1 of 5 gates refuse\n  | audit: refused: ")
    assert "--force --reason" in err


def test_a_refusal_in_json_is_one_document_on_stdout(shop, call):
    shop.make("20260101.1", evidence={})
    code, out, err = call("promote", "r", "--to", "candidate", "--json")
    document = fits("promote", out)
    assert code == 5
    assert (document["changed"], document["refused"]) == (False, "r@20260101.1")
    assert [one["answer"] for one in document["gates"]] == ["passed"] * 3 + ["unknown"] * 2
    assert err.startswith("r@20260101.1 is not let into candidate")


def test_a_dry_run_asks_and_changes_nothing(two, call):
    before = two.desk().history("r")
    assert call("promote", "r", "--to", "candidate", "--dry-run")[0] == 0
    code, out, _ = call("promote", "r", "--to", "released", "--dry-run", "--json")
    assert code == 2, "candidate has nothing yet"
    code, out, _ = call("promote", "r@20260101.1", "--to", "released", "--dry-run", "--json")
    assert code == 5
    assert fits("promote --dry-run", out)["channel"] == "released"
    assert two.desk().history("r") == before


@pytest.mark.parametrize(
    ("argv", "code", "told"),
    [
        (["promote", "r@", "--to", "released"], 2, "'r@' names no version"),
        (["promote", "r", "--to", "nowhere"], 2, "there is no channel 'nowhere'"),
        (["promote", "r@9", "--to", "released"], 6, "has no version r@9"),
        (
            ["promote", "x", "--to", "candidate"],
            2,
            "the catalog knows no x; see what there is: goldsmith channels",
        ),
        (["promote", "r@20260101.1", "--to", "candidate", "--force"], 2, "--force needs a reason"),
        (["promote", "r", "--to", "candidate", "--if-current", "1.1"], 5, "is at no version, not at 1.1"),
        (["rollback", "r", "--channel", "released"], 5, "released has no version of r to roll back from"),
        (["rollback", "r", "--channel", "dev", "--to", "r@20260101.7"], 5, "was never in dev"),
        (["revoke", "r", "--reason", "x"], 2, "say which version"),
        (["revoke", "r@20260101.1", "--reason", " "], 2, "a revocation needs a reason"),
        (["revoke", "r@20260101.1"], 2, "Missing option '--reason'"),
        (["channels", "x"], 6, "the catalog has no versions of 'x'"),
        (["history", "r", "--channel", "nope"], 2, "there is no channel 'nope'"),
        (["retire", "--undo"], 2, "--undo wants a name"),
        (["retire", "r", "--undo"], 2, "no version of r can be brought back"),
        (["retire", "r@9"], 6, "has no version r@9"),
        (["retire", "x"], 6, "the catalog has no versions of 'x'\n  fix: there are: r"),
        (["image", "attach", "r@20260101.1", "audit", "/etc/hostname"], 6, "this is no audit document"),
    ],
)
def test_what_cannot_be_done_is_said_with_a_fix(two, call, argv, code, told):
    before = two.desk().history("r")
    found, out, err = call(*argv)
    assert (found, out) == (code, "")
    assert told in err
    assert two.desk().history("r") == before


def test_channels_show_their_versions_and_images(two, call):
    call("promote", "r@20260101.1", "--to", "candidate")
    code, out, _ = call("channels", "r")
    assert code == 0
    rows = [line.split() for line in out.splitlines()[1:]]
    assert [row[:3] for row in rows] == [
        ["r", "dev", "20260101.2"],
        ["r", "candidate", "20260101.1"],
        ["r", "released", "-"],
    ]
    found = fits("channels", call("channels", "--json")[1])
    ids = {one.id for one in two.facts.versions["20260101.1"].images}
    assert {one["id"] for one in found[1]["images"]} == ids
    assert found[2]["version"] is None


def test_an_empty_catalog_has_no_channels(call):
    assert call("channels") == (0, "", "no versions yet; `goldsmith build RECIPE` makes one\n")
    assert call("channels", "--json") == (0, "[]\n", "")
    assert call("history", "r") == (0, "", "nothing has happened to r yet\n")


def test_a_list_shows_what_a_channel_points_to(two, call):
    call("promote", "r@20260101.1", "--to", "candidate")
    found = json.loads(call("image", "list", "--channel", "candidate", "--json")[1])
    assert [one["goldsmith_version"] for one in found] == ["20260101.1", "20260101.1"]
    assert json.loads(call("image", "list", "--channel", "released", "--json")[1]) == []


def test_history_in_json_has_the_gates_with_their_documents(two, call):
    call("promote", "r@20260101.1", "--to", "candidate")
    events = fits("history", call("history", "r", "--channel", "candidate", "--json")[1])
    (event,) = events
    audit = next(one for one in event["gates"] if one["gate"] == "audit")
    assert (two.catalog.folder / "evidence" / audit["evidence"][:2] / audit["evidence"]).read_bytes() == GOOD
    assert len(json.loads(call("history", "r", "--limit", "1", "--json")[1])) == 1
    assert "audit" in call("history", "r@20260101.1", "-v")[1]


def test_a_retirement_is_told_before_it_is_done_and_can_be_taken_back(two, call, monkeypatch):
    for number in range(3, 10):
        two.make(f"20260101.{number}")
    with two.catalog.database.writing() as session:
        session.run("UPDATE images SET created_at = '2025-01-01T00:00:00+00:00'")
    code, out, _ = call("retire", "r")
    assert code == 0
    assert out.splitlines()[-1].startswith("9 versions; due: 4 steps (--apply takes them)")
    assert not two.image("20260101.1").hidden
    document = fits("retire", call("retire", "--apply", "--json")[1])
    assert [one["version"] for one in document["events"]] == [f"20260101.{n}" for n in (4, 3, 2, 1)]
    assert two.image("20260101.1").hidden
    assert "hidden" in call("history", "r@20260101.1")[1]
    assert call("retire", "r@20260101.1", "--undo") == (0, "r@20260101.1 restored\n", "")
    assert not two.image("20260101.1").hidden
    assert two.image("20260101.2").hidden


def test_evidence_is_attached_and_shown(two, call, tmp_path):
    file = tmp_path / "sbom.json"
    file.write_bytes(sbom("bash=1-1"))
    code, out, _ = call("image", "attach", "r@20260101.1", "sbom", file, "--as", "ann", "--json")
    assert code == 0
    assert len(fits("image evidence", out)) == 2, "with each format"
    code, out, _ = call("image", "evidence", "r@20260101.1")
    assert len(out.splitlines()) == 6
    assert "sbom  passed  CycloneDX 1.6, 1 packages" in out
    assert "by ann" in out


def test_a_deleted_image_leaves_the_first_channel_to_the_one_before(two, call):
    image = two.image("20260101.2").id
    assert call("image", "delete", image)[0] == 0
    assert two.holds == {"dev": "20260101.1"}
    call("promote", "r", "--to", "candidate")
    code, _, err = call("image", "delete", two.image("20260101.1").id)
    assert code == 5
    assert "r@20260101.1 is in candidate" in err


def test_an_approval_is_kept_under_a_name(two, call):
    assert call("approve", "r@20260101.1", "--to", "candidate", "--as", "bob", "--comment", "ok")[0] == 0
    code, out, _ = call("approve", "r@20260101.1", "--to", "candidate", "--as", "bob")
    assert (code, out) == (0, "r@20260101.1 was approved for candidate under this name already\n")
    assert "bob  approved  20260101.1  for candidate" in call("history", "r")[1]
