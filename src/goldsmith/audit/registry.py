r"""The registry of a Windows as a value: those keys and values that checks declare.

A declaration is ``HIVE\Key\Key:Name,Name``; without names it asks only whether the key is there. ``*`` stands for
every key at its place, ``@`` for a key's default value, CurrentControlSet for the control set that Windows uses.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from goldsmith.audit.tree import Unseen

SZ, EXPAND_SZ, DWORD, MULTI_SZ = 1, 2, 4, 7
SERVICES = r"SYSTEM\CurrentControlSet\Services"  # drivers too
STARTS = {0: "boot", 1: "system", 2: "automatic", 3: "on demand", 4: "disabled"}  # what their Start says


@dataclass(frozen=True)
class Value:
    """One value; ``kind`` is its registry type."""

    kind: int
    data: bytes

    @property
    def text(self) -> str:
        """The value as a text, of a list its parts joined by a space."""
        if self.kind == DWORD:
            return str(self.number)
        words = self.data.decode("utf-16-le", "replace").split("\0")
        return " ".join(word for word in words if word) if self.kind == MULTI_SZ else words[0]

    @property
    def number(self) -> int:
        """The value as a number; a text that is none counts as 0."""
        if self.kind in (SZ, EXPAND_SZ):
            return int(self.text) if self.text.isascii() and self.text.isdigit() else 0
        return int.from_bytes(self.data[:8], "little")


@dataclass(frozen=True)
class Key:
    """A key that is there. ``values`` are those declared that it has, by name in lower case."""

    path: str  # as the hive spells it
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Registry:
    """Keys by path in lower case, what was asked for, and the hives that could not be read, with the reason."""

    keys: Mapping[str, Key]
    declared: tuple[str, ...] = ()
    unread: Mapping[str, str] = field(default_factory=dict)

    def key(self, path: str) -> Key | None:
        """Return a key, or None when Windows has no such key. Raises Unseen when nobody looked."""
        self._demand(path)
        return self.keys.get(path.lower())

    def value(self, path: str, name: str) -> Value | None:
        key = self.key(path)
        return key.values.get(name.lower()) if key else None

    def text(self, path: str, name: str) -> str:
        """Return a value as text, "" when it is absent."""
        value = self.value(path, name)
        return value.text if value else ""

    def number(self, path: str, name: str) -> int | None:
        """Return a value as a number, None when it is absent."""
        value = self.value(path, name)
        return value.number if value else None

    def match(self, pattern: str) -> list[Key]:
        """Return the keys that fit a declared pattern, in the order of the hive."""
        self._demand(pattern)
        wanted = pattern.lower().split("\\")
        return [key for path, key in self.keys.items() if _fits(path.split("\\"), wanted)]

    def joined(self, other: "Registry") -> "Registry":
        """Return both as one; they must be of different hives."""
        return Registry(
            {**self.keys, **other.keys},
            (*self.declared, *other.declared),
            {**self.unread, **other.unread},
        )

    def _demand(self, path: str) -> None:
        hive = path.partition("\\")[0].upper()
        if hive in self.unread:
            raise Unseen(self.unread[hive])
        parts = path.lower().split("\\")
        if not any(_fits(parts, split(one)[0].lower().split("\\")) for one in self.declared):
            raise Unseen(f"{path} was not looked at")


def split(declaration: str) -> tuple[str, tuple[str, ...]]:
    """Return the key and the names of a declaration."""
    path, _, names = declaration.partition(":")
    return path, tuple(filter(None, names.split(",")))


def _fits(parts: list[str], wanted: list[str]) -> bool:
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))
