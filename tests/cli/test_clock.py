"""The clock of the host jumps while a build runs: the build ends as ever, and so do those that come after it."""

import json
import os
import random

import pytest
from tests.jumping import DAY, HOUR, JumpingClock

from .test_build import ROAD, Process
from .test_full_disk import same_command_again

SEED = 20260209
JUMPS = [-400 * DAY, -2 * HOUR, -10, 0, 3 * HOUR, 90 * DAY, 3650 * DAY]


@pytest.mark.timeout(300)  # on a busy host
def test_a_clock_that_jumps_at_each_stage_changes_nothing(factory, tmp_path):
    clock = JumpingClock(tmp_path)
    chance = random.Random(SEED)
    build = Process("build", "r", "--json", env={**os.environ, **clock.env})
    assert build.popen.stdout
    told, jumped = [], []
    for line in build.popen.stdout:
        told.append(json.loads(line))
        if told[-1]["event"] == "StageStarted":
            jumped.append(chance.choice(JUMPS))
            clock.jump(jumped[-1])
    code, _, err = build.end()
    assert code == 0, (SEED, jumped, err)
    assert [one["stage"] for one in told if one["event"] == "StageFinished"] == ROAD
    assert len({one["time"][:10] for one in told}) > 2  # the clock did jump
    assert 0 < told[-1]["seconds"] < 250
    clock.jump(0)
    assert factory("build", "r", "--json").stages("StageCached") == ROAD
    assert factory("build", "r", "--from", "export", "--json").stages("StageStarted") == ROAD[6:]
    for asked in (("builds",), ("show", "r"), ("store", "list"), ("plan", "r")):
        shown = factory(*asked)
        assert shown.code == 0, (asked, shown.err)
    same_command_again(factory)
