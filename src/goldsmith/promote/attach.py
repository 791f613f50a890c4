"""Keep evidence with the images that it is about."""

from collections.abc import Sequence

from goldsmith.catalog import evidence, index
from goldsmith.catalog.entry import Query
from goldsmith.catalog.evidence import Documents, Evidence
from goldsmith.catalog.local import LocalCatalog
from goldsmith.errors import CatalogError


def attach(
    catalog: LocalCatalog,
    images: Sequence[str],
    kind: str,
    content: bytes,
    *,
    who: str,
    verdict: tuple[bool, str] | None = None,
) -> tuple[Evidence, ...]:
    """Keep a document with these images (ids), all or none, and return the records.

    Whether it speaks for them is read from the document, unless the caller has verified it and gives the
    ``verdict`` with a line that tells it.
    """
    passed, summary = verdict or evidence.judge(kind, content)
    sha256 = Documents(catalog.folder).keep(content)
    with catalog.database.writing() as session:
        records = []
        for image_id in images:
            if not index.select(session, Query(hidden=True), image_id=image_id):
                raise CatalogError(
                    f"{catalog.folder} has no image {image_id!r}", fix="goldsmith image list --all"
                )
            records.append(Evidence(image_id, kind, passed, index.now(), who, sha256, summary))
            evidence.add(session, records[-1])
    return tuple(records)


def kept(catalog: LocalCatalog, image_id: str) -> tuple[Evidence, ...]:
    """Return what is kept with an image, oldest first."""
    with catalog.database.reading() as session:
        return evidence.of_image(session, image_id)
