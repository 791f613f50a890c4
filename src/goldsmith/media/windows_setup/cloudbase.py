"""Cloudbase-Init: what its MSI leaves, and its two programs."""

import configparser
import time
from collections.abc import Mapping, Sequence

from goldsmith.media.windows_setup import configdrive
from goldsmith.media.windows_setup.hive import EXPAND_SZ, dword, string
from goldsmith.media.windows_setup.shell import Call
from goldsmith.media.windows_setup.system import SERVICES, System

HOME = r"C:\Program Files\Cloudbase Solutions\Cloudbase-Init"
SERVICE = "cloudbase-init"
PROGRESS = r"HKLM\SOFTWARE\Cloudbase Solutions\Cloudbase-Init"
PROGRAM = HOME + r"\Python\Scripts\cloudbase-init.exe"
SET_SETUP_COMPLETE = r"""@echo off
rem Stand-in for the file of the same name in Cloudbase-Init's MSI.
sc config cloudbase-init start= demand
if not exist %SYSTEMROOT%\Setup\Scripts mkdir %SYSTEMROOT%\Setup\Scripts
echo sc config cloudbase-init start= auto ^&^& net start cloudbase-init>%SYSTEMROOT%\Setup\Scripts\SetupComplete.cmd
exit /b 0
"""
CONF = "[DEFAULT]\nusername={user}\ngroups=Administrators\ninject_user_password=true\nlog_dir={home}\\log\\\n"


def install(call: Call, given: Mapping[str, str]) -> None:
    """Lay the files down, make the service, which starts by itself, and the two configuration files."""
    drives = call.system.drives
    for name in ("bin", "conf", "log", "LocalScripts", r"Python\Scripts"):
        drives.place(f"{HOME}\\{name}").mkdir(parents=True, exist_ok=True)
    program = drives.place(r"C:\Windows\System32\cmd.exe").read_bytes()
    for name in (r"bin\OpenStackService.exe", r"bin\bsdtar.exe", r"Python\python.exe"):
        drives.place(f"{HOME}\\{name}").write_bytes(program)
    drives.place(PROGRAM).write_bytes(program)
    drives.place(rf"{HOME}\bin\SetSetupComplete.cmd").write_text(SET_SETUP_COMPLETE)
    text = CONF.format(user=given.get("USERNAME", "Admin"), home=HOME)
    if port := given.get("LOGGINGSERIALPORTNAME"):
        text += f"logging_serial_port_settings={port},115200,N,8\n"
    drives.place(rf"{HOME}\conf\cloudbase-init.conf").write_text(text)
    drives.place(rf"{HOME}\conf\cloudbase-init-unattend.conf").write_text(text)
    drives.place(rf"{HOME}\conf\Unattend.xml").write_text(
        "<!-- the MSI's own file; the stand-in has none -->\n"
    )
    local = given.get("RUN_SERVICE_AS_LOCAL_SYSTEM") == "1"
    call.system.registry.put(
        f"{SERVICES}\\{SERVICE}",
        dword("Type", 16),
        dword("Start", 2),
        dword("ErrorControl", 1),
        string("ObjectName", "LocalSystem" if local else r".\cloudbase-init"),
        string("DisplayName", "Cloudbase-Init"),
        string(
            "ImagePath",
            f'"{HOME}\\bin\\OpenStackService.exe" cloudbase-init "{PROGRAM}" --config-file '
            f'"{HOME}\\conf\\cloudbase-init.conf"',
            kind=EXPAND_SZ,
        ),
    )


def program(call: Call) -> int:
    """``cloudbase-init.exe --config-file FILE``: 0 when all plugins are done; the fault "cloudbase-loop" fails."""
    words = list(call.args)
    if "--config-file" not in words:
        call.complain("usage: cloudbase-init [--config-file FILE]")
        return 2
    return run(call.system, words[words.index("--config-file") + 1])


def run(system: System, conf: str) -> int:
    """Do what the configuration's plugins do with the metadata of a config drive, and log it as the real one does."""
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    place = system.drives.place(conf)
    try:
        parser.read_string(place.read_text(encoding="utf-8"))
    except (OSError, configparser.Error) as error:
        system.tell(f"cloudbase-init: {conf} cannot be read: {error}")
        return 1
    options = parser.defaults()
    lines = ["Cloudbase-Init version: stand-in"]
    if system.fault == "cloudbase-loop":
        lines.append(
            "ERROR cloudbaseinit.init [-] (stand-in) the fault cloudbase-loop: plugins cannot be loaded"
        )
        _log(system, options, lines)
        return 1
    drive = configdrive.find(system.drives)
    if drive is None:
        lines.append("WARNING cloudbaseinit.init [-] No metadata service found")
        _log(system, options, lines)
        return 0
    lines.append("INFO cloudbaseinit.init [-] Metadata service loaded: 'ConfigDriveService'")
    for plugin in filter(None, options.get("plugins", "").split(",")):
        name = plugin.rpartition(".")[2].strip()
        mark = f"{PROGRESS}\\{drive.uuid}\\Plugins"
        if system.registry.number(mark, name) == 1:
            continue
        lines.append(f"INFO cloudbaseinit.init [-] Executing plugin '{name}'")
        configdrive.apply(system, name, drive, options.get("username", "Admin"))
        system.registry.put(mark, dword(name, 1))
    lines.append("INFO cloudbaseinit.init [-] Plugins execution done")
    _log(system, options, lines)
    return 0


def _log(system: System, options: Mapping[str, str], lines: Sequence[str]) -> None:
    folder = system.drives.place(options.get("log_dir", HOME + r"\log"))
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / options.get("log_file", "cloudbase-init.log")).open("a", encoding="utf-8") as log:
        for line in lines:
            stamped = f"{time.strftime('%Y-%m-%d %H:%M:%S')}.000 100 {line}"
            log.write(stamped + "\n")
            if options.get("logging_serial_port_settings", "").startswith("COM1"):
                system.tell(stamped)
