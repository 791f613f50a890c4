"""What the stages ask of a guest family: defaults, boot arguments, console patterns, the way in, clean-up."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from goldsmith.guests.causes.failure import Failure
from goldsmith.recipe.load import MEDIA_HELP, UTF_16


class Answer(StrEnum):
    """What an installer reads instead of asking."""

    KICKSTART = "kickstart"  # Anaconda's file, injected into its initramfs
    UNATTEND = "unattend"  # Windows Setup's Autounattend.xml, on a disc of its own with the scripts it calls


class Access(StrEnum):
    """How Goldsmith gets its temporary key into a guest that it customizes."""

    SEED = "seed"  # cloud-init reads a NoCloud seed
    AGENT = "agent"  # none is needed: the guest agent is there already, and has all rights
    OFFLINE = "offline"  # virt-customize plants it before the boot and it is removed at the end


class Packages(StrEnum):
    """The package command of a guest."""

    APT = "apt"
    YUM = "yum"
    DNF = "dnf"
    NONE = "none"  # Windows has none that could be relied on


@dataclass(frozen=True)
class Phase:
    """A line of the installer's console that tells which part it has reached."""

    pattern: re.Pattern[str]
    name: str


@dataclass(frozen=True)
class Console:
    """How to read what an installer prints; every pattern is searched anywhere in a cleaned line."""

    phases: Sequence[Phase]
    failures: Sequence[Failure]
    progress: re.Pattern[str]  # named groups: done and total, or percent
    marker: str = "GOLDSMITH-INSTALL-OK"


@dataclass(frozen=True)
class GuestFamily:
    """What is true of one family only; everything that varies between recipes is in the recipe."""

    name: str
    summary: str
    defaults: Mapping[str, Any]
    kickstart_version: str
    media_help: str
    console: Console
    boot_arguments: Sequence[str]
    access: Access
    packages: Packages
    audit_profile: str
    admin_user: str
    os_distro: str
    answer: Answer = Answer.KICKSTART
    os_tells_release: bool = True  # the first number of ``os`` is the release that the guest calls itself by
    systemd: bool = True  # and with it /etc/machine-id
    legacy_ssh: bool = False  # the guest's sshd knows no signature newer than RSA with SHA-1
    anaconda_log: bool = False  # Anaconda sends its logs to a virtio port of this name by itself
    machine_type: str = "q35"
    least_ram: int = (
        512  # MiB that the catalog promises; below it neither a current kernel nor cloud-init is at ease
    )
    marker_file: str = "/etc/goldsmith-install-ok"
    sysprep_enable: Sequence[str] = ()
    sysprep_disable: Sequence[str] = ()
    not_on_dvd: Sequence[str] = ()  # packages that the vendor's DVD may lack
    leftovers: Sequence[str] = ()  # paths in the guest that virt-sysprep does not know
    properties: Mapping[str, str] = field(default_factory=dict)

    def for_recipes(self) -> dict[str, Any]:
        """Return the defaults, with what else the reading of a recipe must know of its family."""
        return {
            **self.defaults,
            MEDIA_HELP: self.media_help,
            UTF_16: self.answer is Answer.UNATTEND,
        }

    def distro(self, os: str) -> str:
        """Return the name of a system's distribution: "rocky" for rocky9, which is of Red Hat's family 9."""
        named = re.match(r"[a-z]+", os)
        return named[0] if named and self.os_distro == "rhel" else self.os_distro

    def release(self, os: str) -> int | None:
        """Return the first number of a system's version: 7 for rhel7.9, None where its id does not tell it."""
        number = re.search(r"\d+", os)
        return int(number[0]) if number and self.os_tells_release else None


def patterns(*pairs: tuple[str, str]) -> tuple[Phase, ...]:
    return tuple(Phase(re.compile(pattern), name) for pattern, name in pairs)


COMMON_LEFTOVERS = (
    "/var/lib/cloud/*",
    "/var/lib/systemd/random-seed",
    "/var/lib/random-seed",
    "/var/lib/dhcp/*.leases",
    "/var/lib/dhclient/*",
    "/var/lib/NetworkManager/*.lease",
    "/root/ks-post.log",
    "/root/ks-pre.log",
    "/root/original-ks.cfg",
    "/root/anaconda-ks.cfg",
    "/etc/goldsmith-install-ok",
    "/var/log/anaconda",
)
