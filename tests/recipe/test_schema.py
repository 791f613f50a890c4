"""The schema that editors use says the same as the reader."""

import json
import re
from pathlib import Path

import jsonschema
import pytest

from goldsmith.guests import FAMILIES
from goldsmith.guests.render import expand
from goldsmith.recipe.load import load_recipe
from goldsmith.recipe.marks import read_nodes
from goldsmith.recipe.model import Recipe
from goldsmith.recipe.outputs import output_schemas
from goldsmith.recipe.schema import recipe_schema
from goldsmith.recipe.secrets import Secret

RECIPES = Path(__file__).parents[2] / "recipes"
SHIPPED = sorted(RECIPES.glob("*.yaml"))


def as_editors_see(value):
    if isinstance(value, dict):
        return {name: as_editors_see(one) for name, one in value.items()}
    if isinstance(value, list):
        return [as_editors_see(one) for one in value]
    return value.reference if isinstance(value, Secret) else value


def document(path):
    return as_editors_see(read_nodes(path, []).bare())


def test_the_schema_beside_the_recipes_is_the_current_one():
    kept = json.loads((RECIPES / "recipe.schema.json").read_text())
    assert kept == recipe_schema(), "run: goldsmith schema > recipes/recipe.schema.json"


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(recipe_schema())
    for schema in output_schemas().values():
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_recipe_names_the_schema_and_obeys_it(path):
    assert path.read_text().startswith("# yaml-language-server: $schema=recipe.schema.json\n")
    jsonschema.validate(document(path), recipe_schema())


def is_given_an_iso(path):
    """Return whether a recipe, or the one that it extends, takes its medium from the command line."""
    text = path.read_text()
    parent = re.search(r"^extends: (\S+)", text, re.MULTILINE)
    if "{{ iso" in text or not parent or re.search(r"^media:", text, re.MULTILINE):
        return "{{ iso" in text
    return is_given_an_iso(path.with_name(f"{parent[1]}.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_recipe_can_be_read_and_is_called_as_its_file(path):
    defaults = {name: one.defaults for name, one in FAMILIES.items()}
    values = {"iso": "/medium.iso"} if is_given_an_iso(path) else {}
    values |= {"image": "/medium.qcow2"} if "{{ image }}" in path.read_text() else {}
    recipe = load_recipe(path, families=defaults, values=values, search=[RECIPES], expand=expand)
    assert recipe.name == path.stem
    assert recipe.summary


@pytest.mark.parametrize(
    "text",
    [
        "name: r\nmachine: {memory: '{{ memory }}', vcpus: '{{ n | int }}'}\n",
        "name: r\ninstall: {packages: {append: [vim]}, variables: {n: 7, on: true, key: !secret env:K}}\n",
        "name: r\ncustomize:\n- run: echo\n- run: {file: a.sh, allowed_exit_codes: [0, 3]}\n- reboot: true\n",
        "name: r\ncustomize:\n- cloud_init: {add_module: resolv-conf, default_user: me}\n- packages: {update: all}\n",
        "name: r\nmedia: {sha256: null}\ncatalog: {min_disk: 10, min_ram: auto}\n",
    ],
)
def test_what_the_reader_takes_the_schema_takes(tmp_path, text):
    path = tmp_path / "r.yaml"
    path.write_text(text)
    jsonschema.validate(document(path), recipe_schema())


@pytest.mark.parametrize(
    "name", ["size-without-unit", "time-in-minutes", "version-as-number", "misspelt-step"]
)
def test_what_the_reader_refuses_the_schema_refuses(name):
    path = Path(__file__).parent / "bad" / f"{name}.yaml"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document(path), recipe_schema())


def test_every_key_of_a_recipe_is_described_or_has_parts_that_are():
    for name, field in Recipe.model_fields.items():
        schema = recipe_schema()["properties"][name]
        assert field.description or "$ref" in json.dumps(schema) or "default" in schema, name
