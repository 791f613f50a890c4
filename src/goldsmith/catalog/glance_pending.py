"""Images that are being made in a cloud, noted before they exist, so that whoever comes later finds what a death left.

Each is a file of this host, named by the image's id and locked as long as its process lives. The note is made before
the server hears of the image and goes when the image is verified or gone.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from goldsmith.errors import HostError
from goldsmith.host.closed import make_folder
from goldsmith.host.files import locked, try_lock

SUFFIX = ".note"


@dataclass(frozen=True)
class Left:
    """What a dead process was making; ``sha512`` is that of its bytes, where it knew it."""

    image_id: str
    sha512: str | None = None


@dataclass(frozen=True)
class Pending:
    """The notes of one catalog."""

    folder: Path

    @contextmanager
    def noted(self, image_id: str, sha512: str | None = None) -> Iterator[None]:
        """Keep a note while the block runs; it stays for the next command when ``forget`` was not called."""
        make_folder(self.folder)
        with locked(self._lock(image_id)):
            try:
                self._note(image_id).write_text(json.dumps({"sha512": sha512}), encoding="utf-8")
            except OSError as error:
                raise HostError(
                    f"cannot note the upload in {self.folder}: {error.strerror}", fix="name another --state"
                ) from None
            try:
                yield
            finally:
                self._tidy(image_id)

    def forget(self, image_id: str) -> None:
        self._note(image_id).unlink(missing_ok=True)

    def left(self) -> Iterator[Left]:
        """Yield what nobody is making any more, locked meanwhile."""
        for note in sorted(self.folder.glob("*" + SUFFIX)):
            image_id = note.name.removesuffix(SUFFIX)
            with try_lock(self._lock(image_id)) as free:
                if free and note.exists():
                    yield Left(image_id, _sha512(note))
            if free:
                self._tidy(image_id)

    def _tidy(self, image_id: str) -> None:
        """Remove the lock of a note that is gone: ids never come again, so nobody else can want it."""
        if not self._note(image_id).exists():
            self._lock(image_id).unlink(missing_ok=True)

    def _note(self, image_id: str) -> Path:
        return self.folder / (image_id + SUFFIX)

    def _lock(self, image_id: str) -> Path:
        return self.folder / (image_id + ".lock")


def _sha512(note: Path) -> str | None:
    try:
        found = json.loads(note.read_text(encoding="utf-8")).get("sha512")
    except (OSError, ValueError, AttributeError):
        return None  # its process died while it wrote it
    return str(found) if found else None
