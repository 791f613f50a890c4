"""docs/manual-coverage.md is held to the sources: no step is missing, and nothing is named that does not exist."""

import re
from pathlib import Path

import pytest

from goldsmith.audit.checks import BY_ID
from goldsmith.recipe.schema import recipe_schema

TOP = Path(__file__).parents[1]
PAGE = TOP / "docs" / "manual-coverage.md"

# The steps of the manual, counted from its text; "n" is the note below a step, U-... the fields of its table 1.1.
STEPS = [
    *(f"1.1-{one}" for one in range(1, 4)),
    *(f"K-{one}" for one in range(1, 6)),
    *(f"H-{one}" for one in range(1, 6)),
    *("7-1", "7-1n", *(f"7-2.{one}" for one in range(1, 8)), *(f"7-{one}" for one in range(3, 16))),
    *("6-1", "6-1n", *(f"6-2.{one}" for one in range(1, 9)), *(f"6-{one}" for one in range(3, 17)), "6-16n"),
    *("W-1", "W-1n", "W-2", "W-3", "W-4"),
    "L-1",
    *("U-1", "U-2", "U-3", "U-name", "U-desc", "U-source", "U-format", "U-arch", "U-disk", "U-ram"),
    *("U-public", "U-protect", "U-active", "U-cli"),
    *(f"E-{one}" for one in range(1, 6)),
    *(f"D-{one}" for one in range(1, 4)),
]
HEAD = ["step", "the manual", "recipe", "done by", "checked", "otherwise"]


def rows():
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [one for one in cells if one[0] != "step" and not one[0].startswith("---")]


ROWS = rows()


def test_every_step_of_the_manual_has_its_row_once_and_in_order():
    assert [one[0] for one in ROWS] == STEPS


def test_every_row_has_all_its_cells():
    assert [one[0] for one in ROWS if len(one) != len(HEAD)] == []


def keys_of(schema, node, seen=()):
    """Yield every dotted path of the schema of recipes; lists are passed through."""
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        if name not in seen:
            yield from keys_of(schema, schema["$defs"][name], (*seen, name))
        return
    for key, value in node.get("properties", {}).items():
        yield key
        yield from (f"{key}.{rest}" for rest in keys_of(schema, value, seen))
    for word in ("anyOf", "allOf", "oneOf"):
        for one in node.get(word, ()):
            yield from keys_of(schema, one, seen)
    if isinstance(node.get("items"), dict):
        yield from keys_of(schema, node["items"], seen)


def test_every_recipe_key_exists():
    schema = recipe_schema()
    known = set(keys_of(schema, schema))
    named = {(one[0], key) for one in ROWS for key in re.findall(r"`([^`]+)`", one[2])}
    assert {key for _, key in named} > {"media.iso", "install.locale"}
    assert sorted(one for one in named if one[1] not in known) == []


def quoted():
    return [
        pytest.param(file, text, id=f"{one[0]}-{file.rpartition('/')[2]}")
        for one in ROWS
        for file, _, text in re.findall(
            r"`([\w.-]+/[\w./-]+\.[a-z0-9]+)`(: `([^`]+)`)?", one[3] + " " + one[5]
        )
    ]


@pytest.mark.parametrize(("file", "text"), quoted())
def test_every_quoted_text_stands_in_its_file(file, text):
    assert text in (TOP / file).read_text(encoding="utf-8")


def test_every_check_exists():
    named = {(one[0], check) for one in ROWS for check in re.findall(r"O-\w+", one[4])}
    assert sorted(one for one in named if one[1] not in BY_ID) == []
    assert len({check for _, check in named}) >= 40


def test_no_step_of_the_manual_is_left_undone():
    assert re.findall(r"\*\*[^*]*not[^*]*yet\*\*|Nothing is uploaded", PAGE.read_text()) == []


def test_every_file_that_the_page_of_verifications_names_exists():
    text = (TOP / "docs" / "verification.md").read_text()
    named = re.findall(r"`((?:tests|docs|recipes)/[\w./-]+)`", text)
    named += [f"docs/{one}" for one in re.findall(r"\]\(([\w.-]+\.md)\)", text)]
    assert len(named) > 15
    assert [one for one in named if not (TOP / one).exists()] == []
