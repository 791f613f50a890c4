"""What differs between the versions of Windows, as data: one row a libosinfo name.

Sources: image names and disk layouts chef/bento and cloudbase/windows-openstack-imaging-tools; generic keys
MicrosoftDocs/windowsserverdocs get-started/kms-client-activation-keys.md; driver folders
virtio-win/virtio-win-pkg-scripts util/filemap.py; sizes Microsoft's hardware requirements of each version.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from goldsmith.recipe.windows import Edition

GIB = 2**30


@dataclass(frozen=True)
class Pin:
    """A file that Goldsmith fetches when the recipe names none; ``source`` says who published the digest.

    ``sha256`` is "" where nobody publishes one: then the recipe has to say it.
    """

    url: str
    version: str
    sha256: str
    source: str


@dataclass(frozen=True)
class EditionFacts:
    """One edition on the medium; ``id`` is its EDITIONID in install.wim, followed by ``Eval`` on trial media."""

    image_name: str
    id: str
    generic_key: str


@dataclass(frozen=True)
class WindowsVersion:
    """What is true of one version. Sizes are bytes; ``build`` and ``last_build`` are the first and last number."""

    os: str
    title: str
    client: bool
    build: int
    last_build: int
    drivers: str  # name of its folders on the virtio-win ISO
    editions: Mapping[Edition, EditionFacts]
    min_disk: int
    min_memory: int
    virtio_win: Pin
    driver_msi: bool = True  # virtio-win-gt-x64.msi knows it; else pnputil
    uefi_only: bool = False
    tpm: bool = False  # and Secure Boot

    @property
    def default_edition(self) -> Edition:
        return next(iter(self.editions))


_ARCHIVE = "https://fedorapeople.org/groups/virt/virtio-win/direct-downloads/archive-virtio"

VIRTIO_WIN = Pin(
    url=f"{_ARCHIVE}/virtio-win-0.1.285-1/virtio-win-0.1.285.iso",
    version="0.1.285",
    sha256="e14cf2b94492c3e925f0070ba7fdfedeb2048c91eea9c5a5afb30232a3976331",
    source="github.com/Pumba98/proxmox-packer-templates windows-11.pkrvars.hcl; a second builder counted the same",
)
# The last one whose drivers Windows before 10 accepts: later ones carry only a test signature for it
# (virtio-win-pkg-scripts issue 61).
VIRTIO_WIN_OLD = Pin(
    url=f"{_ARCHIVE}/virtio-win-0.1.215-2/virtio-win-0.1.215.iso",
    version="0.1.215",
    sha256="",
    source="",
)
CLOUDBASE_INIT = Pin(
    url="https://github.com/cloudbase/cloudbase-init/releases/download/1.1.8/CloudbaseInitSetup_1_1_8_x64.msi",
    version="1.1.8",
    sha256="0e7fa42e0cbc0ce7657f85730b0c6cc7afc4087a3639df0ff51a721a0be19bd5",
    source="several public image builders pin this release and have this value; the project publishes none",
)
GUEST_AGENT_ON_DRIVERS = "guest-agent/qemu-ga-x86_64.msi"  # path on the virtio-win ISO
CERTIFICATE_ON_DRIVERS = "cert/Virtio_Win_Red_Hat_CA.cer"  # not on every virtio-win ISO
DRIVERS_MSI = "virtio-win-gt-x64.msi"

SETUP_DRIVERS = ("viostor", "vioscsi", "NetKVM")  # what Setup itself needs: disks of both kinds, the network
ALL_DRIVERS = (*SETUP_DRIVERS, "Balloon", "vioserial", "viorng", "pvpanic")  # on all ISOs, for all versions


def _server(name: str, standard: str, datacenter: str) -> Mapping[Edition, EditionFacts]:
    return {
        Edition.STANDARD: EditionFacts(f"{name} SERVERSTANDARD", "ServerStandard", standard),
        Edition.DATACENTER: EditionFacts(f"{name} SERVERDATACENTER", "ServerDatacenter", datacenter),
    }


def _client(name: str) -> Mapping[Edition, EditionFacts]:
    return {
        Edition.PRO: EditionFacts(f"{name} Pro", "Professional", "W269N-WFGWX-YVC9B-4J6C9-T83GX"),
        Edition.ENTERPRISE: EditionFacts(f"{name} Enterprise", "Enterprise", "NPPR9-FWDCX-D2C8J-H872K-2YT43"),
    }


_ROWS = (
    WindowsVersion(
        os="win2k12r2",
        title="Windows Server 2012 R2",
        client=False,
        build=9600,
        last_build=9600,
        drivers="2k12R2",
        editions=_server(
            "Windows Server 2012 R2", "D2N9P-3P6X9-2R39C-7RTCD-MDVJX", "W3GGN-FT8W3-Y4M27-J84CP-Q3VJ9"
        ),
        min_disk=32 * GIB,
        min_memory=1 * GIB,
        virtio_win=VIRTIO_WIN_OLD,
        driver_msi=False,
    ),
    WindowsVersion(
        os="win2k16",
        title="Windows Server 2016",
        client=False,
        build=14393,
        last_build=14393,
        drivers="2k16",
        editions=_server(
            "Windows Server 2016", "WC2BQ-8NRM3-FDDYY-2BFGV-KHKQY", "CB7KF-BWN84-R7R2Y-793K2-8XDDG"
        ),
        min_disk=32 * GIB,
        min_memory=2 * GIB,
        virtio_win=VIRTIO_WIN,
    ),
    WindowsVersion(
        os="win2k19",
        title="Windows Server 2019",
        client=False,
        build=17763,
        last_build=17763,
        drivers="2k19",
        editions=_server(
            "Windows Server 2019", "N69G4-B89J2-4G8F4-WWYCC-J464C", "WMDGN-G9PQG-XVVXX-R3X43-63DFG"
        ),
        min_disk=32 * GIB,
        min_memory=2 * GIB,
        virtio_win=VIRTIO_WIN,
    ),
    WindowsVersion(
        os="win2k22",
        title="Windows Server 2022",
        client=False,
        build=20348,
        last_build=20348,
        drivers="2k22",
        editions=_server(
            "Windows Server 2022", "VDYBN-27WPP-V4HQT-9VMD4-VMK7H", "WX4NM-KYWYW-QJJR4-XV3QB-6VM33"
        ),
        min_disk=32 * GIB,
        min_memory=2 * GIB,
        virtio_win=VIRTIO_WIN,
    ),
    WindowsVersion(
        os="win2k25",
        title="Windows Server 2025",
        client=False,
        build=26100,
        last_build=26100,
        drivers="2k25",
        editions=_server(
            "Windows Server 2025", "TVRH6-WHNXV-R9WG3-9XRFY-MY832", "D764K-2NDRG-47T6Q-P8T8W-YP6DF"
        ),
        min_disk=32 * GIB,
        min_memory=2 * GIB,
        virtio_win=VIRTIO_WIN,
    ),
    WindowsVersion(
        os="win10",
        title="Windows 10",
        client=True,
        build=10240,
        last_build=19999,
        drivers="w10",
        editions=_client("Windows 10"),
        min_disk=32 * GIB,
        min_memory=2 * GIB,
        virtio_win=VIRTIO_WIN,
    ),
    WindowsVersion(
        os="win11",
        title="Windows 11",
        client=True,
        build=22000,
        last_build=99999,
        drivers="w11",
        editions=_client("Windows 11"),
        min_disk=64 * GIB,
        min_memory=4 * GIB,
        virtio_win=VIRTIO_WIN,
        uefi_only=True,
        tpm=True,
    ),
)

VERSIONS: Mapping[str, WindowsVersion] = {row.os: row for row in _ROWS}

# Each generic key with the version (one for both clients) and the EDITIONID that it is for.
GENERIC_KEYS: Mapping[str, tuple[str, str]] = {
    facts.generic_key: ("client" if row.client else row.os, facts.id)
    for row in _ROWS
    for facts in row.editions.values()
}
