# SPDX-License-Identifier: GPL-2.0-or-later
"""The packages that the stand-in knows, where each is offered, and the services it brings."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from goldsmith.media.installer.redhat.release import Release
from goldsmith.media.installer.redhat.rpmdb import Package

TABLE = Path(__file__).with_name("packages.txt")
CLOUD_INIT = {6: "0.7.5-10", 7: "19.4-7"}
_OLD_NAMES = {"qemu-guest-agent": "qemu-ga"}  # services whose name in RHEL 6 is another
CORE, DVD = "core", "dvd"


@dataclass(frozen=True)
class Service:
    name: str
    on: bool = False  # started with the guest as soon as the package is installed


@dataclass(frozen=True)
class Offer:
    """A package with the place it comes from."""

    package: Package
    place: str
    services: tuple[Service, ...] = ()

    @property
    def on_medium(self) -> bool:
        return self.place in (CORE, DVD)


def offers(release: Release, table: Path = TABLE) -> Mapping[str, Offer]:
    """Return what there is for a release, by name."""
    found: dict[str, Offer] = {}
    for line in table.read_text(encoding="utf-8").splitlines():
        words = line.split()
        if not words or line.startswith("#") or str(release.generation) not in words[0]:
            continue
        place, name, version, *services = words[1:]
        full = version.format(
            release=release.version, kernel=release.kernel, cloud=CLOUD_INIT[release.generation]
        )
        number, _, build = full.partition("-")
        tag = "" if build.endswith(f".el{release.generation}") else f".el{release.generation}"
        package = Package(name, number, f"{build}{tag}")
        found[name] = Offer(package, place, tuple(_service(one, release) for one in services))
    return found


def _service(word: str, release: Release) -> Service:
    name = word.removesuffix("+")
    return Service(_OLD_NAMES.get(name, name) if release.generation == 6 else name, word.endswith("+"))
