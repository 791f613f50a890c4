"""Compare what the index says of the files with the files that are there."""

import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from goldsmith.catalog import index
from goldsmith.catalog.blobs import READ_ONLY, Blobs
from goldsmith.catalog.database import Database, Session
from goldsmith.catalog.entry import Image, Query, Status


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be, and how to mend it or, with ``repaired``, how it was mended."""

    subject: str  # an image id, or a path
    problem: str
    fix: str
    repaired: bool = False


def check(database: Database, blobs: Blobs, *, repair: bool) -> tuple[Finding, ...]:
    """Return the findings, those about the index itself first."""
    problems = database.problems()
    if problems and repair:
        database.accept()
    broken = [
        Finding(
            str(database.path),
            f"the index is damaged: {problem}",
            "bring back a copy of it, or look at it and take it as it is with --repair",
            repaired=repair,
        )
        for problem in problems
    ]
    if broken and not repair:
        return tuple(broken)
    with database.writing() if repair else database.reading() as session:
        images = index.select(session, Query(hidden=True, deleted=True))
        used = index.files(session)
        findings = [*_lost(session, blobs, images, repair=repair), *_strange(blobs, used, repair=repair)]
    return (*broken, *findings)


def _lost(session: Session, blobs: Blobs, images: tuple[Image, ...], *, repair: bool) -> Iterator[Finding]:
    for image in images:
        if image.sha256 is None or blobs.whole(image.sha256, image.size):
            continue
        path = blobs.path(image.sha256)
        problem = f"its file {path} " + ("has another size" if path.exists() else "is missing")
        if image.status != Status.ACTIVE:
            yield Finding(image.id, problem, f"goldsmith image delete {image.id}, or bring the file back")
            continue
        if repair:
            index.rewrite(session, replace(image, status=Status.DEACTIVATED))
        yield Finding(
            image.id, problem, "it is deactivated until the file is back; build it again", repaired=repair
        )


def _strange(blobs: Blobs, used: frozenset[str], *, repair: bool) -> Iterator[Finding]:
    for path in blobs.all():
        if not re.fullmatch("[0-9a-f]{64}", path.name):
            yield Finding(str(path), "is no file of the catalog", "move it away")
        elif path.name not in used:
            if repair:
                blobs.remove(path.name)
            yield Finding(str(path), "no image uses this file", "it can be removed", repaired=repair)
        elif _writable(path):
            if repair:
                path.chmod(READ_ONLY)
            yield Finding(str(path), "can be written to", f"chmod 0444 {path}", repaired=repair)


def _writable(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
