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
    for stage, said in (("step-1-x", {"run": "x"}), ("sysprep", {})):
        made("a", stage, 900 * MIB, inputs=said)
        made("b", stage, 100 * MIB, created=2.0, inputs=said)
        made("c", stage, 7 * TIB, created=3.0, recipe="other", inputs=said)
        assert need(store, Makes(stage, said=said)) == [(110 * MIB, "as it took in an earlier build")]


@pytest.mark.parametrize("size", [float("inf"), float("nan"), -(1 << 40), 1 << 70])
def test_a_size_that_none_can_be_tells_nothing(store, made, size):
    made("a", "install", size, inputs={"family": "rhel7"})
    assert need(store, Makes("install", said={"family": "rhel7"})) == [
        (LEAST, "as it took in an earlier build")
    ]
    assert need(store, Makes("step-1-x"), before="a") == [(LEAST, "a tenth of install, estimated")]


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


def test_steps_that_nothing_is_known_of_take_a_tenth_of_the_system_together(store, made):
    made("a", "install", 2000 * MIB)
    made("b", "step-1-update", 2000 * MIB, on="a", inputs={"packages": {"update": "all"}})
    new = [Makes(f"step-{at}-s", said={"write": at}) for at in range(2, 9)]
    for below in "ab":
        first, *others = need(store, *new, before=below)
        assert first == (200 * MIB, "a tenth of install, estimated")
        assert others == [(LEAST, "at least")] * 6


def test_a_step_with_another_number_takes_what_it_took(store, made):
    made("a", "install", 2000 * MIB)
    made("b", "step-1-run", 900 * MIB, on="a", inputs={"run": "much", "version of the stage": 1})
    made("c", "step-2-run", 100 * MIB, on="b", inputs={"run": "little"})
    stages = [
        Makes(f"step-{at}-run", said={"run": what}) for at, what in enumerate(("new", "much", "little"), 1)
    ]
    assert need(store, *stages, before="a") == [
        (200 * MIB, "a tenth of install, estimated"),
        (990 * MIB, "as it took in an earlier build"),
        (110 * MIB, "as it took in an earlier build"),
    ]


def test_a_step_that_was_changed_takes_what_it_took_before(store, made):
    made("a", "install", 2000 * MIB)
    made("b", "step-1-run", 900 * MIB, on="a", inputs={"run": "much"})
    changed = Makes("step-1-run", said={"run": "as much"})
    assert need(store, changed, before="a") == [(990 * MIB, "as it took in an earlier build")]


def test_a_step_of_another_recipe_that_says_the_same_tells(store, made):
    made("a", "install", 2000 * MIB)
    made("b", "step-4-run", 900 * MIB, on="a", recipe="other", inputs={"run": "much"})
    made("c", "step-1-run", 1 * TIB, on="a", recipe="other", inputs={"run": "more"})
    assert need(store, Makes("step-1-run", said={"run": "much"}), before="a") == [
        (990 * MIB, "as other took")
    ]


def test_small_steps_on_a_large_layer_are_not_refused_where_they_have_room(store, made, monkeypatch):
    made("a", "install", 2 << 30)
    made("b", "step-1-update", 2 << 30, on="a", inputs={"packages": {"update": "all"}})
    new = [Makes(f"step-{at}-s", said={"write": at}) for at in range(2, 9)]
    keys = [str(at) for at in range(2, 9)]
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage(20 << 30, 19 << 30, 1 << 30))
    require_room(new, keys, recipe="r", before="b" * 64, store=store)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage(20 << 30, 20 << 30, 100 << 20))
    with pytest.raises(
        HostError,
        match=r"step-2-s to step-8-s \(204\.8 MiB of it for step-2-s, a tenth of install, estimated\) "
        r"needs 396\.8 MiB in",
    ):
        require_room(new, keys, recipe="r", before="b" * 64, store=store)


def test_a_check_leaves_a_report_however_large_the_disk_is(store, made):
    made("a", "install", 2 * TIB)
    assert need(store, Makes("audit", Kind.CHECK), before="a") == [(LEAST, "at least")]


def test_a_store_without_room_is_told_with_numbers_before_anything_is_written(store, made):
    made("a", "step-1-x", 500 * TIB, inputs={"run": "x"})
    made("b", "step-2-y", 300 * TIB, inputs={"run": "y"})
    stages = [Makes("step-1-x", said={"run": "x"}), Makes("step-2-y", said={"run": "y"})]
    with pytest.raises(
        HostError,
        match=r"step-1-x to step-2-y \(550 TiB of it for step-1-x, as it took in an earlier build\) "
        r"needs 880 TiB in .*/store/layers, "
        r"but only [\d.]+ [GMT]iB are free\n  fix: goldsmith store prune",
    ):
        require_room(stages, ["n", "m"], recipe="r", before="", store=store)


def test_what_is_made_anew_gives_its_room_back_first(store, made):
    made("a", "step-1-x", 500 * TIB, inputs={"run": "x"})
    require_room([Makes("step-2-y")], ["a" * 64], recipe="r", before="a" * 64, store=store)
