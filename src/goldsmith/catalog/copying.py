"""Copies of images: new files of their own, whole or not there; and whether bytes are those of an image."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from goldsmith.catalog.command import command
from goldsmith.catalog.entry import Image, Verification
from goldsmith.errors import CatalogError
from goldsmith.host.files import Digests, need_space


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


def check_copy(image: Image, found: Digests, *, cloud: str = "") -> None:
    """Raise CatalogError for a copy that is not what was registered; ``cloud`` is where it came from."""
    if problems := image.differences(found):
        raise CatalogError(
            f"image {image.id} ({image.name}) did not come as it was registered: {problems[0]}",
            fix=command(f"image verify {image.id}", cloud)
            + f"; {'push' if cloud else 'build'} it again to have it whole",
        )


def verified(image: Image, read: Callable[[Image], Digests]) -> Verification:
    """Compare what is read with what was registered; an image whose bytes are to come has nothing to read."""
    if image.half:
        return Verification(image, (f"it is {image.status}: it has no bytes yet",))
    return Verification(image, image.differences(read(image)))
