"""A build is killed, or the power fails, while it writes: what is there then is whole, and is gone on with."""

import json
import random
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from goldsmith.plan.store import Store

from .test_full_disk import same_command_again

SEED = 20260208
KILLS = 3
pytestmark = pytest.mark.timeout(400)  # many processes, on a busy host
HELPER = Path(__file__).with_name("cutting.py")


def cut(factory, how: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, HELPER, factory.state, how, "build", "r", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=250)


def test_a_build_that_is_killed_at_any_moment_is_gone_on_with(factory):
    """One state folder all along: what a kill leaves must not trip the next one either."""
    whole = cut(factory, "count")
    assert whole.returncode == 0, whole.stderr
    moments = int(whole.stderr.split()[-2])
    assert moments > 150
    chance = random.Random(SEED)
    for moment in sorted(chance.sample(range(1, moments), KILLS)):
        killed = cut(factory, f"kill:{moment}", "--no-cache")
        over = f"\n{killed.stderr}".endswith(" moments\n")  # it had fewer than the first one
        assert killed.returncode == -signal.SIGKILL or (over and killed.returncode == 0), (
            moment,
            killed.stderr,
        )
        same_command_again(factory)


def test_what_a_power_cut_leaves_is_whole_and_is_gone_on_with(factory, tmp_path, monkeypatch):
    copies = tmp_path / "copies"
    copies.mkdir()
    assert factory("build", "r").code == 0  # there is an image already, and a second one is made
    recipe = factory.project / "recipes" / "r.yaml"
    recipe.write_text(recipe.read_text().replace("echo two", "echo three"))
    done = cut(factory, f"copy:{SEED}:{copies}", "--from", "step-1-one")
    assert done.returncode == 0, done.stderr
    made = sorted(copies.glob("*.json"), key=lambda one: int(one.stem))
    assert len(made) > 10
    for note in made:
        factory.state = copies / note.stem
        monkeypatch.setenv("GOLDSMITH_STATE", str(factory.state))
        problem = inconsistent(factory)
        assert problem == "", (SEED, note.stem, note.read_text(), problem)
    for note in random.Random(SEED).sample(made, 2):
        factory.state = copies / note.stem
        monkeypatch.setenv("GOLDSMITH_STATE", str(factory.state))
        same_command_again(factory)


def inconsistent(factory) -> str:
    """Say what of the index or the store is not whole; what was never finished does not count."""
    with sqlite3.connect(factory.state / "catalog" / "index.db") as index:
        found = [row[0] for row in index.execute("PRAGMA integrity_check")]
    if found != ["ok"]:
        return f"the index: {found}"
    listed = json.loads(factory("image", "list", "--json").out)
    for image in [one["id"] for one in listed if one["status"] == "active"]:
        if (verified := factory("image", "verify", image)).code:
            return f"an image that is listed as active: {verified.err}"
    store = Store(factory.state)
    for key in sorted(store.keys()):
        if damage := store.damage(key, thorough=True):
            return f"{store.facts(key).get('stage')}: {damage}"
    return ""
