import json
import shutil
from dataclasses import replace

import pytest

from goldsmith.plan import memory
from goldsmith.plan.memory import Keeper, Life, Machine, Memory, kept_with
from goldsmith.plan.store import Store

MACHINE = Machine({"memory": 1 << 30, "channels": ["unix"]}, "libvirt 9.0.0, QEMU 7.2.0")
LIFE = Life(
    "one", "goldsmith-demo-customize", "build-one", {"user_private": "KEY"}, lived=50.0, spent=1.0, last=0.5
)
GIB = 1 << 30


@pytest.fixture
def layer(tmp_path):
    """Return the folder of a finished layer."""
    store = Store(tmp_path)
    store.prepare()
    (store.begin("a" * 64) / "disk.qcow2").write_bytes(b"layer")
    return store.commit("a" * 64, stage="step", recipe="demo", parent="", inputs={}, seconds=1.0).folder


def keep(layer, tmp_path, *, machine=MACHINE, life=LIFE, content=b"memory"):
    with Keeper(tmp_path / "run" / "build", machine) as keeper:
        image = keeper.place(layer.name)
        image.write_bytes(content)
        keeper.keep(layer, Memory(image, life, frozen=True))


def test_a_kept_memory_is_found_with_its_layer_and_says_whose_it_is(layer, tmp_path):
    keep(layer, tmp_path)
    found = kept_with(layer, MACHINE)
    assert found is not None
    assert found.image.read_bytes() == b"memory"
    assert (found.life, found.frozen) == (LIFE, True)
    assert memory.life_of(layer) == "one"


def test_only_its_owner_may_read_it(layer, tmp_path):
    keep(layer, tmp_path)
    place = layer / memory.PLACE
    assert place.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in place.iterdir()] == [0o600, 0o600]
    assert "KEY" not in repr(LIFE)


@pytest.mark.parametrize(
    "other",
    [
        replace(MACHINE, hardware={"memory": 2 << 30, "channels": ["unix"]}),
        replace(MACHINE, hypervisor="QEMU 8.0.0"),
    ],
    ids=["hardware", "hypervisor"],
)
def test_the_memory_of_another_machine_is_thrown_away(layer, tmp_path, other):
    keep(layer, tmp_path)
    assert kept_with(layer, other) is None
    assert not (layer / memory.PLACE).exists()


@pytest.mark.parametrize("content", [b"memorY", b"memo", b""])
def test_one_that_rotted_is_thrown_away_and_the_layer_stays(layer, tmp_path, content):
    keep(layer, tmp_path)
    (layer / memory.PLACE / memory.IMAGE).write_bytes(content)
    assert kept_with(layer, MACHINE) is None
    assert not (layer / memory.PLACE).exists()
    assert (layer / "disk.qcow2").read_bytes() == b"layer"


def test_a_note_that_rotted_is_of_no_use_and_no_bug(layer, tmp_path):
    keep(layer, tmp_path)
    note = layer / memory.PLACE / memory.NOTE
    for text in ("", "[]", '{"life": {"age": 1}}', '{"life": 5}'):
        note.write_text(text)
        assert kept_with(layer, MACHINE) is None
        if not note.exists():
            keep(layer, tmp_path)


def rotted(note):
    """Yield the notes that differ in one bit from a whole one; a space more or less says nothing else."""
    whole = note.read_bytes()
    for at in range(0, len(whole), 3):
        if not whole[at : at + 1].isspace():
            note.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            yield whole[at : at + 20]


def test_a_note_with_one_wrong_byte_is_told_and_its_memory_is_never_used(layer, tmp_path):
    keep(layer, tmp_path)
    store, kept = Store(tmp_path), tmp_path / "kept"
    shutil.copytree(layer / memory.PLACE, kept)
    for where in rotted(kept / memory.NOTE):
        shutil.copytree(kept, layer / memory.PLACE, dirs_exist_ok=True)
        assert [one.file for one in store.damage(layer.name, thorough=True)] == [memory.PLACE], where
        assert memory.life_of(layer) == "", where
        assert kept_with(layer, MACHINE) is None, where
        assert not (layer / memory.PLACE).exists(), where
    assert store.damage(layer.name, thorough=True) == []


@pytest.mark.parametrize("without_seal", [True, False])
def test_a_memory_whose_note_is_not_whole_is_swept_and_its_layer_stays(layer, tmp_path, without_seal):
    keep(layer, tmp_path)
    note = layer / memory.PLACE / memory.NOTE
    said = json.loads(note.read_text())
    if without_seal:  # as notes of earlier versions are
        del said["seal"]
    else:
        said["life"]["lived"] = 1e6
    note.write_text(json.dumps(said))
    store = Store(tmp_path)
    assert store.sweep() == []
    assert not (layer / memory.PLACE).exists()
    assert store.damage(layer.name, thorough=True) == []


def test_a_note_that_cannot_be_written_costs_the_memory_and_not_the_build(layer, tmp_path):
    with Keeper(tmp_path / "run" / "build", MACHINE) as keeper:
        image = keeper.place(layer.name)
        image.write_bytes(b"memory")
        keeper.keep(layer, Memory(image, LIFE, frozen=True))
        (layer / memory.PLACE / memory.NOTE).mkdir()  # nothing can take its place
    assert kept_with(layer, MACHINE) is None
    assert (layer / "disk.qcow2").read_bytes() == b"layer"


def test_a_memory_whose_digest_is_not_known_yet_is_neither_damaged_nor_thrown_away(layer, tmp_path):
    keep(layer, tmp_path)
    (layer / memory.PLACE / memory.NOTE).unlink()
    assert Store(tmp_path).damage(layer.name, thorough=True) == []
    assert kept_with(layer, MACHINE) is None
    assert (layer / memory.PLACE / memory.IMAGE).exists()


def test_verify_tells_a_memory_that_rotted(layer, tmp_path):
    keep(layer, tmp_path)
    store = Store(tmp_path)
    assert store.damage(layer.name, thorough=True) == []
    (layer / memory.PLACE / memory.IMAGE).write_bytes(b"memorY")
    assert [one.file for one in store.damage(layer.name, thorough=True)] == [memory.PLACE]


def test_the_store_counts_it_and_removes_it_with_its_layer(layer, tmp_path):
    store = Store(tmp_path)
    (before,) = [one.size for one in store.entries()]
    keep(layer, tmp_path, content=b"m" * 100_000)
    (after,) = [one.size for one in store.entries()]
    assert after >= before + 100_000
    store.remove(layer.name)
    assert not layer.exists()


def test_one_whose_build_was_killed_before_its_note_is_swept_unless_that_build_still_runs(layer, tmp_path):
    keep(layer, tmp_path)
    (layer / memory.PLACE / memory.NOTE).unlink()
    store = Store(tmp_path)
    with store.locked(layer.name, on_wait=lambda holder: None):
        store.sweep()
        assert (layer / memory.PLACE).exists()
    store.sweep()
    assert not (layer / memory.PLACE).exists()
    assert store.has(layer.name)


def test_a_life_is_lived_by_one_at_a_time(tmp_path):
    with memory.alone("one", tmp_path) as first, memory.alone("one", tmp_path) as second:
        assert (first, second) == (True, False)
    with memory.alone("one", tmp_path) as later:
        assert later


def test_memories_are_kept_as_long_as_they_take_a_small_part_of_the_guests_life(tmp_path):
    assert replace(LIFE, lived=50.0, spent=6.0, last=1.0).affords(GIB, tmp_path)
    assert not replace(LIFE, lived=50.0, spent=7.0, last=1.0).affords(GIB, tmp_path)
    assert not replace(LIFE, lived=2.0, spent=0.0, last=0.0).affords(GIB, tmp_path)
    assert not LIFE.affords(64 * GIB, tmp_path)
