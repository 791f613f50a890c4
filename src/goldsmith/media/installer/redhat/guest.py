# SPDX-License-Identifier: GPL-2.0-or-later
"""The RHEL-like guest as its commands see it: its release, its packages, its services."""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from goldsmith.media.installer.redhat.packages import Offer, Service, offers
from goldsmith.media.installer.redhat.release import Release
from goldsmith.media.installer.redhat.rpmdb import Package, database

HOME = "/usr/lib/standin"
CONSOLE = "/dev/ttyS0"
WANTS = "/etc/systemd/system/multi-user.target.wants"
_LEVELS = (2, 3, 4, 5)


@dataclass(frozen=True)
class Guest:
    """``root`` is / in the guest itself, and the folder of the new system for the installer."""

    root: Path = Path("/")

    def path(self, name: str) -> Path:
        return self.root / name.lstrip("/")

    @cached_property
    def release(self) -> Release:
        return Release(self.path(f"{HOME}/release").read_text(encoding="utf-8").strip())

    @cached_property
    def offers(self) -> Mapping[str, Offer]:
        return offers(self.release)

    @property
    def systemd(self) -> bool:
        return self.release.generation > 6

    def say(self, text: str) -> None:
        print(text, flush=True)

    def complain(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        place = self.path(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        place.chmod(mode)

    def note(self, line: str) -> None:
        """Write a line to the machine's console, outside the image; a guest without one goes on without."""
        with suppress(OSError):
            descriptor = os.open(self.path(CONSOLE), os.O_WRONLY | os.O_NOCTTY | os.O_APPEND)
            try:
                os.write(descriptor, f"{line}\n".encode())
            finally:
                os.close(descriptor)

    def has_network(self) -> bool:
        """Tell whether there is a way to the outside: a default route."""
        routes = self.path("/proc/net/route")
        lines = routes.read_text(encoding="utf-8").splitlines()[1:] if routes.exists() else []
        return any(line.split()[1] == "00000000" for line in lines)

    def installed(self) -> list[Package]:
        known = self.path(f"{HOME}/installed.json")
        return [Package(**one) for one in json.loads(known.read_text())] if known.is_file() else []

    def keep(self, packages: Iterable[Package]) -> None:
        """Note what is installed, in the rpm database as well."""
        these = sorted(packages, key=lambda one: (one.name, one.release))
        self.write(f"{HOME}/installed.json", json.dumps([asdict(one) for one in these], indent=0))
        place = self.path("/var/lib/rpm/Packages")
        place.parent.mkdir(parents=True, exist_ok=True)
        aside = place.with_name("Packages.new")
        aside.write_bytes(database(these, installed=int(time.time())))
        aside.replace(place)

    def lay_down(self, offer: Offer) -> None:
        """Put a package's files in place, and its services as the package leaves them."""
        move_tree(self.path(f"{HOME}/depot/{offer.package.name}"), self.root)
        for service in offer.services:
            self._unit(service)
            if service.on:
                self.switch(service.name, on=True)

    def take_away(self, name: str) -> None:
        """Remove a package's services; files that other programs of the payload need stay."""
        offer = self.offers.get(name)
        for service in offer.services if offer else ():
            self.switch(service.name, on=False)
            for place in (
                f"/usr/lib/systemd/system/{service.name}.service",
                f"/etc/rc.d/init.d/{service.name}",
            ):
                self.path(place).unlink(missing_ok=True)

    def _unit(self, service: Service) -> None:
        """Give a service that is only a name something that can be started."""
        name = service.name
        script = self.path(f"/etc/rc.d/init.d/{name}")
        if script.exists() or (
            self.systemd and self.path(f"/usr/lib/systemd/system/{name}.service").exists()
        ):
            return
        if self.systemd:
            self.write(
                f"/usr/lib/systemd/system/{name}.service",
                f"[Unit]\nDescription=Stand-in for {name}\n\n[Service]\nType=oneshot\nExecStart=/bin/true\n"
                "RemainAfterExit=yes\n\n[Install]\nWantedBy=multi-user.target\n",
            )
            return
        text = f"#!/bin/sh\n# chkconfig: 2345 60 40\n# description: stand-in for {name}\nexit 0\n"
        self.write(f"/etc/rc.d/init.d/{name}", text, 0o755)

    def has_service(self, name: str) -> bool:
        unit = self.path(f"/usr/lib/systemd/system/{name}.service")
        return self.is_script(name) or (self.systemd and unit.exists())

    def is_script(self, name: str) -> bool:
        return self.path(f"/etc/rc.d/init.d/{name}").is_file()

    def switch(self, name: str, *, on: bool) -> None:
        """Start a service with the guest, or do not; runlevels 2 to 5."""
        if self.is_script(name):
            start, stop = self._order(name)
            for level in range(7):
                folder = self.path(f"/etc/rc.d/rc{level}.d")
                folder.mkdir(parents=True, exist_ok=True)
                for old in [*folder.glob(f"S??{name}"), *folder.glob(f"K??{name}")]:
                    old.unlink()
                word = f"S{start:02}" if on and level in _LEVELS else f"K{stop:02}"
                (folder / f"{word}{name}").symlink_to(f"../init.d/{name}")
            return
        link = self.path(f"{WANTS}/{name}.service")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        if on:
            link.symlink_to(f"/usr/lib/systemd/system/{name}.service")

    def is_on(self, name: str, level: int = 3) -> bool:
        if self.is_script(name):
            return any(self.path(f"/etc/rc.d/rc{level}.d").glob(f"S??{name}"))
        return self.path(f"{WANTS}/{name}.service").is_symlink()

    def _order(self, name: str) -> tuple[int, int]:
        for line in self.path(f"/etc/rc.d/init.d/{name}").read_text(encoding="utf-8").splitlines():
            if line.startswith("# chkconfig:"):
                _, start, stop = line.partition(":")[2].split()
                return int(start), int(stop)
        return 50, 50


def move_tree(source: Path, target: Path) -> None:
    """Move the files of ``source`` into ``target``, folder by folder; links to folders are followed in ``target``."""
    if not source.is_dir():
        return
    for entry in sorted(source.iterdir()):
        place = target / entry.name
        if entry.is_dir() and not entry.is_symlink():
            if not place.is_dir():
                place.mkdir(parents=True)
                shutil.copystat(entry, place)
            move_tree(entry, place)
        else:
            place.unlink(missing_ok=True)
            entry.rename(place)
