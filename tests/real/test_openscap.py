"""The real oscap on the finished image of the demo: two rules of our own, of which it keeps one."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not shutil.which("oscap"), reason="no openscap-scanner in this distribution"),
]

SCAP = Path(__file__).parent / "scap"
RECIPE = "openscap: {content: ds.xml, profile: xccdf_goldsmith_profile_two, minimum_score: 60}\n"


def test_a_scan_finds_what_holds_in_the_image_and_a_low_score_stops_the_build(demo, in_project):
    goldsmith = in_project(scanned=RECIPE)
    content = goldsmith.project / "recipes" / "ds.xml"
    subprocess.run(["oscap", "ds", "sds-compose", "xccdf.xml", content], cwd=SCAP, check=True)
    done = goldsmith.build("scanned")
    assert done.code == 5, done.err
    assert done.stages("StageFailed") == ["openscap"]
    assert "OpenSCAP gives 50 percent, less than the 60 of openscap.minimum_score" in done.err
    folder = goldsmith.state / "builds" / str(done.end["build"])
    found = json.loads((folder / "openscap.json").read_text())
    assert found["rules"] == {"fail": 1, "pass": 1}
    assert found["failed"] == [{"rule": "xccdf_goldsmith_rule_motd", "severity": "low"}]
    assert "Authorized" in (folder / "openscap-arf.xml").read_text()
    assert "<html" in (folder / "openscap.html").read_text()
    goldsmith.nothing_left("scanned")
    assert "goldsmith-mount-" not in Path("/proc/self/mounts").read_text()
