"""What a stage needs of the disk is told by what was made before, and refused before the work begins."""

import json
from collections import namedtuple
from dataclasses import dataclass, field

import pytest

from goldsmith.errors import HostError
from goldsmith.guests import FAMILIES
from goldsmith.plan.room import FIRST, LEAST, needs, require_room
from goldsmith.plan.stage import Kind
from goldsmith.plan.store import Store

usage = namedtuple("usage", "total used free")
MIB, TIB = 1 << 20, 1 << 40


@dataclass(frozen=True)
class Makes:
    name: str
    kind: Kind = Kind.DISK
    version: int = 1
    group: str = ""
    said: dict = field(default_factory=dict)

    def inputs(self):
        return self.said

    def run(self, work, context):
        raise AssertionError("nothing is run here")


@pytest.fixture
def store(tmp_path):
    found = Store(tmp_path)
    found.prepare()
    return found


@pytest.fixture
def made(store):
    """Note an entry of so many bytes on disk, without writing them."""

    def make(letter, stage, size, *, recipe="r", on="", created=1.0, inputs=None):
        key = letter * 64
        store.begin(key)
        store.commit(key, stage=stage, recipe=recipe, parent=on and on * 64, inputs=inputs or {}, seconds=1.0)
        path = store.layers / key / "entry.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "size": size, "created": created}))

    return make


def need(store, *stages, before=""):
    return [(one.size, one.known_by) for one in needs(stages, recipe="r", before=before * 64, store=store)]


def test_an_earlier_result_of_the_same_stage_tells_and_the_newest_best(store, made):
    made("a", "step-1-x", 900 * MIB)
    made("b", "step-1-x", 100 * MIB, created=2.0)
    made("c", "step-1-x", 7 * TIB, created=3.0, recipe="other")
    assert need(store, Makes("step-1-x")) == [(110 * MIB, "as it took in an earlier build")]


def test_an_install_is_as_large_as_one_of_the_same_family(store, made):
    made("a", "install", 1000 * MIB, recipe="other", inputs={"family": "rhel7"})
    assert need(store, Makes("install", said={"family": "rhel7"})) == [(1100 * MIB, "as other took")]
    assert need(store, Makes("install", said={"family": "other"})) == [(LEAST, "at least")]


@pytest.mark.parametrize(
    ("family", "least"),
    [
        ("demo", 500 * MIB),
        ("rhel6", 600 * MIB),
        ("rhel7", 900 * MIB),
        ("rhel10", 1000 * MIB),
        ("windows", 7000 * MIB),
    ],
)
def test_a_first_install_needs_what_its_family_takes_and_never_the_whole_disk(store, family, least):
    for disk in (8 << 30, 80 << 30):
        ((size, known_by),) = need(store, Makes("install", said={"family": family, "disk_size": disk}))
        assert least < size <= 8 << 30
        assert known_by == f"a first install of {family}, estimated"
    assert need(store, Makes("install", said={"family": family, "disk_size": 4 * MIB}))[0][0] == LEAST


def test_each_family_has_an_estimate():
    assert {*FAMILIES} == {*FIRST}


def test_a_first_install_on_a_full_host_is_refused_before_it_begins(store, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage(10 << 30, 10 << 30, 300 * MIB))
    with pytest.raises(
        HostError,
        match=r"install \(a first install of rhel7, estimated\) needs 1 GiB in .*, but only 300 MiB are free",
    ):
        require_room([Makes("install", said={"family": "rhel7"})], ["n"], recipe="r", before="", store=store)


def test_a_new_step_is_told_by_the_layer_before_it(store, made):
    made("a", "install", 2000 * MIB)
    made("b", "step-1-x", 300 * MIB, on="a")
    new = Makes("step-2-y")
    assert need(store, new, before="a") == [(200 * MIB, "by the layer of install")]
    assert need(store, new, before="b") == [(300 * MIB, "by the layer of step-1-x")]


def test_a_check_leaves_a_report_however_large_the_disk_is(store, made):
    made("a", "install", 2 * TIB)
    assert need(store, Makes("audit", Kind.CHECK), before="a") == [(LEAST, "at least")]


def test_a_store_without_room_is_told_with_numbers_before_anything_is_written(store, made):
    made("a", "step-1-x", 500 * TIB)
    made("b", "step-2-y", 300 * TIB)
    with pytest.raises(
        HostError,
        match=r"step-1-x to step-2-y \(as it took in an earlier build\) needs 880 TiB in .*/store/layers, "
        r"but only [\d.]+ [GMT]iB are free\n  fix: goldsmith store prune",
    ):
        require_room([Makes("step-1-x"), Makes("step-2-y")], ["n", "m"], recipe="r", before="", store=store)


def test_what_is_made_anew_gives_its_room_back_first(store, made):
    made("a", "step-1-x", 500 * TIB)
    require_room([Makes("step-2-y")], ["a" * 64], recipe="r", before="a" * 64, store=store)
