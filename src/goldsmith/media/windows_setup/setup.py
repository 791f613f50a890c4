"""The passes that run from the disk: specialize and oobeSystem, and the logon that follows."""

import random
import re

from goldsmith.media.windows_setup import accounts, cloudbase, powershell, tree
from goldsmith.media.windows_setup.answers import Answers, text_at
from goldsmith.media.windows_setup.configdrive import NAMES, TCPIP
from goldsmith.media.windows_setup.hive import dword, string
from goldsmith.media.windows_setup.run import command_line, shell_on
from goldsmith.media.windows_setup.search import find_answers
from goldsmith.media.windows_setup.services import set_running
from goldsmith.media.windows_setup.system import (
    CURRENT,
    SERVICES,
    WINLOGON,
    Dialog,
    End,
    ImageState,
    System,
)

SHELL = "Microsoft-Windows-Shell-Setup"
LOCALES = "Microsoft-Windows-International-Core"
CONTROL = r"HKLM\SYSTEM\CurrentControlSet\Control"
CACHED = r"C:\Windows\Panther\unattend.xml"
_TRUE = ("true", "1")


def specialize(system: System, discs: list[str]) -> None:
    """Give the machine its own name and settings; ends with End("reboot")."""
    system.show("Getting ready")
    found = find_answers(system, "specialize", discs=discs)
    answers = found[1] if found else None
    name = answers.text("specialize", SHELL, "ComputerName", "*") if answers else "*"
    if name == "*":
        letters = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
        name = "WIN-" + "".join(random.SystemRandom().choice(letters) for _ in range(11))
    system.registry.put(NAMES, string("ComputerName", name[:15].upper()))
    system.registry.put(TCPIP, string("Hostname", name), string("NV Hostname", name))
    if answers:
        _settings(system, answers)
        _run_synchronous(system, answers)
    system.set_state(ImageState.SPECIALIZED)
    raise End("reboot")


def _settings(system: System, answers: Answers) -> None:
    zone = answers.text("specialize", SHELL, "TimeZone")
    if zone:
        system.registry.put(rf"{CONTROL}\TimeZoneInformation", string("TimeZoneKeyName", zone))
    remote = "Microsoft-Windows-TerminalServices-LocalSessionManager"
    deny = answers.text("specialize", remote, "fDenyTSConnections", "true").lower() in _TRUE
    system.registry.put(rf"{CONTROL}\Terminal Server", dword("fDenyTSConnections", int(deny)))
    level = answers.text(
        "specialize", "Microsoft-Windows-TerminalServices-RDP-WinStationExtensions", "UserAuthentication"
    )
    if level:
        system.registry.put(
            rf"{CONTROL}\Terminal Server\WinStations\RDP-Tcp", dword("UserAuthentication", int(level))
        )
    for group in answers.all("specialize", "Networking-MPSSVC-Svc", "FirewallGroups/FirewallGroup"):
        rule = f"v2.31|Action=Allow|Active=TRUE|Dir=In|EmbedCtxt={text_at(group, 'Group')}|"
        rules = rf"{SERVICES}\SharedAccess\Parameters\FirewallPolicy\FirewallRules"
        system.registry.put(rules, string(text_at(group, "Group"), rule))


def _run_synchronous(system: System, answers: Answers) -> None:
    """Run the commands of the component Deployment; exit codes mean what Microsoft documents for WillReboot."""
    place = "RunSynchronous/RunSynchronousCommand"
    done = r"HKLM\SOFTWARE\Goldsmith\Standin\Specialized"
    for order, command, reboot in answers.commands(
        "specialize", "Microsoft-Windows-Deployment", place, "Path"
    ):
        if system.registry.number(done, str(order)):
            continue
        code = command_line(system, command)
        system.panther.info(f"RunSynchronous [{command}] ended with {code}")
        if reboot == "OnRequest":
            if code not in (0, 1, 2):
                raise _aborted(system, command, code)
            if code == 2:
                raise End("reboot")
        system.registry.put(done, dword(str(order), 1))
        if reboot == "Always" or (reboot == "OnRequest" and code == 1):
            raise End("reboot")
    system.registry.drop(done)


def _aborted(system: System, command: str, code: int) -> Dialog:
    system.panther.error(f"RunSynchronous [{command}] failed with {code}")
    system.set_state(ImageState.UNDEPLOYABLE)
    return Dialog(
        "Windows could not complete the installation. To install Windows on this computer, restart the installation.\n"
        f"({command} ended with {code})",
        title="Install Windows",
    )


def welcome(system: System, discs: list[str]) -> Answers | None:
    """Do the pass oobeSystem: accounts, locale, automatic logon; then Windows is complete."""
    found = find_answers(system, "oobeSystem", discs=discs)
    answers = found[1] if found else None
    if answers is None:
        raise Dialog(
            "Hi there! Let's get a few things set up.\n(no answer file with settings for oobeSystem)",
            title="OOBE",
        )
    client = system.registry.text(CURRENT, "InstallationType") == "Client"
    skip = answers.text("oobeSystem", SHELL, "OOBE/SkipMachineOOBE").lower() in _TRUE
    _check_pages(system, answers, client=client, skip=skip)
    for account in answers.all("oobeSystem", SHELL, "UserAccounts/LocalAccounts/LocalAccount"):
        accounts.add(system.registry, text_at(account, "Name"))
    if answers.text("oobeSystem", SHELL, "AutoLogon/Enabled").lower() in _TRUE:
        system.registry.put(
            WINLOGON,
            string("AutoAdminLogon", "1"),
            string("DefaultUserName", answers.text("oobeSystem", SHELL, "AutoLogon/Username")),
            string("DefaultPassword", answers.text("oobeSystem", SHELL, "AutoLogon/Password/Value")),
            dword("AutoLogonCount", int(answers.text("oobeSystem", SHELL, "AutoLogon/LogonCount", "1"))),
        )
    folder = system.drives.place(r"C:\Windows\Panther\UnattendGC")
    system.panther.add(folder)
    system.panther.info("OOBE: complete")
    tree.out_of_setup(system.registry)
    system.set_state(ImageState.COMPLETE)
    place = system.drives.place(CACHED)
    if place.is_file():  # Setup takes the passwords out of its copy
        text = place.read_text(encoding="utf-8")
        hidden = re.sub(
            r"<Value>[^<]*</Value>(?=\s*<PlainText>)", "<Value>*SENSITIVE*DATA*DELETED*</Value>", text
        )
        place.write_text(hidden, encoding="utf-8")
    _setup_complete(system)
    return answers


def _check_pages(system: System, answers: Answers, *, client: bool, skip: bool) -> None:
    """Windows shows a page for whatever the answer file does not settle, and waits."""
    locale = ("InputLocale", "SystemLocale", "UILanguage", "UserLocale")
    missing = [name for name in locale if not answers.text("oobeSystem", LOCALES, name)]
    if answers.text("oobeSystem", SHELL, "OOBE/HideEULAPage").lower() not in _TRUE:
        missing.append("HideEULAPage")
    if (
        not client
        and not skip
        and not answers.text("oobeSystem", SHELL, "UserAccounts/AdministratorPassword/Value")
    ):
        missing.append("AdministratorPassword")
    if (
        client
        and not skip
        and not answers.all("oobeSystem", SHELL, "UserAccounts/LocalAccounts/LocalAccount")
    ):
        missing.append("LocalAccounts")
    if missing:
        system.panther.error(f"OOBE: pages are shown for {', '.join(missing)}")
        raise Dialog(
            f"Customize settings\n[Finish]\n(the answer file lacks {', '.join(missing)})", title="OOBE"
        )


def _setup_complete(system: System) -> None:
    path = r"C:\Windows\Setup\Scripts\SetupComplete.cmd"
    if system.drives.exists(path):
        code = shell_on(system).batch(path)
        system.panther.info(f"SetupComplete.cmd ended with {code}")


def start_services(system: System) -> None:
    """Start what starts by itself; Cloudbase-Init does its work at once."""
    system.registry.drop(powershell.REBOOT_REQUIRED)
    services = system.registry.key(SERVICES)
    for service in services.keys.values() if services else ():
        start = service.values.get("start")
        kind = service.values.get("type")
        if start and start.number() == 2 and kind and kind.number() >= 16:
            set_running(system, service.name, running=True)
            if service.name.lower() == cloudbase.SERVICE:
                cloudbase.run(system, rf"{cloudbase.HOME}\conf\cloudbase-init.conf")


def log_on(system: System, answers: Answers | None) -> None:
    """Log the user of AutoLogon on; at the first logon run the commands of the answer file."""
    if system.registry.text(WINLOGON, "AutoAdminLogon") != "1":
        system.show("Press Ctrl+Alt+Delete to unlock")
        return
    user = system.registry.text(WINLOGON, "DefaultUserName")
    left = (system.registry.number(WINLOGON, "AutoLogonCount") or 1) - 1
    system.registry.put(WINLOGON, dword("AutoLogonCount", left))
    if left <= 0:
        system.registry.put(WINLOGON, string("AutoAdminLogon", "0"))
        system.registry.drop(WINLOGON, "DefaultPassword")
    profile = system.drives.place(rf"C:\Users\{user}")
    for name in ("Desktop", "AppData/Local/Temp"):
        (profile / name).mkdir(parents=True, exist_ok=True)
    system.registry.put(r"HKCU\Environment", string("TEMP", rf"C:\Users\{user}\AppData\Local\Temp"))
    system.show(f"Logged on as {user}")
    if answers is None:
        return
    place = "FirstLogonCommands/SynchronousCommand"
    for _, command, _ in answers.commands("oobeSystem", SHELL, place, "CommandLine"):
        system.show(f"> {command}")
        code = command_line(system, command, system.screen)
        system.panther.info(f"FirstLogonCommands [{command}] ended with {code}")
