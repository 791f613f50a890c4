"""The main job: recipe, kickstart, install, customize, sysprep, sparsify, export, audit, seal, register."""

import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from goldsmith.artifact import manifest
from goldsmith.host import files

pytestmark = pytest.mark.real

STEPS = [
    "step-1-cloud-init",
    "step-2-services",
    "step-3-keys-only",
    "step-4-what-is-installed",
    "step-5-motd",
]
STAGES = [
    "fetch",
    "install",
    *STEPS,
    "withdraw",
    "sysprep",
    "sparsify",
    "export",
    "audit",
    "seal",
    "register",
]


def test_the_demo_becomes_an_active_image_in_the_catalog(demo, goldsmith):
    assert demo.code == 0, demo.err
    assert demo.end["event"] == "BuildFinished"
    image = demo.end["image"]
    listed = json.loads(goldsmith.run("image", "list", "--json").out)
    (entry,) = [one for one in listed if one["id"] == image["id"]]
    assert entry["status"] == "active"
    assert entry["disk_format"] == "qcow2"
    assert entry["min_disk"] == 8
    assert entry["os_distro"] == "debian"
    assert entry["os_admin_user"] == "debian"
    goldsmith.nothing_left("demo")


def test_the_audit_of_the_demo_found_no_fault(demo, goldsmith):
    report = json.loads((goldsmith.state / "builds" / demo.end["build"] / "audit.json").read_text())
    statuses = {check["id"]: check["status"] for check in report["checks"]}
    assert len(statuses) >= 15
    assert [name for name, status in statuses.items() if status in ("failed", "warning")] == []


def test_the_manifest_is_sealed_and_names_the_very_bytes(demo, goldsmith):
    written = manifest.read(goldsmith.state / "builds" / demo.end["build"] / "manifest.json")
    (file,) = written.files
    assert file.sha256 == demo.end["image"]["goldsmith_sha256"]
    assert [stage.name for stage in written.stages][:2] == ["fetch", "install"]


def test_a_second_build_has_every_stage_cached_and_says_so(demo, goldsmith):
    again = goldsmith.run("build", "demo")
    assert again.code == 0
    assert "every stage is cached" in again.out
    document = json.loads(goldsmith.run("plan", "demo", "--json").out)
    assert [stage["name"] for stage in document["stages"]] == STAGES
    assert all(stage["cached"] and len(stage["key"]) == 64 for stage in document["stages"])


def test_a_self_test_reports_what_was_built_and_what_came_up(demo, selftested, goldsmith):
    assert selftested.code == 0, selftested.err
    facts = json.loads(selftested.out)
    assert Path(facts["archive"]).exists()
    assert facts["medium"]["identified"]["bootable"]
    assert len(facts["medium"]["sha256"]) == 64
    made = [*STAGES[:-2], "boot-test", "seal"]
    assert [one["name"] for one in facts["stages"]] == made, "it goes not to the catalog"
    assert {one["state"] for one in facts["stages"]} <= {"cached", "done"}
    assert facts["audit"]["ok"]
    boots = facts["boot_test"]
    assert (boots["ran"], boots["passed"], boots["why"]) == (True, True, "")
    found = {one["id"]: (one["status"], one["detail"]) for one in boots["report"]["checks"]}
    assert [name for name, (status, _) in found.items() if status in ("failed", "warning")] == []
    assert sum(status == "ok" for status, _ in found.values()) >= 20
    assert "debian is let in" in found["B-L2"][1]
    assert "DataSourceConfigDrive" in found["B-L10"][1]
    assert "DataSourceOpenStack" in found["B-L22"][1]
    assert "by the metadata service" in found["B-L23"][1]
    assert "12.7 GiB of a disk of 13 GiB" in found["B-C2"][1]
    page = Path(facts["archive"]).with_name(facts["build"]) / "selftest.md"
    assert "# Self-test of demo: built" in page.read_text()
    assert "| B-L20 | ok |" in page.read_text()
    evidence = page.parent / "build" / "boot-test"
    kept = {one.name for one in evidence.iterdir()}
    assert {f"{what}-{number}" for what in ("console", "screen") for number in (1, 2)} <= {
        name.partition(".")[0] for name in kept
    }
    assert {"metadata-2.log", "screen-1.png"} <= kept
    assert " login: " in (evidence / "console-1.log").read_text(errors="replace")
    built = json.loads((goldsmith.state / "builds" / facts["build"] / "build.json").read_text())
    (key,) = (one["key"] for one in built["stages"] if one["name"] == "export")
    layer = goldsmith.state / "store" / "layers" / key
    (noted,) = json.loads((layer / "export.json").read_text())["images"]
    image = layer / noted["file"]
    assert (files.digest(image).sha256, image.stat().st_uid) == (noted["sha256"], os.geteuid()), "only read"
    goldsmith.nothing_left("selftest-demo")
    goldsmith.nothing_left("boot-test")


def test_an_image_that_does_not_come_up_in_time_is_refused_by_the_command_with_what_was_seen(demo, goldsmith):
    image = demo.end["image"]
    done = goldsmith.run("boot-test", str(image["id"]), "--timeout", "20")
    assert done.code == 4
    assert re.search(r"the guest did not come up in 2\d s", done.err), (
        "a busy host takes a little longer to see it"
    )
    folder = Path(re.search(r"in (\S+/boot-tests/boot-test-[\w-]+)", done.err)[1])
    assert "GNU GRUB" in (folder / "console-1.log").read_text(errors="replace")  # a busy host came no further
    assert (folder / "screen-1.png").read_bytes().startswith(b"\x89PNG")
    assert goldsmith.run("image", "verify", str(image["id"])).code == 0, "only read"
    goldsmith.nothing_left("boot-test")


def test_a_changed_last_step_runs_alone_with_what_follows_and_two_builds_make_it_once(demo, in_project):
    lines = (
        "customize:\n  append:\n"
        "    - {name: first of two in a layer, layer: false, run: 'echo first > /etc/first'}\n"
        "    - {name: last, run: 'test -s /etc/first; echo last > /etc/last'}\n"
    )
    goldsmith = in_project(changed=lines)
    with ThreadPoolExecutor(2) as both:  # both are read, or a full pipe would stop one of them
        one, two = both.map(goldsmith.build, ["changed", "changed"])
    assert (one.code, two.code) == (0, 0), one.err + two.err
    made = sorted(one.stages("StageFinished") + two.stages("StageFinished"))
    after = ["steps-6-7-last", "withdraw", "sysprep", "sparsify", "export", "audit", "seal", "register"]
    assert made == sorted(after)
    assert one.end["image"]["id"] == two.end["image"]["id"]
    phases = [told["phase"] for told in [*one.events, *two.events] if told["event"] == "PhaseStarted"]
    assert "letting the guest go on from its memory" in phases
    assert "booting the guest" not in phases
    (plan,) = [json.loads(goldsmith.run("plan", "changed", "--json").out)]
    assert plan["cached"]


def test_the_guest_has_what_the_steps_made_and_nothing_of_the_build(demo, goldsmith, tmp_path):
    target = tmp_path / "demo.qcow2"
    goldsmith.run("image", "export", demo.end["image"]["id"], str(target))
    script = (
        "cat /etc/motd\nis-dir /home/goldsmith\nis-file /etc/goldsmith-install-ok\nfilesize /etc/machine-id\n"
    )
    seen = subprocess.run(
        ["guestfish", "--ro", "--format=qcow2", "-a", target, "-i"],
        input=script,
        env={**goldsmith.env, "LIBGUESTFS_BACKEND": "direct", "LIBGUESTFS_BACKEND_SETTINGS": "force_tcg"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "Built by Goldsmith: recipe demo." in seen
    assert seen.split()[-3:] == ["false", "false", "0"]
