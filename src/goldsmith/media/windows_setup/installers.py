"""msiexec, pnputil and certutil, with the packages of the stand-in media."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from goldsmith.media.windows_setup import cloudbase, drivers
from goldsmith.media.windows_setup.batch import UnsupportedError
from goldsmith.media.windows_setup.hive import BINARY, EXPAND_SZ, Value, dword, string
from goldsmith.media.windows_setup.services import set_running
from goldsmith.media.windows_setup.shell import Call, Program
from goldsmith.media.windows_setup.system import CURRENT, SERVICES, Dialog

UNINSTALL = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall"
OLE = bytes.fromhex("d0cf11e0a1b11ae1")
BAD_SYNTAX, NO_PACKAGE, NO_MSI, REFUSED = 1639, 1619, 1620, 1603
NO_DEVICE = 259


def msiexec(call: Call) -> int:
    """Install a package of the stand-in; return Windows Installer's own codes."""
    words = list(call.args)
    flags = [word.lower() for word in words if word.startswith(("/", "-"))]
    if "/i" not in flags and "-i" not in flags:
        raise UnsupportedError(f"msiexec {call.raw.strip()}")
    path = words[[word.lower() for word in words].index("/i") + 1]
    quiet = [flag for flag in flags if flag in ("/qn", "/quiet", "/passive", "/qb", "/qb!", "/q")]
    if len(quiet) != 1:
        if quiet:
            return BAD_SYNTAX
        raise Dialog(f"The installer of {path} asks its first question.", title="Windows Installer")
    drives, folder = call.system.drives, call.shell.folder
    if not drives.exists(path, folder):
        return NO_PACKAGE
    place = drives.place(path, folder)
    data = place.read_bytes()
    try:
        package = json.loads(data[512:]) if data.startswith(OLE) else None
    except ValueError:
        package = None
    if not isinstance(package, dict):
        return NO_MSI
    properties = dict(word.split("=", 1) for word in words if "=" in word and not word.startswith("/"))
    code = _install(call, place, package, properties)
    if "/l*v" in flags:
        log = drives.place(words[[word.lower() for word in words].index("/l*v") + 1], folder)
        if not log.parent.is_dir():
            return 1622
        log.write_text(f"=== Logging started (stand-in) ===\nMainEngineThread is returning {code}\n")
    return code


def _install(call: Call, place: Path, package: Mapping[str, str], properties: Mapping[str, str]) -> int:
    registry = call.system.registry
    match package["kind"]:
        case "qemu-ga":
            folder = r"C:\Program Files\Qemu-ga"
            _program(call, f"{folder}\\qemu-ga.exe")
            registry.put(
                f"{SERVICES}\\QEMU-GA",
                dword("Type", 16), dword("Start", 2), dword("ErrorControl", 1), string("ObjectName", "LocalSystem"),
                string("ImagePath", f'"{folder}\\qemu-ga.exe" -d --retry-path', kind=EXPAND_SZ),
                string("DisplayName", "QEMU Guest Agent"),
            )  # fmt: skip
            set_running(call.system, "QEMU-GA", running=True)
        case "virtio-win-gt":
            if int(registry.text(CURRENT, "CurrentBuildNumber") or 0) < 10240:
                return REFUSED  # OS must be Windows 10 or higher
            _all_drivers(call, place.parent)
        case "cloudbase-init":
            cloudbase.install(call, properties)
        case _:
            return NO_MSI
    registry.put(
        f"{UNINSTALL}\\{{{hashlib.md5(package['product'].encode(), usedforsecurity=False).hexdigest()}}}",
        string("DisplayName", package["product"]),
        string("DisplayVersion", package["version"]),
        string("Publisher", package["publisher"]),
    )
    return 0


def _all_drivers(call: Call, root: Path) -> None:
    """Install what the drivers' MSI holds, which here is what lies on the medium beside it."""
    for folder in sorted(root.glob(f"*/{call.system.drivers_folder}/amd64")):
        for inf in drivers.infs_below(folder):
            drivers.install(call.system, drivers.read_inf(inf))


def _program(call: Call, path: str) -> None:
    place = call.system.drives.place(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(call.system.drives.place(r"C:\Windows\System32\cmd.exe").read_bytes())


def pnputil(call: Call) -> int:
    """Add the drivers of one INF or of many; a publisher that is not trusted opens a window, as on Windows."""
    words = [word.lower() for word in call.args]
    if "/add-driver" in words:
        if int(call.system.registry.text(CURRENT, "CurrentBuildNumber") or 0) < 10240:
            call.complain("Invalid parameter")  # the old pnputil knows -i -a only
            return 87
        pattern = call.args[words.index("/add-driver") + 1]
    elif "-a" in words:
        pattern = call.args[words.index("-a") + 1]
    else:
        raise UnsupportedError(f"pnputil {call.raw.strip()}")
    above, _, last = call.system.drives.full(pattern, call.shell.folder).rpartition("\\")
    found = list(call.system.drives.matches(pattern, call.shell.folder))
    if "/subdirs" in words:
        found = [
            one
            for one in drivers.infs_below(call.system.drives.place(above + "\\"))
            if last in ("*.inf", one.name)
        ]
    if not found:
        call.complain("The system cannot find the file specified.")
        return 2
    for inf in found:
        try:
            driver = drivers.read_inf(inf)
        except drivers.BadDriverError as error:
            call.complain(f"Adding the driver package failed : {error}")
            return 2
        if not drivers.is_trusted(call.system):
            raise Dialog(
                "Would you like to install this device software? Publisher: Red Hat, Inc.",
                title="Windows Security",
            )
        call.say(
            f"Driver package added successfully.\r\nPublished Name: {drivers.install(call.system, driver)}"
        )
    return 0


def certutil(call: Call) -> int:
    words = [word.lower().replace("/", "-", 1) for word in call.args]
    if "-addstore" not in words:
        raise UnsupportedError(f"certutil {call.raw.strip()}")
    store, path = call.args[words.index("-addstore") + 1 : words.index("-addstore") + 3]
    if not call.system.drives.exists(path, call.shell.folder):
        call.complain("CertUtil: -addstore command FAILED: 0x80070002 (WIN32: 2 ERROR_FILE_NOT_FOUND)")
        return 0x80070002 - 2**32
    data = call.system.drives.place(path, call.shell.folder).read_bytes()
    thumb = hashlib.sha1(data, usedforsecurity=False).hexdigest().upper()
    path = rf"HKLM\SOFTWARE\Microsoft\SystemCertificates\{store}\Certificates\{thumb}"
    call.system.registry.put(path, Value("Blob", BINARY, data[:1024]))
    call.say("CertUtil: -addstore command completed successfully.")
    return 0


INSTALLERS: Mapping[str, Program] = {"msiexec": msiexec, "pnputil": pnputil, "certutil": certutil}
