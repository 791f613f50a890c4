"""The reasons of a plan name what a person has changed, and not only what that changed further on."""

import json

import pytest

ONE, TWO = (
    '  - {name: one, run: "echo one", via: offline}\n',
    '  - {name: two, run: "echo two", via: offline}\n',
)
OWN = "install: {kickstart: own.ks.j2, timezone: UTC, variables: {word: !secret env:WORD}}\n"
TEMPLATE = """\
{% include "parts/own.ks.j2" %}
timezone {{ timezone }}
rootpw --plaintext {{ variables.word }}
%packages
{% for one in packages %}
{{ one }}
{% endfor %}
%end
"""


@pytest.fixture
def reasons(factory, monkeypatch):
    """Build a recipe, change it, and return what the plan says of the stages that must run."""
    monkeypatch.setenv("WORD", "hunter2-hunter2")
    folder = factory.project / "kickstarts" / "parts"
    folder.mkdir()
    (folder / "own.ks.j2").write_text("text\n")
    (folder.parent / "own.ks.j2").write_text(TEMPLATE)
    path = factory.project / "recipes" / "r.yaml"

    def told(*changes, text=OWN + "customize:\n" + ONE + TWO, run=lambda: None):
        factory.recipe("r", text)
        done = factory("build", "r")
        assert done.code == 0, done.err
        for old, new in changes:
            assert old in path.read_text()
            path.write_text(path.read_text().replace(old, new))
        run()
        plan = json.loads(factory("plan", "r", "--json").out)
        return {one["name"]: one["reason"] for one in plan["stages"] if one["reason"]}

    return told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("timezone: UTC", "timezone: Europe/Berlin", 'install.timezone changed: "UTC" -> "Europe/Berlin"'),
        ("timezone: UTC", "packages: [vim]", 'install.packages changed: [] -> ["vim"]'),
    ],
)
def test_what_changed_in_a_kickstart_is_told_by_the_recipe(reasons, old, new, told):
    found = reasons((old, new))
    assert next(iter(found)) == "install"
    assert found["install"] == told


def test_what_changed_in_a_kickstart_is_told_by_its_template(reasons, factory):
    part = factory.project / "kickstarts" / "parts" / "own.ks.j2"
    found = reasons(run=lambda: part.write_text("cmdline\n"))
    assert found["install"].startswith("kickstarts/parts/own.ks.j2 changed: ")
    assert ";" not in found["install"]


def test_a_secret_is_told_by_its_digest(reasons, factory, monkeypatch):
    found = reasons(run=lambda: monkeypatch.setenv("WORD", "another-secret"))
    assert found["install"].startswith('install.variables.word changed: "secret ')
    assert "hunter2" not in "".join(
        one.read_text() for one in factory.state.glob("store/layers/*/entry.json")
    )


def test_another_medium_is_named(reasons, factory):
    other = factory.project / "other"
    other.mkdir()
    (other / ".treeinfo").write_text("[general]\nfamily = y\n")
    found = reasons((f"{factory.project}/tree", str(other)))
    assert found["fetch"].startswith("medium changed: ")
    assert '/project/tree" -> ' in found["fetch"]
    assert found["fetch"].endswith('/project/other"')
    assert found["install"] == "follows fetch"


def test_another_freshness_is_told(reasons):
    text = "customize:\n" + ONE.replace("via", "refresh: daily, via") + TWO
    found = reasons(("refresh: daily", "refresh: never"), text=text)
    assert found["step-1-one"].startswith("refresh changed: one as of 20")
    assert found["step-1-one"].endswith(" -> never")
    assert found["step-2-two"] == "follows step-1-one"


def test_layers_that_are_put_together_are_told(reasons):
    found = reasons((ONE, ONE.replace("via", "layer: false, via")))
    assert found["steps-1-2-two"] == "one layer for what was step-1-one and step-2-two"
    assert found["sysprep"] == "follows steps-1-2-two"


def test_a_layer_of_its_own_is_told(reasons):
    joined = ONE.replace("via", "layer: false, via")
    found = reasons(("layer: false, ", ""), text=OWN + "customize:\n" + joined + TWO)
    for one in ("step-1-one", "step-2-two"):
        assert found[one] == "has a layer of its own, and was part of steps-1-2-two"


def test_a_step_that_is_put_in_between_is_new_and_the_others_follow(reasons):
    found = reasons((TWO, '  - {name: new, run: "echo new", via: offline}\n' + TWO))
    assert (found["step-2-new"], found["step-3-two"]) == ("a new step", "follows step-2-new")


def test_of_steps_without_names_it_is_told_which_is_new(reasons):
    text = OWN + "customize:\n" + (ONE + TWO).replace("name: one, ", "").replace("name: two, ", "")
    found = reasons(("customize:\n", 'customize:\n  - {run: "echo new", via: offline}\n'), text=text)
    assert (found["step-1-run"], found["step-2-run"]) == ("a new step", "follows step-1-run")


def test_a_step_with_another_name_is_the_same_step(reasons):
    found = reasons(("name: one", "name: uno"), ("name: two", "name: due"))
    assert list(found) == ["seal", "register"], "the manifest holds what the recipe says"


def test_a_step_with_another_name_is_as_old_as_it_was(reasons):
    text = "customize:\n" + ONE.replace("via", "refresh: weekly, via") + TWO
    assert list(reasons(("name: one", "name: uno"), text=text)) == ["seal", "register"]


def test_what_stood_on_a_step_that_is_gone_is_told_to_have_been_made_on_another_layer(reasons):
    found = reasons((ONE, ""))
    assert found["step-1-two"] == "was made on another layer than install"
