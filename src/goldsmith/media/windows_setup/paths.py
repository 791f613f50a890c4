"""Windows paths on mounted drives: letters, backslashes, and names without regard to case."""

import fnmatch
from collections.abc import Iterator, Mapping
from pathlib import Path


class NoDriveError(Exception):
    """``str`` is what cmd.exe says of a drive that does not exist."""


class Drives:
    """``roots`` are the mounted drives by their letters; ``labels`` their volume names."""

    def __init__(self, roots: Mapping[str, Path], labels: Mapping[str, str] | None = None) -> None:
        self.roots = {letter.upper(): root for letter, root in roots.items()}
        self.labels = {letter.upper(): label for letter, label in (labels or {}).items()}

    def full(self, path: str, folder: str = "C:\\") -> str:
        """Return the absolute form of a path as seen from ``folder``."""
        text = path.strip().replace('"', "").replace("/", "\\")
        if len(text) < 2 or text[1] != ":":
            text = folder[:2] + text if text.startswith("\\") else f"{folder}\\{text}"
        drive = text[:2].upper()
        parts: list[str] = []
        for part in text[2:].split("\\"):
            if part == "..":
                parts = parts[:-1]
            elif part not in ("", "."):
                parts.append(part)
        return drive + "\\" + "\\".join(parts)

    def place(self, path: str, folder: str = "C:\\") -> Path:
        """Return the file or folder that a path means, or where it would come to be."""
        text = self.full(path, folder)
        if text[0] not in self.roots:
            raise NoDriveError("The system cannot find the drive specified.")
        here = self.roots[text[0]]
        for part in text[3:].split("\\"):
            if part:
                here = _child(here, part)
        return here

    def exists(self, path: str, folder: str = "C:\\") -> bool:
        """Tell what ``if exist`` tells, patterns included."""
        try:
            return any(True for _ in self.matches(path, folder))
        except NoDriveError:
            return False

    def matches(self, path: str, folder: str = "C:\\") -> Iterator[Path]:
        """Yield what a path with * or ? in its last part means; a path without is yielded if it exists."""
        text = self.full(path, folder)
        above, _, last = text.rpartition("\\")
        if not any(sign in last for sign in "*?"):
            place = self.place(text)
            if place.exists():
                yield place
            return
        parent = self.place(above + "\\")
        if parent.is_dir():
            pattern = "*" if last == "*.*" else last.lower()
            for one in sorted(parent.iterdir(), key=lambda item: item.name.lower()):
                if fnmatch.fnmatchcase(one.name.lower(), pattern):
                    yield one

    def letter_of(self, label: str) -> str:
        """Return the drive whose volume has this name, or ""."""
        return next((one for one, name in self.labels.items() if name.upper() == label.upper()), "")

    def name_of(self, place: Path) -> str:
        """Return the Windows path of a file on one of the drives."""
        for letter, root in self.roots.items():
            if place.is_relative_to(root):
                return f"{letter}:\\" + "\\".join(place.relative_to(root).parts)
        raise NoDriveError(f"{place} is on no drive")


def _child(folder: Path, name: str) -> Path:
    exact = folder / name
    if exact.exists() or not folder.is_dir():
        return exact
    wanted = name.lower()
    return next((one for one in folder.iterdir() if one.name.lower() == wanted), exact)
