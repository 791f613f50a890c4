"""What fits beside each other on a host, and which failures may pass."""

import pytest

from goldsmith.fleet.needs import GIB, NOTHING, Needs, may_start, needs_of, room_here
from goldsmith.fleet.results import Ended, Result, summary, worst
from goldsmith.guests.causes.passing import passing
from goldsmith.recipe.model import Recipe

RECIPE = Recipe.model_validate(
    {
        "name": "r",
        "family": "demo",
        "os": "debian11",
        "media": {"iso": "x"},
        "machine": {"memory": "4 GiB", "vcpus": 3},
        "disk": {"size": "8 GiB"},
        "export": [{"format": "qcow2"}, {"format": "raw", "compression": "none"}],
    }
)


def test_needs_follow_from_the_recipe():
    assert needs_of(RECIPE) == Needs(3, 4 * GIB + GIB // 2, 8 * GIB)


def test_the_appliance_needs_more_memory_than_a_small_guest():
    small = RECIPE.model_copy(update={"machine": RECIPE.machine.model_copy(update={"memory": GIB // 2})})
    assert needs_of(small).memory == 3 * GIB // 2


@pytest.mark.parametrize(
    "lacks", [Needs(3, 9 * GIB, 9 * GIB), Needs(9, 3 * GIB, 9 * GIB), Needs(9, 9 * GIB, 3 * GIB)]
)
def test_a_build_starts_beside_others_only_if_nothing_is_short(lacks):
    one = Needs(2, 2 * GIB, 2 * GIB)
    assert may_start(one, [one], Needs(4, 4 * GIB, 4 * GIB))
    assert not may_start(one, [one], lacks)


def test_one_alone_may_always_start():
    assert may_start(Needs(64, 999 * GIB, 999 * GIB), [], NOTHING)


def test_the_room_of_a_host_counts_what_is_available_now(tmp_path):
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 99 kB\nMemAvailable: 2048 kB\n")
    with_kvm = room_here(tmp_path / "not" / "yet", kvm=True, meminfo=meminfo)
    assert with_kvm.memory == 2 << 20
    assert with_kvm.cpus == 2 * room_here(tmp_path, kvm=False, meminfo=meminfo).cpus
    assert with_kvm.disk > 0


@pytest.mark.parametrize(
    "line",
    [
        "a host name could not be looked up: mirror.example.com",
        "  | Temporary failure resolving 'deb.example.org'",
        "  | curl: (22) The requested URL returned error: 503",
        "  | E: Hash Sum mismatch",
        "the repository appstream could not be read: http://m/ answered 503",
    ],
)
def test_failures_of_the_network_may_pass(line):
    assert passing(f"step 'x' failed\n{line}\n  fix: see") == line.strip().removeprefix("| ")


@pytest.mark.parametrize(
    "line", ["the kernel panicked: x", "a repository answered 404: http://m/", "exit status 9"]
)
def test_other_failures_do_not(line):
    assert passing(f"step 'x' failed\n  | {line}") == ""


def test_the_exit_status_is_that_of_the_worst():
    assert worst([]) == 0
    assert worst([0, 5, 2]) == 2
    assert worst([5, 4, 0]) == 4
    assert worst([4, 3, 6]) == 3
    assert worst([3, 70]) == 70
    assert worst([70, 130]) == 130


def test_a_night_is_told_in_one_line():
    results = [
        Result("a", Ended.BUILT),
        Result("b", Ended.BUILT, refused=("age: 1 h",)),
        Result("c", Ended.FAILED, exit_code=4),
    ]
    assert summary(results) == "2 built, 1 failed, 1 not promoted"
    assert summary([]) == "nothing to do"
    assert results[1].line == "b: built (not promoted: age: 1 h)"
