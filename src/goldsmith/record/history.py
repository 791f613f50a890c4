"""How long the stages of a recipe took before, from the newest build records."""

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any

from goldsmith.record.document import BUILD, read_document
from goldsmith.record.story import StageState

LOOKED_AT = 200  # builds; most of them are cached ones that tell nothing
SAMPLES = 9  # the newest runs of a stage; older ones tell of another host or another medium


@dataclass(frozen=True)
class History:
    """The seconds of earlier successful runs by stage, the newest first."""

    seconds: Mapping[str, tuple[float, ...]]

    def expected(self, stage: str) -> float | None:
        """Return the median, in seconds; None for a stage that never ran to its end."""
        runs = self.seconds.get(stage)
        return median(runs) if runs else None


def read_history(builds: Path, *, recipe: str, virt_type: str) -> History:
    """Read the runs of a recipe on this host; those with and without KVM are kept apart (``virt_type``: kvm, qemu)."""
    seconds: dict[str, list[float]] = {}
    here = socket.gethostname()
    for document in _newest(builds):
        if document.get("recipe") != recipe or document.get("virt_type", "") != virt_type:
            continue
        if document.get("host", here) != here:  # the state folder was copied, or is shared
            continue
        for stage, took in _runs(document):
            if len(seconds.setdefault(stage, [])) < SAMPLES:
                seconds[stage].append(took)
    return History({stage: tuple(runs) for stage, runs in seconds.items()})


def expected_seconds(builds_or_state: Path, *, recipe: str, stage: str, virt_type: str) -> float | None:
    """Return the median of the stage's earlier successful runs, in seconds; None where there was none.

    Takes the folder of the builds or the state folder above it. Many stages may be asked for: the records
    are read again only after a build was added.
    """
    inner = builds_or_state / "builds"
    builds = inner if inner.is_dir() else builds_or_state
    try:
        changed = builds.stat().st_mtime_ns
    except OSError:
        return None
    return _remembered(builds, recipe, virt_type, changed).expected(stage)


@lru_cache(maxsize=16)
def _remembered(builds: Path, recipe: str, virt_type: str, changed: int) -> History:  # noqa: ARG001
    return read_history(builds, recipe=recipe, virt_type=virt_type)


def _newest(builds: Path) -> Iterator[dict[str, Any]]:
    aged: list[tuple[int, Path]] = []
    for path in builds.glob(f"*/{BUILD}"):
        try:
            aged.append((path.stat().st_mtime_ns, path))
        except OSError:
            continue  # removed meanwhile
    for _, path in sorted(aged, reverse=True)[:LOOKED_AT]:
        try:
            yield read_document(path.parent)
        except (OSError, ValueError):
            continue


def _runs(document: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for one in document.get("stages", ()):
        took = one.get("seconds")
        if one.get("state") == StageState.DONE and isinstance(took, int | float):
            yield str(one.get("name")), float(took)
