"""A Windows Server 2022 as data, good in every check: as facts built by hand, and as hives and files for a disk."""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from goldsmith.audit.checks import CHECKS
from goldsmith.audit.facts import (
    Container,
    Expected,
    ExpectedWindows,
    Facts,
    FileSystem,
    Guest,
    Partition,
    Search,
    System,
)
from goldsmith.audit.registry import Key, Registry, Value, split
from goldsmith.audit.tree import Entry, Kind, Tree
from goldsmith.media.windows_hives import Raw, encoded

MIB = 1 << 20
ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
MSR = "E3C9E316-0B5C-4DB8-817D-F92DF00215AE"
BASIC = "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"
STATE = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State"
VERSION = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
WINLOGON = rf"{VERSION}\Winlogon"
SERVICES = r"SYSTEM\ControlSet001\Services"
CONTROL = r"SYSTEM\ControlSet001\Control"
NAMES = r"SAM\SAM\Domains\Account\Users\Names"
LOADER = r"BCD\Objects\{f0c62012-2cf1-11ef-8e11-806e6f6e6963}"
CLOUDBASE = "/Program Files/Cloudbase Solutions/Cloudbase-Init"
SCRIPT = "/Windows/Setup/Scripts/SetupComplete.cmd"
CONF = f"{CLOUDBASE}/conf/cloudbase-init.conf"
UNATTEND_CONF = f"{CLOUDBASE}/conf/cloudbase-init-unattend.conf"
ANSWERS = "/Windows/Panther/unattend.xml"

KEYS: dict[str, dict[str, Any]] = {
    STATE: {"ImageState": "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"},
    VERSION: {
        "ProductName": "Windows Server 2022 Standard",
        "CurrentVersion": "6.3",
        "CurrentMajorVersionNumber": 10,
        "CurrentMinorVersionNumber": 0,
        "CurrentBuildNumber": "20348",
        "EditionID": "ServerStandard",
        "InstallationType": "Server",
    },
    WINLOGON: {"AutoAdminLogon": "0"},
    r"SOFTWARE\Cloudbase Solutions\Cloudbase-Init": {},
    r"SYSTEM\Select": {"Current": 1},
    r"SYSTEM\Setup": {"CmdLine": r"oobe\windeploy.exe", "OOBEInProgress": 1, "SystemSetupInProgress": 1},
    r"SYSTEM\MountedDevices": {r"\DosDevices\C:": b"\x78\x56\x34\x12" + struct.pack("<Q", MIB)},
    rf"{SERVICES}\Tcpip\Parameters": {"Hostname": "WIN-0A1B2C3D4E5"},
    rf"{SERVICES}\viostor": {"Start": 0},
    rf"{SERVICES}\vioscsi": {"Start": 0},
    rf"{SERVICES}\netkvm": {"Start": 3},
    rf"{SERVICES}\BALLOON": {"Start": 3},
    rf"{SERVICES}\VirtRng": {"Start": 3},
    rf"{SERVICES}\VirtioSerial": {"Start": 3},
    rf"{SERVICES}\QEMU-GA": {"Start": 2},
    rf"{SERVICES}\cloudbase-init": {"Start": 3, "ObjectName": "LocalSystem"},
    rf"{CONTROL}\Terminal Server": {"fDenyTSConnections": 0},
    rf"{CONTROL}\TimeZoneInformation": {"TimeZoneKeyName": "UTC"},
    rf"{NAMES}\Administrator": {"": Raw(500)},
    rf"{NAMES}\Guest": {"": Raw(501)},
    rf"{NAMES}\DefaultAccount": {"": Raw(503)},
    rf"{LOADER}\Elements\12000004": {"Element": "Windows Server"},
}
FILES: dict[str, str] = {
    "/Windows/System32/drivers/viostor.sys": "driver",
    "/Windows/System32/drivers/vioscsi.sys": "driver",
    "/Windows/System32/drivers/NETKVM.SYS": "driver",
    "/Windows/System32/Sysprep/Sysprep_succeeded.tag": "",
    "/Windows/System32/Sysprep/Panther/setuperr.log": "",
    "/Windows/Setup/State/State.ini": "[State]\r\nImageState=IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE\r\n",
    "/Windows/System32/winevt/Logs/System.evtx": "ElfFile",
    SCRIPT: "sc config cloudbase-init start= auto && net start cloudbase-init\r\n",
    CONF: (
        "[DEFAULT]\r\nusername=Admin\r\nsan_policy=OnlineAll\r\nstop_service_on_exit=false\r\n"
        "metadata_services=cloudbaseinit.metadata.services.configdrive.ConfigDriveService,"
        "cloudbaseinit.metadata.services.httpservice.HttpService\r\n"
        "plugins=cloudbaseinit.plugins.windows.extendvolumes.ExtendVolumesPlugin,"
        "cloudbaseinit.plugins.windows.sanpolicy.SANPolicyPlugin\r\n[config_drive]\r\nraw_hdd=true\r\n"
    ),
    UNATTEND_CONF: (
        "[DEFAULT]\r\nallow_reboot=false\r\nstop_service_on_exit=false\r\n"
        "metadata_services=cloudbaseinit.metadata.services.configdrive.ConfigDriveService\r\n"
        "plugins=cloudbaseinit.plugins.common.mtu.MTUPlugin\r\n"
    ),
    ANSWERS: (
        "<unattend><ComputerName>*</ComputerName><AdministratorPassword>"
        "<Value>*SENSITIVE*DATA*DELETED*</Value><PlainText>true</PlainText></AdministratorPassword></unattend>"
    ),
}


PROMISED = ExpectedWindows("ServerStandard", (20348, 20348), core=False, rdp=True)


def hives(keys: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Return the keys by hive, without its name."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for path, values in keys.items():
        name, _, rest = path.partition("\\")
        found.setdefault(name, {})[rest] = values
    return found


def registry(keys: Mapping[str, Mapping[str, Any]]) -> Registry:
    """Return what a look would bring of these keys."""
    declared = tuple(dict.fromkeys(one for check in CHECKS for one in check.keys))
    spread: dict[str, dict[str, Value]] = {}
    for path, values in keys.items():
        parts = path.split("\\")
        for end in range(1, len(parts)):
            spread.setdefault("\\".join(parts[:end]), {})
        coded = {(name or "@").lower(): Value(*encoded(value)) for name, value in values.items()}
        spread.setdefault(path, {}).update(coded)
    found: dict[str, Key] = {}
    for declaration in declared:
        pattern, names = split(declaration)
        for path, values in _matches(spread, pattern):
            wanted = {name.lower() for name in names}
            known = found[path.lower()].values if path.lower() in found else {}
            found[path.lower()] = Key(
                path, {**known, **{name: one for name, one in values.items() if name in wanted}}
            )
    return Registry(found, declared)


def _matches(spread: Mapping[str, dict[str, Value]], pattern: str) -> Iterator[tuple[str, dict[str, Value]]]:
    for path, values in spread.items():
        logical = path.replace("ControlSet001", "CurrentControlSet")
        parts, wanted = logical.lower().split("\\"), pattern.lower().split("\\")
        if len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted)):
            yield logical, values


@dataclass(frozen=True)
class WindowsSample:
    keys: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: dict(KEYS))
    files: Mapping[str, str] = field(default_factory=lambda: dict(FILES))
    sizes: Mapping[str, int] = field(default_factory=dict)  # bytes of files that only claim to be so long
    expected: ExpectedWindows = PROMISED
    changes: Mapping[str, Any] = field(default_factory=dict)

    def with_key(self, path: str, values: Mapping[str, Any] | None) -> "WindowsSample":
        """Change values of a key, or remove it with None; a value of None goes."""
        keys = {one: dict(old) for one, old in self.keys.items()}
        if values is None:
            keys.pop(path)
        else:
            new = {**keys.get(path, {}), **values}
            keys[path] = {name: value for name, value in new.items() if value is not None}
        return replace(self, keys=keys)

    def with_files(self, files: Mapping[str, str | None]) -> "WindowsSample":
        merged = {**self.files, **files}
        return replace(self, files={path: text for path, text in merged.items() if text is not None})

    def but(self, **changes: Any) -> "WindowsSample":
        own = {name: changes.pop(name) for name in ("sizes", "expected") if name in changes}
        return replace(self, **own, changes={**self.changes, **changes})

    def facts(self) -> Facts:
        files = {path.lower(): text for path, text in self.files.items()}
        entries = {"/": Entry(Kind.FOLDER)}
        for path in files:
            for parent in list(Path(path).parents)[:-1]:
                entries.setdefault(str(parent), Entry(Kind.FOLDER))
        entries |= {
            path: Entry(Kind.FILE, size=self.sizes.get(path, len(text))) for path, text in files.items()
        }
        guest = Guest(
            partitions=tuple(Partition(f"/dev/sda{n}", n * MIB, n * MIB + 9) for n in (1, 2, 3)),
            filesystems=(
                FileSystem("/dev/sda1", "vfat", faults=()),
                FileSystem("/dev/sda3", "ntfs", faults=()),
            ),
            systems=(System("/dev/sda3", "windows", "windows", 10, 0, "Windows Server 2022 Standard"),),
            tree=Tree(entries, texts=files, ignore_case=True),
            registry=registry(self.keys),
            partition_kinds={"/dev/sda1": ESP, "/dev/sda2": MSR, "/dev/sda3": BASIC},
        )
        own = {name: value for name, value in self.changes.items() if name in Guest.__dataclass_fields__}
        container = Container(
            Path("/images/w.qcow2"),
            "qcow2",
            virtual_size=32768 * MIB,
            actual_size=9000 * MIB,
            compat="1.1",
            compression="zlib",
            faults=(),
        )
        expected = Expected("qcow2", 32768 * MIB, "windows", 10, windows=self.expected)
        return Facts(container, "windows", expected, replace(guest, **own), Search(2))
