"""The Python that runs us, its modules, and the clock."""

import platform
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from goldsmith import errors
from goldsmith.doctor.check import Check, Question, Status

LEAST_PYTHON = (3, 11)
_FUTURE = 24 * 3600.0  # seconds that the clock may be behind our own files: time zones, copied trees
_EXTRA = re.compile(r"extra\s*==")


def questions() -> list[Question]:
    return [Question("python", _python), Question("clock", _clock)]


def _python() -> Check:
    detail = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info < LEAST_PYTHON:
        fix = "install Python 3.11 or newer, then: make clean setup"
        return Check("python", Status.FAIL, f"{detail} is too old", fix)
    try:
        wanted = metadata.requires("goldsmith") or []
    except metadata.PackageNotFoundError:
        return Check("python", Status.OK, f"{detail}; goldsmith is not installed, it runs from its source")
    if wrong := _wrong_modules(wanted):
        fix = f"{sys.executable} -m pip install --upgrade goldsmith, or in a clone: make clean setup"
        return Check("python", Status.FAIL, f"{detail} lacks {', '.join(wrong)}", fix)
    return Check("python", Status.OK, detail)


def _wrong_modules(wanted: Sequence[str]) -> list[str]:
    """Return what our metadata asks for and this Python has not, or not in the right major version."""
    wrong = []
    for line in wanted:
        if _EXTRA.search(line):
            continue
        name, limit = re.match(r"[\w.-]+", line), re.search(r"<\s*(\d+)", line)
        assert name
        try:
            version = metadata.version(name.group())
        except metadata.PackageNotFoundError:
            wrong.append(name.group())
            continue
        if limit and int(version.partition(".")[0]) >= int(limit.group(1)):
            wrong.append(f"{line} (it has {version})")
    return wrong


def _clock(now: datetime | None = None) -> Check:
    """Compare with our own files: behind them, certificates are invalid and catalogs lie."""
    now = now or datetime.now(UTC)
    ours = datetime.fromtimestamp(Path(errors.__file__).stat().st_mtime, UTC)
    said = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if (ours - now).total_seconds() > _FUTURE:
        return Check(
            "clock",
            Status.FAIL,
            f"{said} is before Goldsmith's own files were written ({ours:%Y-%m-%d})",
            "timedatectl set-ntp true, or: date -u -s 'YYYY-MM-DD HH:MM'",
        )
    return Check("clock", Status.OK, said)
