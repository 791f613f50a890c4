"""Nothing is lost when Goldsmith is killed, in whatever stage."""

import json
import signal
import time

import pytest

from .conftest import Goldsmith

pytestmark = pytest.mark.real

STAGES = [
    "fetch",
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
QUICK = ("fetch", "sparsify", "seal", "register")  # may be over before the signal comes


def test_kill_9_in_each_stage_and_then_the_same_command_again(demo, in_project):
    """One recipe, killed a moment after each of its stages began; the last command ends with the image."""
    goldsmith = in_project(mortal="disk: {size: 3584 MiB}\n")  # another disk: every stage is its own
    for stage in STAGES:
        again = ["--from", "fetch"] if stage == "fetch" else []  # the medium is there already
        command = goldsmith.start("build", "mortal", "--json", *again)
        command.until("StageStarted", stage)
        if stage == "install":
            command.until("PhaseStarted", "install")
        time.sleep(0 if stage in QUICK else 0.4)
        code = command.kill()
        assert code == -signal.SIGKILL or (stage in QUICK[1:] and code == 0)
    done = goldsmith.build("mortal")
    assert done.code == 0, done.err
    assert done.end["image"]["status"] == "active"
    goldsmith.nothing_left("mortal")
    images = [one for one in _images(goldsmith) if one["goldsmith_recipe"] == "mortal"]
    assert [one["status"] for one in images] == ["active"]
    assert "cached" in goldsmith.run("plan", "mortal").out


def _images(goldsmith: Goldsmith) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(goldsmith.run("image", "list", "--all", "--json").out)
    return found
