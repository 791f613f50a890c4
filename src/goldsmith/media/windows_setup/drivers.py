"""Driver packages: read an INF, put the driver into the system, as Setup, pnputil and the drivers' MSI do."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from goldsmith.media.windows_setup.hive import EXPAND_SZ, dword, string
from goldsmith.media.windows_setup.system import SERVICES, System

STORE = r"C:\Windows\System32\DriverStore\FileRepository"
TRUSTED = r"HKLM\SOFTWARE\Microsoft\SystemCertificates\TrustedPublisher\Certificates"


class BadDriverError(Exception):
    """An INF that Windows cannot use; ``str`` says why."""


@dataclass(frozen=True)
class Driver:
    """What an INF says: the service it adds, how that starts, and the program of the service."""

    inf: Path
    service: str
    start: int
    binary: str
    kind: str

    @property
    def sys(self) -> Path:
        return self.inf.parent / self.binary


def read_inf(inf: Path) -> Driver:
    """Return what an INF says; raises BadDriverError where it or a file that it names is missing."""
    text = inf.read_text(encoding="utf-8", errors="replace")
    service = re.search(r"(?im)^\s*AddService\s*=\s*([^,\s]+)\s*,[^,\r\n]*,\s*([^,\s;]+)", text)
    if not service:
        raise BadDriverError(f"{inf.name} adds no service")
    name, section = service.groups()
    body = re.search(rf"(?ims)^\[{re.escape(section)}\](.*?)(?=^\[|\Z)", text)
    facts = dict(re.findall(r"(?m)^\s*(\w+)\s*=\s*([^;\r\n]+?)\s*(?:;.*)?$", body.group(1) if body else ""))
    binary = facts.get("ServiceBinary", "").rpartition("\\")[2]
    kind = re.search(r"(?im)^\s*Class\s*=\s*(\S+)", text)
    driver = Driver(
        inf, name, int(facts.get("StartType", "3"), 0), binary, kind.group(1) if kind else "System"
    )
    if not binary or not driver.sys.is_file():
        raise BadDriverError(f"{inf.name}: {binary or 'the driver'} is not beside it")
    catalog = re.search(r"(?im)^\s*CatalogFile\w*\s*=\s*(\S+)", text)
    if not catalog or not (inf.parent / catalog.group(1)).is_file():
        raise BadDriverError(
            f"{inf.name}: the third-party INF does not contain digital signature information"
        )
    return driver


def infs_below(folder: Path) -> list[Path]:
    return sorted(one for one in folder.rglob("*") if one.suffix.lower() == ".inf")


def install(system: System, driver: Driver) -> str:
    """Put the driver and its service into the system; return the name that Windows gives the INF."""
    folder = system.drives.place(r"C:\Windows\System32\drivers")
    shutil.copyfile(driver.sys, folder / driver.binary.lower())
    shelf = system.drives.place(f"{STORE}\\{driver.inf.name.lower()}_amd64_0123456789abcdef")
    shelf.mkdir(parents=True, exist_ok=True)
    for one in (driver.inf, driver.sys):
        shutil.copyfile(one, shelf / one.name.lower())
    infs = system.drives.place(r"C:\Windows\INF")
    name = _published(infs, driver.inf)
    shutil.copyfile(driver.inf, infs / name)
    with (infs / "setupapi.dev.log").open("a", encoding="utf-8") as log:
        log.write(
            f">>>  [Device Install - {driver.inf.name}]\n     inf:  {name}\n<<<  [Exit status: SUCCESS]\n"
        )
    system.registry.put(
        f"{SERVICES}\\{driver.service}",
        dword("Type", 1),
        dword("Start", driver.start),
        dword("ErrorControl", 1),
        string("ImagePath", f"\\SystemRoot\\System32\\drivers\\{driver.binary.lower()}", kind=EXPAND_SZ),
        string("Group", "SCSI miniport" if driver.kind == "SCSIAdapter" else "Extended Base"),
        string("DisplayName", f"{driver.service} (stand-in)"),
    )
    return name


def _published(infs: Path, inf: Path) -> str:
    """Return the oemN.inf of a driver, the same again for the same content."""
    content, number = inf.read_bytes(), 0
    while (infs / f"oem{number}.inf").exists():
        if (infs / f"oem{number}.inf").read_bytes() == content:
            break
        number += 1
    return f"oem{number}.inf"


def is_trusted(system: System) -> bool:
    key = system.registry.key(TRUSTED)
    return bool(key and key.keys)
