"""The boot test as a stage of a build, on libvirt's test driver, whose machines run no guest and let nobody in."""

import json
import re

import pytest
from tests.keeping import URI

from goldsmith.boottest.checks import CHECKS
from goldsmith.compose import Where
from goldsmith.host.domains import DomainState
from goldsmith.plan.store import Store
from goldsmith.sweep import sweep

from .test_build import ROAD

# Installs as the factory's does; a machine that boots is one of the test driver, with a login prompt on its console.
VIRT_INSTALL = """
for word; do
    case "$before" in --name) name=$word ;; esac
    case "$word" in
        pty,log.file=*) console=${word#pty,log.file=} ;;
        description=*) said=${word#description=} ;;
        --print-xml) boots=yes ;;
    esac
    before=$word
done
if [ "$boots" ]; then
    printf '[ 0.0] Linux version 6.1\\n%s' "${SAYS-factory login: }" > "$console"
    printf '<domain type="test"><name>%s</name><description>%s</description>' "$name" "$said"
    printf '<memory>1024</memory><os><type>hvm</type></os><devices>'
    printf '<serial type="pty"><log file="%s"/></serial></devices></domain>' "$console"
else
    printf 'Linux version 3.10\\nStarting package installation process\\nGOLDSMITH-INSTALL-OK\\n' > "$console"
fi
"""
XORRISO = 'for word; do case $before in -o) : > "$word" ;; esac; before=$word; done'
ENABLED = """\
catalog: {properties: {hw_qemu_guest_agent: "no"}}
boot_test:
  enabled: true
  timeout: 1 s
  checks: [{name: web, run: echo fine, expect: fine}]
"""
WAIVED = "".join(f"    - {{check: {one.id}, reason: there is no guest here}}\n" for one in CHECKS)


@pytest.fixture
def booting(factory, fake_tool):
    factory.tools["virt-install"] = fake_tool("virt-install", VIRT_INSTALL)
    factory.tools["xorriso"] = fake_tool("xorriso", XORRISO)
    factory.tools["osinfo-query"] = fake_tool("osinfo-query", "exit 1")
    return factory


def evidence(factory, done):
    return factory.state / "builds" / done.events[-1]["build"]


def test_an_image_that_lets_nobody_in_is_not_registered_and_its_evidence_is_in_the_record(booting):
    booting.recipe("r", ENABLED)
    done = booting("build", "r", "--json")
    assert done.code == 4
    assert done.stages("StageFailed") == ["boot-test"]
    assert "the boot test refused image.qcow2" in done.err
    assert "B-L2 the cloud's key lets the promised user in: no sshd answered" in done.err
    folder = evidence(booting, done)
    report = json.loads((folder / "boot-test.json").read_text())
    assert {one["id"] for one in report["checks"] if one["status"] == "failed"} >= {"B-L2"}
    assert (folder / "boot-test" / "console-1.log").read_text().endswith("factory login: ")
    assert f"kept in {folder / 'boot-test'}: console-1.log, console-2.log, metadata-2.log" in done.err
    assert list((booting.state / "boot-tests").iterdir()) == []
    assert booting.left == []
    assert json.loads(booting("image", "list", "--json").out) == []


def test_a_guest_that_never_comes_up_names_evidence_that_is_where_it_says(booting, monkeypatch):
    monkeypatch.setenv("SAYS", "")
    booting.recipe("r", ENABLED)
    done = booting("build", "r", "--json")
    assert done.code == 4
    folder = evidence(booting, done) / "boot-test"
    assert "console-1.log, screen-1.png" in done.err
    assert f"in {folder}" in done.err
    assert (folder / "screen-1.png").read_bytes().startswith(b"\x89PNG")


def kept(factory, done, hypervisor):
    """Return the id of the build and the guest that it says it has left, which no other build sweeps."""
    told = done.events[-1]
    assert f"the guest is kept, running: goldsmith shell {told['build']}" in done.err
    assert sweep(Where(None, factory.state, URI), Store(factory.state)) == []
    assert hypervisor.state(told["kept"]["domain"]) is DomainState.RUNNING
    assert (factory.state / "run" / f"{told['build']}-boot").is_dir()
    return told["build"], told["kept"]


def test_a_guest_whose_checks_fail_is_kept_as_the_second_instance_and_can_be_dropped(booting, hypervisor):
    booting.recipe("r", ENABLED)
    done = booting("build", "r", "--json", "--keep-failed")
    assert done.code == 4
    build, guest = kept(booting, done, hypervisor)
    assert (guest["domain"], guest["stage"]) == (f"goldsmith-{build}-boot-2", "boot-test")
    assert [one.name for one in hypervisor.domains("goldsmith-")] == [guest["domain"]]
    report = json.loads((evidence(booting, done) / "boot-test.json").read_text())
    assert {one["id"] for one in report["checks"] if one["status"] == "failed"} >= {"B-L2"}
    shell = json.loads(booting("shell", build, "--json").out)
    assert (shell["domain"], shell["kept"], shell["stage"]) == (guest["domain"], True, "boot-test")
    assert shell["console"] == str(evidence(booting, done) / "boot-test" / "console-2.log")
    assert f"goldsmith build --resume {build} (the boot test begins again)" in booting("shell", build).err

    (layer,) = booting.left
    assert layer == booting.state / "run" / f"{build}-boot"
    assert (layer / "boot-2.qcow2").exists()
    dropped = booting("shell", build, "--drop")
    assert dropped.code == 0
    assert hypervisor.domains("goldsmith-") == []
    assert booting.left == []


def test_a_guest_that_never_comes_up_is_kept_and_its_build_gone_on_with(booting, hypervisor, monkeypatch):
    monkeypatch.setenv("SAYS", "")
    booting.recipe("r", f"{ENABLED}  waivers:\n{WAIVED}")
    done = booting("build", "r", "--json", "--keep-failed")
    assert done.code == 4
    build, guest = kept(booting, done, hypervisor)
    assert guest["domain"] == f"goldsmith-{build}-boot-1"
    export = next(one for one in booting.layers if (one / "image.qcow2").exists())
    pruned = json.loads(booting("store", "prune", "--older-than", "0", "--json").out)
    assert export.name not in pruned["keys"]

    monkeypatch.delenv("SAYS")
    done = booting("build", "--resume", build, "--json")
    assert done.code == 0, done.err
    assert done.stages("StageFinished")[0] == "boot-test"
    assert "a boot test cannot be gone on with: it begins again" in done.out
    assert hypervisor.domains("goldsmith-") == []
    assert booting.left == []


def test_a_kept_guest_that_fell_is_swept_with_its_disk(booting, hypervisor):
    booting.recipe("r", ENABLED)
    build, guest = kept(booting, booting("build", "r", "--json", "--keep-failed"), hypervisor)
    hypervisor.destroy(guest["domain"])
    swept = sweep(Where(None, booting.state, URI), Store(booting.state))
    assert swept == [f"guest that {build} kept, which does not run any more"]
    assert booting.left == []


def test_what_was_built_before_is_kept_and_the_test_can_be_left_out(booting):
    booting.recipe("r", ENABLED)
    booting("build", "r")
    done = booting("build", "r", "--no-boot-test", "--json")
    assert done.code == 0
    assert done.stages("StageFinished") == ["seal", "register"]
    assert "boot-test" not in [
        one["name"] for one in json.loads(booting("plan", "r", "--no-boot-test", "--json").out)["stages"]
    ]


def test_an_image_that_passes_has_the_result_in_its_manifest(booting):
    booting.recipe("r", f"{ENABLED}  waivers:\n{WAIVED}")
    done = booting("build", "r", "--json")
    assert done.code == 0, done.err
    assert done.stages("StageFinished") == [
        *[one for one in ROAD if "step" not in one][:-2],
        "boot-test",
        "seal",
        "register",
    ]
    said = json.loads((evidence(booting, done) / "manifest.json").read_text())["boot_test"]
    assert (said["profile"], said["failed"]) == ("debian", 0)
    assert said["waived"] > 0


def test_what_came_from_the_store_is_told_of_the_build_that_took_it_too(booting):
    text = f"{ENABLED}  waivers:\n{WAIVED}"
    booting.recipe("r", text)
    booting("build", "r")
    booting.recipe("r", text.replace("catalog: {", "catalog: {description: another, "))
    done = booting("build", "r", "--json")
    assert done.stages("StageFinished") == ["seal", "register"]
    assert not (evidence(booting, done) / "boot-test.json").exists()
    build = done.events[-1]["build"]
    shown = booting("show", build).out
    assert re.search(r"\nchecks\n  audit +debian +\d+ ok.*\n  boot-test +debian +\d+ ok, \d+ waived", shown)
    assert booting("report").code == 0
    page = (booting.state / "report" / "builds" / f"{build}.html").read_text()
    for text in ("<code>O-C1</code>", "<code>B-L2</code>"):
        assert text in page


def test_a_changed_check_of_the_recipe_boots_the_same_image_again(booting):
    text = f"{ENABLED}  waivers:\n{WAIVED}"
    booting.recipe("r", text)
    booting("build", "r")
    booting.recipe("r", text.replace("expect: fine", "expect: good"))
    plan = json.loads(booting("plan", "r", "--json").out)["stages"]
    assert [one["name"] for one in plan if not one["cached"]] == ["boot-test", "seal", "register"]
    assert "own changed" in next(one["reason"] for one in plan if one["name"] == "boot-test")


def test_waivers_name_checks_that_there_are(booting):
    reason = "reason: known to be so"
    booting.recipe("r", f"{ENABLED}  waivers: [{{check: R-1, {reason}}}]\n")
    assert booting("plan", "r").code == 0
    booting.recipe("r", f"{ENABLED}  waivers: [{{check: R-2, {reason}}}]\n")
    done = booting("build", "r")
    assert done.code == 2
    assert "unknown check of boots 'R-2'" in done.err


def test_a_wrong_check_is_told_at_its_place(booting):
    booting.recipe("r", ENABLED.replace("expect: fine", 'expect: "("'))
    done = booting("build", "r")
    assert done.code == 2
    assert "'(' is no regular expression" in done.err
    assert "r.yaml:" in done.err
