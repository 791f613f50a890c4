"""The last check of a rendered file: values have not changed what it consists of."""

from collections.abc import Callable
from xml.etree import ElementTree

from goldsmith.errors import Mark, RecipeError
from goldsmith.guests.quoting import Target, headings

At = Callable[[int], Mark | None]


def check_same_shape(text: str, masked: str, target: Target, at: At) -> None:
    """Compare a file with itself, its values masked. Raises RecipeError where a value adds a part."""
    if target == Target.KICKSTART:
        _same_sections(text, masked, at)
    elif target == Target.XML:
        _same_nodes(text, masked, at)


def _same_sections(text: str, masked: str, at: At) -> None:
    if headings(text) == headings(masked):
        return
    known = headings(masked)
    for number, line in enumerate(text.split("\n"), start=1):
        found = headings(line)
        if found and found != known[:1]:
            problem = f"a value adds the section line {found[0]}"
            raise RecipeError(problem, at=at(number), fix="no value may hold a line that begins with %")
        known = known[1:] if found else known
    raise RecipeError(
        "a value hides a section line", at=at(1), fix="no line of the template may join a value to %"
    )


def _same_nodes(text: str, masked: str, at: At) -> None:
    try:
        wanted = [node.tag for node in ElementTree.fromstring(masked).iter()]
        found = [node.tag for node in ElementTree.fromstring(text).iter()]
    except ElementTree.ParseError as error:
        line, _ = error.position
        raise RecipeError(f"the file is no XML: {error}", at=at(line), fix="mend the template") from None
    if wanted != found:
        raise RecipeError(
            "a value adds an XML element", at=at(1), fix="write values only as text or in attributes"
        )
