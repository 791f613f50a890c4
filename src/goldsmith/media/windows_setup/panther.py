"""Setup's logs: every line goes into setupact.log, errors into setuperr.log, too."""

import time
from collections.abc import Sequence
from pathlib import Path


class Panther:
    """``folders`` are where the logs are kept; what was logged before a folder is added is copied into it."""

    def __init__(self, *folders: Path) -> None:
        self.folders: Sequence[Path] = ()
        for folder in folders:
            self.add(folder)

    def add(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("setupact.log", "setuperr.log"):
            earlier = next((one / name for one in self.folders if (one / name).exists()), None)
            with (folder / name).open("a", encoding="utf-8") as log:
                if earlier:
                    log.write(earlier.read_text(encoding="utf-8"))
        self.folders = (*self.folders, folder)

    def leave(self, folder: Path) -> None:
        self.folders = tuple(one for one in self.folders if one != folder)

    def info(self, text: str) -> None:
        self._write("Info   ", text, ("setupact.log",))

    def warning(self, text: str) -> None:
        self._write("Warning", text, ("setupact.log",))

    def error(self, text: str) -> None:
        self._write("Error  ", text, ("setupact.log", "setuperr.log"))

    def _write(self, level: str, text: str, names: Sequence[str]) -> None:
        line = f"{time.strftime('%Y-%m-%d %H:%M:%S')}, {level}      {text}\r\n"
        for folder in self.folders:
            for name in names:
                with (folder / name).open("a", encoding="utf-8", newline="") as log:
                    log.write(line)
