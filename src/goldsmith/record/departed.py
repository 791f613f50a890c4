"""What a build has written of the guest that it kept, as far as that still holds."""

from pathlib import Path
from typing import Any

from goldsmith.plan.kept import BY, note_of, where_kept


def as_it_stands(document: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return build.json with what became of the kept guest (``ended``), and without the ways to one that is gone."""
    kept = document.get("kept")
    if not kept or not isinstance(kept, dict) or not (note := note_of(folder.parent, folder.name)):
        return document
    if not note.ended:
        return {**document, "kept": {**kept, "ended": ""}}
    steps = document.get("next_steps") or ()
    return {
        **document,
        "kept": {**kept, "screen": "", "shell": "", "ended": note.ended},
        "error": _without(str(document.get("error") or ""), where_kept(note)),
        "next_steps": [
            one for one in steps if one not in _gone(note.build, by_another=note.ended.startswith(BY))
        ],
    }


def _without(error: str, told: str) -> str:
    """Return an error without the end of its fix."""
    return error.replace(f"; {told}", "").replace(f"\n  fix: {told}", "")


def _gone(build: str, *, by_another: bool) -> tuple[str, ...]:
    """Return the commands that need the guest."""
    into = (f"goldsmith shell {build}", f"goldsmith shell {build} --drop")
    return (*into, f"goldsmith build --resume {build}") if by_another else into
