"""Lay an installed Windows down: the folders, files and registry that offline tools know it by."""

import shutil
import struct
from pathlib import Path

from goldsmith.media.windows_setup import accounts
from goldsmith.media.windows_setup.hive import BINARY, EXPAND_SZ, Value, dword, string
from goldsmith.media.windows_setup.layout import disk_id
from goldsmith.media.windows_setup.registry import Registry
from goldsmith.media.windows_setup.system import CURRENT, SERVICES, SETUP, WINLOGON
from goldsmith.media.windows_setup.wim import WimImage

FOLDERS = (
    "Program Files/Common Files", "Program Files (x86)", "ProgramData/Microsoft", "Users/Public", "Users/Default",
    "Windows/System32/config", "Windows/System32/drivers/etc", "Windows/System32/Sysprep",
    "Windows/System32/DriverStore/FileRepository", "Windows/System32/winevt/Logs", "Windows/System32/oobe",
    "Windows/System32/WindowsPowerShell/v1.0", "Windows/INF", "Windows/Temp", "Windows/Panther",
    "Windows/Setup/State", "Windows/Logs/CBS", "Windows/SoftwareDistribution/Download", "Windows/Boot/Standin",
    "System Volume Information", "$Recycle.Bin",
)  # fmt: skip
PROGRAMS = (
    "cmd", "reg", "sc", "net", "net1", "msiexec", "pnputil", "certutil", "powercfg", "bcdedit", "shutdown", "timeout",
    "find", "findstr", "xcopy", "attrib", "mode", "ping", "whoami", "hostname", "Sysprep/sysprep",
    "WindowsPowerShell/v1.0/powershell", "oobe/windeploy", "oobe/setup", "ntoskrnl", "lsass", "services",
)  # fmt: skip
NOTE = "This disk was made by Goldsmith's stand-in for Windows Setup. It is not Windows.\r\n"
# Services that a fresh installation has, with their Start.
INBOX = {
    "disk": 0, "partmgr": 0, "volmgr": 0, "storahci": 0, "Ntfs": 1, "Tcpip": 0, "kbdhid": 3, "e1i65x64": 3,
    "EventLog": 2, "RpcSs": 2, "LanmanServer": 2, "TermService": 3, "wuauserv": 3, "W32Time": 3, "Winmgmt": 2,
}  # fmt: skip


def program() -> bytes:
    """Return the smallest file that tools take for an x86-64 program; it does nothing."""
    coff = struct.pack("<HHIIIHH", 0x8664, 0, 0, 0, 0, 240, 0x22)
    optional = struct.pack("<H", 0x20B) + bytes(66) + struct.pack("<H", 3)
    return b"MZ".ljust(60, b"\0") + struct.pack("<I", 64) + b"PE\0\0" + coff + optional.ljust(240, b"\0")


def lay_down(root: Path, medium: Path) -> None:
    """Write files and folders of a new installation; ``medium`` holds what starts the stand-in again."""
    for name in FOLDERS:
        (root / name).mkdir(parents=True, exist_ok=True)
    data = program()
    for name in PROGRAMS:
        (root / "Windows/System32" / f"{name}.exe").write_bytes(data)
    (root / "Windows/explorer.exe").write_bytes(data)
    (root / "Windows/System32/drivers/etc/hosts").write_text("# localhost is resolved within DNS itself.\r\n")
    (root / "Windows/System32/license.rtf").write_text(NOTE)
    (root / "Windows/Boot/Standin/README.txt").write_text(NOTE)
    (root / "pagefile.sys").write_bytes(bytes(4096))
    for name in ("Application", "System", "Setup"):
        (root / f"Windows/System32/winevt/Logs/{name}.evtx").write_bytes(b"ElfFile\0".ljust(4096, b"\0"))
    for name in ("standin.krn", "standin.img", "standin.json"):
        shutil.copyfile(medium / "sources" / name, root / "Windows/Boot/Standin" / name)


def fill_registry(registry: Registry, image: WimImage) -> None:
    """Write the hives of an image that no machine has started yet."""
    client = image.text("WINDOWS/PRODUCTTYPE") == "WinNT"
    build, major, minor = (image.text(f"WINDOWS/VERSION/{name}") for name in ("BUILD", "MAJOR", "MINOR"))
    registry.put(
        CURRENT,
        string("ProductName", image.text("STANDIN/PRODUCT")),
        string("EditionID", image.text("WINDOWS/EDITIONID")),
        string("InstallationType", image.text("WINDOWS/INSTALLATIONTYPE")),
        string("CurrentVersion", "6.3"),
        string("CurrentBuild", build),
        string("CurrentBuildNumber", build),
        string("SystemRoot", r"C:\Windows"),
        string("RegisteredOwner", "Goldsmith stand-in"),
        dword("UBR", 1),
    )
    if int(major) >= 10:
        registry.put(
            CURRENT,
            dword("CurrentMajorVersionNumber", int(major)),
            dword("CurrentMinorVersionNumber", int(minor)),
            string("ReleaseId", image.text("STANDIN/RELEASEID")),
            string("DisplayVersion", image.text("STANDIN/RELEASEID")),
        )
    registry.put(r"HKLM\SOFTWARE\Goldsmith\Standin", string("Drivers", image.text("STANDIN/DRIVERS")))
    registry.put(
        WINLOGON, string("Shell", "explorer.exe"), string("Userinit", r"C:\Windows\system32\userinit.exe,")
    )
    registry.find(r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall")[0].make(
        r"Microsoft\Windows\CurrentVersion\Uninstall"
    )
    _system_hive(registry, client=client)
    accounts.create_built_in(registry, client=client)
    registry.put(r"HKLM\SECURITY\Policy", string("standin", "empty"))
    registry.put(r"HKU\.DEFAULT\Control Panel\International", string("LocaleName", "en-US"))


def _system_hive(registry: Registry, *, client: bool) -> None:
    registry.put(r"HKLM\SYSTEM\Select", *(dword(name, 1) for name in ("Current", "Default", "LastKnownGood")))
    registry.put(r"HKLM\SYSTEM\Select", dword("Failed", 0))
    control = r"HKLM\SYSTEM\ControlSet001\Control"
    registry.put(rf"{control}\ProductOptions", string("ProductType", "WinNT" if client else "ServerNT"))
    registry.put(rf"{control}\ComputerName\ComputerName", string("ComputerName", "WIN-STANDIN"))
    registry.put(rf"{control}\Terminal Server", dword("fDenyTSConnections", 1))
    registry.put(
        rf"{control}\Session Manager\Environment",
        string("OS", "Windows_NT"),
        string("Path", r"%SystemRoot%\system32;%SystemRoot%", kind=EXPAND_SZ),
    )
    registry.put(rf"{control}\TimeZoneInformation", string("TimeZoneKeyName", "Pacific Standard Time"))
    registry.put(rf"{control}\Power", dword("HibernateEnabled", int(client)))
    for name, start in INBOX.items():
        registry.put(f"{SERVICES}\\{name}", dword("Start", start), dword("Type", 1 if start < 2 else 32))
    registry.put(rf"{SERVICES}\Tcpip\Parameters", string("Hostname", "WIN-STANDIN"), string("Domain", ""))
    registry.put(rf"{SERVICES}\partmgr\Parameters", dword("SanPolicy", 1 if client else 2))
    in_setup(registry)


def in_setup(registry: Registry) -> None:
    """Mark that the next start is Setup's: its values in the key Setup."""
    registry.put(
        SETUP,
        string("CmdLine", r"oobe\windeploy.exe"),
        dword("OOBEInProgress", 1),
        dword("SystemSetupInProgress", 1),
        dword("SetupType", 2),
    )


def out_of_setup(registry: Registry) -> None:
    registry.put(
        SETUP,
        string("CmdLine", ""),
        dword("OOBEInProgress", 0),
        dword("SystemSetupInProgress", 0),
        dword("SetupType", 0),
    )


def map_drive(registry: Registry, device: Path, number: int, letter: str, *, uefi: bool) -> None:
    """Tell MountedDevices where a drive lies: disk and offset, or the GPT partition's own name."""
    if uefi:
        with device.open("rb") as disk:
            disk.seek(1024 + (number - 1) * 128 + 16)
            data = b"DMIO:ID:" + disk.read(16)
    else:
        sysfs = Path("/sys/block") / device.name / f"{device.name}{number}"
        data = disk_id(device) + struct.pack("<Q", int((sysfs / "start").read_text()) * 512)
    registry.put(r"HKLM\SYSTEM\MountedDevices", Value(rf"\DosDevices\{letter}:", BINARY, data))
