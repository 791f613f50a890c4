"""Writes and checks SPDX 2.3, by its own library."""

import io
import json
import re
from typing import Any

from goldsmith.artifact import licences
from goldsmith.artifact.inventory import Inventory, Package
from goldsmith.artifact.manifest import ImageFile
from goldsmith.artifact.sbom import TOOL, Subject, package_url, whole_url
from goldsmith.errors import GoldsmithError

_IMAGE = "SPDXRef-Image"


def write(inventory: Inventory, subject: Subject) -> str:
    from spdx_tools.spdx.model import CreationInfo, Document, Relationship, RelationshipType
    from spdx_tools.spdx.writer.json.json_writer import write_document_to_stream

    info = CreationInfo(
        spdx_version="SPDX-2.3",
        spdx_id="SPDXRef-DOCUMENT",
        name=subject.name,
        data_license="CC0-1.0",
        document_namespace=f"urn:uuid:{subject.id}",
        creators=[_tool()],
        created=subject.created.replace(tzinfo=None),
    )
    images = [_image(one, at) for at, one in enumerate(subject.files)]
    parts = [_part(one, inventory, at) for at, one in enumerate(inventory.packages or (), 1)]
    relations = [Relationship("SPDXRef-DOCUMENT", RelationshipType.DESCRIBES, one.spdx_id) for one in images]
    relations += [Relationship(images[0].spdx_id, RelationshipType.CONTAINS, one.spdx_id) for one in parts]
    document = Document(info, packages=[*images, *parts], relationships=relations)
    if wrong := _problems(document):
        raise GoldsmithError(f"the bill of materials is no SPDX 2.3: {wrong[0]}")
    stream = io.StringIO()
    write_document_to_stream(document, stream, validate=False)
    return json.dumps(json.loads(stream.getvalue()), indent=1, ensure_ascii=False) + "\n"


def problems(content: bytes) -> tuple[str, ...]:
    from spdx_tools.spdx.parser.error import SPDXParsingError
    from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser

    try:
        return _problems(JsonLikeDictParser().parse(json.loads(content)))
    except SPDXParsingError as error:
        return tuple(error.get_messages())
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        return (f"it cannot be read: {error}",)


def _problems(document: Any) -> tuple[str, ...]:
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    return tuple(one.validation_message for one in validate_full_spdx_document(document, "SPDX-2.3"))


def _tool() -> Any:
    from spdx_tools.spdx.model import Actor, ActorType

    return Actor(ActorType.TOOL, TOOL)


def _image(one: ImageFile, at: int) -> Any:
    from spdx_tools.spdx.model import Checksum, ChecksumAlgorithm, PackagePurpose, SpdxNoAssertion
    from spdx_tools.spdx.model import Package as Described

    sums = {ChecksumAlgorithm.SHA256: one.sha256, ChecksumAlgorithm.SHA512: one.sha512}
    return Described(
        spdx_id=f"{_IMAGE}-{at}" if at else _IMAGE,
        name=one.name,
        download_location=SpdxNoAssertion(),
        file_name=one.name,
        files_analyzed=False,
        checksums=[Checksum(kind, value) for kind, value in sums.items() if value],
        primary_package_purpose=PackagePurpose.OPERATING_SYSTEM,
    )


def _part(package: Package, inventory: Inventory, at: int) -> Any:
    from spdx_tools.spdx.model import (
        Actor,
        ActorType,
        ExternalPackageRef,
        ExternalPackageRefCategory,
        SpdxNoAssertion,
    )
    from spdx_tools.spdx.model import Package as Described

    url = package_url(package, inventory)
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", package.name)
    return Described(
        spdx_id=f"SPDXRef-Package-{at}-{name}",
        name=package.name,
        version=package.version or None,
        download_location=SpdxNoAssertion(),
        files_analyzed=False,
        supplier=Actor(ActorType.ORGANIZATION, package.vendor) if package.vendor else SpdxNoAssertion(),
        homepage=package.url if whole_url(package.url) else None,
        license_declared=_licence(package.licence),
        license_concluded=SpdxNoAssertion(),
        license_comment=package.licence or None,
        external_references=[ExternalPackageRef(ExternalPackageRefCategory.PACKAGE_MANAGER, "purl", url)],
    )


def _licence(said: str) -> Any:
    from spdx_tools.common.spdx_licensing import spdx_licensing
    from spdx_tools.spdx.model import SpdxNoAssertion

    known = licences.expression(said)
    return spdx_licensing.parse(known) if known else SpdxNoAssertion()
