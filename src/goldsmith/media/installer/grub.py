# SPDX-License-Identifier: GPL-2.0-or-later
"""GRUB 2 in the MBR, its configuration as the bootloader command says."""

import re
from dataclasses import dataclass

from goldsmith.media.installer.answers import Bootloader
from goldsmith.media.installer.boot import Boot
from goldsmith.media.installer.disks import Layout
from goldsmith.media.installer.steps import Note, Run, Step, Write

MODULES = {"ext2": "ext2", "ext3": "ext2", "ext4": "ext2", "xfs": "xfs"}


@dataclass(frozen=True)
class Kernel:
    """A kernel of the new system and what its GRUB looks like."""

    version: str
    title: str = "Debian GNU/Linux"
    install: str = "grub-install"
    folder: str = "/boot/grub"
    image: str = "vmlinuz-{version}"
    initrd: str = "initrd.img-{version}"


def arguments(loader: Bootloader, boot: Boot) -> str:
    """Return the kernel arguments, put together as Anaconda does it.

    It adds what it preserves from its own command line, and its own ``console=`` last unless the very same word is
    there: another spelling of the same console stays, and loses.
    """
    words = [*boot.preserved, *loader.append.split()]
    if boot.serial:
        words.append(f"console={boot.console}")
    return " ".join(dict.fromkeys(words))


def bootloader_steps(loader: Bootloader | None, layout: Layout, kernel: Kernel, boot: Boot) -> list[Step]:
    """Return the steps that make the new system boot by itself.

    The menu is written here: update-grub costs 13 s without KVM. /etc/default/grub says the same, so that a later
    update-grub keeps it.
    """
    loader = loader or Bootloader()
    if loader.location == "none":
        return [Note("bootloader --location=none: no boot loader is installed")]
    disk = f"/dev/{loader.drive}" if loader.drive else layout.disk
    args = arguments(loader, boot)
    timeout = 5 if loader.timeout is None else loader.timeout
    return [
        Write("/etc/default/grub", _defaults(args, timeout, boot, kernel)),
        Run((kernel.install, "--target=i386-pc", "--no-floppy", disk), chroot=True),
        Write(f"{kernel.folder}/grub.cfg", _menu(layout, kernel, args, timeout, boot), 0o600),
    ]


def _defaults(args: str, timeout: int, boot: Boot, kernel: Kernel) -> str:
    lines = [
        "GRUB_DEFAULT=0",
        f"GRUB_TIMEOUT={timeout}",
        f'GRUB_DISTRIBUTOR="{kernel.title.split()[0]}"',
        'GRUB_CMDLINE_LINUX_DEFAULT=""',
        f'GRUB_CMDLINE_LINUX="{args}"',
        "GRUB_DISABLE_OS_PROBER=true",
    ]
    if boot.serial:
        lines += ['GRUB_TERMINAL="console serial"', f'GRUB_SERIAL_COMMAND="{serial_command(boot)}"']
    return "\n".join(lines) + "\n"


def serial_command(boot: Boot) -> str:
    """Return GRUB's command for the port that the last ``console=`` names."""
    port, _, mode = boot.console.partition(",")
    speed = re.match(r"\d+", mode)  # 115200n8: speed, parity, bits
    return f"serial --unit={port.removeprefix('ttyS')} --speed={speed.group() if speed else 9600}"


def _menu(layout: Layout, kernel: Kernel, args: str, timeout: int, boot: Boot) -> str:
    separate = layout.at("/boot")
    home = separate or layout.root
    folder = "" if separate else "/boot"
    image, initrd = (name.format(version=kernel.version) for name in (kernel.image, kernel.initrd))
    table = "part_gpt" if layout.table == "gpt" else "part_msdos"
    serial = [serial_command(boot), "terminal_input console serial", "terminal_output console serial"]
    lines = [
        "# Written by the stand-in installer; update-grub replaces it by its own.",
        "set default=0",
        f"set timeout={timeout}",
        *(serial if boot.serial else []),
        f"insmod {table}",
        f"insmod {MODULES[home.part.fstype]}",
        f"search --no-floppy --fs-uuid --set=root {home.uuid}",
        f"menuentry '{kernel.title}' --class gnu-linux {{",
        f"\tlinux {folder}/{image} root=UUID={layout.root.uuid} ro {args}".rstrip(),
        f"\tinitrd {folder}/{initrd}",
        "}",
    ]
    return "\n".join(lines) + "\n"
