"""What goes wrong with uploads to Glance: the table in docs/catalog.md, which tests with real servers show."""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "catalog.md"
TESTS = Path(__file__).parents[1] / "catalog"
PROPERTY = "glance-failure"


@dataclass(frozen=True)
class Row:
    case: str
    glance: str
    goldsmith: str


def rows() -> Mapping[str, Row]:
    text = (
        PAGE.read_text(encoding="utf-8").partition("<!-- failures -->")[2].partition("<!-- /failures -->")[0]
    )
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {one[0]: Row(*one) for one in cells[1:]}  # after the head


def promised() -> Iterator[str]:
    """Yield a pattern of the cases that each `row(...)` of the tests names."""
    for path in sorted(TESTS.glob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "row":
                yield pattern(node.args[0])


def pattern(said: ast.expr) -> str:
    parts = said.values if isinstance(said, ast.JoinedStr) else [said]
    return "".join(re.escape(str(one.value)) if isinstance(one, ast.Constant) else ".+" for one in parts)
