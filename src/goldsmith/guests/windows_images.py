"""What a Windows medium can install: read from the description that every .wim and .esd file carries.

Source: Microsoft's "Windows Imaging File Format" (header with the place of the XML data, UTF-16).
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from goldsmith.errors import UsageError
from goldsmith.host.disc import Disc

PLACES = ("sources/install.wim", "sources/install.esd", "sources/install.swm")
_MAGIC = b"MSWIM\0\0\0"
_HEADER = 208
_XML_AT = 72  # where the header says where the XML is: size (7 bytes) and flags, offset, size when unpacked
_LARGEST = 16 << 20
_ARCHITECTURES = {"0": "x86", "5": "arm", "6": "ia64", "9": "amd64", "12": "arm64"}


@dataclass(frozen=True)
class Image:
    """One image of a medium; what the description leaves out is ""  or 0."""

    index: int
    name: str
    edition: str  # EDITIONID, such as ServerStandard or ServerStandardEval
    arch: str
    build: int
    languages: Sequence[str]

    @property
    def evaluation(self) -> bool:
        return self.edition.endswith("Eval")


def images_on(disc: Disc) -> list[Image]:
    """Return the images that a Windows medium installs. Raises UsageError where it has none."""
    place = next((one for one in PLACES if disc.has(one)), None)
    if place is None:
        raise UsageError(
            f"{disc.path.name} has no {PLACES[0]}: it is no installation medium of Windows",
            fix="give the ISO that Microsoft calls a Windows installation medium",
        )
    header = disc.read(place, 0, _HEADER)
    if len(header) < _HEADER or header[:8] != _MAGIC:
        raise UsageError(
            f"{place} on {disc.path.name} is damaged", fix="get it again, and compare its sha256"
        )
    size_and_flags, offset, _ = struct.unpack_from("<QQQ", header, _XML_AT)
    size = size_and_flags & (2**56 - 1)
    if not 0 < size <= _LARGEST:
        raise UsageError(
            f"{place} on {disc.path.name} is damaged", fix="get it again, and compare its sha256"
        )
    return parse_images(disc.read(place, offset, size), place)


def parse_images(xml: bytes, place: str) -> list[Image]:
    """Return what a description says. Raises UsageError where it is no such description."""
    try:
        root = ElementTree.fromstring(xml.decode("utf-16").lstrip("\ufeff"))
    except (UnicodeDecodeError, ElementTree.ParseError) as error:
        raise UsageError(f"{place} is damaged: {error}", fix="get it again, and compare its sha256") from None
    return [_image(one) for one in root.findall("IMAGE")]


def _image(node: ElementTree.Element) -> Image:
    def said(path: str) -> str:
        return (node.findtext(path) or "").strip()

    build = said("WINDOWS/VERSION/BUILD")
    index = node.get("INDEX", "")
    return Image(
        index=int(index) if index.isdecimal() else 0,
        name=said("NAME"),
        edition=said("WINDOWS/EDITIONID"),
        arch=_ARCHITECTURES.get(said("WINDOWS/ARCH"), ""),
        build=int(build) if build.isdecimal() else 0,
        languages=[one.text.strip() for one in node.findall("WINDOWS/LANGUAGES/LANGUAGE") if one.text],
    )
