"""The disk of the state folder fills, or fails, as a stage begins; the same command again ends with the image."""

import io
import json
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.smalldisk import SmallDisk

from .test_build import ROAD

SEED = 20260207
SIZE = 80  # MiB; an install wants 32 of them free
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk"),
    pytest.mark.timeout(400),  # on a busy host
]


class AtStage(io.StringIO):
    """A reader of the build's events, who does something the moment a stage begins: the build goes on afterwards."""

    def __init__(self, stage: str, act: Callable[[], None]) -> None:
        super().__init__()
        self._wanted, self._act = ('"event": "StageStarted"', f'"stage": "{stage}"'), act
        self.acted = False

    def write(self, text: str) -> int:
        if not self.acted and all(one in text for one in self._wanted):
            self.acted = True
            self._act()
        return super().write(text)


@pytest.fixture
def disk(factory, tmp_path):
    with SmallDisk.mounted(Path(f"/dev/shm/goldsmith-{os.getpid()}.img"), factory.state, SIZE) as mounted:
        yield mounted


def build(factory, monkeypatch, stage: str, act: Callable[[], None]) -> tuple[int, str, list[dict]]:
    """Build with something that happens when a stage begins; return how it ended."""
    reader = AtStage(stage, act)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", reader)
        shown = factory("build", "r", "--json", "--from", stage)
    assert reader.acted
    return shown.code, shown.err, [json.loads(line) for line in reader.getvalue().splitlines()]


def same_command_again(factory) -> None:
    """It ends with the one image, nothing is left, and all that is kept is whole."""
    done = factory("build", "r", "--json")
    assert done.code == 0, done.err
    assert factory.left == []
    assert [str(one) for one in factory.state.rglob(".*") if one.is_file()] == []
    listed = json.loads(factory("image", "list", "--all", "--json").out)
    assert {one["status"] for one in listed} - {"deleted"} == {"active"}
    for check in (
        ("store", "verify"),
        ("image", "check"),
        ("image", "verify", done.events[-1]["image"]["id"]),
    ):
        shown = factory(*check)
        assert shown.code == 0, (check, shown.out, shown.err)


@pytest.mark.parametrize("stages", [ROAD[::2], ROAD[1::2]], ids=["even", "odd"])
def test_a_disk_that_fills_as_a_stage_begins_is_told_and_costs_that_stage_alone(
    factory, disk, monkeypatch, stages
):
    assert factory("build", "r").code == 0
    for stage in stages:
        left = random.Random(f"{SEED} {stage}").choice([0, 4096, 16_384])
        code, err, events = build(factory, monkeypatch, stage, lambda left=left: disk.fill(left))
        disk.make_room()
        told = f"{SEED} {stage} {left}: {code} {err}"
        assert code in (0, 3), told
        assert code == 3 or left, told
        if code:
            assert "fix: " in err, told
            assert "o space left" in err or "are free" in err, told
            assert (events[-1]["event"], events[-1]["exit_code"]) == ("BuildFinished", 3)
        same_command_again(factory)


@pytest.mark.parametrize("stages", [ROAD[::2], ROAD[1::2]], ids=["even", "odd"])
def test_a_disk_that_turns_read_only_as_a_stage_begins_is_told_and_the_build_goes_on_when_it_is_mended(
    factory, disk, monkeypatch, stages
):
    assert factory("build", "r").code == 0
    for stage in stages:
        code, err, events = build(factory, monkeypatch, stage, disk.fail)
        disk.mend()
        assert code == 3, (stage, err)
        assert "fix: " in err, (stage, err)
        assert "ead-only file system" in err, (stage, err)
        assert (events[-1]["event"], events[-1]["exit_code"]) == ("BuildFinished", 3)
        same_command_again(factory)


def test_a_state_folder_that_can_only_be_read_is_told_before_anything_runs(factory, disk):
    assert factory("build", "r").code == 0
    disk.fail()
    again = factory("build", "r", "--from", "install")
    assert again.code == 3
    assert "Read-only file system" in again.err
    assert "fix: give --state a folder that you may write to" in again.err
    assert factory("plan", "r").code == 0
    disk.mend()
    same_command_again(factory)
