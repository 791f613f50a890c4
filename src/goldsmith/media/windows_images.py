"""What the media of the Windows versions say of themselves: the stand-ins say the same.

Image names are those that answer files select by; volume ids are those that libosinfo's patterns name (os/microsoft.com
in osinfo-db). Build numbers: Microsoft's lists of releases.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Image:
    """One image of install.wim: ``name`` is what /IMAGE/NAME asks for, ``product`` the registry's ProductName."""

    name: str
    product: str
    edition: str
    installation: str  # the registry's InstallationType


@dataclass(frozen=True)
class Release:
    """A version of Windows: ``version`` as in the registry's CurrentVersion, ``folder`` as virtio-win names it."""

    label: str
    major: int
    minor: int
    build: int
    release_id: str
    folder: str
    images: tuple[Image, ...]

    @property
    def is_server(self) -> bool:
        return self.images[0].installation.startswith("Server")


def _servers(product: str) -> tuple[Image, ...]:
    """Return the four images of a Server medium."""
    found = []
    for edition in ("Standard", "Datacenter"):
        for core in (True, False):
            name = f"Windows Server {product} SERVER{edition.upper()}{'CORE' if core else ''}"
            kind = "Server Core" if core else "Server"
            found.append(Image(name, f"Windows Server {product} {edition}", f"Server{edition}", kind))
    return tuple(found)


def _clients(product: str) -> tuple[Image, ...]:
    return tuple(
        Image(f"Windows {product} {name}", f"Windows 10 {name}", edition, "Client")
        for name, edition in (
            ("Home", "Core"),
            ("Pro", "Professional"),
            ("Education", "Education"),
            ("Enterprise", "Enterprise"),
        )
    )


# Windows 11 keeps "Windows 10" in ProductName; its build number tells it.
RELEASES: Mapping[str, Release] = {
    "win2k12r2": Release("IR5_SSS_X64FRE_EN-US_DV9", 6, 3, 9600, "", "2k12R2", _servers("2012 R2")),
    "win2k16": Release("SSS_X64FRE_EN-US_DV9", 10, 0, 14393, "1607", "2k16", _servers("2016")),
    "win2k19": Release("SSS_X64FREV_EN-US_DV9", 10, 0, 17763, "1809", "2k19", _servers("2019")),
    "win2k22": Release("SSS_X64FREV_EN-US_DV9", 10, 0, 20348, "21H2", "2k22", _servers("2022")),
    "win2k25": Release("SSS_X64FREV_EN-US_DV9", 10, 0, 26100, "24H2", "2k25", _servers("2025")),
    "win10": Release("CCCOMA_X64FREV_EN-US_DV5", 10, 0, 19045, "22H2", "w10", _clients("10")),
    "win11": Release("CCCOMA_X64FREV_EN-US_DV9", 10, 0, 22631, "23H2", "w11", _clients("11")),
}
