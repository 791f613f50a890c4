"""Nothing is lost when things die: Goldsmith killed in each stage, libvirtd stopped in the middle."""

import json
import os
import signal
import subprocess
import time
import uuid
from pathlib import Path

import pytest

from goldsmith.host import retry

from .conftest import Finished, Goldsmith

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("death")]

STAGES = [
    "install",
    "step-2-services",
    "withdraw",
    "sysprep",
    "sparsify",
    "export",
    "audit",
    "seal",
    "register",
]


def test_kill_9_in_each_stage_and_then_the_same_command_again(demo, in_project):
    """One recipe, killed a moment after each of its stages began; the last command ends with the image."""
    goldsmith = in_project(mortal="disk: {size: 3584 MiB}\n")  # another disk: every stage is its own
    for stage in STAGES:
        command = goldsmith.start("build", "mortal", "--json")
        command.until("StageStarted", stage)
        if stage == "install":
            command.until("PhaseStarted", "install")
        time.sleep(0.4)
        assert command.kill() == -signal.SIGKILL
    done = goldsmith.build("mortal")
    assert done.code == 0, done.err
    assert done.end["image"]["status"] == "active"
    assert goldsmith.domains() == []
    assert goldsmith.half_layers() == []
    images = [one for one in _images(goldsmith) if one["goldsmith_recipe"] == "mortal"]
    assert [one["status"] for one in images] == ["active"]
    assert "cached" in goldsmith.run("plan", "mortal").out


def _images(goldsmith: Goldsmith) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(goldsmith.run("image", "list", "--all", "--json").out)
    return found


@pytest.fixture
def own_libvirt():
    """Give the environment of a libvirt session daemon that no other test talks to."""
    runtime = Path(f"/var/tmp/gs-run-{uuid.uuid4().hex[:8]}")
    runtime.mkdir(mode=0o700)
    extra = {
        "XDG_RUNTIME_DIR": str(runtime),
        "XDG_CONFIG_HOME": str(runtime / "config"),
        "XDG_CACHE_HOME": str(runtime / "cache"),
        "GOLDSMITH_LIBVIRT_URI": "qemu:///session",
    }
    yield extra
    for pid in _daemons(runtime):
        os.kill(pid, signal.SIGKILL)
    subprocess.run(["rm", "-rf", runtime], check=True)


def _daemons(runtime: Path) -> list[int]:
    """Return the libvirt daemons that were started with this runtime folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            name = (process / "comm").read_text().strip()
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        if name in ("libvirtd", "virtlogd") and f"XDG_RUNTIME_DIR={runtime}".encode() in environment.split(
            b"\0"
        ):
            found.append(int(process.name))
    return found


def test_libvirtd_that_dies_in_the_middle_is_named_and_the_next_command_goes_on(
    demo, in_project, own_libvirt
):
    made = in_project(bereft="customize: [{name: nap, run: 'sleep 5'}]\n")
    goldsmith = Goldsmith(made.state, made.project, own_libvirt)
    command = goldsmith.start("build", "bereft", "--json")
    command.until("ToolSaid", containing="Linux version")
    daemons = _daemons(Path(own_libvirt["XDG_RUNTIME_DIR"]))
    assert daemons
    for pid in daemons:
        os.kill(pid, signal.SIGKILL)
    done: Finished = command.finish()
    assert done.code == 3, done.err
    assert "libvirt at qemu:///session" in done.err
    assert "fix:" in done.err
    again = goldsmith.build("bereft", "--no-register")
    assert again.code == 0, again.err
    retry.until(lambda: not goldsmith.domains() or None, what="end of all machines", deadline=30)
    assert goldsmith.half_layers() == []
