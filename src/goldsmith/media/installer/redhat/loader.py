# SPDX-License-Identifier: GPL-2.0-or-later
"""The boot loader as Anaconda leaves it: GRUB 2 by grub2-mkconfig for RHEL 7, GRUB legacy's menu for RHEL 6.

The payload has no GRUB legacy. GRUB 2 reads the menu of RHEL 6 by its ``legacy_configfile`` at every start, so that
a wrong grub.conf does not boot, or has no console, there either.
"""

import re

from goldsmith.media.installer.answers import Bootloader
from goldsmith.media.installer.boot import Boot
from goldsmith.media.installer.disks import Layout
from goldsmith.media.installer.grub import arguments, serial_command
from goldsmith.media.installer.redhat.guest import Guest
from goldsmith.media.installer.redhat.menus import GRUB_CFG, GRUB_CONF, Menu, grub_conf
from goldsmith.media.installer.steps import Link, Note, Run, Step, Write

_OWN = "/boot/.standin"  # GRUB 2 of the stand-in for RHEL 6


def loader_steps(
    guest: Guest, loader: Bootloader | None, layout: Layout, boot: Boot, *, kdump: bool
) -> list[Step]:
    """Return the steps; /etc/fstab must be there. ``kdump`` reserves memory, unless its add-on is disabled."""
    loader = loader or Bootloader()
    if loader.location == "none":
        return [Note("bootloader --location=none: no boot loader is installed")]
    disk = f"/dev/{loader.drive}" if loader.drive else layout.disk
    args = " ".join(filter(None, ("crashkernel=auto" if kdump else "", arguments(loader, boot))))
    timeout = 5 if loader.timeout is None else loader.timeout
    if guest.systemd:
        return _seven(guest, args, timeout, disk, boot)
    return _six(guest, args, timeout, disk, boot, layout)


def _seven(guest: Guest, args: str, timeout: int, disk: str, boot: Boot) -> list[Step]:
    lines = [
        f"GRUB_TIMEOUT={timeout}",
        "GRUB_DISTRIBUTOR=\"$(sed 's, release .*$,,g' /etc/system-release)\"",
        "GRUB_DEFAULT=saved",
        "GRUB_DISABLE_SUBMENU=true",
    ]
    if boot.serial:
        lines += ['GRUB_TERMINAL="serial console"', f'GRUB_SERIAL_COMMAND="{serial_command(boot)}"']
    lines += [f'GRUB_CMDLINE_LINUX="{args}"', 'GRUB_DISABLE_RECOVERY="true"']
    release = guest.release
    title = f"Red Hat Enterprise Linux Server ({release.uname}) {release.version} (Maipo)"
    return [
        Write("/etc/default/grub", "\n".join(lines) + "\n"),
        Run(("mkdir", "-p", "/boot/grub2"), chroot=True),
        Link("/boot/grub", "grub2"),
        Run(("grub2-install", "--target=i386-pc", "--no-floppy", disk), chroot=True),
        Run(("grub2-set-default", title), chroot=True),
        Run(("grub2-mkconfig", "-o", GRUB_CFG), chroot=True),
        Link("/etc/grub2.cfg", "../boot/grub2/grub.cfg"),
    ]


def _six(guest: Guest, args: str, timeout: int, disk: str, boot: Boot, layout: Layout) -> list[Step]:
    home = layout.at("/boot") or layout.root
    partition = layout.volumes.index(home)
    words = f"rd_NO_LUKS rd_NO_LVM rd_NO_MD rd_NO_DM KEYBOARDTYPE=pc KEYTABLE=us {args} rhgb quiet"
    menu = Menu((guest.release.uname,), words, str(timeout), "0", serial_command(boot) if boot.serial else "")
    path = "/grub/grub.conf" if layout.at("/boot") else GRUB_CONF
    start = [
        f"search --no-floppy --fs-uuid --set=root {home.uuid}",
        "insmod legacycfg",
        f"legacy_configfile {path}",
    ]
    return [
        Run(
            ("grub-install", "--target=i386-pc", "--no-floppy", f"--boot-directory={_OWN}", disk), chroot=True
        ),
        Write(f"{_OWN}/grub/grub.cfg", "\n".join(start) + "\n"),
        Write(GRUB_CONF, grub_conf(guest, menu, disk=disk, partition=partition), 0o600),
        Write("/boot/grub/device.map", f"(hd0)     {re.sub(r'p?[0-9]+$', '', disk)}\n"),
        Link("/boot/grub/menu.lst", "./grub.conf"),
        Link("/etc/grub.conf", "../boot/grub/grub.conf"),
    ]
