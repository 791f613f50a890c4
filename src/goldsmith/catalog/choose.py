"""Which image a person means by what he typed."""

import re
from collections.abc import Iterable, Sequence

from goldsmith.catalog.command import command
from goldsmith.catalog.entry import Image, Status, stamp
from goldsmith.errors import CatalogError, UsageError

LATEST = "@latest"
SHORTEST = 4  # characters of an id that may stand for all of it
_SHOWN = 10


class NoImage(CatalogError):
    """The catalog answered, and has no such image."""


def choose(wanted: str, images: Iterable[Image], *, where: str, cloud: str = "") -> Image:
    """Return the one image with this id, name, RECIPE@VERSION or start of an id, or the newest of NAME@latest.

    ``images`` are ordered newest first; ``where`` names the catalog in errors, ``cloud`` in commands.
    Raises NoImage when there is none, UsageError when there are several.
    """
    known = tuple(images)
    name = wanted.removesuffix(LATEST)
    found = (
        [image for image in known if image.id == wanted]
        or [image for image in known if image.name == wanted]
        or [image for image in known if image.build_version == wanted]
        or [image for image in known if _newest(wanted, name, image)][:1]
        or [image for image in known if _starts(image.id, wanted)]
    )
    if not found:
        raise NoImage(
            f"{where} has no image {wanted!r}", fix="see what there is: " + command("image list --all", cloud)
        )
    if len(found) > 1:
        named = {image.name for image in found}
        newest = f", or {named.pop()}{LATEST} for the newest one of this name" if len(named) == 1 else ""
        raise UsageError(
            f"{wanted!r} means {len(found)} images:",
            fix=f"say one by its id{newest}",
            evidence=_told(found),
        )
    return found[0]


def _newest(wanted: str, name: str, image: Image) -> bool:
    return wanted.endswith(LATEST) and image.name == name and image.status == Status.ACTIVE


def _starts(image_id: str, wanted: str) -> bool:
    return (
        len(wanted) >= SHORTEST and bool(re.fullmatch("[0-9a-f-]+", wanted)) and image_id.startswith(wanted)
    )


def _told(images: Sequence[Image]) -> list[str]:
    lines = [
        f"{image.id}  {image.name}  {image.status}  {stamp(image.created_at)}" for image in images[:_SHOWN]
    ]
    if len(images) > _SHOWN:
        lines.append(f"... and {len(images) - _SHOWN} more")
    return lines
