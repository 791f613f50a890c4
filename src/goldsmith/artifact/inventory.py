"""What an image holds, as one look into it found it: packages, users, services, kernel arguments, files in /etc."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from goldsmith.errors import CatalogError

FILE = "inventory.json"
SCHEMA = 1
RPM, DEB, WINDOWS = "rpm", "deb", "windows"


@dataclass(frozen=True)
class Package:
    """An installed package; ``version`` as its own tools write it, with epoch and release: ``1:2.3-4``."""

    kind: str  # rpm, deb, windows
    name: str
    version: str
    arch: str = ""
    source: str = ""  # name of what it was built from
    licence: str = ""  # as the package says it
    vendor: str = ""
    url: str = ""


@dataclass(frozen=True)
class User:
    """An account; ``password`` is set, locked, none, or "" where that could not be seen."""

    name: str
    uid: int
    gid: int
    home: str = ""
    shell: str = ""
    password: str = ""


@dataclass(frozen=True)
class EtcFile:
    """One file; ``sha256`` of what a plain file holds, ``target`` where a link points."""

    kind: str  # f, d, l, o
    mode: str
    uid: int
    gid: int
    sha256: str = ""
    target: str = ""


@dataclass(frozen=True)
class Inventory:
    """All of it. None means that nobody could look; an empty collection that there is nothing."""

    product: str
    distro: str
    release: str  # 7.9
    arch: str
    packages: tuple[Package, ...] | None = None
    users: tuple[User, ...] | None = None
    groups: Mapping[str, tuple[str, ...]] | None = None  # members by name
    services: Mapping[str, str] | None = None  # what starts a service, by its name
    kernel: str = ""
    arguments: tuple[str, ...] | None = None  # of the kernel that boots by itself
    etc: Mapping[str, EtcFile] | None = field(default=None, repr=False)

    def as_json(self) -> dict[str, Any]:
        return {"schema": SCHEMA, **asdict(self)}

    def text(self) -> str:
        """Return the content of its file; the same inventory always gives the same bytes."""
        return json.dumps(self.as_json(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def known(content: bytes | None) -> Inventory | None:
    """Read what ``text`` wrote; None where there is nothing, or nothing that can be read."""
    with suppress(CatalogError):
        return parse(content) if content else None
    return None


def parse(content: bytes | str, *, where: str = FILE) -> Inventory:
    """Read what ``text`` wrote. Raises CatalogError for anything else."""
    try:
        said = json.loads(content)
        if said.pop("schema") > SCHEMA:
            raise CatalogError(f"{where} is of a newer Goldsmith", fix="update Goldsmith")
        packages, users, groups, etc, arguments = (
            said.pop(name) for name in ("packages", "users", "groups", "etc", "arguments")
        )
        return Inventory(
            packages=None if packages is None else tuple(Package(**one) for one in packages),
            users=None if users is None else tuple(User(**one) for one in users),
            groups=None if groups is None else {name: tuple(members) for name, members in groups.items()},
            etc=None if etc is None else {path: EtcFile(**one) for path, one in etc.items()},
            arguments=None if arguments is None else tuple(arguments),
            **said,
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        raise CatalogError(
            f"{where} is no inventory", fix="build the image again, or look at its file itself"
        ) from None
