# SPDX-License-Identifier: GPL-2.0-or-later
"""A kickstart's commands as plain data, free of pykickstart."""

from dataclasses import dataclass
from enum import StrEnum


class When(StrEnum):
    PRE = "%pre"
    PRE_INSTALL = "%pre-install"
    POST = "%post"
    ERROR = "%onerror"


@dataclass(frozen=True)
class Script:
    when: When
    body: str
    line: int  # of its section in the kickstart
    interpreter: str = "/bin/sh"
    chroot: bool = False
    fatal: bool = False  # --erroronfail
    log: str = ""


@dataclass(frozen=True)
class Partition:
    """One ``part`` line; sizes in MiB as kickstarts give them."""

    mount: str  # a path, or "swap", "biosboot"
    fstype: str
    size: int
    grow: bool = False
    largest: int = 0
    disk: str = ""
    primary: bool = False
    options: str = ""  # --fsoptions
    make: str = ""  # --mkfsoptions
    label: str = ""
    format: bool = True
    line: int = 0


@dataclass(frozen=True)
class Storage:
    partitions: tuple[Partition, ...] = ()
    auto: bool = False
    auto_swap: bool = True
    auto_fstype: str = ""
    clear: bool = False  # clearpart with --all, --linux or --drives
    initialise: bool = False  # --initlabel or zerombr: a disk without a label may be used
    table: str = ""  # --disklabel
    only: tuple[str, ...] = ()  # ignoredisk --only-use, clearpart --drives
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True)
class Password:
    """``text`` is a hash when ``crypted``; a locked account keeps what it has."""

    text: str = ""
    crypted: bool = False
    locked: bool = False


@dataclass(frozen=True)
class User:
    name: str
    password: Password
    groups: tuple[str, ...] = ()
    home: str = ""
    shell: str = ""
    uid: int | None = None
    gid: int | None = None
    gecos: str = ""


@dataclass(frozen=True)
class Group:
    name: str
    gid: int | None = None


@dataclass(frozen=True)
class Network:
    device: str = ""
    dhcp: bool = True
    ip: str = ""
    netmask: str = ""
    gateway: str = ""
    nameservers: tuple[str, ...] = ()
    hostname: str = ""
    onboot: bool = True
    activate: bool = False
    ipv6: bool = True


@dataclass(frozen=True)
class Bootloader:
    append: str = ""
    timeout: int | None = None
    location: str = "mbr"
    drive: str = ""


@dataclass(frozen=True)
class Packages:
    wanted: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()
    ignore_missing: bool = False
    seen: bool = False


@dataclass(frozen=True)
class Answers:
    """Everything a kickstart says."""

    method: str = ""  # cdrom, liveimg, or one that the stand-in does not have
    url: str = ""
    cmdline: bool = False
    text: bool = False
    ending: str = "halt"  # poweroff, reboot, halt: without a command Anaconda halts and the machine stays on
    lang: str = ""
    keyboard: str = ""
    timezone: str = ""
    utc: bool = False
    root: Password | None = None
    users: tuple[User, ...] = ()
    groups: tuple[Group, ...] = ()
    ssh_keys: tuple[tuple[str, str], ...] = ()
    enabled: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    storage: Storage = Storage()
    bootloader: Bootloader | None = None
    packages: Packages = Packages()
    scripts: tuple[Script, ...] = ()
    selinux: str = ""
    firewall: tuple[str, ...] = ()  # as options of the program that sets it
    authconfig: str = ""
    repos: tuple[str, ...] = ()
    kdump: bool = True  # unless the add-on com_redhat_kdump is disabled
    recorded: tuple[str, ...] = ()  # commands accepted, with no effect here
