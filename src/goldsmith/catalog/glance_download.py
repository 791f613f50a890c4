"""Bytes out of a Glance: read to the end even where the connection breaks, and digested on the way."""

from collections.abc import Callable, Iterator
from typing import BinaryIO

from goldsmith.catalog.entry import OnBytes
from goldsmith.catalog.glance_api import Api
from goldsmith.catalog.glance_errors import Refused
from goldsmith.catalog.source import Digesting
from goldsmith.host.files import Digests

_BREAKS = 10  # connections that may break without a byte in between


def digests_of(
    api: Api,
    image_id: str,
    *,
    into: BinaryIO | None = None,
    on_bytes: OnBytes | None = None,
    on_block: Callable[[bytes], None] | None = None,
) -> Digests:
    """Read an image's bytes once, perhaps ``into`` a file, and return their digests.

    ``on_block`` gets the blocks, for whoever wants one more digest of the same pass.
    """
    with Digesting() as digesting:
        for block in _blocks(api, image_id):
            digesting.take(block)
            if into:
                into.write(block)
            if on_block:
                on_block(block)
            if on_bytes:
                on_bytes(len(block))
        return digesting.result()


def _blocks(api: Api, image_id: str) -> Iterator[bytes]:
    """Yield all bytes; after a break go on where it was."""
    what, path, done, left = f"give the bytes of {image_id}", f"/images/{image_id}/file", 0, _BREAKS
    size = int(api.ask(f"show the image {image_id}", f"/images/{image_id}").get("size") or 0)
    while True:
        try:
            for block in api.fetch(what, path, start=done):
                done, left = done + len(block), _BREAKS
                yield block
        except Refused as error:
            left -= 1
            if not error.passing or left <= 0:
                raise
            if done < size:
                continue
        return
