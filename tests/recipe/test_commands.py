"""The commands ``recipes``, ``validate`` and ``schema``, as a user calls them."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from goldsmith.cli.main import run
from goldsmith.recipe.outputs import output_schemas
from goldsmith.recipe.schema import recipe_schema


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "kickstarts").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_recipes_lists_what_is_shipped_and_the_projects_own_first(project, capsys):
    (project / "recipes/demo.yaml").write_text("name: demo\nextends: demo\nsummary: ours\n")
    (project / "recipes/broken.yaml").write_text("name: [\n")
    assert run(["recipes", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    jsonschema.validate(listed, output_schemas()["recipes"])
    found = {one["name"]: one for one in listed}
    assert {"broken", "demo", "rhel6", "rhel7"} <= found.keys()
    assert (found["demo"]["summary"], found["demo"]["path"]) == ("ours", "recipes/demo.yaml")
    assert found["demo"]["family"] == "demo"
    assert "cannot be read" in found["broken"]["problem"]
    assert run(["recipes"]) == 0
    assert re.search(r"^demo +demo +ours$", capsys.readouterr().out, re.MULTILINE)


def test_validate_needs_no_medium(capsys, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    assert run(["validate", "rhel6", "rhel7", "demo"]) == 0
    assert (
        capsys.readouterr().out == "recipes/rhel6.yaml: ok\nrecipes/rhel7.yaml: ok\nrecipes/demo.yaml: ok\n"
    )


def test_validate_shows_all_problems_of_all_recipes_and_kickstarts(project, capsys):
    (project / "recipes/a.yaml").write_text(
        "name: a\nextends: demo\ndisk: {size: 8}\nmachine: {vcpus: two}\n"
    )
    (project / "recipes/b.yaml").write_text("name: b\nextends: demo\ninstall: {kickstart: b.ks.j2}\n")
    (project / "recipes/c.yaml").write_text("name: c\nextends: demo\ninstall: {kickstart: c.ks.j2}\n")
    (project / "kickstarts/b.ks.j2").write_text("cmdline\n{% if name %}\nfoo\n{% endif %}\n")
    (project / "kickstarts/c.ks.j2").write_text("cmdline\nlang {{ langauge }}\n")
    assert run(["validate"]) == 2
    error = capsys.readouterr().err
    assert "recipes/a.yaml:3:14: disk.size: 8 has no unit\n" in error
    assert "recipes/a.yaml:4:18: machine.vcpus wants a whole number, and here is two\n" in error
    assert "kickstarts/b.ks.j2:3: the kickstart is not accepted: Unknown command: foo\n" in error
    assert "kickstarts/c.ks.j2:2: 'langauge' is undefined\n" in error
    assert error.count("  fix: ") == 4


def test_validate_tells_problems_as_json(project, capsys):
    (project / "recipes/a.yaml").write_text("name: a\nextends: demo\ndisk: {size: 8}\n")
    assert run(["validate", "a", "--json"]) == 2
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert (problem["file"], problem["line"], problem["column"]) == ("recipes/a.yaml", 3, 14)
    assert problem["fix"].startswith("write 8 with one of")


def test_an_unknown_recipe_is_named_with_the_nearest(project, capsys):
    assert run(["validate", "rhel"]) == 2
    assert "there is no recipe 'rhel'\n  fix: did you mean rhel" in capsys.readouterr().err
    assert run(["validate", "nowhere.yaml"]) == 2
    assert "there is no file nowhere.yaml" in capsys.readouterr().err


def test_values_are_given_with_set(project, capsys):
    (project / "recipes/a.yaml").write_text('name: a\nextends: demo\nsummary: "{{ who }}"\n')
    assert run(["validate", "a", "--set", "who=you"]) == 0
    assert run(["validate", "a"]) == 2
    assert "recipes/a.yaml:3:10: who is not given\n  fix: pass --set who=VALUE" in capsys.readouterr().err
    assert run(["validate", "a", "--set", "who"]) == 2
    assert "--set who is not KEY=VALUE" in capsys.readouterr().err


def test_schema_prints_what_editors_and_scripts_need(capsys):
    assert run(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == recipe_schema()
    assert run(["schema", "--outputs"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert {"plan", "doctor", "audit", "inspect", "image list"} <= printed.keys()
