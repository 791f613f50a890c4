"""``goldsmith nightly`` on the factory of fake tools: each build is a process of its own, as in real nights."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from goldsmith.recipe.outputs import output_schemas

SRC = Path(__file__).parents[2] / "src"
CALM = "nightly: {boot_test: false, promote_to: null, retry_after: 1 s}\n"


@pytest.fixture
def night(factory, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(SRC))  # for the builds' own processes
    say(factory, CALM)
    return factory


def say(factory, text: str) -> None:
    (factory.project / "goldsmith.yaml").write_text(text)


def recipes(done) -> dict[str, dict]:
    return {one["recipe"]: one for one in json.loads(done.out)["recipes"]}


def test_every_recipe_is_built_and_a_second_night_leaves_them_alone(night):
    night.recipe("other")
    done = night("nightly", "--json")
    assert (done.code, done.err) == (0, "")
    jsonschema.validate(json.loads(done.out), output_schemas()["nightly"])
    found = recipes(done)
    assert {name: one["ended"] for name, one in found.items()} == {"r": "built", "other": "built"}
    assert found["r"]["why"] == "fetch: not in the store"
    assert found["r"]["image"]["goldsmith_version"].endswith(".1")
    assert json.loads(done.out)["summary"] == "2 built"
    again = recipes(night("nightly", "--json"))
    assert [one["ended"] for one in again.values()] == ["unchanged", "unchanged"]
    assert again["r"]["image"]["id"] == found["r"]["image"]["id"]


def test_what_a_night_prunes_is_never_what_the_next_one_needs(night):
    say(night, CALM.replace("retry_after", "prune: {older_than_days: 0, to_size: 1 MiB}, retry_after"))
    first = night("nightly", "--json")
    assert [one["ended"] for one in recipes(first).values()] == ["built"]
    again = recipes(night("nightly", "--json"))
    assert [one["ended"] for one in again.values()] == ["unchanged"]
    assert night("image", "verify", again["r"]["image"]["id"]).code == 0


def test_a_broken_recipe_stops_no_other_and_gives_its_exit_status(night, tmp_path):
    (night.project / "recipes" / "broken.yaml").write_text("name: broken\nfamily: demo\ndisk: {size: 4}\n")
    done = night("nightly", "--junit", str(tmp_path / "night.xml"), "--json")
    assert done.code == 2
    found = recipes(done)
    assert (found["broken"]["ended"], found["r"]["ended"]) == ("failed", "built")
    assert "recipes/broken.yaml:3:14: " in found["broken"]["error"]
    suites = {one.get("name"): one for one in ET.parse(tmp_path / "night.xml").getroot()}
    assert suites["goldsmith broken"].get("failures") == "1"
    assert "disk.size" in suites["goldsmith broken"].find("testcase/failure").get("message")
    assert suites["goldsmith r"].get("failures") == "0"
    assert int(suites["goldsmith r"].get("tests")) == 10
    assert "broken" in (night.state / "report" / "index.html").read_text()


def test_a_recipe_whose_medium_is_not_given_is_skipped_unless_it_is_named(night):
    (night.project / "recipes" / "rhel.yaml").write_text("name: rhel\nextends: rhel7\n")
    found = recipes(night("nightly", "--json"))["rhel"]
    assert found["ended"] == "skipped"
    assert "iso is not given: say it in goldsmith.yaml, nightly.values.rhel" in found["why"]
    named = night("nightly", "rhel", "--json")
    assert named.code == 2
    assert recipes(named)["rhel"]["ended"] == "failed"


def test_values_of_a_recipe_come_from_goldsmith_yaml(night):
    night.recipe("r", "catalog: {tags: ['{{ tag }}']}\n")
    say(night, CALM.replace("boot_test", "values: {r: {tag: night}}, boot_test"))
    assert recipes(night("nightly", "--json"))["r"]["image"]["tags"] == ["night"]


def test_a_failed_guest_is_told_with_its_build_and_the_worst_decides(night, fake_tool):
    night.tools["virt-install"] = fake_tool("virt-install", 'echo "no such disk" >&2; exit 1')
    done = night("nightly", "--json")
    found = recipes(done)["r"]
    assert done.code == found["exit_code"] != 0
    assert found["build"].startswith("r-")
    assert found["tries"] == 1
    assert "no such disk" in found["error"]


def test_only_what_may_pass_is_tried_again(night, fake_tool, tmp_path):
    script = f"""
    [ -e '{tmp_path}/tried' ] && exec true
    : > '{tmp_path}/tried'
    echo "Temporary failure resolving 'deb.example.org'" >&2
    exit 1
    """
    night.tools["virt-customize"] = fake_tool("virt-customize", script)
    done = night("nightly")
    assert done.code == 0, done.err
    assert "failed by what may pass (Temporary failure resolving 'deb.example.org'); again in 1 s" in done.err
    assert "r: built" in done.out


def test_what_passes_its_gates_is_promoted_and_a_refusal_is_the_exit_status(night):
    say(night, "nightly: {boot_test: false}\n")
    done = night("nightly", "--json")
    found = recipes(done)["r"]
    assert done.code == 5
    assert any(one.startswith("boot test") for one in found["refused"])
    assert found["ended"] == "built"
    channels = json.loads(night("channels", "--json").out)
    assert "candidate" in json.dumps(channels)
    assert night("nightly", "--no-promote").code == 0


def test_hook_and_webhook_get_the_result(night, fake_tool, tmp_path):
    hook = fake_tool("hook", f"cat > '{tmp_path}/told'")
    got = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *words):
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    say(
        night,
        f"{CALM}notify: {{when: always, command: [hook, a], webhook: 'http://127.0.0.1:{server.server_port}/'}}\n",
    )
    done = night("nightly", "--json")
    server.shutdown()
    assert done.code == 0
    assert hook.calls == [["a"]]
    told = json.loads((tmp_path / "told").read_text())
    assert told["recipes"][0]["recipe"] == "r"
    assert got == [told]


def test_whom_the_message_does_not_reach_is_told_and_fails_no_night(night):
    say(night, f"{CALM}notify: {{when: always, command: [no-such-program]}}\n")
    done = night("nightly", "--json")
    assert done.code == 0
    assert "warning: notify.command: no-such-program is not installed" in done.err


def test_a_wrong_goldsmith_yaml_is_told_at_its_place(night):
    say(night, "nightly: {jobs: 0}\nnotify: {when: always}\n")
    done = night("nightly")
    assert done.code == 2
    assert "goldsmith.yaml:1:" in done.err
    assert "goldsmith.yaml:2:" in done.err
    assert "notify tells nobody" in done.err
    say(night, CALM)
    assert night("nightly", "--jobs", "none").code == 2


def test_ctrl_c_stops_all_builds_and_tells_of_them(night, fake_tool, tmp_path):
    night.tools["virt-customize"] = fake_tool("virt-customize", f": > '{tmp_path}/inside'; exec sleep 60")
    running = subprocess.Popen(
        [sys.executable, "-m", "goldsmith", "nightly", "--json"],
        env={**os.environ, "GOLDSMITH_STATE": str(night.state)},
        cwd=night.project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 60
    while not (tmp_path / "inside").exists() and time.monotonic() < end:
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert json.loads(out)["recipes"][0]["ended"] == "stopped"
    assert "interrupted; everything that was running is stopped" in err
    assert night.left == []


def test_two_nights_at_once_are_one_too_many(night):
    (night.state / "nightly").mkdir(parents=True)
    from goldsmith.host.files import locked

    with locked(night.state / "nightly" / "lock"):
        done = night("nightly")
    assert done.code == 3
    assert "another nightly uses" in done.err
