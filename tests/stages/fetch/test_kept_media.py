"""A medium that is gone or was damaged is found before a stage reads it, and only then."""

import json
from dataclasses import dataclass

import pytest

from goldsmith.plan.planner import Plan, Step
from goldsmith.plan.stage import Kind
from goldsmith.plan.store import Store
from goldsmith.stages.kept_media import spoiled_media
from goldsmith.stages.medium import library_of


@dataclass
class Stage:
    name: str
    kind: Kind


FETCH, INSTALL = Stage("fetch", Kind.MEDIA), Stage("install", Kind.DISK)
KEY = "a" * 64


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "state")
    made.prepare()
    return made


@pytest.fixture
def fetched(store, tmp_path):
    """Put media into the library and a result of fetch into the store that names them; return the media."""

    def make(*names):
        media = []
        for name in names:
            (tmp_path / name).write_bytes(name.encode() * 1000)
            media.append(library_of(tmp_path / "state").add(tmp_path / name))
        first, *others = ({"location": str(one.path), "sha256": one.sha256} for one in media)
        note(store, {**first, "further": {f"file{at}": one for at, one in enumerate(others)}})
        return media

    return make


def note(store, medium):
    (store.begin(KEY) / "medium.json").write_text(json.dumps(medium))
    store.commit(KEY, stage="fetch", recipe="r", parent="", inputs={}, seconds=1.0)


def found(store, *, fetch="", install="not in the store", on_hashing=None):
    plan = Plan("r", (Step(FETCH, KEY, fetch), Step(INSTALL, "b" * 64, install)))
    return [one.told for one in spoiled_media(plan, store, on_hashing=on_hashing)]


def test_media_that_nobody_wrote_to_since_they_were_kept_are_sound_and_not_read(store, fetched):
    fetched("system.iso", "drivers.iso")
    read = []
    assert found(store, on_hashing=read.append) == []
    assert read == []


@pytest.mark.parametrize("at", [0, 1])
def test_a_damaged_medium_is_found(store, fetched, at):
    medium = fetched("system.iso", "drivers.iso")[at]
    medium.path.write_bytes(b"rotten".ljust(medium.size, b"."))
    assert found(store) == [f"the medium {medium.path} was damaged and is got again"]


def test_reading_a_medium_again_is_told(store, fetched):
    (medium,) = fetched("system.iso")
    (store.root.parent / "digests.json").unlink()
    read = []
    assert found(store, on_hashing=read.append) == []
    assert sum(read) == medium.size


def test_a_medium_that_is_gone_is_found(store, fetched):
    (medium,) = fetched("system.iso")
    medium.path.unlink()
    assert found(store) == [f"the medium {medium.path} is gone and is got again"]


def test_a_medium_that_is_not_going_to_be_read_is_not_looked_at(store, fetched):
    (medium,) = fetched("system.iso")
    medium.path.unlink()
    assert found(store, install="") == found(store, fetch="asked for: --from fetch") == []


def test_of_a_tree_no_more_is_asked_than_that_it_is_there(store, tmp_path):
    note(store, {"location": "http://mirror.invalid/os/", "sha256": "", "size": None})
    assert found(store) == []
    tree = tmp_path / "tree"
    tree.mkdir()
    note(store, {"location": str(tree), "sha256": "", "size": None})
    assert found(store) == []
    tree.rmdir()
    assert found(store) == [f"the medium {tree} is gone and is got again"]


def test_a_note_of_nothing_is_no_medium(store):
    note(store, {"further": {}})
    assert found(store) == ["the stored result of fetch cannot be read: 'location'"]
