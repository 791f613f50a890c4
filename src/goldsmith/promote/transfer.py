"""Bring a version from one catalog to another: the same bytes, compared by digest, with all that is said of them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from goldsmith.catalog.command import command
from goldsmith.catalog.contract import Catalog
from goldsmith.catalog.entry import RECIPE, SHA256, VERSION, Image, NewImage, Query
from goldsmith.catalog.local import LocalCatalog
from goldsmith.catalog.rules import CHANNEL, EVIDENCE, REVOKED
from goldsmith.errors import CatalogError, GateError
from goldsmith.host.aside import aside
from goldsmith.host.files import Digests, digest
from goldsmith.promote.known import properties_of
from goldsmith.promote.marks import PROTECTS
from goldsmith.promote.version import Version

ORIGIN = "goldsmith_promoted_from"
_OWN = (SHA256, PROTECTS, REVOKED, ORIGIN, "signature_verified")
_THEIRS = ("os_glance", "owner_specified.", CHANNEL, EVIDENCE)


@dataclass(frozen=True)
class Transfer:
    """One version on its way; ``folder`` has room for a copy of each image."""

    source: Catalog
    source_name: str
    target: Catalog
    target_name: str
    folder: Path
    certificate: str | None = None  # the target's secret with the certificate of the signature

    def bring(self, version: Version) -> tuple[Image, ...]:
        """Return the images in the target; those that are there already are not sent again."""
        self._require_same_build(version)
        return tuple(self._image(one, version) for one in version.images)

    def _image(self, image: Image, version: Version) -> Image:
        new = self._new(image, version)
        with self._file(image) as (file, digests):
            found = self.target.register(file, new, digests)
        if problems := found.differences(digests):
            raise CatalogError(
                f"{self.target_name} has other bytes for {version.name} ({image.disk_format}): {problems[0]}",
                fix="it must take images as they are, without converting them; or delete what it has: "
                + command(f"image delete {found.id}", self.target_name),
            )
        return found

    def _new(self, image: Image, version: Version) -> NewImage:
        kept = {
            name: value
            for name, value in image.properties.items()
            if name not in _OWN and not name.startswith(_THEIRS)
        }
        if self.certificate and "img_signature_certificate_uuid" in kept:
            kept["img_signature_certificate_uuid"] = self.certificate
        return NewImage(
            name=image.name,
            disk_format=image.disk_format,
            container_format=image.container_format,
            visibility="private",  # its channel says who may see it there
            min_disk=image.min_disk,
            min_ram=image.min_ram,
            virtual_size=image.virtual_size,
            properties={**kept, **properties_of(version.evidence), ORIGIN: self.source_name},
            tags=image.tags,
        )

    @contextmanager
    def _file(self, image: Image) -> Iterator[tuple[Path, Digests]]:
        """Give the image's bytes as a file that nobody writes to, with the digests that it was compared by."""
        with ExitStack() as stack:
            if isinstance(self.source, LocalCatalog):
                file = self.source.file_of(image)
            else:
                self.folder.mkdir(parents=True, exist_ok=True)
                file = stack.enter_context(aside(self.folder, "transfer")) / "image"
                self.source.download(image.id, file)
            digests: Digests = digest(file)
            if problems := image.differences(digests):
                raise GateError(
                    f"image {image.id} of {self.source_name} is not what was registered: {problems[0]}",
                    fix=command(f"image verify {image.id}", self.source_name) + "; build it again",
                )
            yield file, digests

    def _require_same_build(self, version: Version) -> None:
        """Refuse a number that the target has from another build."""
        query = Query(properties={RECIPE: version.recipe, VERSION: version.version}, hidden=True)
        builds = {one.build_key for one in version.images} - {None}
        bytes_of = {(one.disk_format, one.os_hash_value) for one in version.images}
        for there in self.target.list(query):
            if there.build_key not in builds and (there.disk_format, there.os_hash_value) not in bytes_of:
                raise GateError(
                    f"{self.target_name} has {version.name} from another build ({there.id})",
                    fix="build again, to have a number of its own",
                )
