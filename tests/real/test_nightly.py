"""One night over recipes that are good, new, of a wrong medium and broken in their text; no guest is started."""

import json
from xml.etree import ElementTree as ET

import pytest

pytestmark = pytest.mark.real

NIGHT = """\
nightly: {boot_test: false}
notify: {when: always, command: [sh, -c, "cat > told.json"]}
"""
RECIPES = {
    "night-demo": "extends: demo\n",
    "night-new": "extends: demo\ncatalog: {description: not booted yet}\n",
    "night-medium": "extends: demo\nmedia: {iso: other.iso, sha256: " + 64 * "f" + "}\n",
    "night-wrong": "extends: demo\ndisk: {size: 4}\n",
}


def test_a_night_builds_what_it_can_and_tells_of_the_rest(selftested, in_project):
    assert selftested.code == 0, selftested.err
    goldsmith = in_project()
    project = goldsmith.project
    (project / "goldsmith.yaml").write_text(NIGHT)
    for name, text in RECIPES.items():
        (project / "recipes" / f"{name}.yaml").write_text(f"name: {name}\n{text}")
    with (project / "other.iso").open("wb") as medium_file:
        medium_file.truncate(4 << 20)
    (project / "boot-test.json").write_text(json.dumps(json.loads(selftested.out)["boot_test"]["report"]))
    known = goldsmith.build("night-demo").end["image"]
    assert goldsmith.run("image", "attach", str(known["id"]), "boot-test", "boot-test.json").code == 0

    done = goldsmith.run("nightly", "--no-refresh", "--json", "--junit", "night.xml", "--report", "pages")
    told = json.loads(done.out)
    assert done.code == told["exit_code"] == 2, "a recipe is worse than a gate"
    assert told["summary"] == "1 built, 1 unchanged, 2 failed, 1 not promoted"
    found = {one["recipe"]: one for one in told["recipes"]}
    demo, new, medium, wrong = (found[name] for name in RECIPES)
    assert (demo["ended"], demo["channel"], demo["image"]["id"]) == ("unchanged", "candidate", known["id"])
    assert (new["ended"], new["exit_code"], new["channel"]) == ("built", 5, "")
    assert new["refused"] == ["boot test: no boot-test is kept with it"]
    assert (medium["ended"], medium["exit_code"], medium["tries"]) == ("failed", 2, 0)
    assert "other.iso has the sha256 bb9f8df6" in medium["error"]
    assert (wrong["ended"], wrong["exit_code"], wrong["build"]) == ("failed", 2, "")
    assert "recipes/night-wrong.yaml:3:14: disk.size: 4 has no unit" in wrong["error"]

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
    channels = json.loads(goldsmith.run("channels", "night-demo", "--json").out)
    held = {one["channel"]: one["version"] for one in channels}
    assert held == dict.fromkeys(("dev", "candidate"), known["goldsmith_version"]) | {"released": None}
