"""Secrets taken out of whatever is told: to the record, to the console, to those who read the error."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from goldsmith.errors import GoldsmithError, HostError
from goldsmith.events import BuildFinished, Event, Reporter, StageFailed, ToolSaid, Warned
from goldsmith.host.files import write_atomically
from goldsmith.record.wire import EVENTS

Mask = Callable[[str], str]


_OWN = ("build.json", EVENTS, "lock")  # a record writes these itself, masked, and holds them open


class Masked:
    """A reporter that takes secrets out of what tools and guests have said, before anyone hears it."""

    def __init__(self, inner: Reporter, mask: Mask) -> None:
        self._inner = inner
        self._mask = mask

    def tell(self, event: Event) -> None:
        match event:
            case ToolSaid():
                event = replace(event, line=self._mask(event.line))
            case StageFailed() | BuildFinished():  # an error holds the last lines of a guest as evidence
                event = replace(event, error=self._mask(event.error))
            case Warned():
                event = replace(event, text=self._mask(event.text), fix=self._mask(event.fix))
        self._inner.tell(event)


def mask_error(error: GoldsmithError, mask: Mask) -> None:
    """Take secrets out of an error that is about to be shown."""
    error.problem, error.fix = mask(error.problem), mask(error.fix)
    error.evidence = tuple(mask(line) for line in error.evidence)


def mask_files(folder: Path, mask: Mask) -> list[Path]:
    """Take secrets out of the files of a record that others wrote, such as qemu's console; return those that had any.

    Nothing may write to them any more. They stay as they are when the disk is full, which the build tells by itself.
    """
    masked = []
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file() or (path.parent == folder and path.name in _OWN):
            continue
        with suppress(OSError, HostError):
            text = path.read_bytes().decode("utf-8", "surrogateescape")
            if (clean := mask(text)) != text:
                data = clean.encode("utf-8", "surrogateescape")
                write_atomically(path, data, mode=path.stat().st_mode & 0o600)
                masked.append(path)
    return masked
