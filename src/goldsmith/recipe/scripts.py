"""The text of a script that a recipe names by its file."""

import codecs
from pathlib import Path

from goldsmith.errors import Mark, RecipeError

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def script_text(path: Path, *, utf_16: bool = False, at: Mark | None = None) -> str:
    """Return a script as text: its lines end with a line feed, and no byte order mark is in it.

    ``utf_16`` takes that encoding too, where a byte order mark tells it, as editors of Windows save it. Raises
    RecipeError for what is no text, and OSError.
    """
    data = path.read_bytes()
    encoding = "utf-16" if utf_16 and data.startswith(_UTF_16) else "utf-8-sig"
    save = "save it as UTF-8, or as UTF-16 with a byte order mark" if utf_16 else "save it as UTF-8"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode(encoding, "replace")
        what = f"byte 0x{error.object[error.start]:02x} is no {encoding.upper().removesuffix('-SIG')} text"
        raise _no_text(path, before, what, save, at) from None
    if "\0" in text:  # as in UTF-16 without a byte order mark
        raise _no_text(path, text.partition("\0")[0], "there is a NUL character", save, at)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _no_text(path: Path, before: str, what: str, fix: str, at: Mark | None) -> RecipeError:
    line = before.count("\n") + 1
    return RecipeError(f"the script {path.name} cannot be read: {what} in its line {line}", at=at, fix=fix)
