# SPDX-License-Identifier: GPL-2.0-or-later
"""The new system's settings as Anaconda writes them for RHEL: network, SELinux, firewall, language, services."""

import uuid
from collections.abc import Iterable

from goldsmith.media.installer.answers import Answers, Network
from goldsmith.media.installer.redhat.guest import Guest
from goldsmith.media.installer.steps import InstallProblem, Link, Note, Run, Step, Write

_SCRIPTS = "/etc/sysconfig/network-scripts"


def language_steps(guest: Guest, answers: Answers) -> list[Step]:
    lang = answers.lang or "en_US.UTF-8"
    layout = answers.keyboard or "us"
    zone = answers.timezone or "America/New_York"
    steps: list[Step] = [
        Link("/etc/localtime", f"../usr/share/zoneinfo/{zone}"),
        Write("/etc/adjtime", f"0.0 0 0.0\n0\n{'UTC' if answers.utc else 'LOCAL'}\n"),
        Write("/etc/default/locale", f"LANG={lang}\n"),
    ]
    if guest.systemd:
        steps.append(Write("/etc/locale.conf", f'LANG="{lang}"\n'))
        return [*steps, Write("/etc/vconsole.conf", f'KEYMAP="{layout}"\n')]
    steps.append(Write("/etc/sysconfig/i18n", f'LANG="{lang}"\nSYSFONT="latarcyrheb-sun16"\n'))
    steps.append(Write("/etc/sysconfig/clock", f'ZONE="{zone}"\n'))
    return [*steps, Write("/etc/sysconfig/keyboard", f'KEYTABLE="{layout}"\nMODEL="pc105+inet"\n')]


def network_steps(guest: Guest, networks: Iterable[Network], addresses: dict[str, str]) -> list[Step]:
    """Return the steps for ifcfg files, which name this very card; ``addresses`` are those of the cards by name."""
    steps: list[Step] = []
    hostname = ""
    for one in networks:
        hostname = one.hostname or hostname
        if not one.device and not one.ip:
            continue
        device = next(iter(addresses), "eth0") if one.device in ("", "link") else one.device
        steps.append(Write(f"{_SCRIPTS}/ifcfg-{device}", _ifcfg(guest, one, device, addresses)))
        if not guest.systemd and device in addresses:
            rule = (
                f'SUBSYSTEM=="net", ACTION=="add", ATTR{{address}}=="{addresses[device]}", NAME="{device}"\n'
            )
            steps.append(Write("/etc/udev/rules.d/70-persistent-net.rules", rule))
    name = hostname or "localhost.localdomain"
    text = "# Created by anaconda\n" if guest.systemd else f"NETWORKING=yes\nHOSTNAME={name}\n"
    steps.append(Write("/etc/sysconfig/network", text))
    if guest.systemd:
        steps.append(Write("/etc/hostname", name + "\n"))
    steps.append(
        Write(
            "/etc/hosts",
            "127.0.0.1   localhost localhost.localdomain localhost4 localhost4.localdomain4\n"
            "::1         localhost localhost.localdomain localhost6 localhost6.localdomain6\n",
        )
    )
    return steps


def _ifcfg(guest: Guest, one: Network, device: str, addresses: dict[str, str]) -> str:
    boot = "yes" if one.onboot else "no"
    proto = "none" if one.ip else "dhcp"
    if guest.systemd:
        lines = [
            'TYPE="Ethernet"', 'PROXY_METHOD="none"', 'BROWSER_ONLY="no"', f'BOOTPROTO="{proto}"', 'DEFROUTE="yes"',
            'IPV4_FAILURE_FATAL="no"', f'IPV6INIT="{"yes" if one.ipv6 else "no"}"', f'NAME="{device}"',
            f'UUID="{uuid.uuid4()}"', f'DEVICE="{device}"', f'ONBOOT="{boot}"',
        ]  # fmt: skip
    else:
        lines = [
            f"DEVICE={device}", "TYPE=Ethernet", f"UUID={uuid.uuid4()}", f"ONBOOT={boot}", "NM_CONTROLLED=yes",
            f"BOOTPROTO={proto}", f"HWADDR={addresses.get(device, '').upper()}", "DEFROUTE=yes", "PEERDNS=yes",
            "PEERROUTES=yes", "IPV4_FAILURE_FATAL=yes", "IPV6INIT=no", f'NAME="System {device}"',
        ]  # fmt: skip
    if one.ip:
        lines += [f"IPADDR={one.ip}", f"NETMASK={one.netmask}", f"GATEWAY={one.gateway}"]
    return "\n".join(lines) + "\n"


def security_steps(guest: Guest, answers: Answers, have: Iterable[str]) -> list[Step]:
    """Return the steps for selinux, firewall and auth; raises InstallProblem where their tools are not installed."""
    packages = set(have)
    mode = answers.selinux or "enforcing"
    steps: list[Step] = [Write("/etc/selinux/config", f"SELINUX={mode}\nSELINUXTYPE=targeted\n")]
    steps.append(Link("/etc/sysconfig/selinux", "../selinux/config"))
    if answers.authconfig:
        steps.append(Run(("authconfig", "--update", "--nostart", *answers.authconfig.split()), chroot=True))
    if guest.systemd:
        if answers.firewall and "firewalld" not in packages:
            raise InstallProblem("/usr/bin/firewall-offline-cmd is missing. Cannot setup firewall.")
        if answers.firewall:
            steps.append(Run(("firewall-offline-cmd", *answers.firewall), chroot=True))
        return steps
    if "system-config-firewall-base" not in packages:
        return [*steps, Note("lokkit is not installed: selinux and firewall are left as they are")]
    steps.append(Run(("lokkit", f"--selinux={mode}"), chroot=True))
    if answers.firewall:
        steps.append(Run(("lokkit", "--quiet", "--nostart", "-f", *answers.firewall), chroot=True))
    return steps


def service_steps(guest: Guest, answers: Answers) -> list[Step]:
    """Return the steps for services; one that does not exist is passed over, as by Anaconda."""
    steps: list[Step] = []
    for on, names in ((False, answers.disabled), (True, answers.enabled)):
        for name in names:
            if guest.systemd:
                unit = name if "." in name else f"{name}.service"
                steps.append(
                    Run(("systemctl", "enable" if on else "disable", unit), chroot=True, optional=True)
                )
            else:
                steps.append(Run(("chkconfig", name, "on" if on else "off"), chroot=True, optional=True))
    return steps
