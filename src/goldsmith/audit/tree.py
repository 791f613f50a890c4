"""The files of a guest as a value: what was listed, what was read, links followed inside the guest only."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property

_MAGIC = frozenset("*?[")
DEEP = 99  # as deep as it goes
_MOST_LINKS = 40  # as the Linux kernel


class Unseen(Exception):
    """A check asks for something that could not be looked at, so it must not pass."""


class Kind(StrEnum):
    FILE = "f"
    FOLDER = "d"
    LINK = "l"
    OTHER = "o"


@dataclass(frozen=True)
class Entry:
    """One file; ``size`` in bytes, ``mode`` the permission bits, ``target`` where a link points."""

    kind: Kind
    size: int = 0
    mode: int = 0o644
    owner: int = 0
    target: str = ""


@dataclass(frozen=True)
class Tree:
    """A part of the guest's files by absolute path.

    ``texts`` holds the files that were read, by resolved path. ``seen`` are the folders that were listed, absent
    ones too, and how deep; ``hidden`` those that were not because a link leads there; ``unread`` files that are
    there but were not read, with the reason. With ``ignore_case`` all names are kept in lower case and each
    question may use any.
    """

    entries: Mapping[str, Entry]
    texts: Mapping[str, str] = field(default_factory=dict)
    seen: Mapping[str, int] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    unread: Mapping[str, str] = field(default_factory=dict)
    ignore_case: bool = False

    def resolve(self, path: str) -> str:
        """Return where a path leads inside the guest; ``..`` never climbs over the guest's root."""
        path = self._spelled(path)
        done, todo, links = "/", path.split("/"), 0
        while todo:
            name = todo.pop(0)
            if name in ("", "."):
                continue
            if name == "..":
                done = posixpath.dirname(done)
                continue
            step = posixpath.join(done, name)
            entry = self.entries.get(step)
            if entry is None or entry.kind != Kind.LINK:
                done = step
                continue
            links += 1
            if links > _MOST_LINKS:
                return path
            done = "/" if entry.target.startswith("/") else done
            todo[:0] = self._spelled(entry.target).split("/")
        return done

    def at(self, path: str) -> Entry | None:
        """Return the entry that a path leads to, through links."""
        return self.entries.get(self.resolve(path))

    def match(self, pattern: str) -> list[str]:
        """Return the paths that fit a glob, sorted; ``**`` as the last part means everything below.

        Raises Unseen when a link leads to a folder that was not listed deep enough.
        """
        pattern = self._spelled(pattern)
        self._demand(*fixed_part(pattern))
        found = [""]
        parts = pattern.strip("/").split("/")
        for index, part in enumerate(parts):
            last = index == len(parts) - 1
            if part == "**":
                found = [below for folder in found for below in self._below(folder)]
            elif _MAGIC & set(part):
                found = [
                    f"{folder}/{name}"
                    for folder in found
                    for name in self._inside(folder)
                    if fnmatchcase(name, part)
                ]
            else:
                found = [f"{folder}/{part}" for folder in found if not last or part in self._inside(folder)]
        return sorted(found)

    def text(self, path: str) -> str | None:
        """Return the text of a file, or None when the guest has no such file. Raises Unseen when it was not read."""
        path = self._spelled(path)
        self._demand(posixpath.dirname(path), 1)
        real = self.resolve(path)
        if real in self.texts:
            return self.texts[real]
        for name in (path, real):
            if name in self.unread:
                raise Unseen(f"{path} {self.unread[name]}")
        return None

    def filled(self, path: str) -> bool:
        """Return whether this is a file with content (a link counts by what it leads to)."""
        entry = self.at(path)
        return entry is not None and entry.kind == Kind.FILE and entry.size > 0

    def _spelled(self, path: str) -> str:
        return path.lower() if self.ignore_case else path

    def _below(self, folder: str) -> Iterator[str]:
        for name in self._names.get(self.resolve(folder), ()):
            path = f"{folder}/{name}"
            yield path
            if (entry := self.entries.get(path)) and entry.kind == Kind.FOLDER:
                yield from self._below(path)

    def _inside(self, folder: str) -> list[str]:
        self._demand(folder or "/", 1)
        return self._names.get(self.resolve(folder), [])

    def _demand(self, folder: str, depth: int) -> None:
        real = self.resolve(folder)
        known = real == folder and folder not in self.hidden
        if not known and not any(covers(other, deep, real, depth) for other, deep in self.seen.items()):
            raise Unseen(f"{folder} was not looked at: a link leads there")

    @cached_property
    def _names(self) -> Mapping[str, list[str]]:
        names: dict[str, list[str]] = {}
        for path in self.entries:
            parent, name = posixpath.split(path)
            if name:  # not the root itself
                names.setdefault(parent, []).append(name)
        return names


def fixed_part(pattern: str) -> tuple[str, int]:
    """Return the folder above the first wildcard, and how deep to look: ``/home``, 2 of ``/home/*/.ssh``."""
    parts = pattern.split("/")
    first = next((index for index, part in enumerate(parts) if _MAGIC & set(part)), len(parts) - 1)
    return "/".join(parts[:first]) or "/", DEEP if parts[-1] == "**" else len(parts) - first


def covers(outer: str, outer_depth: int, inner: str, inner_depth: int) -> bool:
    """Return whether a folder listed so deep shows another folder as deep as wanted."""
    if outer not in ("/", inner) and not inner.startswith(outer + "/"):
        return False
    between = len([part for part in posixpath.relpath(inner, outer).split("/") if part not in ("", ".")])
    return outer_depth == DEEP or outer_depth >= between + inner_depth
