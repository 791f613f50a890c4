"""The file that a boot test boots, and where and by what it runs."""

from dataclasses import dataclass
from pathlib import Path

BOOT_TESTS = "boot-tests"  # folder of the state folder with the evidence of each test, by its id
SUFFIX = "-boot"  # of the ident of a build's own test, after the id of the build
_GROWTH = 5 << 30  # bytes
_GROWTH_SHARE = 0.15


@dataclass(frozen=True)
class Image:
    """The file to boot, which stays as it is; ``format`` by the Image API, ``size`` of its disk in bytes."""

    path: Path
    format: str
    size: int
    label: str = ""  # its name in a catalog

    @property
    def grown(self) -> int:
        """Return the size of the disk that the guests get: so much more that metadata cannot hide it."""
        more = max(_GROWTH, int(self.size * _GROWTH_SHARE))
        return (self.size + more) >> 20 << 20


@dataclass(frozen=True)
class Place:
    """Where and by what a test runs; ``ident`` names its folders and machines, ``network`` as in Machine.

    ``evidence`` is the folder of what stays, where that is another one than ``folder`` makes of the ident.
    """

    ident: str
    state: Path
    uri: str
    virt_type: str
    network: str
    evidence: Path | None = None

    @property
    def folder(self) -> Path:
        """Return the folder of the evidence, which stays."""
        return self.evidence or self.own

    @property
    def own(self) -> Path:
        """Return the folder of the lock by which others see that the test is alive."""
        return self.state / BOOT_TESTS / self.ident

    @property
    def scratch(self) -> Path:
        """Return the folder of overlays and drives, which goes with the test."""
        return self.state / "run" / self.ident
