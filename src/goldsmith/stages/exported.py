"""What the export stage left, as the stages after it read it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from goldsmith.artifact.manifest import ImageFile
from goldsmith.audit.facts import Guest
from goldsmith.host.files import Digests
from goldsmith.plan.damage import noted_in
from goldsmith.plan.stage import Context, Entry, Work
from goldsmith.plan.store import SEAL

FACTS = "export.json"
STEM = "image"  # the files' name in the store, whichever recipe made them
FINISH = "finish"  # the group of the stages that read the finished disk side by side

Looked = Callable[[], Guest]  # waits for a look that has begun


@dataclass(frozen=True)
class Exported:
    """One finished file; sizes are bytes, ``path`` is absolute, ``suffix`` ends its name."""

    path: Path
    suffix: str
    format: str
    compression: str
    virtual_size: int
    digests: Digests

    def named(self, recipe: str) -> str:
        """Return the name that the file has as an image of this recipe."""
        return f"{recipe}{self.suffix}"


class Judge(Protocol):
    """The stage that judges the exported files, and can look into their disk while they are written."""

    def looking(self, disk: Path, context: Context) -> AbstractContextManager[Looked]: ...
    def check(self, work: Work, context: Context, *, looked: Looked | None) -> None: ...


def exported(entry: Entry) -> list[Exported]:
    """Return what an export stage made, the first wanted format first; raises HostError where that is damaged."""
    noted = noted_in(entry.folder, FACTS)["images"]
    return [
        Exported(
            path=entry.folder / one["file"],
            suffix=one["suffix"],
            format=one["format"],
            compression=one["compression"],
            virtual_size=one["virtual_size"],
            digests=Digests(one["md5"], one["sha256"], one["sha512"], one["size"]),
        )
        for one in noted
    ]


def image_file(one: Exported, recipe: str) -> ImageFile:
    """Return it as the manifest of an image of this recipe names it."""
    return ImageFile(
        name=one.named(recipe),
        format=one.format,
        size=one.digests.size,
        virtual_size=one.virtual_size,
        md5=one.digests.md5,
        sha256=one.digests.sha256,
        sha512=one.digests.sha512,
        compression=one.compression,
    )


def made_at(entry: Entry) -> float:
    """Return when the entry was made, in seconds since the epoch."""
    return float(noted_in(entry.folder, SEAL)["created"])
