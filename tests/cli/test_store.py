"""``goldsmith store``: what is listed, what may go, and what must stay."""

import json
import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import jsonschema
import pytest

from goldsmith.catalog.entry import NewImage
from goldsmith.catalog.local import LocalCatalog
from goldsmith.cli.main import run
from goldsmith.cli.store_prune import BrokenOff, drop
from goldsmith.cli.store_verify import damaged_entries, damaged_media, damaged_records, remove
from goldsmith.events import BuildFinished, BuildStarted, StageOutlook
from goldsmith.host.locks import locked
from goldsmith.plan.kept import Kept, write_note
from goldsmith.plan.store import Store
from goldsmith.recipe.outputs import output_schemas
from goldsmith.record import BuildRecord
from goldsmith.record.clearing import clear
from goldsmith.stages.medium import library_of

DAY = 86_400.0


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def entry(state):
    """Put an entry into the store, so many days old, on another one."""
    store = Store(state)
    store.prepare()

    def make(letter, *, days=0.0, on=""):
        key = letter * 64
        (store.begin(key) / "disk.qcow2").write_bytes(b"x" * 5000)
        store.commit(key, stage=f"stage-{letter}", recipe="r", parent=on * 64, inputs={}, seconds=2.5)
        path = store.layers / key / "entry.json"
        noted = json.loads(path.read_text())
        path.write_text(json.dumps({**noted, "created": time.time() - days * DAY}))

    return make


def left(state):
    return sorted(one.entry.key[0] for one in Store(state).entries())


def test_an_empty_store_is_no_error(capsys):
    assert run(["store", "list"]) == 0
    assert capsys.readouterr().out == "0 entries, 0 media, 0 bytes\n"
    assert run(["store", "prune", "--apply", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "applied": True,
        "size": 0,
        "keys": [],
        "media": [],
        "in_use": [],
        "damaged": [],
        "downloads": [],
    }


def a_build(state, name, *letters, recipe="r", ok=True, days=0.0):
    record = BuildRecord.create(state / "builds", recipe=recipe, build_id=name)
    record.tell(
        BuildStarted(name, recipe, tuple(StageOutlook(f"stage-{one}", one * 64, True, "") for one in letters))
    )
    record.tell(BuildFinished(name, recipe, ok=ok, seconds=1.0, own_seconds=1.0))


def test_the_list_tells_which_recipes_use_an_entry_today(state, entry, capsys):
    for letter in "abc":
        entry(letter)
    a_build(state, "r-1", "a", "b")
    time.sleep(0.01)
    a_build(state, "r-2", "a")
    a_build(state, "r-3", "c", ok=False)
    a_build(state, "s-1", "a", recipe="s")
    assert run(["store", "list", "--json"]) == 0
    listed = capsys.readouterr().out
    jsonschema.validate(json.loads(listed), output_schemas()["store list"])
    used = {one["key"][0]: sorted(one["used_by"]) for one in json.loads(listed)}
    assert used == {"a": ["r", "s"], "b": [], "c": []}
    assert run(["store", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split()[-1] for line in lines[:3]) == ["s", "unused", "unused"]


def test_what_no_recipe_uses_today_can_go_and_what_something_used_stands_on_stays(state, entry, capsys):
    entry("b")
    entry("a", on="b")
    entry("c", on="b")
    a_build(state, "r-1", "a")
    assert run(["store", "prune", "--unused", "--json"]) == 0
    assert [one[0] for one in json.loads(capsys.readouterr().out)["keys"]] == ["c"]
    assert left(state) == ["a", "b", "c"]
    assert run(["store", "prune", "--unused", "--apply"]) == 0
    assert left(state) == ["a", "b"]


def test_neither_age_nor_room_takes_what_the_newest_good_builds_have_when_that_is_to_stay(state, entry):
    for letter in "ad":
        entry(letter, days=90)
    entry("b", days=90, on="a")
    entry("c", days=90, on="a")
    a_build(state, "r-1", "a", "b")
    time.sleep(0.01)
    a_build(state, "r-2", "a", "c", ok=False)
    words = ["store", "prune", "--keep-newest", "--apply"]
    assert run([*words, "--older-than", "30"]) == 0
    assert left(state) == ["a", "b"]
    assert run([*words, "--to-size", "1 KiB"]) == 0
    assert left(state) == ["a", "b"]
    assert run(["store", "prune", "--older-than", "30", "--apply"]) == 0
    assert left(state) == []


def test_an_image_of_the_catalog_outlives_the_entry_that_it_came_from(state, entry):
    entry("a", days=90)
    catalog = LocalCatalog(state / "catalog")
    file = Store(state).layers / ("a" * 64) / "disk.qcow2"
    image = catalog.register(file, NewImage("web", disk_format="raw"))
    assert run(["store", "prune", "--older-than", "0", "--apply"]) == 0
    assert left(state) == []
    assert not file.exists()
    assert catalog.file_of(catalog.get(image.id)).read_bytes() == b"x" * 5000


@pytest.mark.parametrize("name", ["size", "seconds", "created"])
def test_a_number_that_none_can_be_is_found_by_verify_and_stops_neither_list_nor_prune(
    state, entry, capsys, name
):
    entry("a", days=90)
    seal = Store(state).layers / ("a" * 64) / "entry.json"
    seal.write_text(json.dumps({**json.loads(seal.read_text()), name: float("inf")}))
    for words in (["list"], ["list", "--json"], ["prune"], ["prune", "--to-size", "1 KiB"]):
        assert run(["store", *words]) == 0
    assert run(["store", "verify"]) == 1
    assert "entry.json has other content than when it was made" in capsys.readouterr().out
    assert run(["store", "verify", "--apply"]) == 0
    assert left(state) == []


def test_the_list_shows_what_is_kept_the_oldest_first(entry, capsys):
    entry("b", days=1)
    entry("a", days=3, on="b")
    assert run(["store", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:3] for line in lines[:2]] == [
        ["a" * 12, "r", "stage-a"],
        ["b" * 12, "r", "stage-b"],
    ]
    assert lines[-1].startswith("2 entries, ")
    assert run(["store", "list", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)[0]
    assert (first["key"], first["parent"], first["seconds"]) == ("a" * 64, "b" * 64, 2.5)


def test_pruning_only_tells_until_it_is_asked_to_remove(entry, state, capsys):
    entry("a", days=40)
    assert run(["store", "prune"]) == 0
    assert "would remove (--apply does it) 1 entries" in capsys.readouterr().out
    assert left(state) == ["a"]
    assert run(["store", "prune", "--apply"]) == 0
    assert left(state) == []


def test_what_a_younger_entry_stands_on_stays_however_old_it_is(entry, state):
    entry("a", days=90)
    entry("b", days=60, on="a")
    entry("c", days=1, on="b")
    entry("d", days=50, on="b")
    run(["store", "prune", "--apply"])
    assert left(state) == ["a", "b", "c"]


def test_what_a_running_build_has_in_its_plan_stays(entry, state):
    entry("a", days=90)
    entry("b", days=60, on="a")
    entry("c", days=60)
    record = BuildRecord.create(state / "builds", recipe="r")
    with record:
        record.tell(BuildStarted(record.id, "r", (StageOutlook("stage-b", "b" * 64, True, ""),)))
        record.set_virt_type("kvm")
        run(["store", "prune", "--apply"])
        assert left(state) == ["a", "b"]
    run(["store", "prune", "--apply"])
    assert left(state) == []


def test_pruning_to_a_size_takes_the_oldest_that_nothing_stands_on(entry, state, capsys):
    entry("a", days=9)
    entry("b", days=8, on="a")
    entry("c", days=3)
    entry("d", days=1)
    one = next(Store(state).entries()).size
    assert run(["store", "prune", "--to-size", f"{2 * one // 1024} KiB", "--apply", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["keys"] == ["b" * 64, "a" * 64]
    assert left(state) == ["c", "d"]
    assert run(["store", "prune", "--to-size", "1 TiB", "--apply"]) == 0
    assert left(state) == ["c", "d"]
    assert run(["store", "prune", "--to-size", "much"]) == 2
    assert "--to-size" in capsys.readouterr().err


def test_age_and_size_together_remove_by_both(entry, state):
    for letter, days in (("a", 60), ("b", 3), ("c", 1)):
        entry(letter, days=days)
    one = next(Store(state).entries()).size
    run(["store", "prune", "--older-than", "30", "--to-size", f"{one // 1024} KiB", "--apply"])
    assert left(state) == ["c"]


def test_a_download_that_broke_off_long_ago_is_removed_unless_somebody_goes_on_with_it(state, capsys):
    aside = state / "store/media/partial"
    for name in ("old", "young", "busy"):
        (aside / name).mkdir(parents=True)
        (aside / name / "part").write_bytes(b"x" * 1000)
    for name in ("old", "busy"):
        for one in (aside / name / "part", aside / name):
            os.utime(one, (0, time.time() - 40 * DAY))
    assert run(["store", "prune"]) == 0
    assert "a download that broke off  old  1000 bytes" in capsys.readouterr().out
    assert (aside / "old").exists()
    with locked(aside / "busy.lock"):
        assert run(["store", "prune", "--apply"]) == 0
    assert sorted(one.name for one in aside.iterdir() if one.is_dir()) == ["busy", "young"]


def test_links_that_lead_nowhere_are_neither_media_nor_in_the_way(state, entry, capsys):
    entry("a", days=90)
    made, part = state / "store/media/made" / f"{'ab' * 16}.iso", state / "store/media/partial/one"
    for folder in (made.parent, part, state / "other"):
        folder.mkdir(parents=True)
    made.symlink_to(state / "nowhere")
    made.with_name(f"{'cd' * 16}.iso").mkdir()  # no medium either
    (part / "loop").symlink_to("loop")
    (part.parent / "two").symlink_to(state / "other")
    (part / "medium").write_bytes(b"x" * 1000)
    for one in (part / "loop", part / "medium", part, state / "other"):
        os.utime(one, (0, time.time() - 40 * DAY), follow_symlinks=False)
    assert run(["store", "list"]) == 0
    assert "1 entries, 0 media, " in capsys.readouterr().out
    assert run(["store", "prune"]) == 0
    assert (
        "would remove (--apply does it) 1 entries, 0 media, 1 broken-off downloads, "
        in capsys.readouterr().out
    )
    assert run(["store", "prune", "--apply", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["keys"], told["media"], told["downloads"]) == (["a" * 64], [], [str(part)])
    assert left(state) == []
    assert not part.exists()
    assert (state / "other").is_dir()
    assert made.is_symlink()


def test_what_goes_while_it_is_looked_at_is_left_out(state, capsys):
    part, made = state / "store/media/partial/one", state / "store/media/made" / f"{'ab' * 16}.iso"
    made.parent.mkdir(parents=True)
    ends = threading.Event()

    def come_and_go():
        while not ends.is_set():
            for folder in (part / "file", part / "more"):
                folder.mkdir(parents=True)
                (folder / "medium").touch()
            made.touch()
            made.unlink()
            shutil.rmtree(part)

    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(come_and_go)
        codes = {run(["store", *words]) for _ in range(60) for words in (["list"], ["prune"])}
        ends.set()
        going.result(timeout=20)
    assert codes == {0}, capsys.readouterr().err


@pytest.mark.parametrize("days", ["-1", "nan", "inf", "-inf", "NaN"])
def test_less_than_nothing_is_no_age_and_neither_is_what_is_no_number(entry, state, capsys, days):
    entry("a", days=90)
    assert run(["store", "prune", "--older-than", days, "--apply"]) == 2
    assert "--older-than" in capsys.readouterr().err
    assert left(state) == ["a"]


def in_a_thread(*words):
    """Run a command while the test goes on; ``result()`` is its exit status."""
    return ThreadPoolExecutor(1).submit(run, list(words))


@pytest.mark.parametrize("command", ["prune", "verify"])
def test_what_a_build_plans_with_while_the_store_is_cleared_is_in_use(entry, state, capsys, command):
    for letter in "ab":
        entry(letter, days=90)  # its seal was changed by that, so it counts as damaged too
    store, builds = Store(state), state / "builds"
    with ExitStack() as build:
        record = build.enter_context(BuildRecord.create(builds, recipe="r"))
        with store.planning():
            clearing = in_a_thread("store", command, "--apply", "--json")
            time.sleep(0.5)
            assert left(state) == ["a", "b"]
            record.tell(BuildStarted(record.id, "r", (StageOutlook("stage-b", "b" * 64, True, ""),)))
            record.set_virt_type("kvm")
        assert clearing.result(timeout=20) == (1 if command == "verify" else 0)
        assert left(state) == ["b"]
    told = json.loads(capsys.readouterr().out)
    if command == "prune":
        assert told["keys"] == ["a" * 64]
    else:
        assert [one["key"][0] for one in told["damaged"] if one["in_use"]] == ["b"]


def test_a_build_plans_only_when_the_store_has_been_cleared(entry, state):
    entry("a", days=90)
    store = Store(state)

    def planned():
        with store.planning():
            return store.has("a" * 64)

    with ThreadPoolExecutor(1) as pool:
        with store.clearing(on_wait=print):
            plan = pool.submit(planned)
            time.sleep(0.3)
            store.remove("a" * 64)
        assert plan.result(timeout=20) is False


def test_builds_plan_side_by_side(state):
    store = Store(state)
    store.prepare()
    with store.planning(), store.planning():
        pass


def test_nothing_goes_while_a_build_has_not_told_its_plan(entry, state, capsys):
    entry("a", days=90)
    with BuildRecord.create(state / "builds", recipe="r"):
        assert run(["store", "prune", "--apply"]) == 0
        out = capsys.readouterr().out
        assert out.startswith("aaaaaaaaaaaa  r  stage-a  ")
        assert "  in use\nremoved 0 entries, 0 media, 0 broken-off downloads, 0 bytes\n" in out
        assert run(["store", "verify", "--apply"]) == 1
        said = capsys.readouterr()
        assert "aaaaaaaaaaaa  in use\n1 entries read, 1 damaged, 0 removed\n" in said.out
        assert "1 damaged entries of the store are in use" in said.err
        assert left(state) == ["a"]
    assert run(["store", "verify", "--apply"]) == 0
    assert left(state) == []


def test_an_entry_whose_lock_is_held_is_in_use_and_so_is_what_it_stands_on(entry, state, capsys):
    for letter, on in (("a", ""), ("b", "a"), ("c", "")):
        entry(letter, days=90, on=on)
    with Store(state).locked("b" * 64, on_wait=print):
        assert run(["store", "prune", "--apply", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["keys"] == ["c" * 64]
    assert told["in_use"] == ["b" * 64, "a" * 64]
    assert left(state) == ["a", "b"]


@pytest.mark.parametrize("parents", [{"a": "a", "b": "a"}, {"a": "b", "b": "a"}])
def test_layers_that_stand_on_themselves_are_told_as_damaged_and_stop_nothing(state, capsys, parents):
    store = Store(state)
    store.prepare()
    for letter in "abc":
        (store.begin(letter * 64) / "disk.qcow2").write_bytes(b"x" * 5000)
    for letter, parent in {**parents, "c": ""}.items():
        store.commit(letter * 64, stage=letter, recipe="r", parent=parent * 64, inputs={}, seconds=1.0)
    for words in ([], ["--to-size", "1 KiB"], ["--unused"], ["--older-than", "0"]):
        assert run(["store", "prune", *words]) == 0
        said = capsys.readouterr().out
        assert said.count("damaged: it stands on itself (goldsmith store verify --apply)") == 2
    assert run(["store", "prune", "--older-than", "0", "--apply", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["keys"], told["damaged"]) == (["c" * 64], ["a" * 64, "b" * 64])
    assert run(["store", "list"]) == 0
    assert run(["store", "verify"]) == 1
    assert "entry.json says that it stands on itself" in capsys.readouterr().out
    assert store.damage("a" * 64, thorough=False)
    assert run(["store", "verify", "--apply"]) == 0
    assert left(state) == []


def test_what_was_made_anew_since_it_was_looked_at_stays(entry, state):
    entry("a", days=90)
    store = Store(state)
    made = store.created("a" * 64)
    entry("a")
    with store.clearing(on_wait=print):
        assert clear(store, [("a" * 64, made)], also_on_them=True) == {"a" * 64}
    assert left(state) == ["a"]


def test_a_download_that_somebody_goes_on_with_by_now_stays(state):
    part = state / "store/media/partial/one"
    part.mkdir(parents=True)
    found = [BrokenOff(part, 0)]
    with locked(part.with_name("one.lock")):
        assert drop(found) == []
    assert part.exists()
    assert drop(found) == found
    assert not part.exists()


def test_verify_tells_what_is_damaged_and_removes_it_only_when_told(state, capsys):
    store = Store(state)
    store.prepare()
    for letter, parent in (("a", ""), ("b", "a" * 64)):
        (store.begin(letter * 64) / "disk.qcow2").write_bytes(b"x" * 5000)
        store.commit(letter * 64, stage=letter, recipe="r", parent=parent, inputs={}, seconds=1.0)
    assert run(["store", "verify"]) == 0
    assert capsys.readouterr().out == "2 entries read, 0 damaged\n"
    (store.layers / ("a" * 64) / "disk.qcow2").write_bytes(b"y" * 5000)
    assert run(["store", "verify"]) == 1
    said = capsys.readouterr()
    assert said.out == (
        "aaaaaaaaaaaa  disk.qcow2 has other content than when it was made\n2 entries read, 1 damaged\n"
    )
    assert "fix: goldsmith store verify --apply" in said.err
    assert left(state) == ["a", "b"]
    assert run(["store", "verify", "--apply", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["entries"], told["applied"], told["damaged"][0]["key"]) == (2, True, "a" * 64)
    assert left(state) == []


@pytest.mark.parametrize("meanwhile", ["removed", "being made", "made anew"])
def test_what_builds_remove_or_make_anew_while_all_is_read_is_not_damaged(state, entry, meanwhile):
    for letter in "ab":
        entry(letter)  # its seal was changed by that, so it counts as damaged
    store = Store(state)
    made = {key: store.created(key) for key in store.keys()}  # noqa: SIM118  no mapping
    store.remove("a" * 64)
    if meanwhile == "made anew":
        entry("a")
    elif meanwhile == "being made":
        (store.begin("a" * 64) / "disk.qcow2").write_bytes(b"half")
    assert list(damaged_entries(store, made)) == ["b" * 64]


def test_a_medium_that_was_got_again_since_it_was_found_to_be_damaged_stays(state, tmp_path):
    (iso := tmp_path / "system.iso").write_bytes(b"iso" * 1000)
    library = library_of(state)
    medium = library.add(iso)
    medium.path.write_bytes(b"rot" * 1000)
    problems, which = damaged_media(state)
    assert list(problems.values()) == [["system.iso has other content than when it was added"]]
    assert library.add(iso).path == medium.path
    remove(Store(state), {}, which, on_wait=print)
    assert medium.path.read_bytes() == iso.read_bytes()
    medium.path.write_bytes(b"rot" * 1000)
    remove(Store(state), {}, damaged_media(state)[1], on_wait=print)
    assert library.list() == []


def test_verify_says_who_brings_back_what_it_removes(state, tmp_path, capsys):
    (iso := tmp_path / "system.iso").write_bytes(b"iso" * 1000)
    library_of(state).add(iso).path.write_bytes(b"rot" * 1000)
    assert run(["store", "verify"]) == 1
    assert capsys.readouterr().err.endswith(
        "1 media are damaged\n  fix: goldsmith store verify --apply removes what is damaged in the store; "
        "builds get media again, but those of goldsmith media add must be added again\n"
    )
    assert run(["store", "verify", "--apply"]) == 0
    assert run(["store", "verify"]) == 0


def test_the_note_of_a_kept_guest_may_tell_later_what_became_of_it(state):
    builds = state / "builds"
    record = BuildRecord.create(builds, recipe="r", build_id="b")
    record.tell(BuildStarted("b", "r", ()))
    guest = Kept("b", "install", "goldsmith-b-install", "test:///default")
    write_note(builds, guest)
    record.tell(BuildFinished("b", "r", ok=False, seconds=1.0, own_seconds=1.0, exit_code=4))
    write_note(builds, replace(guest, ended="it did not run any more"))
    assert damaged_records(state) == {}
