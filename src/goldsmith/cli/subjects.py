"""What a person means by FILE, IMAGE or BUILD: images on this host, with the evidence that lies beside them."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from goldsmith.artifact import manifest as manifests
from goldsmith.artifact import provenance
from goldsmith.artifact.sbom import FILES
from goldsmith.artifact.verification import Evidence, Read
from goldsmith.catalog.certificates import KeptCertificates
from goldsmith.catalog.choose import NoImage
from goldsmith.catalog.entry import RECIPE, VERSION, Image, Query, Status
from goldsmith.catalog.evidence import Documents, EvidenceKind, newest
from goldsmith.catalog.local import LocalCatalog
from goldsmith.cli.base import Settings
from goldsmith.errors import GoldsmithError, HostError, UsageError
from goldsmith.plan.stage import Entry
from goldsmith.promote.attach import kept as kept_evidence
from goldsmith.record import reading
from goldsmith.signing import detached
from goldsmith.signing.certificates import Certificate, parse
from goldsmith.signing.names import CERTIFICATE, SUFFIX, beside, signed
from goldsmith.signing.signature import Signature, UnknownSignature, from_properties
from goldsmith.stages.attested import SIGNATURES
from goldsmith.stages.exported import exported

BUILD = "goldsmith_build"
Find = Callable[[str], str | None]


@dataclass(frozen=True)
class Subject:
    """One image. ``folder`` holds its manifest and provenance, ``signature`` is the file of its signature.

    ``images`` are its entries in the embedded catalog.
    """

    label: str
    path: Path
    folder: Path | None = None
    signature: Path | None = None
    images: tuple[Image, ...] = ()
    catalog: LocalCatalog | None = None

    def evidence(self, settings: Settings, read: Read | None) -> Evidence:
        """Return what is known of it besides its bytes; ``read`` are their digests."""
        registered: tuple[str, ...] | None = None
        if self.images and read:
            registered = tuple(one for image in self.images for one in image.differences(read.digests))
        found = Evidence(
            registered=registered,
            manifest=_there(self.folder, provenance.MANIFEST) or self._document(EvidenceKind.MANIFEST),
            provenance=_there(self.folder, provenance.FILE) or self._document(EvidenceKind.PROVENANCE),
            also=self._bills(),
        )
        if self.signature and self.signature.is_file():
            return _by_file(found, self.signature)
        claims = [image.properties for image in self.images if signed(image.properties)]
        return by_properties(found, claims[0], kept(settings).find) if claims else found

    def _bills(self) -> dict[str, Path]:
        """Return the bills of materials: those beside its manifest, else the one that the catalog keeps."""
        if _there(self.folder, provenance.MANIFEST):
            here = {name: path for name in FILES.values() if (path := _there(self.folder, name))}
            if here:
                return here
        kept_here = self._document(EvidenceKind.SBOM)
        return {"the SBOM": kept_here} if kept_here else {}

    def _document(self, kind: str) -> Path | None:
        """Return what the catalog keeps of a kind with the image."""
        if not self.images or not self.catalog:
            return None
        record = newest(kept_evidence(self.catalog, self.images[0].id), kind)
        path = Documents(self.catalog.folder).path(record.sha256) if record else None
        return path if path and path.is_file() else None


def subjects(settings: Settings, wanted: str) -> tuple[Subject, ...]:
    """Return what is meant. Raises UsageError when it is nothing, or may be several things."""
    path = Path(wanted)
    if path.is_file():
        return (_file(path.absolute()),)
    if path.is_dir():
        raise UsageError(f"{wanted} is a folder", fix="name the image in it")
    catalog = LocalCatalog(settings.state / "catalog")
    recipe, _, version = wanted.partition("@")
    of_version = Query(properties={RECIPE: recipe, VERSION: version}, hidden=True)
    if version and (images := catalog.list(of_version)):
        return tuple(_entry(settings, one) for one in images)
    try:
        return (_entry(settings, catalog.find(wanted)),)
    except NoImage:
        pass
    folder = build_folder(settings, wanted, otherwise="no image of the catalog and no build")
    return tuple(_build(settings, folder))


def build_folder(settings: Settings, wanted: str, *, otherwise: str) -> Path:
    """Return the folder of a build, where a name is that of nothing else; ``otherwise`` says what it is not."""
    try:
        return reading.find(settings.state / "builds", wanted).folder
    except reading.NoBuild:
        raise UsageError(
            f"{wanted} is no file, {otherwise}",
            fix="goldsmith image list and goldsmith builds show what there is",
        ) from None


def kept(settings: Settings) -> KeptCertificates:
    return KeptCertificates(settings.state / "catalog" / "certificates")


def of_cloud(settings: Settings, properties: Mapping[str, str], certificates: Find) -> Evidence:
    """Return what is known of an image in a cloud: its properties, and what its build left on this host."""
    folder = _record(settings, properties)
    found = Evidence(manifest=_there(folder, provenance.MANIFEST), provenance=_there(folder, provenance.FILE))
    return by_properties(found, properties, certificates) if signed(properties) else found


def by_properties(found: Evidence, properties: Mapping[str, str], certificates: Find) -> Evidence:
    """Add what the properties of an image say of its signature; ``certificates`` finds PEM texts by their ids."""
    try:
        signature = from_properties(properties)
        pem = certificates(signature.certificate)
        certificate = parse(pem.encode(), f"certificate {properties[CERTIFICATE]}") if pem else None
    except UnknownSignature as error:
        return with_signature(found, None, None, unreadable=str(error))
    except GoldsmithError as error:
        return with_signature(found, None, None, unreadable=error.problem)
    return with_signature(found, signature, certificate)


def with_signature(
    found: Evidence,
    signature: Signature | None,
    certificate: Certificate | None,
    *,
    promised: str = "",
    unreadable: str = "",
) -> Evidence:
    return Evidence(
        registered=found.registered,
        promised=promised,
        signature=signature,
        unreadable=unreadable,
        certificate=certificate,
        manifest=found.manifest,
        provenance=found.provenance,
        also=found.also,
    )


def _by_file(found: Evidence, path: Path) -> Evidence:
    try:
        read = detached.read(path)
    except GoldsmithError as error:
        return with_signature(found, None, None, unreadable=error.problem)
    return with_signature(found, read.signature, read.certificate, promised=read.sha256)


def _file(path: Path) -> Subject:
    return Subject(path.name, path, path.parent, beside(path))


def _entry(settings: Settings, image: Image) -> Subject:
    catalog = LocalCatalog(settings.state / "catalog")
    folder = _record(settings, image.properties)
    return Subject(image.name, catalog.file_of(image), folder, images=(image,), catalog=catalog)


def _record(settings: Settings, properties: Mapping[str, str]) -> Path | None:
    """Return the folder of the build that an image names, if it is on this host."""
    name = Path(properties.get(BUILD, "")).name  # whoever wrote the property does not choose the folder
    folder = settings.state / "builds" / name
    return folder if name and folder.is_dir() else None


def _build(settings: Settings, folder: Path) -> Iterator[Subject]:
    if not (folder / provenance.MANIFEST).is_file():
        raise UsageError(
            f"the build {folder.name} has no manifest: it failed, or it found all of its image in the store",
            fix="name the image itself: goldsmith image list",
        )
    sealed = manifests.read(folder / provenance.MANIFEST)
    catalog = LocalCatalog(settings.state / "catalog")
    images = catalog.list(Query(properties={BUILD: folder.name}, hidden=True, status=Status.ACTIVE))
    made = _exported(settings, sealed)
    for file in sealed.files:
        entries = tuple(one for one in images if one.sha256 == file.sha256)
        path = made.get(file.sha256)
        if not (path and path.is_file()) and entries:
            path = catalog.file_of(entries[0])
        if not (path and path.is_file()):
            raise UsageError(
                f"{file.name} of the build {folder.name} is neither in the store nor in the catalog any more",
                fix="build it again",
            )
        signature = folder / SIGNATURES / f"{file.name}{SUFFIX}"
        yield Subject(file.name, path, folder, signature, entries, catalog)


def _exported(settings: Settings, sealed: manifests.Manifest) -> Mapping[str, Path]:
    """Return the files that the store has of a build, by their SHA-256; none where the export is gone or damaged."""
    key = next((one.key for one in sealed.stages if one.name == "export"), "-")
    try:
        made = exported(Entry(key, settings.state / "store" / "layers" / key))
    except (HostError, LookupError):
        return {}
    return {one.digests.sha256: one.path for one in made}


def _there(folder: Path | None, name: str) -> Path | None:
    """Return a file of evidence if it is there and is one of ours; a manifest.json may be anybody's."""
    path = folder / name if folder else None
    if path is None or not path.is_file():
        return None
    if name == provenance.MANIFEST:
        try:
            document = json.loads(path.read_bytes())
        except (OSError, ValueError):
            return path
        return path if isinstance(document, dict) and "seal" in document else None
    return path
