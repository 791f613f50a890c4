"""One night over recipes that are good, new, of another family, of a wrong medium, broken in their text, and whose
guest fails in a step: the only one that is started, and so also the proof of what a failing step shows and keeps.
"""

import json
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from .test_rhel_standins import CREDENTIALS, build_once

pytestmark = pytest.mark.real

NIGHT = """\
nightly: {boot_test: false}
notify: {when: always, command: [sh, -c, "cat > told.json"]}
"""
RECIPES = {
    "night-demo": "extends: demo\nboot_test: {enabled: true}\n",  # which the self-test has made
    "night-new": "extends: demo\ncatalog: {description: not booted yet}\n",
    "night-medium": "extends: demo\nmedia: {iso: other.iso, sha256: " + 64 * "f" + "}\n",
    "night-wrong": "extends: demo\ndisk: {size: 4}\n",
    "night-rhel7": "extends: rhel7\nmedia: {iso: goldsmith-standin-rhel7}\nboot_test: {enabled: false}\n",
    "night-stumbles": (
        "extends: demo\n"  # its guest goes on from the demo's memory, where there is one
        "customize:\n  append:\n    - name: good\n      run: echo fine\n"
        "    - name: bad\n      run: |\n        echo one\n        echo the real cause >&2\n        exit 9\n"
    ),
}


def events(goldsmith, build, kind):
    """Return the stages of which a build has told this."""
    lines = (goldsmith.state / "builds" / build / "events.jsonl").read_text().splitlines()
    return [one["stage"] for one in map(json.loads, lines) if one["event"] == kind]


def test_a_night_builds_what_it_can_and_tells_of_the_rest(selftested, in_project, shared_state):
    assert selftested.code == 0, selftested.err
    assert build_once(shared_state, "rhel7").done.code == 0
    goldsmith = replace(in_project(), extra=CREDENTIALS)
    project = goldsmith.project
    (project / "goldsmith.yaml").write_text(NIGHT)
    for name, text in RECIPES.items():
        (project / "recipes" / f"{name}.yaml").write_text(f"name: {name}\n{text}")
    with (project / "other.iso").open("wb") as medium_file:
        medium_file.truncate(4 << 20)
    known = goldsmith.build("night-demo").end["image"]

    done = goldsmith.run("nightly", "--no-refresh", "--json", "--junit", "night.xml", "--report", "pages")
    told = json.loads(done.out)
    assert done.code == told["exit_code"] == 4, "a guest is worse than a recipe, and that than a gate"
    assert told["summary"] == "2 built, 1 unchanged, 3 failed, 2 not promoted"
    found = {one["recipe"]: one for one in told["recipes"]}
    demo, new, medium, wrong, rhel7, stumbles = (found[name] for name in RECIPES)
    assert (demo["ended"], demo["channel"], demo["image"]["id"]) == ("unchanged", "candidate", known["id"])
    assert (new["ended"], new["exit_code"], new["channel"]) == ("built", 5, "")
    assert new["refused"] == rhel7["refused"] == ["boot test: no boot-test is kept with it"]
    assert (rhel7["ended"], rhel7["exit_code"], rhel7["image"]["os_distro"]) == ("built", 5, "rhel")
    assert events(goldsmith, rhel7["build"], "StageFinished") == ["seal", "register"]
    assert (medium["ended"], medium["exit_code"], medium["tries"]) == ("failed", 2, 0)
    assert "other.iso has the sha256 bb9f8df6" in medium["error"]
    assert (wrong["ended"], wrong["exit_code"], wrong["build"]) == ("failed", 2, "")
    assert "recipes/night-wrong.yaml:3:14: disk.size: 4 has no unit" in wrong["error"]
    assert (stumbles["ended"], stumbles["exit_code"], stumbles["tries"]) == ("failed", 4, 1)
    assert (
        "recipes/night-stumbles.yaml:7:7: step 'bad': the script ended with exit status 9"
        in stumbles["error"]
    )
    assert "| the real cause" in stumbles["error"]
    assert "fix:" in stumbles["error"]
    assert events(goldsmith, stumbles["build"], "StageFinished") == ["step-6-good"]
    goldsmith.nothing_left("night-stumbles")
    assert re.search(r"step-6-good\s+cached", goldsmith.run("plan", "night-stumbles").out)

    assert json.loads((project / "told.json").read_text()) == told
    kept = max((goldsmith.state / "nightly").glob("*.json"))
    assert json.loads(kept.read_text())["recipes"] == told["recipes"]

    suites = {
        str(one.get("name")).removeprefix("goldsmith "): one
        for one in ET.parse(project / "night.xml").getroot()
    }
    failures = {
        name: {
            one.get("name"): one.find("failure").get("message")
            for one in suite
            if one.find("failure") is not None
        }
        for name, suite in suites.items()
    }
    assert failures == {
        "night-demo": {},
        "night-new": {"promotion": new["refused"][0]},
        "night-medium": {"build": medium["error"].partition("\n")[0]},
        "night-wrong": {"build": wrong["error"].partition("\n")[0]},
        "night-rhel7": {"promotion": rhel7["refused"][0]},
        "night-stumbles": {"step-7-bad": stumbles["error"].partition("\n")[0]},
    }
    for name, suite in suites.items():
        assert suite.get("tests") == str(len(suite.findall("testcase")))
        assert suite.get("failures") == str(len(failures[name]))

    index = (project / "pages" / "index.html").read_text()
    assert all(name in index for name in RECIPES)
    assert "disk.size: 4 has no unit" in index
    page = (project / "pages" / "builds" / f"{new['build']}.html").read_text()
    assert "seal" in page
    assert known["goldsmith_sha256"] in page, "the same bytes"
    failed = (project / "pages" / "builds" / f"{stumbles['build']}.html").read_text()
    assert "the real cause" in failed
    channels = json.loads(goldsmith.run("channels", "night-demo", "--json").out)
    held = {one["channel"]: one["version"] for one in channels}
    assert held == dict.fromkeys(("dev", "candidate"), known["goldsmith_version"]) | {"released": None}
