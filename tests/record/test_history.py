import json
import os
import socket
from dataclasses import dataclass, field

import pytest

from goldsmith.plan.planner import make_plan
from goldsmith.plan.stage import Kind
from goldsmith.plan.store import Store
from goldsmith.record import history, read_history, recent


@dataclass(frozen=True)
class Stage:
    name: str
    said: dict = field(default_factory=dict)
    kind: Kind = Kind.DISK
    version: int = 1
    group: str = ""

    def inputs(self):
        return self.said

    def run(self, work, context):
        raise AssertionError("nothing is run here")


def plan_of(*stages, recipe="demo"):
    return make_plan(recipe, stages, has=lambda _key: False, last={})


def expected(builds, stage="install", virt_type="qemu", recipe="demo"):
    plan = plan_of(Stage("fetch", kind=Kind.MEDIA), Stage("install"), recipe=recipe)
    return read_history(builds.parent, plan, virt_types=(virt_type,)).expected(stage)


def build(builds, name, *stages, recipe="demo", virt_type="qemu", age=0, **more):
    folder = builds / name
    folder.mkdir(parents=True)
    document = {
        "recipe": recipe,
        "virt_type": virt_type,
        **more,
        "stages": [
            {"name": stage, "state": state, "seconds": took, "key": "".join(key) or "f" * 64}
            for stage, state, took, *key in stages
        ],
    }
    path = folder / "build.json"
    path.write_text(json.dumps(document))
    os.utime(path, (1e9 - age, 1e9 - age))


@pytest.fixture
def builds(tmp_path):
    return tmp_path / "builds"


def test_the_expected_time_is_the_median_of_the_successful_runs(builds):
    for at, took in enumerate((50.0, 60.0, 300.0)):
        build(builds, f"b{at}", ("install", "done", took))
    build(builds, "b8", ("install", "failed", 1.0), ("fetch", "cached", None))
    assert expected(builds) == 60.0
    assert expected(builds, "fetch") is None


def test_runs_with_and_without_kvm_and_of_other_recipes_are_kept_apart(builds):
    build(builds, "a", ("install", "done", 500.0))
    build(builds, "b", ("install", "done", 50.0), virt_type="kvm")
    build(builds, "c", ("install", "done", 5.0), recipe="rhel7")
    assert expected(builds) == 500.0
    assert expected(builds, virt_type="kvm") == 50.0


def test_runs_on_another_host_are_left_out(builds):
    build(builds, "here", ("install", "done", 500.0), host=socket.gethostname())
    build(builds, "there", ("install", "done", 5.0), host="elsewhere.example.com")
    assert expected(builds) == 500.0


def test_old_runs_give_way_to_new_ones(builds):
    for at in range(20):
        build(builds, f"b{at}", ("install", "done", float(at)), age=at)
    found = read_history(builds.parent, plan_of(Stage("install")), virt_types=("qemu",))
    assert found.seconds["install"] == tuple(float(at) for at in range(9))


def test_neither_cached_builds_nor_those_of_other_recipes_hide_the_run_before_them(builds):
    build(builds, "demo-20260101-000000-abcd", ("install", "done", 55.0), age=1000)
    for at in range(history.READ + 10):
        build(builds, f"demo-20260102-{at:06}-abcd", ("install", "cached", None), virt_type="")
        build(builds, f"rhel7-20260102-{at:06}-abcd", ("install", "done", 5.0), recipe="rhel7")
        build(builds, f"by-hand-{at}", ("install", "done", 5.0), recipe="rhel7")
    assert expected(builds) == 55.0


def test_the_records_of_other_recipes_are_not_opened(builds):
    build(builds, "demo-20260101-000000-abcd", ("install", "done", 55.0))
    build(builds, "demo-x-20260101-000000-abcd", ("install", "done", 5.0), recipe="demo")
    assert expected(builds) == 55.0


def test_no_more_records_are_looked_at_than_a_plan_may_take(builds, monkeypatch):
    monkeypatch.setattr(recent, "LOOKED_AT", 5)
    build(builds, "demo-20260101-000000-abcd", ("install", "done", 55.0))
    for at in range(4):
        build(builds, f"demo-20260102-00000{at}-abcd", ("install", "cached", None), virt_type="")
    assert expected(builds) == 55.0
    build(builds, "demo-20260103-000000-abcd", ("install", "cached", None), virt_type="")
    assert expected(builds) is None


def test_the_newest_run_is_that_of_the_build_that_was_begun_last(builds, monkeypatch):
    monkeypatch.setattr(history, "SAMPLES", 1)
    build(builds, "demo-20260101-000000-abcd", ("install", "done", 1.0), age=0)
    build(builds, "demo-20260102-000000-abcd", ("install", "done", 2.0), age=500)
    assert expected(builds) == 2.0


def test_a_stage_that_ran_both_ways_has_the_time_of_the_first_that_is_asked_for(builds):
    build(builds, "a", ("install", "done", 500.0), ("fetch", "done", 7.0))
    build(builds, "b", ("install", "done", 50.0), virt_type="kvm")
    plan = plan_of(Stage("fetch", kind=Kind.MEDIA), Stage("install"))
    found = read_history(builds.parent, plan, virt_types=("kvm", "qemu"))
    assert found.seconds == {"install": (50.0,), "fetch": (7.0,)}
    assert read_history(builds.parent, plan, virt_types=()).seconds == {}


def noted(builds, letter, stage, said):
    store = Store(builds.parent)
    store.prepare()
    store.begin(letter * 64)
    store.commit(letter * 64, stage=stage, recipe="demo", parent="", inputs=said, seconds=1.0)
    return letter * 64


def test_a_step_has_the_time_of_what_it_does_whatever_its_number(builds):
    long = noted(builds, "a", "step-1-run", {"run": "long", "refresh": "long as of 2026-01-01"})
    short = noted(builds, "b", "step-2-run", {"run": "short"})
    build(builds, "one", ("step-1-run", "done", 600.0, long), ("step-2-run", "done", 3.0, short))
    said = [{"run": "new"}, {"run": "long", "refresh": "long as of 2026-02-01"}, {"run": "short"}]
    plan = plan_of(*(Stage(f"step-{at}-run", one) for at, one in enumerate(said, 1)))
    found = read_history(builds.parent, plan, virt_types=("qemu",))
    assert found.seconds == {"step-2-run": (600.0,), "step-3-run": (3.0,)}


def test_a_step_whose_result_is_gone_is_known_by_its_key_alone(builds):
    plan = plan_of(Stage("step-1-run", {"run": "long"}), Stage("step-2-run", {}))
    build(
        builds, "one", ("step-3-run", "done", 600.0, plan.steps[0].key), ("step-2-run", "done", 3.0, "e" * 64)
    )
    assert read_history(builds.parent, plan, virt_types=("qemu",)).seconds == {"step-1-run": (600.0,)}


def test_no_builds_are_no_history(tmp_path):
    assert expected(tmp_path / "none" / "builds") is None


def test_a_broken_record_is_passed_over(builds):
    build(builds, "a", ("install", "done", 5.0))
    (builds / "b").mkdir()
    (builds / "b" / "build.json").write_text("{")
    assert expected(builds) == 5.0
