"""What a build left to be published: its entries as they were registered, and where the bytes are now."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from goldsmith.catalog.choose import NoImage
from goldsmith.catalog.entry import Image, Query, Status
from goldsmith.catalog.local import LocalCatalog
from goldsmith.errors import CatalogError, UsageError
from goldsmith.promote.attach import kept
from goldsmith.promote.known import properties_of
from goldsmith.publish.item import BUILD, FACTS, Item, item_of, together


def items_of_build(document: Mapping[str, Any], state: Path) -> tuple[Item, ...]:
    """Return the images of a build by its build.json, also of one whose upload failed.

    Raises UsageError when the build made none, CatalogError when they were deleted since.
    """
    build = str(document.get("id", ""))
    catalog = LocalCatalog(state / "catalog")
    ids = _registered(document, state) or [
        one.id for one in catalog.list(Query(properties={BUILD: build}, hidden=True, status=Status.ACTIVE))
    ]
    if not ids:
        raise UsageError(
            f"the build {build} has registered no image",
            fix="build it without --no-register; or push a file: goldsmith push FILE --catalog NAME",
        )
    return items_of(catalog, [_active(catalog, one, build) for one in ids])


def items_of(catalog: LocalCatalog, images: Sequence[Image]) -> tuple[Item, ...]:
    """Return images of the embedded catalog that are the same disk in several formats."""
    return together(tuple(_item(catalog, one) for one in images))


def _item(catalog: LocalCatalog, image: Image) -> Item:
    """Return an image with what is known about it, for the gates of the catalog that it goes to."""
    item = item_of(image, catalog.file_of(image))
    known = properties_of(kept(catalog, image.id))
    return replace(item, new=replace(item.new, properties={**item.new.properties, **known}))


def _registered(document: Mapping[str, Any], state: Path) -> list[str]:
    keys = [one.get("key", "") for one in document.get("stages", ()) if one.get("name") == "register"]
    for key in filter(None, keys):
        try:
            facts = json.loads((state / "store" / "layers" / key / FACTS).read_text(encoding="utf-8"))
            return [str(one["id"]) for one in facts["images"]]
        except (OSError, ValueError, LookupError):
            continue
    return []


def _active(catalog: LocalCatalog, image_id: str, build: str) -> Image:
    try:
        return catalog.get(image_id)
    except NoImage:
        raise CatalogError(
            f"the image {image_id} of the build {build} was deleted from the embedded catalog",
            fix=f"goldsmith image undelete {image_id}, or build it again",
        ) from None
