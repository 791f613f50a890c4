"""What was noted of a medium, and the media themselves: they stay in the store while something needs them."""

import hashlib
import json
import time

import pytest

from goldsmith.artifact.provenance import MANIFEST
from goldsmith.plan.store import Store
from goldsmith.record import read_builds

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
