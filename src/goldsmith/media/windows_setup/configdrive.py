"""OpenStack's config drive, as Cloudbase-Init's plugins use it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from goldsmith.media.windows_setup import accounts
from goldsmith.media.windows_setup.hive import string
from goldsmith.media.windows_setup.paths import Drives
from goldsmith.media.windows_setup.system import System

NAMES = r"HKLM\SYSTEM\CurrentControlSet\Control\ComputerName\ComputerName"
TCPIP = r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"


@dataclass(frozen=True)
class ConfigDrive:
    uuid: str
    metadata: Mapping[str, object]


def find(drives: Drives) -> ConfigDrive | None:
    """Return what the drive labelled config-2 says, or None where there is none."""
    letter = drives.letter_of("config-2")
    if not letter:
        return None
    place = drives.place(rf"{letter}:\openstack\latest\meta_data.json")
    if not place.is_file():
        return None
    metadata = json.loads(place.read_text(encoding="utf-8"))
    return ConfigDrive(str(metadata.get("uuid", "unknown")), metadata)


def apply(system: System, plugin: str, drive: ConfigDrive, user: str) -> None:
    """Do what a plugin does that the disk shows: host name and user; the others only count as done."""
    if plugin == "SetHostNamePlugin" and drive.metadata.get("hostname"):
        name = str(drive.metadata["hostname"]).partition(".")[0]
        system.registry.put(NAMES, string("ComputerName", name[:15]))
        system.registry.put(TCPIP, string("Hostname", name), string("NV Hostname", name))
    elif plugin == "CreateUserPlugin":
        accounts.add(system.registry, user)
