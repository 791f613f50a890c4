"""What was noted of a medium, and the media themselves: they stay in the store while something needs them."""

import hashlib
import json
import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import jsonschema
import pytest

from goldsmith.artifact.provenance import MANIFEST
from goldsmith.events import BuildStarted, StageOutlook
from goldsmith.host.files import human_size
from goldsmith.host.sealed import sealed_text
from goldsmith.media.named import NAMED
from goldsmith.plan.kept import Kept, write_note
from goldsmith.plan.store import Store
from goldsmith.recipe.outputs import output_schemas
from goldsmith.record import BuildRecord, read_builds

from .test_evidence import guest  # noqa: F401  a fixture
from .test_remote_medium import disk

DAY = 86_400.0


@pytest.fixture
def local(factory):
    """A recipe that starts from a disk image on this host; returns its digest."""
    (factory.project / "base.img").write_bytes(disk("a"))
    write(factory)
    return hashlib.sha256(disk("a")).hexdigest()


def write(factory, steps=None, *, image="base.img"):
    factory.recipe("r", *([steps] if steps else []))
    path = factory.project / "recipes" / "r.yaml"
    path.write_text(
        path.read_text().replace(f"{{tree: {factory.project}/tree}}", f"{{image: {factory.project}/{image}}}")
    )


CHANGED = """\
customize:
  - {name: one, run: "echo one", via: offline}
  - {name: two, run: "echo other", via: offline}
"""


def entries(factory):
    return {one.stage: one for one in Store(factory.state).entries()}


def noted(factory, stage, **facts):
    """Let the seal of an entry tell something else; None takes a fact out."""
    path = entries(factory)[stage].entry.folder / "entry.json"
    said = {**json.loads(path.read_text()), **facts}
    path.write_text(json.dumps({name: value for name, value in said.items() if value is not None}))


def pruned(factory, *words):
    done = factory("store", "prune", *words, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def manifest(factory):
    return json.loads((read_builds(factory.state / "builds")[0].folder / MANIFEST).read_text())


@pytest.mark.parametrize("older", [False, True])
def test_what_was_noted_of_a_medium_stays_while_something_stays_that_was_made_from_it(factory, local, older):
    assert factory("build", "r").code == 0
    made = entries(factory)
    fetched = made["fetch"].entry.key
    noted(factory, "fetch", created=time.time() - 90 * DAY)
    if older:  # made by a version that did not note it: the records tell
        for stage in made:
            noted(factory, stage, medium=None)
    assert pruned(factory)["keys"] == []
    total = sum(one.size for one in made.values())
    gone = pruned(factory, "--to-size", f"{total // 1024 - 1} KiB")["keys"]
    assert gone
    assert fetched not in gone
    assert pruned(factory, "--to-size", "1 KiB", "--apply")["keys"][-1] == fetched
    assert entries(factory) == {}


def test_a_medium_that_nothing_noted_any_more_is_got_again_for_the_manifest_alone(factory, local):
    assert factory("build", "r").code == 0
    Store(factory.state).remove(entries(factory)["fetch"].entry.key)
    assert factory("build", "r", "--json").stages("StageStarted") == [], "nobody reads it"
    write(factory, CHANGED)
    plan = {one["name"]: one["cached"] for one in json.loads(factory("plan", "r", "--json").out)["stages"]}
    assert (plan["fetch"], plan["base"], plan["step-1-one"], plan["step-2-two"]) == (False, True, True, False)
    assert factory("build", "r").code == 0
    assert [one["sha256"] for one in manifest(factory)["media"]] == [local]


def test_a_lock_and_a_build_that_is_held_to_it_know_the_medium_or_say_what_to_do(factory, local, guest):  # noqa: F811
    assert factory("build", "r").code == 0
    file = factory.project / "recipes" / "r.lock"
    assert "1 media" in factory("lock", "r").out
    text = file.read_text()
    assert f'"medium": "{local}"' in text
    file.unlink()
    store = Store(factory.state)
    store.remove(entries(factory)["fetch"].entry.key)
    done = factory("lock", "r")
    assert done.code == 3
    assert "is not in the store any more, so no lock is written" in done.err
    assert "fix: goldsmith build r --from seal, then goldsmith lock r" in done.err
    assert not file.exists()
    assert "base" not in factory("build", "r", "--from", "seal", "--json").stages("StageStarted")
    assert factory("lock", "r").code == 0
    assert f'"medium": "{local}"' in file.read_text()
    store.remove(entries(factory)["fetch"].entry.key)
    assert factory("build", "r", "--locked").code == 0
    assert [one["sha256"] for one in manifest(factory)["media"]] == [local]


def media(factory):
    """Return what is listed of the media, by name."""
    listed = factory("store", "list", "--json")
    jsonschema.validate(json.loads(listed.out), output_schemas()["store list"])
    return {one["name"]: one for one in json.loads(listed.out) if one["kind"] == "medium"}


def aged(factory, days):
    """Let all that is kept be older."""
    for folder in (factory.state / "store/media").glob("*/medium.json"):
        said = json.loads(folder.read_text())
        then = datetime.now(UTC) - timedelta(days=days)
        folder.write_text(sealed_text({**said, "added": then.strftime("%Y-%m-%dT%H:%M:%SZ")}, key="seal"))
    for stage in entries(factory):
        noted(factory, stage, created=time.time() - days * DAY)


def test_media_are_listed_with_what_uses_them_and_what_it_takes_to_get_them_again(factory, local):
    assert factory("build", "r").code == 0
    (factory.project / "own.img").write_bytes(disk("o"))
    factory("media", "add", str(factory.project / "own.img"))
    made = factory.state / "store/media/made" / f"{'ab' * 16}.iso"
    made.parent.mkdir()
    made.write_bytes(b"x" * 9000)
    found = media(factory)
    assert {name: one["remade_by"] for name, one in found.items()} == {
        "base.img": "copy",
        "own.img": "hand",
        made.name: "making",
    }
    assert {name: one["used_by"] for name, one in found.items()} == {
        "base.img": ["r"],
        "own.img": [],
        made.name: [],
    }
    assert found["base.img"]["key"] == local
    lines = factory("store", "list").out.splitlines()
    count = len(entries(factory))
    total = sum(one.size for one in entries(factory).values()) + sum(one["size"] for one in found.values())
    assert found["base.img"]["size"] >= len(disk("a"))
    assert lines[-1] == f"{count} entries, 3 media, {human_size(total)}"
    (shown,) = [line for line in lines if line.startswith(local[:12])]
    assert shown.split()[1:3] == ["medium", "base.img"]
    assert "a copy, " in shown
    assert shown.endswith(" ago  r")


@pytest.mark.parametrize("words", [["--older-than", "30"], ["--to-size", "1 KiB"], ["--unused"]])
def test_media_go_when_no_entry_that_stays_was_made_from_them_and_only_when_told(factory, local, words):
    assert factory("build", "r").code == 0
    write(factory, image="other.img")
    (factory.project / "other.img").write_bytes(disk("b"))
    (factory.project / "own.img").write_bytes(disk("o"))
    factory("media", "add", str(factory.project / "own.img"))
    aged(factory, 90)
    assert factory("build", "r").code == 0
    young = {one.entry.key for one in Store(factory.state).entries() if one.created > time.time() - DAY}
    other = hashlib.sha256(disk("b")).hexdigest()
    told = pruned(factory, *words, "--keep-newest")
    assert (told["media"], told["applied"]) == ([local], False)
    assert set(media(factory)) == {"base.img", "other.img", "own.img"}
    told = pruned(factory, *words, "--keep-newest", "--apply")
    assert (told["media"], told["in_use"]) == ([local], [])
    assert set(media(factory)) == {"other.img", "own.img"}
    assert {one.entry.key for one in Store(factory.state).entries()} == young
    assert pruned(factory, "--to-size", "1 KiB", "--apply")["media"] == [other]
    assert set(media(factory)) == {"own.img"}, "somebody put it there"
    assert factory("build", "r").code == 0


def test_a_medium_that_is_made_here_goes_with_its_note_once_nothing_needs_it(factory):
    made = factory.state / "store/media/made" / f"{'ab' * 16}.iso"
    made.parent.mkdir(parents=True)
    for path in (made, made.with_name(f"{made.name}.made")):
        path.write_bytes(b"x" * 9000)
    store = Store(factory.state)
    store.prepare()
    (store.begin("f" * 64) / "medium.json").write_text(json.dumps({"location": str(made), "sha256": "00"}))
    store.commit("f" * 64, stage="fetch", recipe="r", parent="", inputs={}, seconds=1.0)
    os.utime(made, (0, time.time() - 90 * DAY))
    assert pruned(factory, "--apply")["media"] == []
    store.remove("f" * 64)
    shown = factory("store", "prune", "--apply").out
    assert f"{'ab' * 6}  medium  {made.name}  " in shown
    assert "removed 0 entries, 1 media, 0 broken-off downloads, " in shown
    assert list(made.parent.iterdir()) == []


def running(factory, key, *, told=True):
    """Begin a build that has a fetch entry in its plan, where that was told."""
    record = BuildRecord.create(factory.state / "builds", recipe="r")
    record.__enter__()
    if told:
        record.tell(BuildStarted(record.id, "r", (StageOutlook("fetch", key, True, ""),)))
        record.set_virt_type("kvm")
    return record


def test_media_that_a_running_build_reads_or_may_be_about_to_read_stay(factory, local):
    assert factory("build", "r").code == 0
    fetched = entries(factory)["fetch"].entry.key
    for key, told, in_use in ((fetched, True, False), ("e" * 64, True, True), ("", False, True)):
        record = running(factory, key, told=told)
        found = pruned(factory, "--older-than", "0", "--apply")
        assert (found["media"], local in found["in_use"]) == ([], in_use)
        assert factory("media", "remove", "base.img").code == 3
        record.__exit__(None, None, None)
        assert set(media(factory)) == {"base.img"}
    assert pruned(factory, "--older-than", "0", "--apply")["media"] == [local]


def test_the_medium_of_a_guest_that_an_installer_left_stays(factory, local):
    assert factory("build", "r").code == 0
    (build,) = read_builds(factory.state / "builds")
    left = Kept(build.id, "install", "goldsmith-x-install", "test:///default")
    write_note(factory.state / "builds", left)
    assert pruned(factory, "--older-than", "0", "--apply")["media"] == []
    assert list(entries(factory)) == ["fetch"]
    assert "in use" in factory("media", "remove", local).err
    write_note(factory.state / "builds", replace(left, ended="it was given up"))
    assert pruned(factory, "--older-than", "0", "--apply")["media"] == [local]


def test_what_was_added_by_hand_is_removed_by_hand(factory):
    (factory.project / "own.img").write_bytes(disk("o"))
    factory("media", "add", str(factory.project / "own.img"))
    aged(factory, 400)
    for words in (["--older-than", "0"], ["--to-size", "1 KiB"], ["--unused"]):
        assert pruned(factory, *words, "--apply")["media"] == []
    assert factory("media", "remove", "none.img").code == 2
    assert factory("media", "remove", "own.img").out == "removed own.img, 98 KiB\n"
    assert media(factory) == {}
    assert list((factory.state / "store/media").iterdir()) == []


def test_a_medium_that_is_made_here_is_listed_by_its_name(factory):
    place = NAMED["goldsmith-demo-installer"].path(factory.state)
    place.parent.mkdir(parents=True)
    place.write_bytes(b"x")
    (row,) = json.loads(factory("store", "list", "--json").out)
    assert (row["kind"], row["name"]) == ("medium", "goldsmith-demo-installer")


def test_a_medium_that_is_made_here_is_not_removed_by_its_name_and_the_way_is_told(factory):
    done = factory("media", "remove", "goldsmith-demo-installer")
    assert done.code == 2
    assert "there is no medium goldsmith-demo-installer that was added" in done.err
    assert "fix: goldsmith store prune --unused" in done.err
