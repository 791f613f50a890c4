"""``goldsmith build`` and ``plan`` from end to end on fake tools: exit codes, texts, what is kept and what is left."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

from goldsmith.plan.store import Store
from goldsmith.recipe.outputs import output_schemas
from goldsmith.record import BuildState, read_builds

from .conftest import VIRT_INSTALL

ROAD = [
    "fetch",
    "install",
    "step-1-one",
    "step-2-two",
    "sysprep",
    "sparsify",
    "export",
    "audit",
    "seal",
    "register",
]
SLOW = "case \"$*\" in *--version*) echo virt-sysprep 1.48.1 ;; *) touch '{0}/inside'; sleep {1} ;; esac"


def keys(state):
    return {one.stage: one.entry.key for one in Store(state).entries()}


def mended(factory, fake_tool, name, script=""):
    """Put another fake tool in the place of one; its calls go on being counted."""
    factory.tools[name] = fake_tool(name, script)


def test_a_build_goes_all_the_way_and_prints_events_and_nothing_else(factory):
    done = factory("build", "r", "--json")
    assert (done.code, done.err) == (0, "")
    assert done.stages("StageFinished") == ROAD
    end = done.events[-1]
    assert (end["event"], end["ok"], end["image"]["status"]) == ("BuildFinished", True, "active")
    assert factory.left == []
    shown = json.loads(factory("image", "list", "--json").out)
    assert [one["id"] for one in shown] == [end["image"]["id"]]


def test_what_a_build_leaves_is_for_its_user_alone(factory):
    factory("build", "r")
    (one,) = read_builds(factory.state / "builds")
    modes = {
        name: (one.folder / name).stat().st_mode & 0o777
        for name in (".", "logs", "rendered", "rendered/ks.cfg")
    }
    assert modes == {".": 0o700, "logs": 0o700, "rendered": 0o700, "rendered/ks.cfg": 0o600}
    assert (factory.state / "store" / "layers").stat().st_mode & 0o777 == 0o711


def test_a_second_build_runs_no_tool_and_says_so(factory):
    factory("build", "r")
    before = {name: len(tool.calls) for name, tool in factory.tools.items()}
    done = factory("build", "r", "--json")
    assert done.code == 0
    assert done.stages("StageCached") == ROAD
    assert {name: len(tool.calls) for name, tool in factory.tools.items()} == before
    assert done.events[-1]["own_seconds"] < 2
    plan = json.loads(factory("plan", "r", "--json").out)
    assert plan["cached"]
    assert [one["cached"] for one in plan["stages"]] == [True] * len(ROAD)
    assert "nothing to do: every stage is cached" in factory("plan", "r").out


def test_recipes_that_make_the_same_disk_share_its_export_under_their_own_names(factory):
    factory.recipe("other")
    assert factory("build", "r").code == 0
    done = factory("build", "other", "--json", "--id", "second")
    assert done.code == 0, done.err
    assert "export" in done.stages("StageCached")
    manifest = json.loads((factory.state / "builds" / "second" / "manifest.json").read_text())
    assert [one["name"] for one in manifest["files"]] == ["other.qcow2"]


def test_a_change_to_the_last_step_runs_that_and_what_follows_and_the_plan_says_why(factory):
    factory("build", "r")
    path = factory.project / "recipes" / "r.yaml"
    path.write_text(path.read_text().replace("echo two", "echo three"))
    plan = {one["name"]: one["reason"] for one in json.loads(factory("plan", "r", "--json").out)["stages"]}
    assert plan["step-1-one"] == ""
    assert plan["step-2-two"] == 'run.script changed: "echo two" -> "echo three"'
    assert plan["sysprep"] == "follows step-2-two"
    assert factory("build", "r", "--json").stages("StageStarted") == ROAD[3:]


def test_a_plan_expects_the_time_that_earlier_builds_took_in_the_same_way(factory, monkeypatch):
    factory("build", "r")

    def expected(way):
        monkeypatch.setenv("GOLDSMITH_ACCEL", way)
        plan = json.loads(factory("plan", "r", "--no-cache", "--json").out)
        jsonschema.validate(plan, output_schemas()["plan"])
        return {one["name"]: one["expected"] for one in plan["stages"]}

    assert all(expected("tcg").values())
    assert not any(expected("kvm").values())


def test_a_step_that_is_put_first_has_no_time_and_the_others_keep_theirs(factory):
    old = '  - {run: "echo one", via: offline}\n  - {run: "echo two", via: offline}\n'
    factory.recipe("r", "customize:\n" + old)
    assert factory("build", "r").code == 0
    factory.recipe("r", 'customize:\n  - {run: "echo new", via: offline}\n' + old)
    plan = json.loads(factory("plan", "r", "--json").out)
    timed = {one["name"]: one["expected"] is not None for one in plan["stages"]}
    assert [timed[f"step-{at}-run"] for at in (1, 2, 3)] == [False, True, True]


def test_planning_makes_no_layer_and_no_record(factory):
    assert factory("plan", "r").code == 0
    assert not (factory.state / "store").exists()
    assert not (factory.state / "builds").exists()


def test_a_stage_that_does_not_exist_is_refused_with_those_that_do(factory):
    for command in ("plan", "build"):
        done = factory(command, "r", "--from", "customize")
        assert (done.code, done.out) == (2, "")
        assert done.err == f"there is no stage customize\n  fix: one of {', '.join(ROAD)}\n"


def test_from_a_stage_onwards_everything_is_made_again(factory):
    factory("build", "r")
    done = factory("build", "r", "--from", "export", "--json")
    assert done.stages("StageStarted") == ROAD[6:]
    assert len(json.loads(factory("image", "list", "--json").out)) == 1, "the same key is the same image"


def test_without_the_cache_all_but_the_medium_is_made_again(factory):
    factory("build", "r")
    assert factory("build", "r", "--no-cache", "--json").stages("StageStarted") == ROAD[1:]
    assert factory.left == []


def test_a_layer_that_is_made_again_takes_with_it_what_stood_on_it(factory):
    factory("build", "r")
    path = factory.project / "recipes" / "r.yaml"
    first = path.read_text()
    path.write_text(first.replace("echo two", "echo other"))
    factory("build", "r", "--from", "install")
    path.write_text(first)
    done = factory("build", "r", "--json")
    assert done.stages("StageStarted")[0] == "step-2-two", "its disk was made of another install"


def test_a_layer_that_is_missing_is_made_again_with_all_that_stands_on_it(factory):
    factory("build", "r")
    store = Store(factory.state)
    store.remove(keys(factory.state)["install"])
    done = factory("build", "r", "--json")
    assert done.stages("StageStarted") == ROAD[1:]


def test_an_image_that_was_deleted_is_registered_again(factory):
    image = factory("build", "r", "--json").events[-1]["image"]["id"]
    assert factory("image", "delete", image).code == 0
    plan = json.loads(factory("plan", "r", "--json").out)
    assert [one["name"] for one in plan["stages"] if not one["cached"]] == ["register"]
    done = factory("build", "r", "--json")
    assert done.stages("StageStarted") == ["register"]
    assert done.events[-1]["image"]["id"] != image


def test_without_registering_a_build_ends_before_the_catalog(factory):
    done = factory("build", "r", "--no-register", "--json")
    assert done.stages("StageFinished") == ROAD[:-1]
    assert done.events[-1]["image"] == {}
    assert not (factory.state / "catalog").exists()


def test_a_failing_tool_is_told_on_stderr_and_the_same_command_goes_on_from_there(factory, fake_tool):
    mended(factory, fake_tool, "virt-sparsify", "echo 'no room in the appliance' >&2; exit 1")
    mended(factory, fake_tool, "virt-sysprep", 'case "$*" in *"fstrim -av"*) echo fstrim; exit 1;; esac')
    done = factory("build", "r", "--json")
    assert done.code == 1
    assert done.err.startswith("exit status 1 from: virt-sparsify")
    assert "| no room in the appliance" in done.err
    assert [one["event"] for one in done.events[-2:]] == ["StageFailed", "BuildFinished"]
    assert done.events[-1]["exit_code"] == 1
    assert factory.left == []
    mended(factory, fake_tool, "virt-sparsify")
    assert factory("build", "r", "--json").stages("StageStarted") == ROAD[5:]


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("SAID", "Kernel panic - not syncing: no root", "the kernel panicked: no root"),
        (
            "SAID",
            "all is well",
            "the guest powered off in phase 'installing packages' without reaching the end",
        ),
        ("MARKER", "false", "/etc/goldsmith-install-ok is not on the disk"),
    ],
)
def test_an_install_without_its_marks_is_a_failure_of_the_guest(factory, monkeypatch, variable, value, told):
    monkeypatch.setenv(variable, value)
    done = factory("build", "r")
    assert done.code == 4
    assert told in done.err
    assert "fix:" in done.err
    (kept,) = (factory.state / "builds").glob("*/failure")
    assert {"console.txt", "host.json"} <= {one.name for one in kept.iterdir()}
    assert f"kept in {kept}: console.txt" in done.err
    assert factory.left == []


def test_a_cause_that_only_the_installers_log_has_is_told_with_its_lines(factory, fake_tool, monkeypatch):
    monkeypatch.setenv("SAID", "Running post-installation scripts")
    fake_tool(
        "virt-install",
        f"""{VIRT_INSTALL}
mkdir -p "${{console%/*}}/logs"
printf '%s\\n' '10:22:31,990 ERR anaconda: Error code 3 running the kickstart script at line 7' \\
    '10:22:31,991 ERR anaconda: There was an error running the kickstart script at line 7.#012#012cp: no such' \\
    > "${{console%/*}}/logs/anaconda.log"
""",
    )
    done = factory("build", "r")
    assert done.code == 4
    assert "the kickstart script at line 7 failed (exit status 3)" in done.err
    assert "| cp: no such\n" in done.err


def test_a_pre_script_that_only_the_installers_log_has_is_told_with_its_output(factory, fake_tool):
    fake_tool(
        "virt-install",
        f"""{VIRT_INSTALL}
mkdir -p "${{console%/*}}/logs"
printf '%s\\n' '10:22:31,989 INFO program: cp: no such' \\
    '10:22:31,990 ERR anaconda: Error code 3 running the kickstart script at line 7' \\
    > "${{console%/*}}/logs/anaconda.log"
echo Running pre-installation scripts > "$console"
""",
    )
    done = factory("build", "r")
    assert done.code == 4
    assert "the kickstart script at line 7 ended with exit status 3" in done.err
    assert "program: cp: no such\n" in done.err


def test_a_medium_that_is_not_there_says_where_one_is_obtained(factory, monkeypatch):
    monkeypatch.setenv("RHSM_ORG", "an organization")
    monkeypatch.setenv("RHSM_KEY", "a key of it")
    for command in ("build", "plan"):
        done = factory(command, "rhel7", "--iso", "/nowhere/rhel.iso")
        assert done.code == 2
        assert "/nowhere/rhel.iso" in done.err
        assert "download the RHEL 7.9 Binary DVD with your subscription" in done.err


def test_a_medium_with_another_digest_is_refused_with_its_place(factory):
    iso = factory.project / "x.iso"
    iso.write_bytes(b"\0" * 100_000)
    text = f"name: s\nextends: r\nmedia: {{tree: null, iso: {iso}, sha256: {'f' * 64}}}\n"
    (factory.project / "recipes" / "s.yaml").write_text(text)
    done = factory("build", "s")
    assert done.code == 2
    assert "recipes/s.yaml:3:" in done.err
    assert "sha256" in done.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("family: rehl7\n", "there is no guest family rehl7"),
        ("disk: {size: '{{ nothing }}'}\n", "nothing is not given"),
        ("install: {kickstart: own.ks.j2}\n", "kickstarts/own.ks.j2:2: the kickstart is not accepted"),
        ("audit: {profile: debain}\n", "unknown audit profile 'debain'"),
        ("audit: {waivers: [{check: no-such-check, reason: it is not there}]}\n", "no-such-check"),
    ],
)
def test_what_is_wrong_in_a_recipe_is_told_before_anything_runs(factory, text, told):
    (factory.project / "kickstarts" / "own.ks.j2").write_text("# {{ name }}\nfrobnicate\n")
    (factory.project / "recipes" / "s.yaml").write_text(f"name: s\nextends: r\n{text}")
    done = factory("build", "s", "--json")
    assert done.code == 2
    assert told in done.err
    assert factory.tools["virt-install"].calls == []
    assert [one for one in done.events if one["event"] == "StageStarted"] == []


def test_several_recipes_go_on_after_a_failure_and_end_with_the_worst_code(factory):
    (factory.project / "recipes" / "bad.yaml").write_text("name: bad\nfamily: demo\nfrob: 1\n")
    report = factory.project / "out" / "report.xml"
    done = factory("build", "bad", "r", "--quiet", "--junit", str(report))
    assert done.code == 2
    assert "recipes/bad.yaml:3:1: there is no key 'frob'" in done.err or "frob" in done.err
    assert len(done.out.splitlines()) == 1, "the id of the image that was built"
    suites = {one.get("name"): one for one in ElementTree.parse(report).getroot()}
    assert {name: one.get("failures") for name, one in suites.items()} == {
        "goldsmith bad": "1",
        "goldsmith r": "0",
    }
    assert [one.get("name") for one in suites["goldsmith r"]] == ROAD


def test_a_build_id_is_given_once_and_to_one_recipe(factory):
    assert factory("build", "r", "--id", "mine").code == 0
    taken = factory("build", "r", "--id", "mine")
    assert (taken.code, taken.err) == (2, "a build mine is there already\n  fix: give another --id\n")
    assert factory("build", "r", "r", "--id", "x").code == 2


def test_a_state_folder_that_cannot_be_is_a_fault_of_the_host(factory):
    (factory.project / "file").write_text("")
    done = factory("build", "r", "--state", str(factory.project / "file" / "state"))
    assert done.code == 3
    assert "Not a directory" in done.err
    assert "fix: " in done.err
    assert "bug" not in done.err


def test_a_secret_that_a_tool_prints_is_nowhere(factory, fake_tool, monkeypatch):
    monkeypatch.setenv("TOKEN", "hunter2-hunter2")
    mended(factory, fake_tool, "virt-customize", "for f; do :; done; cat $f; echo failed >&2; exit 1")
    text = "customize: [{run: {script: 'true', environment: {T: !secret env:TOKEN}}, via: offline}]\n"
    factory.recipe("s", text)
    done = factory("build", "s", "--json")
    assert done.code == 1
    assert "********" in done.err
    for kept in (
        done.out,
        done.err,
        *(one.read_text() for one in (factory.state / "builds").rglob("*.*") if one.is_file()),
    ):
        assert "hunter2" not in kept
    logs = "".join(one.read_text() for one in (factory.state / "builds").rglob("*.log"))
    assert "export T=********" in logs
    assert factory.left == []


class Process:
    """The command as a process of its own."""

    def __init__(self, *words, **options):
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "goldsmith", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def end(self):
        out, err = self.popen.communicate(timeout=60)
        return self.popen.returncode, out, err


def test_a_build_that_starts_while_the_store_is_cleared_plans_with_what_is_left(factory):
    factory("build", "r", "--no-register")
    store = Store(factory.state)
    with store.clearing(on_wait=print):
        build = Process("build", "r", "--no-register", "--json")
        while len(list((factory.state / "builds").iterdir())) < 2:
            time.sleep(0.05)
        time.sleep(0.5)
        store.remove_with_all_on_it(keys(factory.state)["step-1-one"])
    code, out, err = build.end()
    assert (code, err) == (0, "")
    assert "step-1-one" in [
        one["stage"] for one in map(json.loads, out.splitlines()) if one["event"] == "StageFinished"
    ]


def until(question):
    deadline = time.monotonic() + 60
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=str)
def test_a_build_that_is_stopped_ends_its_tool_and_leaves_nothing(factory, fake_tool, tmp_path, sign):
    mended(factory, fake_tool, "virt-sysprep", SLOW.format(tmp_path, "300"))
    build = Process("build", "r", "--json")
    until((tmp_path / "inside").exists)
    build.popen.send_signal(sign)
    code, out, err = build.end()
    assert code == 130
    assert err.startswith("interrupted; everything that was running is stopped")
    assert json.loads(out.splitlines()[-1])["exit_code"] == 130
    assert factory.left == []
    (one,) = read_builds(factory.state / "builds")
    assert one.state is BuildState.INTERRUPTED


STUBBORN = (
    'case "$*" in *--version*) echo virt-sysprep 1.48.1 ;; '
    "*) trap '' INT TERM; touch '{0}/inside'; sleep 300 & wait; sleep 300 ;; esac"
)


def test_ctrl_c_once_is_over_in_ten_seconds_also_when_the_tool_does_not_listen(factory, fake_tool, tmp_path):
    mended(factory, fake_tool, "virt-sysprep", STUBBORN.format(tmp_path))
    build = Process("build", "r")
    until((tmp_path / "inside").exists)
    started = time.monotonic()
    build.popen.send_signal(signal.SIGINT)
    assert build.end()[0] == 130
    assert time.monotonic() - started < 10
    assert factory.left == []


def test_ctrl_c_once_is_over_in_ten_seconds_also_when_nobody_reads_the_output(factory, fake_tool, tmp_path):
    mended(factory, fake_tool, "virt-sysprep", STUBBORN.format(tmp_path))
    build = Process("build", "r", "--json", pipesize=4096)
    until(lambda: list((factory.state / "builds").glob("*/events.jsonl")))
    time.sleep(2)
    assert not (tmp_path / "inside").exists(), "it stands still before that"
    started = time.monotonic()
    build.popen.send_signal(signal.SIGINT)
    assert build.popen.wait(20) == 130
    assert time.monotonic() - started < 10
    assert factory.left == []


def test_ctrl_c_twice_ends_at_once_and_the_next_build_sweeps(factory, fake_tool, tmp_path):
    mended(factory, fake_tool, "virt-sysprep", STUBBORN.format(tmp_path))
    build = Process("build", "r")
    until((tmp_path / "inside").exists)
    build.popen.send_signal(signal.SIGINT)
    time.sleep(0.6)
    started = time.monotonic()
    build.popen.send_signal(signal.SIGINT)
    code, _, err = build.end()
    assert time.monotonic() - started < 1.5
    assert (code, err.splitlines()[-1]) == (
        130,
        "stopped at once; what is left of it is removed when the next build starts",
    )
    assert [one.state for one in read_builds(factory.state / "builds")] == [BuildState.DIED]
    assert factory.left != []
    mended(factory, fake_tool, "virt-sysprep", "echo virt-sysprep 1.48.1")
    assert factory("build", "r").code == 0
    assert factory.left == []


def test_one_press_that_comes_twice_is_one(factory, fake_tool, tmp_path):
    mended(factory, fake_tool, "virt-sysprep", SLOW.format(tmp_path, "300"))
    build = Process("build", "r")
    until((tmp_path / "inside").exists)
    build.popen.send_signal(signal.SIGINT)
    build.popen.send_signal(signal.SIGINT)
    code, _, err = build.end()
    assert (code, factory.left) == (130, [])
    assert err.splitlines()[0].startswith("interrupted; everything that was running is stopped")


def test_a_build_that_was_killed_is_swept_and_the_same_command_goes_on(factory, fake_tool, tmp_path):
    mended(factory, fake_tool, "virt-sysprep", SLOW.format(tmp_path, "3"))
    build = Process("build", "r", "--json")
    until((tmp_path / "inside").exists)
    build.popen.kill()
    build.end()
    assert len(factory.left) == 2  # a layer, and the folder of libguestfs
    done = factory("build", "r", "--json")
    assert done.code == 0
    assert done.stages("StageCached") == ROAD[:4]
    told = [one["text"] for one in done.events if one["event"] == "Warned"]
    assert any("removed what a killed build had left: half-made layer" in one for one in told)
    assert factory.left == []
    assert [one.state for one in read_builds(factory.state / "builds")] == [BuildState.DONE, BuildState.DIED]


def finished(out):
    return [one["stage"] for one in map(json.loads, out.splitlines()) if one["event"] == "StageFinished"]


def test_of_two_builds_at_once_one_builds_and_the_other_takes_the_result(factory, fake_tool, tmp_path):
    mended(factory, fake_tool, "virt-sysprep", SLOW.format(tmp_path, "1"))
    ends = [one.end() for one in [Process("build", "r", "--json") for _ in range(2)]]
    assert [code for code, _, _ in ends] == [0, 0], ends
    assert sorted(finished(ends[0][1]) + finished(ends[1][1])) == sorted(ROAD)
    assert factory.left == []


@pytest.mark.parametrize("first", [(), ("--no-cache",)], ids=["plain", "no-cache"])
def test_nothing_is_made_anew_below_a_build_that_still_stands_on_it(factory, fake_tool, tmp_path, first):
    mended(factory, fake_tool, "virt-sysprep", SLOW.format(tmp_path, "4"))
    one = Process("build", "r", "--json", *first)
    until((tmp_path / "inside").exists)
    other = Process("build", "r", "--json", "--no-cache")
    (code, out, err), (other_code, other_out, other_err) = one.end(), other.end()
    assert (code, err, other_code, other_err) == (0, "", 0, "")
    assert finished(out) == ROAD
    waiting = next(
        event for event in map(json.loads, other_out.splitlines()) if event["event"] == "StageWaiting"
    )
    assert (waiting["stage"], waiting["holder"].startswith("build r-")) == ("install", True)
    assert finished(other_out)[:3] == ROAD[1:4], "what was there when it was asked for is made anew"
    assert factory.left == []


def test_a_reader_that_goes_away_does_not_stop_the_build(factory):
    build = Process("build", "r", "--json")
    build.popen.stdout.readline()
    build.popen.stdout.close()
    assert build.popen.wait(60) == 0
    assert "the build goes on unseen: Broken pipe" in build.popen.stderr.read()
    assert sorted(keys(factory.state)) == sorted(ROAD)


def test_a_console_on_a_full_disk_does_not_stop_the_build(factory):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "goldsmith", "build", "r"],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=dict(os.environ),
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "No space left on device" in done.stderr
