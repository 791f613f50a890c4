"""Bills of materials: the packages of an image and its checksums, as CycloneDX and as SPDX say it."""

import hashlib
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from goldsmith import __version__
from goldsmith.artifact.inventory import RPM, WINDOWS, Inventory, Package
from goldsmith.artifact.manifest import ImageFile
from goldsmith.host.files import write_atomically

CYCLONEDX, SPDX = "cyclonedx", "spdx"
FILES = {CYCLONEDX: "sbom.cdx.json", SPDX: "sbom.spdx.json"}
TOOL = f"goldsmith-{__version__}"
_URL = re.compile(r"(https?|ftp)://[A-Za-z0-9.-]+(:\d+)?(/[A-Za-z0-9._~%+,;=@/?&:()-]*)?")
_SPACE = uuid.UUID("6d0f3ab4-6a4b-5f0e-9c31-3a5f0f8f2f4e")  # ours alone, for ids that follow from the content
_NAMESPACES = {"rhel": "redhat"}  # as the vendor itself writes; of all others libguestfs's name of the system


@dataclass(frozen=True)
class Subject:
    """The image that a bill is of; ``made`` is when, in seconds since the epoch: the one thing that is not in it."""

    name: str
    files: Sequence[ImageFile]
    made: float

    @property
    def created(self) -> datetime:
        return datetime.fromtimestamp(int(self.made), UTC)

    @property
    def id(self) -> uuid.UUID:
        """Return what names this bill in all the world; the same bytes of the image give the same."""
        content = " ".join(one.sha256 for one in self.files)
        return uuid.uuid5(_SPACE, hashlib.sha256(content.encode()).hexdigest())


def write_bills(inventory: Inventory, subject: Subject, folder: Path) -> tuple[Path, ...]:
    """Write both bills and return their paths."""
    made = []
    for kind, name in FILES.items():
        write_atomically(folder / name, bill(kind, inventory, subject))
        made.append(folder / name)
    return tuple(made)


def bill(kind: str, inventory: Inventory, subject: Subject) -> bytes:
    """Return one bill, checked by the library that knows its format."""
    if kind == SPDX:
        from goldsmith.artifact import spdx

        return spdx.write(inventory, subject).encode()
    from goldsmith.artifact import cyclonedx

    return cyclonedx.write(inventory, subject).encode()


def checked(kind: str, content: bytes) -> tuple[str, ...]:
    """Say in words what a bill of this kind breaks of its format's rules; nothing if it is sound."""
    if kind == SPDX:
        from goldsmith.artifact import spdx

        return spdx.problems(content)
    from goldsmith.artifact import cyclonedx

    return cyclonedx.problems(content)


def whole_url(said: str) -> bool:
    """Say whether this is a URL that both formats take; what packages give as theirs may be anything."""
    return bool(_URL.fullmatch(said))


def package_url(package: Package, inventory: Inventory) -> str:
    """Return the package URL, by which others know a package."""
    from packageurl import PackageURL

    if package.kind == WINDOWS:
        namespace = "microsoft" if package.vendor.startswith("Microsoft") else None
        more = {"arch": package.arch} if package.arch else {}
        return str(PackageURL("generic", namespace, package.name, package.version or None, more))
    version, epoch = package.version, ""
    if package.kind == RPM and ":" in version:  # the specification has the epoch of an rpm apart
        epoch, _, version = version.partition(":")
    said = {
        "arch": package.arch,
        "epoch": epoch,
        "distro": f"{inventory.distro}-{inventory.release}",
        "upstream": package.source if package.source != package.name else "",
    }
    namespace = _NAMESPACES.get(inventory.distro, inventory.distro) or None
    return str(
        PackageURL(
            package.kind,
            namespace,
            package.name,
            version,
            {name: value for name, value in said.items() if value},
        )
    )
