"""The scan with OpenSCAP, with a program in place of oscap that leaves a report in the published form (ARF 1.1)."""

import json
from pathlib import Path

import pytest

from goldsmith.catalog.evidence import judge
from goldsmith.errors import GateError, HostError, RecipeErrors, ToolError, UsageError
from goldsmith.recipe.model import Export as Wanted
from goldsmith.recipe.model import Recipe
from goldsmith.recipe.openscap import OpenScap
from goldsmith.stages.export import Export
from goldsmith.stages.openscap import ARF, PAGE, Scan, read_result, scan_of
from goldsmith.stages.parts import SCAN

REPORT = """<?xml version="1.0" encoding="UTF-8"?>
<arf:asset-report-collection xmlns:arf="http://scap.nist.gov/schema/asset-reporting-format/1.1">
 <arf:reports><arf:report id="xccdf1"><arf:content>
  <TestResult xmlns="http://checklists.nist.gov/xccdf/1.2" id="xccdf_org.open-scap_testresult_x" version="0.1">
   <rule-result idref="xccdf_r_empty_passwords" severity="high"><result>fail</result></rule-result>
   <rule-result idref="xccdf_r_firewall" severity="medium"><result>pass</result></rule-result>
   <rule-result idref="xccdf_r_selinux" severity="medium"><result>pass</result></rule-result>
   <rule-result idref="xccdf_r_gdm"><result>notapplicable</result></rule-result>
   <score system="urn:xccdf:scoring:default" maximum="100.000000">66.666664</score>
  </TestResult>
 </arf:content></arf:report></arf:reports>
</arf:asset-report-collection>
"""
# Shows a system below its last word until it is ended, as guestmount does.
GUESTMOUNT = """
for place; do :; done
mkdir "$place/etc"
echo $$ > "$BIN/mounted"
exec sleep 60
"""
# Leaves what oscap leaves where it is told to, and ends as oscap does when a rule failed.
OSCAP = """
[ -d "$OSCAP_PROBE_ROOT/etc" ] || exit 1
while [ $# -gt 0 ]; do
    case $1 in
        --results-arf) cp "$BIN/report.xml" "$2" ;;
        --report) echo '<html>rules</html>' > "$2" ;;
    esac
    shift
done
exit 2
"""


def a_scanner(fake_tool):
    """Put fakes of oscap, guestmount and guestunmount on PATH; return the first."""
    fake_tool("guestmount", GUESTMOUNT)
    fake_tool("guestunmount", 'kill "$(cat "$BIN/mounted")"')
    tool = fake_tool("oscap", OSCAP)
    (tool.path.parent / "report.xml").write_text(REPORT)
    return tool


@pytest.fixture
def oscap(fake_tool):
    return a_scanner(fake_tool)


@pytest.fixture
def content(tmp_path):
    path = tmp_path / "ssg-ds.xml"
    path.write_text("<data-stream-collection/>")
    return path


def recipe(**said):
    return Recipe.model_validate(
        {"name": "r", "family": "demo", "os": "debian12", "media": {"iso": "x"}, "openscap": said or None}
    )


@pytest.fixture
def scan(content, oscap, tmp_path):
    def made(**more):
        found = scan_of(recipe(content=content, profile="standard", **more), tmp_path / "memo")
        assert found
        return found

    return made


@pytest.fixture
def exported(bench, disk):
    bench.run(Export(wanted=[Wanted()]), disk)
    return bench


def test_the_exported_image_is_scanned_and_its_result_kept_with_the_page_and_the_report(
    exported, oscap, scan, content, fake_tool
):
    mount = fake_tool("guestmount", GUESTMOUNT)
    entry = exported.run(scan())
    (call,), (asked,) = oscap.calls, mount.calls
    image = exported.results["export"].folder / "image.qcow2"
    assert asked[:-1] == ["--no-fork", "--ro", "--format=qcow2", "-a", str(image), "-i"]
    assert not Path(asked[-1]).exists()
    assert call[:4] == ["xccdf", "eval", "--profile", "standard"]
    assert call[-1] == str(content)
    said = json.loads((entry.folder / SCAN).read_text())
    assert said["score"] == 66.67
    assert said["rules"] == {"fail": 1, "notapplicable": 1, "pass": 2}
    assert said["failed"] == [{"rule": "xccdf_r_empty_passwords", "severity": "high"}]
    assert judge("openscap", (entry.folder / SCAN).read_bytes()) == (
        True,
        "66.67 percent of standard: 1 fail, 1 notapplicable, 2 pass",
    )
    assert sorted(one.name for one in exported.folder.iterdir() if "openscap" in one.name) == [
        ARF,
        PAGE,
        SCAN,
    ]


def test_a_score_below_the_wanted_one_ends_the_build_and_its_evidence_stays(exported, scan):
    exported.run(scan(minimum_score=66))
    with pytest.raises(
        GateError, match=r"66.67 percent, less than the 80 of openscap.minimum_score"
    ) as refused:
        exported.run(scan(minimum_score=80))
    assert str(exported.folder / PAGE) in refused.value.fix
    assert (exported.folder / ARF).read_text() == REPORT


def test_content_for_another_system_is_no_result(exported, scan, oscap):
    text = REPORT
    for result in ("fail", "pass"):
        text = text.replace(f"<result>{result}</result>", "<result>notapplicable</result>")
    (oscap.path.parent / "report.xml").write_text(text)
    with pytest.raises(UsageError, match=r"none of the 4 rules of standard was asked of this image"):
        exported.run(scan())


def test_an_image_that_cannot_be_mounted_says_why(exported, scan, fake_tool):
    fake_tool("guestmount", "echo 'guestmount: no operating system was found on this disk' >&2; exit 1")
    with pytest.raises(ToolError, match=r"guestmount ended with 1\n.*no operating system was found"):
        exported.run(scan())


def test_a_scan_that_fails_itself_is_no_result(exported, scan, fake_tool):
    fake_tool("oscap", "echo 'OpenSCAP Error: No profile matching suffix found' >&2; exit 1")
    with pytest.raises(ToolError, match="No profile matching"):
        exported.run(scan())


@pytest.mark.parametrize("text", ["", "<arf/>", REPORT.replace("66.666664", ""), REPORT[:400]])
def test_a_report_without_a_result_is_told(tmp_path, text):
    path = tmp_path / "arf.xml"
    path.write_text(text)
    with pytest.raises(ToolError, match="no result that can be read"):
        read_result(path)


def test_another_content_profile_or_score_is_another_scan(scan, content, tmp_path):
    base = scan().inputs()
    assert scan().inputs() == base
    assert scan(minimum_score=50).inputs() != base
    tailoring = tmp_path / "tailoring.xml"
    tailoring.write_text("<Tailoring/>")
    assert scan(tailoring=tailoring).inputs() != base
    content.write_text("<data-stream-collection>newer</data-stream-collection>")
    assert scan().inputs() != base


def test_what_lacks_is_told_before_anything_starts(tmp_path, content):
    assert scan_of(recipe(), tmp_path / "memo") is None
    with pytest.raises(RecipeErrors, match=r"there is no file /none/ds\.xml"):
        scan_of(recipe(content="/none/ds.xml", profile="standard"), tmp_path / "memo")
    with pytest.raises(HostError, match="oscap is not installed, and r asks for openscap"):
        scan_of(recipe(content=content, profile="standard"), tmp_path / "memo")


def test_the_stage_hands_the_tailoring_on(exported, oscap, tmp_path, content):
    said = OpenScap(content=content, profile="mine", tailoring=tmp_path / "t.xml")
    exported.run(Scan(said, {"content": "c", "tailoring": "t"}))
    (call,) = oscap.calls
    assert call[call.index("--tailoring-file") + 1] == str(tmp_path / "t.xml")
