import json

import jsonschema
import pytest

from goldsmith.cli.main import run
from goldsmith.errors import RecipeError
from goldsmith.recipe.project import CloudCatalog, Project, load_project

GOOD = """\
catalog: public
catalogs:
  public:
    cloud: production
    region: eu1
    format: raw
    visibility: community
    store: ceph
    stores: [ceph, archive]
    import_method: glance-direct
    timeouts: {answer: 90 s, stall: 2 min, task: 2 h}
  test:
    cloud: test
"""


def write(folder, text):
    (folder / "goldsmith.yaml").write_text(text)
    return folder


def test_without_a_file_all_is_as_the_defaults_say(tmp_path):
    assert load_project(tmp_path) == load_project(None) == Project()
    assert Project().catalog == "local"
    assert Project().at("catalog") is None


def test_catalogs_are_read_with_their_places(tmp_path):
    project = load_project(write(tmp_path, GOOD))
    public = project.catalogs["public"]
    assert (project.catalog, public.cloud, public.region, public.format) == (
        "public",
        "production",
        "eu1",
        "raw",
    )
    assert (public.visibility, public.stores, public.timeouts.task) == (
        "community",
        ("ceph", "archive"),
        7200,
    )
    assert project.catalogs["test"] == CloudCatalog(cloud="test")
    assert str(project.at("catalogs", "public", "cloud")).endswith("goldsmith.yaml:4:12")


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("catalogs: {a: {region: x}}", "1:15", "catalogs.a.cloud is missing(.|\n)*fix: add cloud:"),
        (
            "catalogs:\n  a:\n    cloud: x\n    fromat: raw\n",
            "4:5",
            "fromat is not a key(.|\n)*did you mean format",
        ),
        ("catalogs: {a: {cloud: x, format: ova}}", "1:34", "catalogs.a.format"),
        ("catalogs: {a: {cloud: x, attempts: 0}}", "1:36", "catalogs.a.attempts"),
        (
            "catalogs: {a: {cloud: x, timeouts: {task: 5}}}",
            "1:43",
            "5 has no unit(.|\n)*fix: write 5 with one of",
        ),
        ("catalogs: {a: {cloud: x, import_method: ftp}}", "1:41", "import_method(.|\n)*glance-direct"),
        ("catalogs: {local: {cloud: x}}", "1:1", "catalogs.local is the embedded catalog"),
        ("nightly: {prune: {older_than_days: .inf}}", "1:36", "older_than_days cannot be .inf"),
        ("retention: {keep_days: .nan}", "1:24", "keep_days cannot be .nan"),
        ("catalog: [a]", "1:10", "catalog wants text"),
        ("chanels: 1", "1:1", "chanels is not a key"),
        ("a: 1\na: 2", "2:1", "'a' is given twice"),
        ("", "1:1", "the file is empty"),
    ],
)
def test_a_bad_file_is_pointed_at(tmp_path, text, place, problem):
    with pytest.raises(RecipeError, match=rf"goldsmith\.yaml:{place}: .*{problem}"):
        load_project(write(tmp_path, text))


def test_all_problems_are_told_at_once(tmp_path):
    with pytest.raises(RecipeError) as told:
        load_project(write(tmp_path, "catalogs: {a: {}, b: {cloud: 1}}\nnope: 1\n"))
    assert len(told.value.problems) == 3


def test_editors_get_a_schema_that_takes_what_the_reader_takes(capsys):
    assert run(["schema", "--project-file"]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    check = jsonschema.Draft202012Validator(schema)
    catalog = {"cloud": "x", "format": "raw", "stores": ["a"], "timeouts": {"task": "2 h"}}
    assert check.is_valid({"catalog": "a", "catalogs": {"a": catalog}})
    assert not check.is_valid({"catalogs": {"a": {"region": "x"}}})
    assert not check.is_valid({"chanels": {}})
    assert run(["schema", "--project-file", "--outputs"]) == 2
    assert "two schemas were asked for" in capsys.readouterr().err


def test_a_folder_with_a_goldsmith_yaml_is_a_project(tmp_path, capsys):
    assert run(["recipes", "--project", str(write(tmp_path, GOOD))]) == 0
