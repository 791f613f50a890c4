import json
import os
import socket
from pathlib import Path

import pytest

from goldsmith.record import expected_seconds, history, read_history
from goldsmith.record.document import read_document


def build(builds, name, *stages, recipe="demo", virt_type="qemu", age=0, **more):
    folder = builds / name
    folder.mkdir(parents=True)
    document = {
        "recipe": recipe,
        "virt_type": virt_type,
        **more,
        "stages": [{"name": stage, "state": state, "seconds": took} for stage, state, took in stages],
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
    for folder in (builds, builds.parent):
        assert expected_seconds(folder, recipe="demo", stage="install", virt_type="qemu") == 60.0
        assert expected_seconds(folder, recipe="demo", stage="fetch", virt_type="qemu") is None


def test_runs_with_and_without_kvm_and_of_other_recipes_are_kept_apart(builds):
    build(builds, "a", ("install", "done", 500.0))
    build(builds, "b", ("install", "done", 50.0), virt_type="kvm")
    build(builds, "c", ("install", "done", 5.0), recipe="rhel7")
    assert expected_seconds(builds, recipe="demo", stage="install", virt_type="qemu") == 500.0
    assert expected_seconds(builds, recipe="demo", stage="install", virt_type="kvm") == 50.0


def test_runs_on_another_host_are_left_out(builds):
    build(builds, "here", ("install", "done", 500.0), host=socket.gethostname())
    build(builds, "there", ("install", "done", 5.0), host="elsewhere.example.com")
    assert read_history(builds, recipe="demo", virt_type="qemu").seconds == {"install": (500.0,)}


def test_old_runs_give_way_to_new_ones(builds):
    for at in range(20):
        build(builds, f"b{at}", ("install", "done", float(at)), age=at)
    assert read_history(builds, recipe="demo", virt_type="qemu").seconds["install"] == tuple(
        float(at) for at in range(9)
    )


def test_many_cached_builds_do_not_hide_the_run_before_them(builds):
    build(builds, "first", ("install", "done", 55.0), age=1000)
    for at in range(100):
        build(builds, f"c{at}", ("install", "cached", None), age=at)
    assert expected_seconds(builds, recipe="demo", stage="install", virt_type="qemu") == 55.0


def test_no_builds_are_no_history(tmp_path):
    assert expected_seconds(tmp_path / "none", recipe="demo", stage="install", virt_type="kvm") is None


def test_a_broken_record_is_passed_over(builds):
    build(builds, "a", ("install", "done", 5.0))
    (builds / "b").mkdir()
    (builds / "b" / "build.json").write_text("{")
    assert expected_seconds(builds, recipe="demo", stage="install", virt_type="qemu") == 5.0


def test_the_records_are_read_once_for_all_stages_of_a_plan(builds, monkeypatch):
    stages = [(f"customize {at} packages", "done", 12.0) for at in range(15)]
    for at in range(20):
        build(builds, f"b{at}", *stages, age=at)
    read: list[Path] = []

    def counted(folder: Path) -> dict[str, object]:
        read.append(folder)
        return read_document(folder)

    monkeypatch.setattr(history, "read_document", counted)
    for stage, _, took in stages:
        assert expected_seconds(builds, recipe="demo", stage=stage, virt_type="qemu") == took
    assert sorted(read) == sorted(builds / f"b{at}" for at in range(20))
