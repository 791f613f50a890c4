"""Prints in what two images differ."""

from collections.abc import Mapping

from goldsmith.artifact.difference import PARTS, Difference
from goldsmith.cli.base import Settings

_SIGNS: Mapping[str, tuple[str, str]] = {
    "added": ("+", "green"),
    "removed": ("-", "red"),
    "changed": ("~", "yellow"),
}


def show(settings: Settings, found: Difference) -> None:
    """Print one line a change, by parts, and the sum of it."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(no_color=not settings.color, highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        console.width = 400  # whoever reads a pipe wants one line a change
    for part in PARTS:
        if not (changes := found.of(part)):
            continue
        table = Table(box=None, show_header=False, pad_edge=False)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        table.add_column(overflow="fold")
        for one in changes:
            sign, color = _SIGNS[one.kind]
            told = " -> ".join(filter(None, (one.before, one.after)))
            table.add_row(Text(sign, color), Text(_plain(one.name)), Text(_plain(told)))
        console.print(Text(part.upper(), "bold"))
        console.print(table)
    if not settings.quiet:
        console.print(Text(found.told()))


def _plain(text: str) -> str:
    """Return it without what could steer a terminal; a guest chooses the names of its files."""
    return "".join(char if char.isprintable() else "�" for char in text)
