"""The build record while its build lives: each event is on disk before the next one is told."""

import os
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from goldsmith import __version__
from goldsmith.errors import HostError, UsageError
from goldsmith.events import BuildFinished, Event, Progress, StageFailed, StageFinished, StageStarted
from goldsmith.host.files import fsync_tree, try_lock, write_atomically
from goldsmith.host.sealed import sealed_text
from goldsmith.record.damage import note
from goldsmith.record.document import BUILD, LOCK
from goldsmith.record.story import Story
from goldsmith.record.wire import EVENTS, as_json, stamp, to_line

PROGRESS_PAUSE = 1.0  # seconds; bars move faster than a record needs to know
STAMP = "%Y%m%d-%H%M%S"  # in UTC
_NEW_ID = re.compile(r"(?P<recipe>.+)-(?P<begun>\d{8}-\d{6})-[0-9a-f]{4}")
_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")


class BuildRecord:
    """The folder of one build; ``create`` makes one that also takes the build's events.

    A record that lives holds its lock, so that readers can tell a running build from one whose process
    died. It ends with BuildFinished, or with the ``with`` block it was created for. A full disk never fails
    the build here: events are lost and counted, for the stage that needs the space has the better message.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.story = Story()
        self._virt_type = ""
        self._asked: dict[str, Any] = {}
        self._clock: Callable[[], float] = time.time
        self._guard = threading.RLock()
        self._alive = ExitStack()
        self._events: int | None = None
        self._torn = False
        self._lost = 0
        self._started = 0.0
        self._measured: dict[str, float] = {}

    @classmethod
    def create(
        cls,
        builds: Path,
        *,
        recipe: str,
        build_id: str | None = None,
        virt_type: str = "",
        asked: Mapping[str, Any] | None = None,
    ) -> Self:
        """Make builds/<id>/ and hold its lock; ``virt_type`` (kvm, qemu) keeps the history of the two apart.

        ``asked`` is all that another build needs to go on with this one.

        Raises UsageError when ``build_id`` is taken or no name for a folder, HostError when it cannot be
        made.
        """
        folder = builds / _checked(build_id or new_id(recipe))
        try:
            _make(folder)
        except OSError as error:
            raise HostError(
                f"cannot make {folder}: {error.strerror}", fix="give --state a folder that you may write to"
            ) from None
        record = cls(folder)
        record.story.recipe, record._virt_type, record._asked = recipe, virt_type, dict(asked or {})
        record._open()
        return record

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def rendered(self) -> Path:
        return self.folder / "rendered"

    @property
    def console(self) -> Path:
        return self.folder / "console.log"

    def log(self, stage: str) -> Path:
        """Return the log file of a stage; names that are no file names are made so."""
        return self.folder / "logs" / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', stage)}.log"

    def set_virt_type(self, virt_type: str) -> None:
        """Note how the guests of this build run, when that is known only after ``create``."""
        with self._guard:
            self._virt_type = virt_type
            self._save()

    def tell(self, event: Event) -> None:
        with self._guard:
            now = self._clock()
            self.story.tell(event, at=now)
            if self._events is None or not self._worth_a_line(event, now):
                return
            self._append(to_line(event, at=now))
            if isinstance(event, BuildFinished):
                self._to_disk()
            if isinstance(event, StageStarted | StageFinished | StageFailed | BuildFinished):
                self._save()
            if isinstance(event, BuildFinished):
                self.close()

    def close(self) -> None:
        """Let go of the lock; without a BuildFinished before it, the build counts as died."""
        with self._guard:
            self._events = None
            self._alive.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> None:
        with ExitStack() as opened:
            opened.enter_context(try_lock(self.folder / LOCK))
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            self._events = os.open(self.folder / EVENTS, flags, 0o600)
            opened.callback(os.close, self._events)
            self._started = self._clock()
            write_atomically(self.folder / BUILD, self._text(), mode=0o600)
            self._alive = opened.pop_all()

    def _worth_a_line(self, event: Event, now: float) -> bool:
        if not isinstance(event, Progress) or event.done >= event.total:
            return True
        if now - self._measured.get(event.stage, 0.0) < PROGRESS_PAUSE:
            return False
        self._measured[event.stage] = now
        return True

    def _append(self, line: str) -> None:
        data = ("\n" * self._torn + line + "\n").encode("utf-8", "replace")
        written = 0
        with suppress(OSError):
            written = os.write(self._events or 0, data) if self._events is not None else 0
        if written < len(data):
            self._torn = self._torn or written > 0
            self._lost += 1
        else:
            self._torn = False

    def _to_disk(self) -> None:
        """Bring all files to the disk before their digests are noted, else a power cut leaves a record of nothing."""
        with suppress(OSError):
            fsync_tree(self.folder)

    def _save(self) -> None:
        with suppress(HostError):  # the next stage's end tries again
            write_atomically(self.folder / BUILD, self._text(), mode=0o600)

    def _text(self) -> str:
        return sealed_text(self._document())

    def _document(self) -> dict[str, Any]:
        story, end = self.story, self.story.finished
        ending = as_json(end) if end else {}
        return {
            "version": 2,
            "id": self.id,
            "recipe": story.recipe,
            "state": story.state.value,
            "started": stamp(self._started),
            "finished": stamp(self._clock()) if end else None,
            "seconds": ending.get("seconds"),
            "own_seconds": ending.get("own_seconds"),
            "exit_code": ending.get("exit_code"),
            "error": ending.get("error", ""),
            "virt_type": self._virt_type,
            "asked": self._asked,
            "kept": ending.get("kept", {}),
            "goldsmith": __version__,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "lost_events": self._lost,
            "files": note(self.folder) if end else {},
            "image": ending.get("image", {}),
            "next_steps": ending.get("next_steps", []),
            "warnings": [{"text": one.text, "fix": one.fix} for one in story.warnings],
            "stages": [
                {
                    "name": one.name,
                    "key": one.key,
                    "state": one.state.value,
                    "reason": one.reason,
                    "expected": one.expected,
                    "seconds": one.seconds,
                    "size": one.size,
                    "error": one.error,
                }
                for one in story.stages.values()
            ],
        }


def new_id(recipe: str) -> str:
    """Return ``<recipe>-<YYYYMMDD-HHMMSS>-<4 hex>``, in UTC so that ids sort by age."""
    return f"{_begin_of_ids(recipe)}-{time.strftime(STAMP, time.gmtime())}-{secrets.token_hex(2)}"


def may_be_of(build_id: str, recipe: str) -> str | None:
    """Return when a build was begun by its id, "" where that was given by hand; None for one of another recipe."""
    made = _NEW_ID.fullmatch(build_id)
    if made is None:
        return ""
    return made["begun"] if made["recipe"] == _begin_of_ids(recipe) else None


def _begin_of_ids(recipe: str) -> str:
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", recipe).strip("-.") or "build"
    return safe[:80]


def _make(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        raise UsageError(f"a build {folder.name} is there already", fix="give another --id")
    folder.mkdir(mode=0o700)
    for name in ("logs", "rendered"):
        (folder / name).mkdir(mode=0o700)


def _checked(build_id: str) -> str:
    if not _SAFE_ID.fullmatch(build_id):
        raise UsageError(
            f"{build_id!r} is no build id", fix="use up to 121 letters, digits, dots, dashes and underscores"
        )
    return build_id
