"""Copies of images: new files of their own, whole or not there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from goldsmith.catalog.entry import Image
from goldsmith.errors import CatalogError
from goldsmith.host.files import need_space


@contextmanager
def fresh(target: Path, image: Image) -> Iterator[None]:
    """Let the block write the image to ``target``, a new file; it is removed when the block fails.

    Raises CatalogError where the name is taken, HostError without room.
    """
    if target.exists():
        raise CatalogError(f"{target} exists already", fix="name a file that does not exist")
    need_space(target.parent, image.size or 0, what=f"a copy of {image.name}")
    try:
        yield
    except BaseException:
        target.unlink(missing_ok=True)
        raise
