"""Media that have a name: Goldsmith makes them itself, once for each set of inputs."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from goldsmith.host import files
from goldsmith.host.closed import PASSED, make_folder
from goldsmith.host.process import Host
from goldsmith.host.sealed import sealed_text, unsealed
from goldsmith.media.demo_iso import DEMO, Product, build_installer, installer_key
from goldsmith.media.stable import stable
from goldsmith.media.windows_drivers import (
    AGENT,
    CLOUDBASE,
    build_drivers,
    build_package,
    drivers_key,
    package_key,
)
from goldsmith.media.windows_iso import Fault, build_windows, windows_key

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
Said = Callable[[str], None]


class Makeable(ABC):
    """A medium that is built on this host."""

    suffix: ClassVar[str] = ".iso"

    @property
    @abstractmethod
    def summary(self) -> str: ...

    @abstractmethod
    def inputs(self) -> Mapping[str, Json]:
        """Return everything that decides the medium."""

    @abstractmethod
    def _make(
        self, host: Host, path: Path, cache: Path, *, on_line: Said | None, on_phase: Said | None
    ) -> None: ...

    def path(self, state: Path) -> Path:
        """Return where the medium of these inputs is kept, built or not."""
        key = hashlib.sha256(json.dumps(self.inputs(), sort_keys=True).encode()).hexdigest()
        return state / "store" / "media" / "made" / f"{key[:32]}{self.suffix}"

    def build(
        self, host: Host, state: Path, *, on_line: Said | None = None, on_phase: Said | None = None
    ) -> Path:
        """Return the medium; it is built when it is not there yet, which takes up to minutes."""
        path = self.path(state)
        if not path.exists() or self._is_damaged(path, state):
            path.unlink(missing_ok=True)
            for folder in (path.parent.parent, path.parent):
                make_folder(folder, PASSED)
            _note(path).unlink(missing_ok=True)  # it is of another file
            self._make(host, path, state / "cache" / "installer", on_line=on_line, on_phase=on_phase)
            files.write_atomically(_note(path), sealed_text({"made": files.sha256_of(path)}))
        return path

    def _is_damaged(self, path: Path, state: Path) -> bool:
        """Say whether what was made has changed since; it is not read again while nobody writes to it."""
        if not _note(path).exists():
            return True  # nobody knows: its process was killed before it was noted
        noted = unsealed(_note(path).read_bytes()) or {}
        return files.sha256_of(path, memo=state / "digests.json") != noted.get("made")


def damage(state: Path) -> Iterator[tuple[Path, str]]:
    """Read the media that were made here; yield those that have changed since, and why.

    One that is made again meanwhile is none of them.
    """
    for note in sorted((state / "store" / "media" / "made").glob("*.made")):
        path = note.with_suffix("")
        if problem := stable(partial(_problem, path, note), path, note):
            yield path, problem


def _problem(path: Path, note: Path) -> str:
    noted = unsealed(note.read_bytes()) or {}
    same = not path.exists() or files.sha256_of(path) == noted.get("made")
    return "" if same else "has other content than when it was made"


def drop_made(path: Path) -> None:
    """Remove a medium that was made here; whoever needs it makes it again."""
    path.unlink(missing_ok=True)
    _note(path).unlink(missing_ok=True)


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.made")


def _plain(key: Mapping[str, object]) -> Mapping[str, Json]:
    made: Mapping[str, Json] = json.loads(json.dumps(key))
    return made


@dataclass(frozen=True)
class Made(Makeable):
    """The installer ISO of the demo, and the stand-ins for RHEL's."""

    product: Product

    @property
    def summary(self) -> str:
        if not self.product.redhat:
            return "the demo's installer, from the packages of this host's distribution"
        return f"stand-in for the RHEL {self.product.release} DVD, {self.product.arch}"

    def inputs(self) -> Mapping[str, Json]:
        return _plain(installer_key(self.product))

    def _make(
        self, host: Host, path: Path, cache: Path, *, on_line: Said | None, on_phase: Said | None
    ) -> None:
        build_installer(host, path, cache=cache, product=self.product, on_line=on_line, on_progress=on_phase)


@dataclass(frozen=True)
class MadeWindows(Makeable):
    """The stand-in for the installation medium of a Windows ``version``, as libosinfo names it."""

    version: str
    fault: Fault = Fault.NONE

    @property
    def summary(self) -> str:
        fails = f" that fails: {self.fault}" if self.fault else ""
        return f"stand-in for the Setup medium of {self.version}{fails}"

    def inputs(self) -> Mapping[str, Json]:
        return _plain(windows_key(version=self.version, fault=self.fault))

    def _make(
        self, host: Host, path: Path, cache: Path, *, on_line: Said | None, on_phase: Said | None
    ) -> None:
        build_windows(
            host,
            path,
            cache=cache,
            version=self.version,
            fault=self.fault,
            on_line=on_line,
            on_progress=on_phase,
        )


@dataclass(frozen=True)
class MadeDrivers(Makeable):
    """The stand-in for the virtio-win ISO; the folder ``without`` is left out."""

    without: str = ""

    @property
    def summary(self) -> str:
        return f"stand-in for the virtio-win ISO{f', without {self.without}' if self.without else ''}"

    def inputs(self) -> Mapping[str, Json]:
        return _plain(drivers_key(without=self.without))

    def _make(
        self,
        host: Host,
        path: Path,
        cache: Path,  # noqa: ARG002
        *,
        on_line: Said | None,
        on_phase: Said | None,
    ) -> None:
        if on_phase:
            on_phase("making the drivers' ISO")
        build_drivers(host, path, without=self.without, on_line=on_line)


@dataclass(frozen=True)
class MadePackage(Makeable):
    """The stand-in for an MSI package."""

    suffix = ".msi"
    facts: Mapping[str, str]

    @property
    def summary(self) -> str:
        return f"stand-in for the MSI of {self.facts['product'].partition(' (')[0]}"

    def inputs(self) -> Mapping[str, Json]:
        return _plain(package_key(self.facts))

    def _make(
        self,
        host: Host,  # noqa: ARG002 — no tool is needed for it
        path: Path,
        cache: Path,  # noqa: ARG002
        *,
        on_line: Said | None,  # noqa: ARG002
        on_phase: Said | None,
    ) -> None:
        if on_phase:
            on_phase("writing the package")
        build_package(path, self.facts)


_WINDOWS = {
    "2012r2": "win2k12r2",
    "2016": "win2k16",
    "2019": "win2k19",
    "2022": "win2k22",
    "2025": "win2k25",
    "10": "win10",
    "11": "win11",
}

NAMED: Mapping[str, Makeable] = {
    "goldsmith-demo-installer": Made(DEMO),
    "goldsmith-standin-rhel7": Made(Product("7.9", redhat=True)),
    "goldsmith-standin-rhel6": Made(Product("6.10", redhat=True)),
    "goldsmith-standin-rhel6-i386": Made(Product("6.10", redhat=True, arch="i386")),
    **{f"goldsmith-standin-windows{name}": MadeWindows(version) for name, version in _WINDOWS.items()},
    **{
        f"goldsmith-standin-windows2022-{fault}": MadeWindows("win2k22", fault)
        for fault in Fault
        if fault is not Fault.NONE
    },
    "goldsmith-standin-virtio-win": MadeDrivers(),
    "goldsmith-standin-virtio-win-without-2k22": MadeDrivers("viostor/2k22"),
    "goldsmith-standin-cloudbase-init": MadePackage(CLOUDBASE),
    "goldsmith-standin-qemu-ga": MadePackage(AGENT),
}
