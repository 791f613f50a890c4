"""A result that changed in the store is found, told, and never used."""

import json
import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from goldsmith.errors import HostError
from goldsmith.plan.damage import find, noted_in
from goldsmith.plan.mend import damaged, drop
from goldsmith.plan.planner import Plan, Step
from goldsmith.plan.stage import Kind
from goldsmith.plan.store import Store

BELOW, ABOVE = "a" * 64, "b" * 64


@pytest.fixture
def store(tmp_path):
    found = Store(tmp_path)
    found.prepare()
    for key, parent in ((BELOW, ""), (ABOVE, BELOW)):
        folder = found.begin(key)
        (folder / "disk.qcow2").write_bytes(b"layer" * 1000)
        (folder / "logs").mkdir()
        (folder / "logs" / "tool.log").write_bytes(b"said")
        found.commit(key, stage=f"stage-{key[0]}", recipe="r", parent=parent, inputs={}, seconds=1.0)
    return found


def flip(path, *, at=0, keep_time=False):
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    if keep_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def said(store, key=BELOW, *, thorough=True):
    return [str(one) for one in store.damage(key, thorough=thorough)]


def test_what_was_made_is_whole(store):
    assert said(store) == said(store, thorough=False) == []


@pytest.mark.parametrize("name", ["disk.qcow2", "logs/tool.log"])
@pytest.mark.parametrize("thorough", [True, False])
def test_a_changed_file_is_found(store, name, thorough):
    flip(store.layers / BELOW / name, at=2)
    assert said(store, thorough=thorough) == [f"{name} has other content than when it was made"]


def test_a_disk_that_returns_other_bytes_is_found_by_reading_all(store):
    flip(store.layers / BELOW / "disk.qcow2", at=4999, keep_time=True)
    assert said(store) == ["disk.qcow2 has other content than when it was made"]


def test_a_file_that_is_gone_or_shorter_is_found(store):
    folder = store.layers / BELOW
    (folder / "logs" / "tool.log").unlink()
    os.truncate(folder / "disk.qcow2", 10)
    assert said(store) == ["disk.qcow2 has 10 bytes instead of 5000", "logs/tool.log is missing"]


class Overtaken(dict):
    """What is noted of a file that is removed while it is looked at."""

    def __init__(self, path):
        super().__init__(size=path.stat().st_size)
        self._path = path

    def get(self, name):
        self._path.unlink(missing_ok=True)
        return super().get(name)


@pytest.mark.parametrize("thorough", [True, False])
def test_a_file_that_goes_while_it_is_looked_at_is_missing(store, thorough):
    path = store.layers / BELOW / "disk.qcow2"
    found = find(path.parent, {path.name: Overtaken(path)}, thorough=thorough)
    assert [str(one) for one in found] == ["disk.qcow2 is missing"]


def test_every_byte_of_the_seal_counts(store):
    seal = store.layers / BELOW / "entry.json"
    whole = seal.read_bytes()
    for at in range(0, len(whole), 7):
        if whole[at : at + 1].isspace():
            continue  # a space more or less says nothing else
        seal.write_bytes(whole)
        flip(seal, at=at)
        assert said(store) != [], whole[at : at + 20]


@pytest.mark.parametrize("name", ["size", "created", "seconds"])
@pytest.mark.parametrize("rotted", ["5e1065216", "-1e999", "NaN", "-7", "1" * 999, "[7]"])
def test_a_number_that_none_can_be_is_told_and_stops_nobody(store, name, rotted):
    seal = store.layers / BELOW / "entry.json"
    seal.write_text(re.sub(rf'(?m)^( "{name}": ).*,$', rf"\g<1>{rotted},", seal.read_text()))
    assert said(store) == ["entry.json has other content than when it was made"]
    (one,) = (one for one in store.entries() if one.entry.key == BELOW)
    assert getattr(one, name) == 0
    assert store.created(BELOW) == one.created


@pytest.mark.parametrize("depth", [993, 994, 100_000])  # of the first two the loader makes something
def test_a_seal_that_is_nested_too_deeply_is_told_and_stops_nobody(store, depth):
    seal = store.layers / BELOW / "entry.json"
    seal.write_text('{"files": {}, "inputs": ' + "[" * depth + "]" * depth + "}")
    assert [one.file for one in store.damage(BELOW, thorough=True)] == ["entry.json"]
    assert store.keys() == [BELOW, ABOVE]


def test_a_copy_of_the_store_is_whole(store, tmp_path):
    other = Store(tmp_path / "copy")
    other.prepare()
    (store.layers / BELOW).rename(other.layers / BELOW)
    disk = other.layers / BELOW / "disk.qcow2"
    data = disk.read_bytes()
    disk.unlink()
    disk.write_bytes(data)
    assert said(other, thorough=False) == []


class Stage:
    name = "stage-a"
    kind = Kind.DISK


PLAN = Plan("r", (Step(Stage(), BELOW, ""),))


def nobody(*_asked):
    pass


def drop_damaged(plan, store, *, on_wait=nobody, await_users=nobody):
    return drop(damaged(plan, store), store, on_wait=on_wait, await_users=await_users)


def test_a_plan_loses_what_is_damaged_and_all_that_stands_on_it(store):
    flip(store.layers / BELOW / "disk.qcow2")
    assert drop_damaged(PLAN, store) == [
        "the stored result of stage-a was damaged and is built again: "
        "disk.qcow2 has other content than when it was made"
    ]
    assert store.keys() == []
    assert drop_damaged(PLAN, store) == []


def test_what_another_build_makes_anew_while_this_one_waits_for_it_stays(store):
    flip(store.layers / BELOW / "disk.qcow2")
    waits, holders = threading.Event(), []

    def on_wait(step, holder):
        holders.append((step.key, holder))
        waits.set()

    with ThreadPoolExecutor(1) as pool:
        with store.locked(BELOW, on_wait=nobody):
            other = pool.submit(drop_damaged, PLAN, store, on_wait=on_wait)
            assert waits.wait(20)
            (store.begin(BELOW) / "disk.qcow2").write_bytes(b"fresh")
            store.commit(BELOW, stage="stage-a", recipe="r", parent="", inputs={}, seconds=1.0)
        assert len(other.result(timeout=20)) == 1  # so that it plans again
    assert (store.layers / BELOW / "disk.qcow2").read_bytes() == b"fresh"
    assert holders[0][0] == BELOW
    assert f"pid {os.getpid()} " in holders[0][1]


def test_builds_that_use_what_is_damaged_or_stands_on_it_are_waited_for(store):
    flip(store.layers / BELOW / "disk.qcow2")
    asked = []

    def await_users(step, keys, there):
        asked.append((step.key, keys, there()))
        store.remove(BELOW)
        assert not there()

    drop_damaged(PLAN, store, await_users=await_users)
    assert asked == [(BELOW, {BELOW, ABOVE}, True)]
    assert store.keys() == [ABOVE]  # it is not for this build to say what becomes of it


def test_an_entry_whose_seal_is_garbage_is_dropped(store):
    (store.layers / BELOW / "entry.json").write_bytes(b"\xff\x00garbage")
    told = drop_damaged(PLAN, store)
    assert told == ["the stored result of stage-a was damaged and is built again: entry.json cannot be read"]
    assert not store.has(BELOW)


def test_a_seal_without_notes_of_files_is_no_proof(store):
    seal = store.layers / BELOW / "entry.json"
    noted = json.loads(seal.read_text())
    del noted["files"]
    seal.write_text(json.dumps(noted))
    assert said(store) == ["entry.json cannot be read"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "Expecting value"),
        (b'{"images": [', "Expecting value"),
        (b"\xff\xfe", "can't decode"),
        (b"[]", "it holds something else"),
        (None, "No such file"),
    ],
)
def test_a_note_that_cannot_be_read_is_damage_with_a_cure(tmp_path, content, why):
    if content is not None:
        (tmp_path / "export.json").write_bytes(content)
    with pytest.raises(HostError) as caught:
        noted_in(tmp_path, "export.json")
    assert caught.value.problem.startswith(f"a stored result is damaged: {tmp_path}/export.json: ")
    assert why in caught.value.problem
    assert "goldsmith store verify --apply" in caught.value.fix


def test_a_note_is_read(tmp_path):
    (tmp_path / "export.json").write_text('{"images": [1]}')
    assert noted_in(tmp_path, "export.json") == {"images": [1]}
