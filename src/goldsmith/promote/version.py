"""Versions of a recipe: all images of one build, one for each format, under one number such as ``20260131.2``."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from goldsmith.catalog.entry import RECIPE, VERSION, Image, Status
from goldsmith.catalog.evidence import Evidence, newest
from goldsmith.errors import UsageError

_FORM = re.compile(r"(\d{8})\.(\d{1,6})")
LATEST = "latest"


@dataclass(frozen=True)
class Version:
    """One version with its images, and what is known about their bytes."""

    recipe: str
    version: str
    images: tuple[Image, ...]
    evidence: tuple[Evidence, ...] = ()
    lost: tuple[str, ...] = ()  # ids of images whose bytes are not there in full

    @property
    def name(self) -> str:
        return f"{self.recipe}@{self.version}"

    @property
    def size(self) -> int | None:
        """Return the bytes of the first image, which the others are copies of in other formats."""
        return self.images[0].size if self.images else None

    @property
    def made_at(self) -> datetime:
        return min(one.created_at for one in self.images)

    @property
    def usable(self) -> bool:
        """Say whether consumers can have all of its images."""
        return bool(self.images) and not self.lost and all(one.status is Status.ACTIVE for one in self.images)

    def newest(self, kind: str) -> Evidence | None:
        return newest(self.evidence, kind)

    def like(self, disk_format: str) -> Image | None:
        return next((one for one in self.images if one.disk_format == disk_format), None)


def order(version: str) -> tuple[int, int]:
    """Return what versions are sorted by; what has another form comes before all others."""
    found = _FORM.fullmatch(version)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def split(wanted: str) -> tuple[str, str]:
    """Return recipe and version of ``NAME[@VERSION]``; an empty text where none is said."""
    recipe, at, version = wanted.partition("@")
    if not recipe or (at and not version):
        raise UsageError(f"{wanted!r} names no version", fix="write NAME, or NAME@VERSION: rhel7@20260131.2")
    return recipe, version


def grouped(images: Iterable[Image]) -> dict[str, tuple[Image, ...]]:
    """Return the images of each version, the newest version first, and its images as they were made."""
    found: dict[str, list[Image]] = {}
    for one in sorted(images, key=lambda one: one.created_at):
        found.setdefault(one.properties.get(VERSION, ""), []).append(one)
    return {version: tuple(found[version]) for version in sorted(found, key=order, reverse=True) if version}


def recipes_of(images: Iterable[Image]) -> Sequence[str]:
    return sorted({one.properties[RECIPE] for one in images if one.properties.get(RECIPE)})
