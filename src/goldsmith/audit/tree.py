"""The files of a guest as a value: what was listed, what was read, links followed inside the guest only."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cached_property

_MAGIC = frozenset("*?[")
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
    ones too, ``hidden`` those that were not because a link leads there, ``unread`` files that are there but were
    not read, with the reason.
    """

    entries: Mapping[str, Entry]
    texts: Mapping[str, str] = field(default_factory=dict)
    seen: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    unread: Mapping[str, str] = field(default_factory=dict)

    def resolve(self, path: str) -> str:
        """Return where a path leads inside the guest; ``..`` never climbs over the guest's root."""
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
            todo[:0] = entry.target.split("/")
        return done

    def at(self, path: str) -> Entry | None:
        """Return the entry that a path leads to, through links."""
        return self.entries.get(self.resolve(path))

    def match(self, pattern: str) -> list[str]:
        """Return the paths that fit a glob, sorted; ``**`` as the last part means everything below.

        Raises Unseen when the folder could not be listed.
        """
        self._demand(fixed_part(pattern))
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
                    for name in self._names.get(self.resolve(folder), ())
                    if fnmatchcase(name, part)
                ]
            else:
                found = [f"{folder}/{part}" for folder in found if not last or self._has(folder, part)]
        return sorted(found)

    def text(self, path: str) -> str | None:
        """Return the text of a file, or None when the guest has no such file. Raises Unseen when it was not read."""
        self._demand(posixpath.dirname(path))
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

    def _has(self, folder: str, name: str) -> bool:
        return posixpath.join(self.resolve(folder), name) in self.entries

    def _below(self, folder: str) -> Iterator[str]:
        for name in self._names.get(self.resolve(folder), ()):
            path = f"{folder}/{name}"
            yield path
            if (entry := self.entries.get(path)) and entry.kind == Kind.FOLDER:
                yield from self._below(path)

    def _demand(self, folder: str) -> None:
        real = self.resolve(folder)
        if folder in self.hidden and real not in self.entries and real not in self.seen:
            raise Unseen(f"{folder} was not looked at: a link leads there")

    @cached_property
    def _names(self) -> Mapping[str, list[str]]:
        names: dict[str, list[str]] = {}
        for path in self.entries:
            parent, name = posixpath.split(path)
            names.setdefault(parent, []).append(name)
        return names


def fixed_part(pattern: str) -> str:
    """Return the folder above the first part with a wildcard: ``/etc/ssh`` of ``/etc/ssh/ssh_host_*``."""
    parts = pattern.split("/")
    for index, part in enumerate(parts):
        if _MAGIC & set(part):
            return "/".join(parts[:index]) or "/"
    return posixpath.dirname(pattern)
