# SPDX-License-Identifier: GPL-2.0-or-later
"""The new system's own settings: language, clock, network, accounts, services."""

import ipaddress
from collections.abc import Iterable

from goldsmith.media.installer.answers import Answers, Group, Network, Password, User
from goldsmith.media.installer.disks import Layout, fstab
from goldsmith.media.installer.steps import Link, Note, Run, Say, Step, Write
from goldsmith.media.installer.voice import Voice

BUILT_IN = ("C.UTF-8", "C", "POSIX", "en_US.UTF-8")  # locales that every payload has


def configuration_steps(answers: Answers, layout: Layout, voice: Voice) -> list[Step]:
    """Return the steps that turn the unpacked payload into the system that the kickstart describes."""
    steps: list[Step] = [Say(line) for line in voice.configuring]
    steps += [
        Note(f"{name}: recorded only, the stand-in has nothing to do for it") for name in answers.recorded
    ]
    steps += [Write("/etc/fstab", fstab(layout)), *_language(answers), *_clock(answers)]
    steps += [Say(voice.network)] if voice.network else []
    steps += network_steps(answers.networks)
    steps += [Say(voice.users)] if voice.users else []
    steps += account_steps(answers)
    steps += _services(answers)
    return steps


def _language(answers: Answers) -> list[Step]:
    steps: list[Step] = []
    if answers.lang:
        steps.append(Write("/etc/default/locale", f"LANG={answers.lang}\n"))
        steps.append(Link("/etc/locale.conf", "default/locale"))
        if answers.lang not in BUILT_IN:
            charset = answers.lang.partition(".")[2] or "UTF-8"
            steps.append(Write("/etc/locale.gen", f"{answers.lang} {charset}\n"))
            steps.append(Run(("locale-gen",), chroot=True, optional=True))
    if answers.keyboard:
        layout, _, variant = answers.keyboard.replace(")", "").partition("(")
        text = f'XKBMODEL="pc105"\nXKBLAYOUT="{layout.strip()}"\nXKBVARIANT="{variant.strip()}"\n'
        steps.append(Write("/etc/default/keyboard", text))
        steps.append(Write("/etc/vconsole.conf", f"KEYMAP={layout.strip()}\n"))
    return steps


def _clock(answers: Answers) -> list[Step]:
    if not answers.timezone:
        return []
    return [
        Link("/etc/localtime", f"/usr/share/zoneinfo/{answers.timezone}"),
        Write("/etc/timezone", answers.timezone + "\n"),
        Write("/etc/adjtime", f"0.0 0 0.0\n0\n{'UTC' if answers.utc else 'LOCAL'}\n"),
    ]


def network_steps(networks: Iterable[Network]) -> list[Step]:
    """Return one networkd file for each device; cloud-init's own files come before ours by name."""
    steps: list[Step] = []
    for one in networks:
        if one.hostname:
            steps.append(Write("/etc/hostname", one.hostname + "\n"))
            steps.append(Write("/etc/hosts", _hosts(one.hostname)))
        if one.device or one.ip:
            device = one.device or "link"
            name = "standin" if device == "link" else device.replace(":", "")
            if one.onboot:
                steps.append(Write(f"/etc/systemd/network/50-{name}.network", _unit(one, device)))
            else:
                steps.append(Note(f"network --device={device} --onboot=no: not configured"))
    if any(isinstance(step, Write) and step.path.endswith(".network") for step in steps):
        steps.append(Run(("systemctl", "enable", "systemd-networkd.service"), chroot=True, optional=True))
    return steps


def _hosts(hostname: str) -> str:
    short = hostname.partition(".")[0]
    names = "" if short == "localhost" else f"127.0.1.1 {hostname} {short}\n"
    return f"127.0.0.1 localhost localhost.localdomain\n::1 localhost ip6-localhost ip6-loopback\n{names}"


def _unit(one: Network, device: str) -> str:
    match = f"MACAddress={device}" if device.count(":") == 5 else f"Name={device}"
    if device == "link":
        match = "Name=en* eth*"
    lines = ["[Match]", match, "", "[Network]"]
    if one.dhcp and not one.ip:
        lines.append("DHCP=yes" if one.ipv6 else "DHCP=ipv4")
    else:
        bits = ipaddress.IPv4Network(f"0.0.0.0/{one.netmask or '255.255.255.0'}").prefixlen
        lines.append(f"Address={one.ip}/{bits}")
        lines += [f"Gateway={one.gateway}"] if one.gateway else []
    lines += [f"DNS={server}" for server in one.nameservers]
    if not one.ipv6:
        lines += ["LinkLocalAddressing=no", "IPv6AcceptRA=no"]
    return "\n".join(lines) + "\n"


def account_steps(answers: Answers) -> list[Step]:
    """Return the steps for root, users, groups and SSH keys."""
    steps: list[Step] = [_group(group) for group in answers.groups]
    for user in answers.users:
        steps += _user(user)
    # Anaconda locks root where the kickstart names no password
    steps += _password("root", answers.root or Password(locked=True))
    homes = {"root": "/root", **{user.name: user.home or f"/home/{user.name}" for user in answers.users}}
    keys: dict[str, list[str]] = {}
    for name, key in answers.ssh_keys:
        keys.setdefault(name, []).append(key)
    for name, lines in keys.items():
        folder = f"{homes.get(name, f'/home/{name}')}/.ssh"
        steps.append(Run(("install", "-d", "-m", "0700", "-o", name, folder), chroot=True))
        steps.append(Write(f"{folder}/authorized_keys", "\n".join(lines) + "\n", 0o600))
        steps.append(Run(("chown", name, f"{folder}/authorized_keys"), chroot=True))
    return steps


def _group(group: Group) -> Step:
    gid = () if group.gid is None else ("--gid", str(group.gid))
    return Run(("groupadd", "--force", *gid, group.name), chroot=True)


def _user(user: User) -> list[Step]:
    options: list[str] = ["--create-home", "--shell", user.shell or "/bin/bash"]
    options += ["--home-dir", user.home] if user.home else []
    options += ["--uid", str(user.uid)] if user.uid is not None else []
    options += ["--gid", str(user.gid)] if user.gid is not None else ["--user-group"]
    options += ["--comment", user.gecos] if user.gecos else []
    steps: list[Step] = []
    if user.gid is not None:
        steps.append(Run(("groupadd", "--force", "--gid", str(user.gid), user.name), chroot=True))
    steps += [Run(("groupadd", "--force", name), chroot=True) for name in user.groups]
    options += ["--groups", ",".join(user.groups)] if user.groups else []
    return [*steps, Run(("useradd", *options, user.name), chroot=True), *_password(user.name, user.password)]


def _password(name: str, password: Password) -> list[Step]:
    """Set a password through stdin: an argument would show it in the process list and the log."""
    steps: list[Step] = []
    if password.text:
        crypted = ("--encrypted",) if password.crypted else ()
        steps.append(Run(("chpasswd", *crypted), chroot=True, stdin=f"{name}:{password.text}\n"))
    if password.locked:
        steps.append(Run(("usermod", "--lock", name), chroot=True, optional=True))
    return steps


def _services(answers: Answers) -> list[Step]:
    """Enable and disable; like Anaconda, go on where a service does not exist."""
    steps: list[Step] = []
    for verb, names in (("disable", answers.disabled), ("enable", answers.enabled)):
        for name in names:
            unit = name if "." in name else f"{name}.service"
            steps.append(Run(("systemctl", verb, unit), chroot=True, optional=True))
    return steps
