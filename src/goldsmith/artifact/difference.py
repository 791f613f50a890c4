"""In what one image differs from another: packages, accounts, services, kernel arguments, files in /etc, size."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from goldsmith.artifact.inventory import EtcFile, Inventory, Package, User
from goldsmith.host.files import human_size

_SHORT = 12  # characters of a digest
PARTS = ("size", "system", "packages", "users", "groups", "services", "kernel", "files")


@dataclass(frozen=True)
class Change:
    """One thing that differs; None where it is not there before, or not any more."""

    part: str
    name: str
    before: str | None
    after: str | None

    @property
    def kind(self) -> str:
        if self.before is None:
            return "added"
        return "removed" if self.after is None else "changed"

    def as_json(self) -> dict[str, str | None]:
        return {
            "part": self.part,
            "kind": self.kind,
            "name": self.name,
            "before": self.before,
            "after": self.after,
        }


@dataclass(frozen=True)
class Difference:
    """All changes; ``unknown`` are the parts that could not be compared, as nobody saw them in one of the two."""

    changes: tuple[Change, ...]
    unknown: tuple[str, ...] = ()

    def of(self, part: str) -> tuple[Change, ...]:
        return tuple(one for one in self.changes if one.part == part)

    def told(self) -> str:
        """Return it in a line: ``packages: 2 added, 3 changed; files: 1 removed``."""
        parts = []
        for part in PARTS:
            kinds = [one.kind for one in self.of(part)]
            if part in ("size", "system"):
                parts += [f"{one.name}: {one.before} -> {one.after}" for one in self.of(part)]
            elif kinds:
                counts = [
                    f"{kinds.count(kind)} {kind}" for kind in ("added", "removed", "changed") if kind in kinds
                ]
                parts.append(f"{part}: {', '.join(counts)}")
        if self.unknown:
            parts.append(f"not known: {', '.join(self.unknown)}")
        return "; ".join(parts) or "nothing differs"


def compare(
    before: Inventory, after: Inventory, *, sizes: tuple[int | None, int | None] = (None, None)
) -> Difference:
    """Return in what ``after`` differs from ``before``; ``sizes`` are bytes of the two files."""
    changes: list[Change] = []
    unknown: list[str] = []
    if None not in sizes and sizes[0] != sizes[1]:
        changes.append(Change("size", "size", *(human_size(one or 0) for one in sizes)))
    for name in ("product", "release", "arch"):
        changes += _changes("system", {name: getattr(before, name)}, {name: getattr(after, name)})
    sides = [_parts(one) for one in (before, after)]
    for part in sides[0]:
        old, new = sides[0][part], sides[1][part]
        if old is None or new is None:
            if old is not new:
                unknown.append(part)
            continue
        changes += _changes(part, old, new)
    return Difference(tuple(changes), tuple(unknown))


def versions(packages: Sequence[Package]) -> dict[str, str]:
    """Return versions by ``name.arch``; of what is installed several times all of them."""
    found: dict[str, list[str]] = {}
    for one in packages:
        found.setdefault(f"{one.name}.{one.arch}" if one.arch else one.name, []).append(one.version)
    return {name: ", ".join(sorted(several)) for name, several in sorted(found.items())}


def _parts(of: Inventory) -> dict[str, Mapping[str, str] | None]:
    kernel = None
    if of.arguments is not None:
        kernel = {**_arguments(of.arguments), "kernel": of.kernel}
    return {
        "packages": None if of.packages is None else versions(of.packages),
        "users": None if of.users is None else {one.name: _user(one) for one in of.users},
        "groups": None
        if of.groups is None
        else {name: " ".join(members) or "no members" for name, members in of.groups.items()},
        "services": of.services,
        "kernel": kernel,
        "files": None if of.etc is None else {path: _file(one) for path, one in of.etc.items()},
    }


def _changes(part: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield Change(part, name, old.get(name), new.get(name))


def _arguments(given: Sequence[str]) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    for one in given:
        name, _, value = one.partition("=")
        found.setdefault(name, []).append(value or "set")
    return {name: " ".join(values) for name, values in found.items()}


def _user(one: User) -> str:
    told = [f"uid {one.uid}", f"gid {one.gid}", one.home, one.shell] if one.uid >= 0 else ["account"]
    return " ".join(filter(None, [*told, f"password {one.password}" if one.password else ""]))


def _file(one: EtcFile) -> str:
    if one.kind == "l":
        return f"-> {one.target}"
    kind = {"f": "", "d": "folder "}.get(one.kind, "special file ")
    return f"{kind}{one.mode} {one.uid}:{one.gid} {one.sha256[:_SHORT]}".strip()
