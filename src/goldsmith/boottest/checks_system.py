"""What a new guest has made of itself: name, disk, network, cloud-init, services."""

import json
import re
from collections.abc import Sequence
from typing import Any

from goldsmith.audit.check import ALL, RHEL, SYSTEMD, Finding, Profile, Severity, bad, good, moot, some
from goldsmith.boottest.check import boot_check
from goldsmith.boottest.facts import Boot, Trial
from goldsmith.boottest.seed import Source
from goldsmith.host.files import human_size

_ALMOST = 0.9  # of the disk: what partitions and metadata leave of it
_CLOCK = 5.0  # seconds
_UNIT = re.compile(r"\S+\.[a-z]+\b")  # some versions put a dot or a cross before it
_ZEROCONF = "169.254.0.0/16"


@boot_check(
    "B-C1",
    "the host name is the instance's",
    why="guests with the name of the build, or all with one name, cannot be told apart in logs and monitoring",
    source="OpenStack metadata, hostname; cloud-init, cc_set_hostname; Cloudbase-Init, SetHostNamePlugin",
    expected="the name in the metadata",
    fix="set_hostname in cloud_init_modules, preserve_hostname: false; SetHostNamePlugin in Windows",
    profiles=ALL,
)
def host_name(trial: Trial) -> Finding:
    return own_name(trial.first)


def own_name(boot: Boot) -> Finding:
    """Say whether a guest has the host name of its instance."""
    wanted, found = boot.instance.hostname, boot.word("hostname")
    right = found.partition(".")[0].lower() == wanted
    return good(found) if right else bad(found or "none", expected=wanted)


def _grown(trial: Trial) -> Finding:
    size = _root_size(trial.first.said("root"))
    if size is None:
        return moot("the guest does not tell how large its root file system is")
    told = f"{human_size(size)} of a disk of {human_size(trial.disk_size)}"
    if size > min(trial.image_size, trial.disk_size * _ALMOST):
        return good(told)
    return bad(told, expected=f"more than the {human_size(trial.image_size)} that the image's disk has")


grown = boot_check(
    "B-C2",
    "the root file system has grown into the larger disk",
    why="a flavor's disk is larger than the image, and what is not grown is paid for and lost",
    source="cloud-init, cc_growpart and cc_resizefs; Cloudbase-Init, ExtendVolumesPlugin",
    expected="a file system as large as the disk",
    fix="cloud-utils-growpart in the image, growpart and resizefs in cloud.cfg, the root partition last on the disk",
    profiles=ALL - {Profile.RHEL6},
)(_grown)
grown_rhel6 = boot_check(
    "B-L7",
    "the root file system has grown into the larger disk (RHEL 6)",
    why="RHEL 6 grows at boot only where its initramfs can; else it must be done by hand, after a restart",
    source="dracut-modules-growroot; guests that have it not",
    expected="a file system as large as the disk",
    fix="install: root_growth: growroot in the recipe, or grow the disk by hand in each guest",
    severity=Severity.WARNING,
    profiles=frozenset({Profile.RHEL6}),
)(_grown)


@boot_check(
    "B-L8",
    "the network is up by DHCP",
    why="the cloud gives addresses by DHCP; a fixed one, or a card with another name, is off the network",
    source="Neutron, DHCP agent",
    expected="a global IPv4 address that DHCP gave",
    fix="DHCP on the first card by cloud-init or ifcfg-eth0 with BOOTPROTO=dhcp; no MAC address in network files",
)
def network(trial: Trial) -> Finding:
    addresses = [line.split() for line in trial.first.said("address") if line.strip()]
    if not addresses:
        return bad("no address")
    told = some([f"{words[1]} on {words[-1]}" for words in addresses if len(words) > 1])
    clients = trial.first.said("dhcp")
    leased = any("dynamic" in words for words in addresses) or any(one.strip() for one in clients)
    return good(told) if leased else bad(f"{told}, from no DHCP client that runs")


@boot_check(
    "B-L9",
    "cloud-init is done, without errors",
    why="after an error in one module the guest lacks something that the tenant asked for",
    source="cloud-init, status and result.json",
    expected="status: done, errors: []",
    fix="the lines of cloud-init on the console and in the guest's /var/log/cloud-init.log name the module",
)
def cloud_init(trial: Trial) -> Finding:
    first = trial.first
    if not first.said("cloud-init"):
        return moot("there is no cloud-init in the guest")
    result = _result(first.said("result"))
    errors = [str(one) for one in result.get("errors", [])]
    status = next((line.strip() for line in first.said("status") if line.startswith("status:")), "")
    if errors or "error" in status:
        return bad(some(errors) or status)
    if not first.said("boot-finished") or status == "status: running":
        return bad(f"not done yet: {status or 'no boot-finished'}")
    return good(status or "boot-finished is there, errors: []")


@boot_check(
    "B-L11",
    "user data are carried out",
    why="tenants set their guests up with them",
    source="cloud-init, cc_write_files",
    expected="the file that the user data asked for",
    fix="write_files in cloud_init_modules of cloud.cfg",
    severity=Severity.WARNING,
)
def user_data(trial: Trial) -> Finding:
    wrong = wrong_file(trial.first)
    return bad(wrong) if wrong else good("the file is there")


def wrong_file(boot: Boot) -> str:
    """Say what is wrong with the file that the instance's user data asked for; "" where it is right."""
    found = boot.word("token")
    if found == boot.instance.token:
        return ""
    return "another content" if found else "no such file"


@boot_check(
    "B-L12",
    "no unit has failed",
    why="a service that fails in each new guest is noise at best, and often what the image was made for",
    source="systemctl(1), --failed",
    expected="none",
    fix="journalctl -u UNIT in a guest says why; disable what a cloud guest does not need",
    profiles=SYSTEMD,
)
def units(trial: Trial) -> Finding:
    if not trial.first.word("state"):
        return moot("the guest has no systemd")
    names = [unit[0] for line in trial.first.said("failed") if (unit := _UNIT.search(line))]
    return bad(some(names)) if names else good("none")


@boot_check(
    "B-L13",
    "names are resolved by the network's server",
    why="without a server no name is found, and with that of the build wrong ones are",
    source="resolv.conf(5)",
    expected="a nameserver from DHCP or the metadata",
    fix="leave /etc/resolv.conf to the DHCP client, systemd-resolved or cloud-init",
    severity=Severity.WARNING,
)
def resolver(trial: Trial) -> Finding:
    if trial.first.instance.source is Source.SERVICE:
        return moot("the network of the metadata service has no server for names")
    servers = [line.split()[1] for line in trial.first.said("resolver") if len(line.split()) > 1]
    return good(some(servers)) if servers else bad("no nameserver in /etc/resolv.conf")


@boot_check(
    "B-L14",
    "no zeroconf route hides the metadata service",
    why="with a route of its own for 169.254.0.0/16 a guest looks for 169.254.169.254 on its own wire",
    source="the vendor's manual, NOZEROCONF=yes",
    expected=f"no route to {_ZEROCONF}",
    fix="NOZEROCONF=yes in /etc/sysconfig/network",
    severity=Severity.WARNING,
    profiles=RHEL,
)
def zeroconf(trial: Trial) -> Finding:
    hits = [line.strip() for line in trial.first.said("routes") if line.startswith(_ZEROCONF)]
    return bad(hits[0]) if hits else good("none")


@boot_check(
    "B-L15",
    "SELinux does what its configuration says",
    why="a guest that cannot load its policy runs without it, and nobody notices",
    source="selinux(8)",
    expected="getenforce as SELINUX= says",
    fix="relabel the image after the last change: sysprep with selinux-relabel",
    profiles=RHEL,
)
def selinux(trial: Trial) -> Finding:
    wanted, found = trial.first.word("selinux-wanted"), trial.first.word("selinux")
    if not wanted:
        return moot("the guest has no SELinux")
    right = found.lower() == wanted.lower()
    return good(found) if right else bad(found or "no answer", expected=wanted)


@boot_check(
    "B-L16",
    "the guest is not registered with the vendor",
    why="all guests of the image would share one registration, and use up the builder's subscription",
    source="subscription-manager(8)",
    expected="no consumer certificate",
    fix="subscription-manager unregister and clean before the image is finished",
    profiles=RHEL,
)
def subscription(trial: Trial) -> Finding:
    said = trial.first.word("subscription")
    if not said:
        return moot("the guest has no subscription-manager")
    return good("not registered") if "No such file" in said else bad(said)


@boot_check(
    "B-L17",
    "the clock is right, in UTC",
    why="with a wrong clock certificates are not valid yet, and logs of several guests do not fit together",
    source="Nova, libvirt clock offset utc",
    expected="the host's time, time zone +0000",
    fix="timezone: UTC in the recipe, chrony or ntpd in the image",
    severity=Severity.WARNING,
)
def clock(trial: Trial) -> Finding:
    zone = trial.first.word("zone")
    if not zone:
        return moot("the guest does not tell its time")
    told = f"{trial.first.skew:+.0f} s, zone {zone}"
    return good(told) if abs(trial.first.skew) <= _CLOCK and zone == "+0000" else bad(told)


@boot_check(
    "B-C3",
    "the guest agent answers",
    why="the image promises it: Nova then freezes file systems and sets passwords by it, and fails without it",
    source="Nova, hw_qemu_guest_agent",
    expected="an answer to guest-ping",
    fix="install and enable qemu-guest-agent, or do not promise it: hw_qemu_guest_agent",
    profiles=ALL,
)
def agent(trial: Trial) -> Finding:
    if trial.first.agent:
        return good("it answers")
    if not trial.hardware.agent:
        return moot("it does not answer, and no property of the image promises it")
    return bad("no answer")


@boot_check(
    "B-C4",
    "the power button turns it off",
    why="a cloud presses it first; a guest that does not listen is cut off, and loses what it was writing",
    source="Nova, os_shutdown_timeout; acpid, systemd-logind",
    expected="off by itself",
    fix="acpid (RHEL 6), systemd-logind with HandlePowerKey=poweroff",
    profiles=ALL,
)
def power_button(trial: Trial) -> Finding:
    took = trial.first.off
    return bad("still on when the time was over") if took is None else good(f"off after {took:.0f} s")


def _root_size(lines: Sequence[str]) -> int | None:
    """Return the bytes of a file system: from df -P -k, or a number alone."""
    words = " ".join(lines).split()
    numbers = [int(one) for one in words if one.isdigit()]
    if not numbers:
        return None
    return numbers[0] if len(words) == 1 else numbers[0] * 1024


def _result(lines: Sequence[str]) -> dict[str, Any]:
    try:
        found = json.loads("\n".join(lines))["v1"]
    except (ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


SYSTEM = (
    *(host_name, grown, grown_rhel6, network, cloud_init, user_data, units, resolver),
    *(zeroconf, selinux, subscription, clock, agent, power_button),
)
