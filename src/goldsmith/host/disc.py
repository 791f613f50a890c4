"""Look into a disc image without mounting it: UDF as Microsoft's media have it, else ISO 9660 with its extensions."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pycdlib
from pycdlib.pycdlibexception import PyCdlibException

from goldsmith.errors import UsageError

_BLOCK = 4 << 20


@dataclass(frozen=True)
class Disc:
    """An open disc image. Names are looked up without regard to case, as Windows does; folders end with no slash."""

    path: Path
    label: str
    _image: Any
    _view: str  # pycdlib's name for the directory tree that is read
    _names: dict[str, str]  # in lower case, without the first slash, to the name on the disc

    def has(self, name: str) -> bool:
        return name.lower() in self._names

    def below(self, folder: str) -> list[str]:
        """Return the files and folders below ``folder``, as they are written on the disc, without the first slash."""
        start = folder.lower().rstrip("/") + "/"
        return sorted(
            real.lstrip("/") for name, real in self._names.items() if not folder or name.startswith(start)
        )

    def read(self, name: str, start: int, length: int) -> bytes:
        """Return bytes of a file, fewer where it ends. Raises UsageError where there is no such file."""
        with self._open(name) as file:
            file.seek(min(start, file.length()))
            found: bytes = file.read(length)
            return found

    def copy_out(self, name: str, target: Path) -> None:
        """Write a file of the disc to ``target``. Raises UsageError where there is no such file."""
        with self._open(name) as file, target.open("wb") as copy:
            shutil.copyfileobj(file, copy, _BLOCK)

    def _open(self, name: str) -> Any:
        real = self._names.get(name.lower())
        if real is None:
            raise UsageError(f"{self.path.name} has no {name}", fix="is this the right medium?")
        try:
            return self._image.open_file_from_iso(**{self._view: real})
        except PyCdlibException as error:
            raise UsageError(
                f"{name} on {self.path.name} cannot be read: {error}", fix="get it again"
            ) from None


@contextmanager
def open_disc(path: Path) -> Iterator[Disc]:
    """Open a disc image. Raises UsageError for a file that is none, or is damaged."""
    image = pycdlib.PyCdlib()
    try:
        image.open(str(path))
    except (PyCdlibException, OSError) as error:
        raise UsageError(
            f"{path.name} cannot be read as a disc image: {error}", fix="get it again, and compare its sha256"
        ) from None
    try:
        view = _view(image)
        label = image.pvd.volume_identifier.decode("ascii", "replace").strip()
        yield Disc(path, label, image, view, dict(_names(image, view)))
    finally:
        image.close()


def _view(image: Any) -> str:
    """Return the directory tree that has the true names."""
    if image.has_udf():
        return "udf_path"
    if image.has_joliet():
        return "joliet_path"
    return "rr_path" if image.has_rock_ridge() else "iso_path"


def _names(image: Any, view: str) -> Iterator[tuple[str, str]]:
    for folder, folders, files in image.walk(**{view: "/"}):
        for one in (*folders, *files):
            real = f"{folder.rstrip('/')}/{one}"
            yield real.lstrip("/").split(";")[0].lower(), real
