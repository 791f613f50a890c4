"""The media kept here by digest, so that a recipe's ISO is copied and hashed once."""

import errno
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path

from goldsmith.errors import HostError
from goldsmith.host import osinfo
from goldsmith.host.aside import aside
from goldsmith.host.closed import PASSED, PRIVATE, make_folder
from goldsmith.host.files import (
    fsync_tree,
    need_space,
    remember,
    sha256_of,
    write_atomically,
)
from goldsmith.host.locks import locked
from goldsmith.host.process import Host
from goldsmith.host.sealed import is_whole, sealed_text
from goldsmith.media.stable import stable
from goldsmith.media.whole import Progress, copy, whole_size

ABOUT = "medium.json"
_SEAL = "seal"  # its key with the digest of all the others
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SHORTEST = 8  # hexadecimal digits that may stand for a digest


class Origin(StrEnum):
    """How a medium came into the library; older versions did not note it."""

    BY_HAND = "by hand"
    COPIED = "copied"
    DOWNLOADED = "downloaded"
    UNKNOWN = ""


@dataclass(frozen=True)
class Medium:
    """One file of the library; ``added`` is a time in UTC, ``os`` its libosinfo name where that is known."""

    name: str
    size: int
    sha256: str
    added: str
    path: Path
    os: str = ""
    origin: Origin = Origin.UNKNOWN

    @property
    def by_hand(self) -> bool:
        """Say whether somebody may have put it here on purpose, so that no build gets it again."""
        return self.origin in (Origin.BY_HAND, Origin.UNKNOWN)


@dataclass(frozen=True)
class Library:
    """The folder ``store/media``: one folder a digest, with the file and its ``medium.json``."""

    folder: Path

    def add(
        self,
        path: Path,
        *,
        on_progress: Progress | None = None,
        host: Host | None = None,
        origin: Origin = Origin.COPIED,
    ) -> Medium:
        """Keep a copy of ``path`` and return it; the file itself is left alone.

        A file that is kept already is read, but not kept twice. With ``host`` libosinfo is asked what it is.
        Raises UsageError for a file that is no medium or only a part of one, HostError where it cannot be read or
        there is no room.
        """
        size = whole_size(path)
        self._prepare(size)
        with self._aside() as made:
            digest = copy(path, made / path.name, on_progress)
            whole_size(made / path.name, shown=path)  # it may have been cut while it was read
            return self._keep(made, path.name, digest, _os(path, host), origin)

    def take(self, path: Path, *, sha256: str, host: Host | None = None) -> Medium:
        """Move a file that nobody else needs into the library; ``sha256`` is its digest, which is not read again.

        ``path`` must be on the library's file system. Raises as ``add`` does.
        """
        whole_size(path)
        self._prepare(0)
        with self._aside() as made:
            found = _os(path, host)
            path.chmod(0o644)
            path.rename(made / path.name)
            return self._keep(made, path.name, sha256, found, Origin.DOWNLOADED)

    def find(self, name_or_digest: str) -> Medium | None:
        """Return the medium of this name, digest, or beginning of a digest; the last added of equal names."""
        wanted = name_or_digest.lower()
        media = self.list()
        if len(wanted) >= _SHORTEST:
            begins = [one for one in media if one.sha256.startswith(wanted)]
            if len(begins) == 1:
                return begins[0]
        named = [one for one in media if one.name == name_or_digest]
        return max(named, key=lambda one: one.added, default=None)

    def intact(self, medium: Medium) -> bool:
        """Say whether a medium holds its bytes; one that nobody has written to since it was read is not read again."""
        return sha256_of(medium.path, memo=self._memo) == medium.sha256

    def remove(self, sha256: str, *, by_hand: bool = False) -> bool:
        """Remove a medium, its description first; one that was added ``by_hand`` only where that is said, too."""
        place = self.folder / sha256
        with self._locked(sha256):
            medium = _read(place)
            if medium and medium.by_hand and not by_hand:
                return False
            (place / ABOUT).unlink(missing_ok=True)
            shutil.rmtree(place, ignore_errors=True)
        return True

    def damage(self) -> Iterator[tuple[Path, str]]:
        """Read every medium; yield the folders of those that are not what was added, and why.

        One that is removed or got again meanwhile is none of them.
        """
        folders = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        for place in (one for one in folders if _DIGEST.fullmatch(one.name)):
            if problem := stable(partial(_problem, place), place):
                yield place, problem

    def list(self) -> list[Medium]:
        """Return all media, by name; what is being added is none yet."""
        folders = self.folder.iterdir() if self.folder.is_dir() else ()
        found = (_read(one) for one in folders if _DIGEST.fullmatch(one.name))
        return sorted((one for one in found if one), key=lambda one: (one.name, one.added))

    @property
    def _memo(self) -> Path:
        return self.folder.parent.parent / "digests.json"

    def _prepare(self, size: int) -> None:
        try:
            for folder in (self.folder.parent, self.folder):
                make_folder(folder, PASSED)
            make_folder(self._locks, PRIVATE)
        except OSError as error:
            raise HostError(
                f"cannot make {self.folder}: {error.strerror}", fix="name another state folder with --state"
            ) from None
        need_space(self.folder, size, what="a copy of the medium")

    @property
    def _locks(self) -> Path:
        return self.folder.parent / "locks"

    def _locked(self, sha256: str) -> AbstractContextManager[None]:
        return locked(self._locks / f"medium-{sha256}.lock")

    @contextmanager
    def _aside(self) -> Iterator[Path]:
        with aside(self.folder, "medium") as folder:
            made = folder / "medium"
            made.mkdir()
            made.chmod(0o755)  # qemu reads it as another user
            yield made

    def _keep(self, made: Path, name: str, digest: str, os_name: str, origin: Origin) -> Medium:
        added = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        size = (made / name).stat().st_size
        about = {
            "name": name,
            "size": size,
            "sha256": digest,
            "osinfo": os_name,
            "added": added,
            "origin": origin.value,
        }
        write_atomically(made / ABOUT, sealed_text(about, key=_SEAL))
        fsync_tree(made)
        with self._locked(digest):
            return self._place(made, digest, origin)

    def _place(self, made: Path, digest: str, origin: Origin) -> Medium:
        place = self.folder / digest
        if (known := _read(place)) and sha256_of(known.path) == digest:
            if origin is Origin.BY_HAND and known.origin is not origin:
                about = json.loads((place / ABOUT).read_text(encoding="utf-8"))
                write_atomically(place / ABOUT, sealed_text({**about, "origin": origin.value}, key=_SEAL))
            return replace(known, origin=origin) if origin is Origin.BY_HAND else known
        shutil.rmtree(place, ignore_errors=True)  # damaged since, or left without its description
        try:
            made.rename(place)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise HostError(f"cannot keep {place}: {error.strerror}", fix="see to permissions") from None
        kept = _read(place)
        assert kept  # by us, or by another process that was faster
        if not made.exists():  # it is ours that came there
            with suppress(HostError):  # without it the medium is read once more, when it is looked at
                remember(kept.path, digest, memo=self._memo)
        return kept


def _os(path: Path, host: Host | None) -> str:
    found = osinfo.identify(host, path) if host else None
    return found.os if found else ""


def _read(folder: Path) -> Medium | None:
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        path = folder / str(about["name"])
        whole = is_whole(about, key=_SEAL) or _SEAL not in about  # added before there were seals
        if not whole or about["sha256"] != folder.name or path.stat().st_size != about["size"]:
            return None
        facts = {name: str(about[name]) for name in ("name", "sha256", "added")}
        origin = next((one for one in Origin if one == about.get("origin")), Origin.UNKNOWN)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Medium(size=int(about["size"]), path=path, os=str(about.get("osinfo", "")), origin=origin, **facts)


def _problem(place: Path) -> str:
    medium = _read(place)
    if medium is None:
        return f"its {ABOUT} and its file do not agree"
    return (
        ""
        if sha256_of(medium.path) == medium.sha256
        else f"{medium.name} has other content than when it was added"
    )
