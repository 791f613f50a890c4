"""The reasons of a plan name what a person has changed, and not only what that changed further on."""

import json
import shutil

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


def rewrite(factory, old, new):
    path = factory.project / "recipes" / "r.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def built(factory, recipe="r", *words, code=0):
    done = factory("build", recipe, *words)
    assert done.code == code, done.err


def planned(factory, recipe="r"):
    plan = json.loads(factory("plan", recipe, "--json").out)
    return {one["name"]: one["reason"] for one in plan["stages"] if one["reason"]}


def test_what_has_changed_is_told_against_the_last_build_also_where_that_made_nothing(factory):
    built(factory)
    for old, new in (("echo two", "echo other"), ("echo other", "echo two")):
        rewrite(factory, old, new)
        built(factory)
    rewrite(factory, "echo two", "echo last")
    assert planned(factory)["step-2-two"] == 'run.script changed: "echo two" -> "echo last"'


def test_what_another_recipe_made_first_is_told_as_what_this_one_said(factory):
    built(factory)
    path = factory.project / "recipes" / "r.yaml"
    same = path.read_text().replace("name: r\n", "name: other\n")
    (path.parent / "other.yaml").write_text(same)
    built(factory, "other")
    (path.parent / "other.yaml").write_text(same.replace("echo one", "echo new"))
    assert planned(factory, "other")["step-1-one"] == 'run.script changed: "echo one" -> "echo new"'
    (path.parent / "other.yaml").write_text(same.replace("size: 4 MiB", "size: 8 MiB"))
    assert planned(factory, "other")["install"] == "disk_size changed: 4194304 -> 8388608"


def test_layers_of_builds_long_ago_are_not_the_past(factory):
    joined = "customize:\n" + ONE.replace("via", "layer: false, via") + TWO
    factory.recipe("r", joined)
    built(factory)
    factory.recipe("r", "customize:\n" + TWO.replace("echo two", "echo more"))
    built(factory)
    rewrite(factory, "echo more", "echo two")
    assert planned(factory)["step-1-two"] == 'run.script changed: "echo more" -> "echo two"'


def test_of_a_build_that_failed_what_it_made_is_the_past_and_the_build_before_tells_the_rest(
    factory, fake_tool
):
    text = "customize:\n" + (ONE + TWO).replace("name: one, ", "").replace("name: two, ", "")
    factory.recipe("r", text)
    built(factory)
    rewrite(factory, "customize:\n", 'customize:\n  - {run: "echo new", via: offline}\n')
    fake_tool("virt-customize", f"[ -e {factory.project}/once ] && exit 1; : > {factory.project}/once")
    built(factory, code=1)
    assert planned(factory)["step-2-run"] == "was made on another layer than step-1-run"
    rewrite(factory, "echo new", "echo newer")
    assert planned(factory)["step-1-run"] == 'run.script changed: "echo new" -> "echo newer"'


def test_without_a_record_the_newest_results_are_the_past(factory):
    built(factory)
    shutil.rmtree(factory.state / "builds")
    rewrite(factory, "echo two", "echo last")
    assert planned(factory)["step-2-two"] == 'run.script changed: "echo two" -> "echo last"'


def test_a_recipe_whose_name_begins_like_another_has_a_past_of_its_own(factory):
    built(factory)
    factory.recipe("r-20260101", "customize:\n" + ONE)
    built(factory, "r-20260101", "--id", "r-by-hand")
    rewrite(factory, "echo two", "echo last")
    assert planned(factory)["step-2-two"] == 'run.script changed: "echo two" -> "echo last"'
