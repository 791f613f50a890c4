"""Nothing is lost when Goldsmith, its guest or the clock fails, in whatever stage."""

import json
import os
import signal
import subprocess
import time

import pytest
from tests.jumping import DAY, HOUR, JumpingClock

from .conftest import Goldsmith

pytestmark = pytest.mark.real

ORDEAL = "step-6-ordeal"
STAGES = [ORDEAL, "withdraw", "sysprep", "sparsify", "export", "audit", "seal", "register"]
QUICK = ("sparsify", "seal", "register")  # may be over before the signal comes
MORTAL = "customize: {append: [{name: ordeal, run: echo it begins; sleep 8}]}\n"
PANIC = ("-c", "echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger")
SOON = 60  # seconds in which a guest that is gone must be noticed, on a busy host


def test_whatever_dies_in_whatever_stage_the_same_command_again_ends_with_the_image(
    demo, in_project, tmp_path
):
    """One recipe. In its step QEMU is killed and the guest panics; the command is killed a moment after each stage
    began, in the step while its clock is wrong. The last command ends with the image, of the same audit as the demo's.
    """
    goldsmith = in_project(mortal=MORTAL)  # its guest goes on from the demo's memory, where there is one
    qemu_is_killed_in_a_step(goldsmith)
    the_guest_panics_in_a_step(goldsmith)
    clock = JumpingClock(tmp_path)
    for stage in STAGES:
        clock.jump(0)
        command = by_clock(goldsmith, clock).start("build", "mortal", "--json")
        if stage == "withdraw":
            command.until("ToolSaid", ORDEAL, containing="it begins")
            clock.jump(400 * DAY)
        command.until("StageStarted", stage)
        clock.jump(-3 * HOUR)
        time.sleep(0 if stage in QUICK else 0.4)
        code = command.kill()
        assert code == -signal.SIGKILL or (stage in QUICK and code == 0)
    done = goldsmith.build("mortal")
    assert done.code == 0, done.err
    assert done.end["image"]["status"] == "active"
    goldsmith.nothing_left("mortal")
    images = [one for one in _images(goldsmith) if one["goldsmith_recipe"] == "mortal"]
    assert [one["status"] for one in images] == ["active"]
    assert "cached" in goldsmith.run("plan", "mortal").out
    assert audit_of(goldsmith, "mortal") == audit_of(goldsmith, "demo")


def test_kill_9_in_the_install_and_ctrl_c_after_it_leave_no_machine(demo, in_project):
    goldsmith = in_project(stopped="disk: {size: 4 GiB}\n")
    for again in (["--from", "fetch"], []):  # the medium is there already
        command = goldsmith.start("build", "stopped", "--json", *again)
        if again:
            command.until("StageStarted", "fetch")
        else:
            command.until("PhaseStarted", "install")
        assert command.kill() == -signal.SIGKILL
    assert goldsmith.domains("stopped"), "nobody was left to stop it"
    command = goldsmith.start("build", "stopped", "--json")
    command.until("PhaseStarted", "install")
    interrupted = time.monotonic()
    assert command.kill(signal.SIGINT) == 130
    assert time.monotonic() - interrupted < SOON
    goldsmith.nothing_left("stopped")


def qemu_is_killed_in_a_step(goldsmith: Goldsmith) -> None:
    command = goldsmith.start("build", "mortal", "--json")
    command.until("ToolSaid", ORDEAL, containing="it begins")
    (domain,) = goldsmith.domains("mortal")
    for pid in machine_of(domain):
        os.kill(pid, signal.SIGKILL)
    killed = time.monotonic()
    done = command.finish()
    assert time.monotonic() - killed < SOON
    assert done.code == 4, done.err
    assert f"step 'ordeal': the guest {domain} " in done.err
    assert "has ended in the middle of it" in done.err
    assert "fix: " in done.err
    goldsmith.nothing_left("mortal")


def the_guest_panics_in_a_step(goldsmith: Goldsmith) -> None:
    command = goldsmith.start("build", "mortal", "--json")
    command.until("ToolSaid", ORDEAL, containing="it begins")
    (domain,) = goldsmith.domains("mortal")
    asked = {"execute": "guest-exec", "arguments": {"path": "/bin/sh", "arg": PANIC}}
    virsh = ["virsh", "-c", "qemu:///system", "qemu-agent-command", "--timeout", "5", domain]
    subprocess.run([*virsh, json.dumps(asked)], check=False, capture_output=True)  # nobody is left to answer
    panicked = time.monotonic()
    done = command.finish()
    assert time.monotonic() - panicked < SOON
    assert done.code == 4, done.err
    assert "step 'ordeal': the kernel panicked: sysrq triggered crash" in done.err
    failure = goldsmith.state / "builds" / str(done.end["build"]) / "failure"
    assert "Cloud-init v." in (failure / "var-log-cloud-init-output.log").read_text()
    goldsmith.nothing_left("mortal")


def by_clock(goldsmith: Goldsmith, clock: JumpingClock) -> Goldsmith:
    return Goldsmith(goldsmith.state, goldsmith.project, clock.env)


def machine_of(domain: str) -> list[int]:
    """Return the QEMU of a domain."""
    found = subprocess.run(["pgrep", "-f", f"guest={domain},"], capture_output=True, text=True, check=True)
    return [int(one) for one in found.stdout.split()]


def audit_of(goldsmith: Goldsmith, recipe: str) -> dict[str, str]:
    """Return what the newest audit of a recipe's builds says; a build that took a cached one has none of its own."""
    told = (goldsmith.state / "builds").glob(f"{recipe}-[0-9]*/audit.json")
    newest = json.loads(max(told, key=lambda one: one.stat().st_mtime_ns).read_text())
    return {one["id"]: one["status"] for one in newest["checks"]}


def _images(goldsmith: Goldsmith) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(goldsmith.run("image", "list", "--all", "--json").out)
    return found
