"""Every file that a build leaves is damaged, one after the other: each time it is told, or it cannot matter."""

import random
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SEED = 20260131
# What people ask of a state folder after a build; what they show must not silently be another thing.
QUESTIONS = (
    ("plan", "r", "--json"),
    ("builds", "--json"),
    ("show", "r", "--json"),
    ("logs", "r", "--json"),
    ("image", "list", "--all", "--json"),
    ("media", "list", "--json"),
    ("store", "list", "--json"),
)
CHECKS = (("store", "verify", "--json"), ("image", "check", "--json"), ("image", "verify", "r"))


@dataclass(frozen=True)
class Damage:
    """One way to spoil the bytes of a file."""

    name: str

    def __call__(self, data: bytes, chance: random.Random) -> bytes:
        if self.name == "cut":
            return data[: len(data) // 2]
        if self.name == "noise":
            return chance.randbytes(len(data))
        if self.name == "empty":
            return b""
        at = chance.randrange(len(data))
        return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]


DAMAGES = [Damage("flip"), Damage("cut"), Damage("noise")]


def files_of(state: Path) -> list[Path]:
    """Return all files with content but the locks, which are never read for what they say."""
    found = (one for one in sorted(state.rglob("*")) if one.is_file() and not one.is_symlink())
    return [one for one in found if one.stat().st_size and one.suffix != ".lock" and one.name != "lock"]


def restore(kept: Path, state: Path) -> None:
    shutil.rmtree(state)
    shutil.copytree(kept, state, copy_function=shutil.copy2)


def asked(factory) -> list[tuple[int, str, str]]:
    return [
        (shown.code, re.sub(r'"seconds": [0-9.]+', "", shown.out), shown.err)
        for shown in (factory(*question) for question in QUESTIONS)
    ]


# What these remember is asked anew when they are damaged, so nobody need be told.
MEMORIES = ("tools.json", "digests.json", "catalog/index-digests.json")
RECIPE = """\
customize:
  - {name: one, run: {script: "echo one", environment: {T: !secret env:TOKEN}}, via: offline}
"""


@pytest.fixture
def built(factory, tmp_path, monkeypatch):
    """Build from an image and with a secret; return a copy of all that is left."""
    monkeypatch.setenv("TOKEN", "hunter2-hunter2")
    factory.recipe("r", RECIPE)
    recipe = factory.project / "recipes" / "r.yaml"
    disk = bytearray(random.Random(SEED).randbytes(102_400))
    disk[510:512] = b"\x55\xaa"  # it has a boot sector
    image = factory.project / "base.img"
    image.write_bytes(disk)
    text = recipe.read_text().replace(f"tree: {factory.project}/tree", f"image: {image}")
    recipe.write_text(text)
    done = factory("build", "r", "--json")
    assert done.code == 0, done.err
    kept = tmp_path / "kept"
    shutil.copytree(factory.state, kept, copy_function=shutil.copy2)
    return kept


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda one: one.name)
def test_damage_is_told_or_does_not_matter(factory, built, damage):
    restore(built, factory.state)
    before = asked(factory)
    chance = random.Random(SEED)
    faults = []
    paths = files_of(built)
    assert len(paths) > 30
    for path in paths:
        name = str(path.relative_to(built))
        restore(built, factory.state)
        target = factory.state / name
        target.chmod(0o644)
        target.write_bytes(damage(target.read_bytes(), chance))
        faults += [f"{name}: {fault}" for fault in silent(factory, before, name)]
    assert faults == []


def silent(factory, before, name: str) -> Iterator[str]:
    """Yield what was neither told nor harmless."""
    after = asked(factory)
    checks = [factory(*check) for check in CHECKS]
    told = any(one.code for one in checks) or any(code or err for code, _, err in after)
    for question, old, new in zip(QUESTIONS, before, after, strict=True):
        if new[0] == 70:
            yield f"{question} is a bug: {new[2]}"
        elif new != old and not told:
            yield f"{question} silently shows something else"
    for check, shown in zip(CHECKS, checks, strict=True):
        if shown.code == 70:
            yield f"{check} is a bug: {shown.err}"
    if not told and name not in MEMORIES:
        yield "nobody was told"
    again = factory("build", "r", "--json")
    if again.code == 70 or (again.code and "fix:" not in again.err):
        yield f"build: {again.code} {again.err}"
    if again.code == 0:
        image = again.events[-1]["image"]
        if not image:
            yield f"the build made no image: {again.stages('StageFinished')}"
        elif (verified := factory("image", "verify", image["id"])).code:
            yield f"the build says it is done, but: {verified.err}"


@pytest.mark.parametrize("seed", range(SEED, SEED + 12))
def test_much_damage_at_once_is_told_or_does_not_matter(factory, built, seed):
    restore(built, factory.state)
    before = asked(factory)
    chance = random.Random(seed)
    paths = files_of(built)
    spoiled = []
    for path in chance.sample(paths, chance.randrange(2, 12)):
        damage = chance.choice([*DAMAGES, Damage("empty"), Damage("gone")])
        name = path.relative_to(built)
        (target := factory.state / name).chmod(0o644)
        if damage.name == "gone":
            target.unlink()
        else:
            target.write_bytes(damage(target.read_bytes(), chance))
        spoiled.append(f"{name} {damage.name}")
    assert list(silent(factory, before, "")) == [], spoiled


def test_what_the_store_lost_in_several_places_is_found_although_nothing_of_it_was_to_be_read(factory, built):
    """So a file system is after an error: files of several results are there, and empty."""
    restore(built, factory.state)
    lost = [one for one in files_of(built) if one.name in ("register.json", "export.json", "audit.json")]
    layers = [one.relative_to(built) for one in lost if one.relative_to(built).parts[0] == "store"]
    assert len(layers) == 3
    for path in layers:
        (factory.state / path).chmod(0o644)
        (factory.state / path).write_bytes(b"")
    again = factory("build", "r", "--json")
    assert again.code == 0, again.err
    told = [one["text"] for one in again.events if one["event"] == "Warned" and "damaged" in one["text"]]
    assert {one.split(" was damaged")[0].rsplit(" ", 1)[-1] for one in told} == {
        "export",
        "audit",
        "register",
    }, told
    assert factory("image", "verify", again.events[-1]["image"]["id"]).code == 0
    assert factory("store", "verify").code == 0
