"""Writes and checks CycloneDX 1.6, by its own library."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from goldsmith import __version__
from goldsmith.artifact import licences
from goldsmith.artifact.inventory import Inventory, Package
from goldsmith.artifact.manifest import ImageFile
from goldsmith.artifact.sbom import Subject, package_url, whole_url
from goldsmith.errors import GoldsmithError

_SLICE = 32
_SHOWN = 200  # characters at the end of an error, which begins with the whole of what is wrong


def write(inventory: Inventory, subject: Subject) -> str:
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.tool import ToolRepository
    from cyclonedx.output import make_outputter
    from cyclonedx.schema import OutputFormat, SchemaVersion

    image = _image(subject)
    bom = Bom(
        serial_number=subject.id,
        metadata=BomMetaData(
            timestamp=subject.created,
            component=image,
            tools=ToolRepository(
                components=[Component(name="goldsmith", version=__version__, type=ComponentType.APPLICATION)]
            ),
        ),
    )
    system = Component(
        name=inventory.product or inventory.distro,
        version=inventory.release,
        type=ComponentType.OPERATING_SYSTEM,
        bom_ref="system",
    )
    parts = [_component(one, inventory) for one in inventory.packages or ()]
    bom.components = [system, *parts]
    bom.register_dependency(image, [system, *parts])
    text: str = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=1)
    if wrong := problems(text.encode()):
        raise GoldsmithError(f"the bill of materials is no CycloneDX 1.6: {wrong[0]}")
    return text + "\n"


def problems(content: bytes) -> tuple[str, ...]:
    """Say what breaks the schema.

    Slice by slice, as the validator compares each entry of a list with each other: a thousand packages at once take it
    a minute. That no two are the same is seen by their references.
    """
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    validator = JsonStrictValidator(SchemaVersion.V1_6)
    try:
        document = json.loads(content)
        lists = {name: document.get(name, []) for name in ("components", "dependencies")}
        references = [one.get("bom-ref", at) for at, one in enumerate(lists["components"])]
        for start in range(0, max(1, *map(len, lists.values())), _SLICE):
            part = {name: found[start : start + _SLICE] for name, found in lists.items()}
            if wrong := validator.validate_str(json.dumps({**document, **part})):
                return (wrong.data.message[-_SHOWN:],)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        return (f"it cannot be read: {error}",)
    twice = [one for one, count in Counter(references).items() if count > 1]
    return (f"{twice[0]} is named twice",) if twice else ()


def _image(subject: Subject) -> Any:
    """Return the image as a component, with a file below it for each of its formats."""
    from cyclonedx.model.component import Component, ComponentType

    return Component(
        name=subject.name,
        type=ComponentType.OPERATING_SYSTEM,
        bom_ref="image",
        components=[
            Component(name=one.name, type=ComponentType.FILE, bom_ref=f"file/{one.name}", hashes=_hashes(one))
            for one in subject.files
        ],
    )


def _hashes(one: ImageFile) -> Iterable[Any]:
    from cyclonedx.model import HashAlgorithm, HashType

    kinds = {HashAlgorithm.SHA_256: one.sha256, HashAlgorithm.SHA_512: one.sha512}
    return [HashType(alg=kind, content=value) for kind, value in kinds.items() if value]


def _component(package: Package, inventory: Inventory) -> Any:
    from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.contact import OrganizationalEntity
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
    from packageurl import PackageURL

    url = package_url(package, inventory)
    known = licences.expression(package.licence)
    said = LicenseExpression(known) if known else DisjunctiveLicense(name=package.licence or "unknown")
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        bom_ref=url,
        purl=PackageURL.from_string(url),
        licenses=[said] if package.licence else [],
        supplier=OrganizationalEntity(name=package.vendor) if package.vendor else None,
        external_references=[ExternalReference(type=ExternalReferenceType.WEBSITE, url=XsUri(package.url))]
        if whole_url(package.url)
        else [],
    )
