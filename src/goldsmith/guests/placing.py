"""How a file or folder of this host comes into a Linux guest, whichever way it is carried."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from goldsmith.recipe.contents import contents
from goldsmith.recipe.steps import Upload


@dataclass(frozen=True)
class Piece:
    """A file or folder of an upload, and what it becomes in the guest."""

    local: Path
    path: str
    mode: str
    owner: str

    @property
    def is_folder(self) -> bool:
        return self.local.is_dir()


def pieces(action: Upload) -> Iterator[Piece]:
    """Yield all that is uploaded, a folder before what it holds. What the recipe says of ``mode`` is for files."""
    for one in sorted(contents(action.source)):
        below = "" if one == action.source else f"/{one.relative_to(action.source)}"
        mode = f"{one.stat().st_mode & 0o777:04o}"
        if action.mode and one.is_file():
            mode = action.mode
        path = f"{action.dest.rstrip('/')}{below}" if action.source.is_dir() else action.dest
        yield Piece(one, path or "/", mode, action.owner or "root:root")


def put_folder(piece: Piece) -> str:
    """Return the command that makes a folder; one that is there stays as it is."""
    path = shlex.quote(piece.path)
    return f"[ -d {path} ] || install -d -m {piece.mode} {_whose(piece.owner)} {path}"


def put_file(staged: str, path: str, *, mode: str, owner: str) -> str:
    """Return the command that puts a file of the guest into its place; its folder is made when it is missing."""
    return f"install -D -m {mode} {_whose(owner)} {shlex.quote(staged)} {shlex.quote(path)}"


def _whose(owner: str) -> str:
    user, _, group = owner.partition(":")
    return f"-o {shlex.quote(user)} -g {shlex.quote(group or user)}"
