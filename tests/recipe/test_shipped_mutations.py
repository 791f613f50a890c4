"""Every shipped recipe and kickstart with faults in it is taken, or refused with the place of the fault."""

import random
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goldsmith.cli.main import run

from ..soak.mutations import mutated_bytes, mutated_recipe

TOP = Path(__file__).parents[2]
RECIPES = sorted((TOP / "recipes").glob("*.yaml"))
KICKSTARTS = sorted((TOP / "kickstarts").rglob("*.j2"))
PLACE = re.compile(r"\S+:\d+(:\d+)?: ")
FIXED = settings(
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def project(tmp_path, monkeypatch):
    folder = tmp_path / "project"
    for name in ("recipes", "kickstarts", "templates"):
        shutil.copytree(TOP / name, folder / name)
    monkeypatch.chdir(folder)
    return folder


def answer(recipe: str, capfd) -> int:
    """Ask for all that needs no medium; fail for a traceback, and for a fault without its place."""
    capfd.readouterr()
    code = run(["validate", recipe])
    said = capfd.readouterr()
    assert code in (0, 2), said.err[:2000]
    assert "Traceback" not in said.err
    if code == 2:
        assert PLACE.match(said.err + said.out), said.err
        assert "fix:" in said.err + said.out
    else:
        assert run(["render", recipe]) in (0, 2)
        assert "bug" not in capfd.readouterr().err
    return code


@settings(FIXED, max_examples=200)
@given(st.sampled_from(RECIPES), st.integers(0, 2**32))
def test_two_hundred_mutated_recipes_are_taken_or_refused_at_their_place(project, capfd, recipe, seed):
    path = project / "recipes" / "mutated.yaml"
    path.write_bytes(mutated_recipe(recipe.read_text(), random.Random(seed)))
    answer("mutated", capfd)


@settings(FIXED, max_examples=60)
@given(st.sampled_from(KICKSTARTS), st.integers(0, 2**32))
def test_mutated_kickstarts_are_taken_or_refused_at_their_place(project, capfd, template, seed):
    chance = random.Random(seed)
    name = template.relative_to(TOP)
    family = template.name.partition(".")[0] if template.parent.name == "kickstarts" else "rhel7"
    (project / name).write_bytes(mutated_bytes(template.read_bytes(), chance))
    try:
        answer(family, capfd)
    finally:
        shutil.copyfile(template, project / name)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda one: one.stem)
def test_what_is_not_mutated_is_taken(project, capfd, recipe):
    assert answer(recipe.stem, capfd) == 0
