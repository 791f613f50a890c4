"""The list of images in an install.wim: the XML that its header points at."""

import struct
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class WimImage:
    """One image as its XML describes it."""

    index: int
    name: str
    element: ET.Element

    def text(self, path: str) -> str:
        return self.element.findtext(path) or ""


def read_images(wim: Path) -> Sequence[WimImage]:
    """Return the images; raises ValueError for a file that is no WIM."""
    with wim.open("rb") as file:
        head = file.read(208)
        if head[:8] != b"MSWIM\0\0\0":
            raise ValueError(f"{wim.name} is no WIM")
        size, offset, length = struct.unpack_from("<QQQ", head, 72)
        file.seek(offset)
        data = file.read(length if size & 0xFFFFFFFFFFFFFF == length else size & 0xFFFFFFFFFFFFFF)
    root = ET.fromstring(data.decode("utf-16"))
    return [
        WimImage(int(one.get("INDEX", "0")), (one.findtext("NAME") or "").strip(), one)
        for one in root.iterfind("IMAGE")
    ]
