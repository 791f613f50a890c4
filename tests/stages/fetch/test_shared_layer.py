"""Several offline steps in one layer: one launch, in the order of the recipe."""

import pytest

from goldsmith.artifact import qemuimg
from goldsmith.errors import Mark, ToolError
from goldsmith.guests import FAMILIES
from goldsmith.host.process import LocalHost
from goldsmith.recipe.steps import Step
from goldsmith.stages.guest import Guest, Task
from goldsmith.stages.offline import Offline


def step(name, package):
    return Step.model_validate({"name": name, "packages": {"install": [package]}, "via": "offline"})


@pytest.fixture
def stage():
    guest = Guest(FAMILIES["demo"], None, 1.0, 1.0, str)
    earlier = (Task(step("first", "a"), {}), Task(step("second", "b"), {}))
    return Offline("steps-1-3-third", guest, step("third", "c"), {}, Mark("r.yaml", 9), earlier)


@pytest.fixture
def before(tmp_path, tool_on_path):
    tool_on_path("qemu-img")
    disk = tmp_path / "below.qcow2"
    qemuimg.create(LocalHost(), disk, 1 << 20)
    return disk


def test_all_steps_are_done_in_order_by_one_launch(stage, before, context, work, fake_tool):
    tool = fake_tool("virt-customize")
    stage.run(work(stage, before), context)
    (call,) = tool.calls
    assert [word for word in call if word in "abc"] == ["a", "b", "c"]


def test_a_failure_names_all_of_them(stage, before, context, work, fake_tool):
    fake_tool("virt-customize", "echo 'no package b' >&2; exit 1")
    with pytest.raises(ToolError, match=r"r\.yaml:9: step 'first', 'second', 'third' failed offline"):
        stage.run(work(stage, before), context)
