# SPDX-License-Identifier: GPL-2.0-or-later
"""Read a kickstart with pykickstart, at the version of the RHEL that the medium stands in for."""

import re
import warnings
from pathlib import Path
from typing import Any

from pykickstart import constants
from pykickstart.commands.sshkey import F22_SshKey, F22_SshKeyData
from pykickstart.errors import KickstartError
from pykickstart.parser import KickstartParser
from pykickstart.sections import NullSection
from pykickstart.version import makeVersion

from goldsmith.media.installer.answers import (
    Answers,
    Bootloader,
    Group,
    Network,
    Packages,
    Partition,
    Password,
    Script,
    Storage,
    User,
    When,
)

WHEN = {
    constants.KS_SCRIPT_PRE: When.PRE,
    constants.KS_SCRIPT_PREINSTALL: When.PRE_INSTALL,
    constants.KS_SCRIPT_POST: When.POST,
    constants.KS_SCRIPT_ONERROR: When.ERROR,
}
SELINUX = {
    constants.SELINUX_DISABLED: "disabled",
    constants.SELINUX_ENFORCING: "enforcing",
    constants.SELINUX_PERMISSIVE: "permissive",
}
ENDINGS = {constants.KS_REBOOT: "reboot", constants.KS_SHUTDOWN: "poweroff", constants.KS_WAIT: "halt"}
# Every other command of the grammar is accepted, so that real kickstarts pass, and noted in the log.
CARRIED_OUT = {
    "autopart", "bootloader", "cdrom", "clearpart", "cmdline", "graphical", "group", "halt", "harddrive",
    "ignoredisk", "install", "keyboard", "lang", "liveimg", "network", "nfs", "part", "partition",
    "poweroff", "reboot", "reqpart", "rootpw", "services", "shutdown", "sshkey", "text", "timezone", "url",
    "user", "zerombr",
}  # fmt: skip


class KickstartProblem(Exception):
    """A kickstart that cannot be used; ``str`` is the text that Anaconda would show."""


class _ScriptsOnly(KickstartParser):  # type: ignore[misc]  # pykickstart has no types
    """Reads nothing but scripts: %pre may still have to write what the rest includes."""

    def handleCommand(self, lineno: int, args: list[str]) -> None:  # noqa: ARG002, N802
        return None

    def setupSections(self) -> None:  # noqa: N802
        super().setupSections()
        for name in ("%packages", "%addon", "%anaconda"):
            self.registerSection(NullSection(self.handler, sectionOpen=name))


def read_pre_scripts(path: Path, generation: int) -> tuple[Script, ...]:
    """Return the %pre scripts of a kickstart whose includes need not exist yet."""
    handler = _handler(generation)
    _parse(_ScriptsOnly(handler, missingIncludeIsFatal=False), path)
    return tuple(one for one in _scripts(handler) if one.when is When.PRE)


def read_kickstart(path: Path, generation: int) -> Answers:
    """Return what the kickstart says; raises KickstartProblem with pykickstart's text."""
    handler = _handler(generation)
    _parse(KickstartParser(handler), path)
    method, url = _method(handler)
    return Answers(
        method=method,
        url=url,
        cmdline=handler.displaymode.displayMode == constants.DISPLAY_MODE_CMDLINE,
        text=handler.displaymode.displayMode == constants.DISPLAY_MODE_TEXT,
        ending=ENDINGS.get(handler.reboot.action, "halt"),
        lang=handler.lang.lang or "",
        keyboard=_keyboard(handler.keyboard),
        timezone=handler.timezone.timezone or "",
        utc=bool(handler.timezone.isUtc),
        root=_password(handler.rootpw) if _given(handler.rootpw) else None,
        users=tuple(_user(one) for one in handler.user.userList),
        groups=tuple(Group(one.name, _number(getattr(one, "gid", None))) for one in handler.group.groupList),
        ssh_keys=tuple((one.username, one.key) for one in handler.sshkey.sshUserList),
        enabled=tuple(handler.services.enabled),
        disabled=tuple(handler.services.disabled),
        networks=tuple(_network(one) for one in handler.network.network),
        storage=_storage(handler, generation),
        bootloader=_bootloader(handler.bootloader),
        packages=_packages(handler.packages),
        scripts=_scripts(handler),
        selinux=SELINUX.get(handler.selinux.selinux, ""),
        firewall=_firewall(handler.firewall),
        authconfig=str(handler.authconfig.authconfig or "").strip(),
        repos=tuple(str(one.name) for one in handler.repo.repoList),
        kdump=not re.search(r"(?m)^%addon\s+com_redhat_kdump\b.*--disable", path.read_text(encoding="utf-8")),
        recorded=_recorded(handler),
    )


def _handler(generation: int) -> Any:
    handler = makeVersion(f"RHEL{generation}")
    # The pykickstart that RHEL ships takes sshkey; the handler kept upstream does not.
    handler.registerCommand("sshkey", F22_SshKey)
    handler.registerData("SshKeyData", F22_SshKeyData)
    return handler


def _parse(parser: Any, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            parser.readKickstart(str(path))
        except KickstartError as error:
            raise KickstartProblem(str(error).rstrip()) from None
        except UnicodeDecodeError as error:
            raise KickstartProblem(f"The kickstart file is no UTF-8 text: {error}") from None


def _recorded(handler: Any) -> tuple[str, ...]:
    seen = {command.currentCmd for command in handler.commands.values() if _given(command)}
    return tuple(sorted(seen - CARRIED_OUT))


def _method(handler: Any) -> tuple[str, str]:
    if _given(getattr(handler, "liveimg", None)):  # Anaconda prefers it to an installation tree
        return "liveimg", str(handler.liveimg.url)
    return handler.method.method or "", str(getattr(handler.method, "url", "") or "")


def _given(command: Any) -> bool:
    return bool(getattr(command, "seen", False))


def _scripts(handler: Any) -> tuple[Script, ...]:
    return tuple(
        Script(
            when=WHEN[one.type],
            body=one.script,
            line=one.lineno or 0,
            interpreter=one.interp or "/bin/sh",
            chroot=bool(one.inChroot),
            fatal=bool(one.errorOnFail),
            log=one.logfile or "",
        )
        for one in handler.scripts
        if one.type in WHEN
    )


def _keyboard(command: Any) -> str:
    layouts = getattr(command, "x_layouts", None) or []
    return str(layouts[0] if layouts else getattr(command, "vc_keymap", "") or command.keyboard or "")


def _password(command: Any) -> Password:
    return Password(command.password or "", bool(command.isCrypted), bool(command.lock))


def _number(value: Any) -> int | None:
    return None if value in (None, "") else int(value)


def _user(one: Any) -> User:
    return User(
        name=one.name,
        password=_password(one),
        groups=tuple(name.strip() for name in one.groups if name.strip()),
        home=one.homedir or "",
        shell=one.shell or "",
        uid=_number(one.uid),
        gid=_number(getattr(one, "gid", None)),
        gecos=getattr(one, "gecos", "") or "",
    )


def _network(one: Any) -> Network:
    return Network(
        device=one.device or "",
        dhcp=one.bootProto in ("", "dhcp", "bootp"),
        ip=one.ip or "",
        netmask=one.netmask or "",
        gateway=one.gateway or "",
        nameservers=tuple(filter(None, (one.nameserver or "").split(","))),
        hostname=one.hostname or "",
        onboot=one.onboot not in (False, "no", "off"),
        activate=bool(getattr(one, "activate", False)),
        ipv6=not one.noipv6,
    )


def _storage(handler: Any, generation: int) -> Storage:
    clear, ignore, auto = handler.clearpart, handler.ignoredisk, handler.autopart
    default = "xfs" if generation >= 7 else "ext4"
    wipes = clear.type not in (None, constants.CLEARPART_TYPE_NONE)
    return Storage(
        partitions=tuple(_partition(one, default) for one in handler.partition.partitions),
        auto=bool(auto.autopart),
        auto_swap=not getattr(auto, "noswap", False),
        auto_fstype=getattr(auto, "fstype", "") or default,
        clear=wipes,
        initialise=bool(handler.zerombr.zerombr) or (wipes and bool(clear.initAll)),
        table=getattr(clear, "disklabel", "") or "",
        only=tuple(ignore.onlyuse or ()),
        ignored=tuple(ignore.ignoredisk or ()),
    )


def _partition(one: Any, default: str) -> Partition:
    swap = one.mountpoint == "swap"
    return Partition(
        mount=one.mountpoint,
        fstype="swap" if swap else (one.fstype or default),
        size=int(one.size or 0),
        grow=bool(one.grow),
        largest=int(one.maxSizeMB or 0),
        disk=(one.disk or "").removeprefix("/dev/"),
        primary=bool(one.primOnly),
        options=one.fsopts or "",
        make=getattr(one, "mkfsopts", "") or "",
        label=one.label or "",
        format=bool(one.format),
        line=int(one.lineno or 0),
    )


def _firewall(command: Any) -> tuple[str, ...]:
    if not _given(command):
        return ()
    if command.enabled is False:
        return ("--disabled",)
    services = [f"--service={one}" for one in command.services]
    return ("--enabled", *services, *(f"--port={one}" for one in command.ports))


def _bootloader(command: Any) -> Bootloader | None:
    if not _given(command):
        return None
    drives = [getattr(command, "bootDrive", ""), *(getattr(command, "driveorder", None) or [])]
    return Bootloader(
        append=command.appendLine or "",
        timeout=command.timeout,
        location="none" if getattr(command, "disabled", False) else command.location,
        drive=next((name.removeprefix("/dev/") for name in drives if name), ""),
    )


def _packages(section: Any) -> Packages:
    return Packages(
        wanted=tuple(section.packageList),
        groups=tuple(str(one.name) for one in section.groupList),
        unwanted=tuple(section.excludedList),
        ignore_missing=section.handleMissing == constants.KS_MISSING_IGNORE,
        seen=bool(section.seen),
    )
