# SPDX-License-Identifier: GPL-2.0-or-later
"""Boot menus and initramfs: grub2-mkconfig, grubby, dracut, and what the update of a kernel does by itself."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from goldsmith.media.installer.redhat.guest import Guest
from goldsmith.media.installer.redhat.initramfs import names, write_initramfs
from goldsmith.media.installer.redhat.menus import (
    GRUB_CFG,
    GRUB_CONF,
    Menu,
    add_entry,
    change_arguments,
    default_kernel,
    grub_cfg,
)

ENVIRONMENT = "/boot/grub2/grubenv"
_SETTINGS = (
    "GRUB_TIMEOUT", "GRUB_DEFAULT", "GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT", "GRUB_TERMINAL",
    "GRUB_TERMINAL_INPUT", "GRUB_TERMINAL_OUTPUT", "GRUB_SERIAL_COMMAND",
)  # fmt: skip


def kernels(guest: Guest) -> list[str]:
    """Return the versions of the kernels in /boot, the newest first."""
    found = [one.name.removeprefix("vmlinuz-") for one in guest.path("/boot").glob("vmlinuz-*")]
    return sorted(found, key=lambda one: [int(word) for word in re.findall(r"\d+", one)], reverse=True)


def settings(guest: Guest) -> dict[str, str]:
    """Return the settings of /etc/default/grub, as the shell reads them."""
    script = '. "$1"; shift; for name; do eval "printf \'%s\\n\' \\"\\$$name\\""; done'
    argv = ["sh", "-c", script, "sh", str(guest.path("/etc/default/grub")), *_SETTINGS]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
    return dict(zip(_SETTINGS, said, strict=True))


def grub2_mkconfig(guest: Guest, args: Sequence[str]) -> int:
    """Write the menu from /etc/default/grub and the kernels in /boot; without ``-o`` print it."""
    target = _option(args, "-o", "--output")
    values = settings(guest)
    guest.complain("Generating grub configuration file ...")
    found = kernels(guest)
    for one in found:
        guest.complain(
            f"Found linux image: /boot/vmlinuz-{one}\nFound initrd image: /boot/initramfs-{one}.img"
        )
    words = f"{values['GRUB_CMDLINE_LINUX']} {values['GRUB_CMDLINE_LINUX_DEFAULT']}".split()
    terminal = values["GRUB_TERMINAL"] or values["GRUB_TERMINAL_OUTPUT"]
    menu = Menu(
        kernels=tuple(found),
        arguments=" ".join(words),
        timeout=values["GRUB_TIMEOUT"] or "5",
        default=values["GRUB_DEFAULT"] or "0",
        serial=values["GRUB_SERIAL_COMMAND"] if "serial" in terminal else "",
    )
    text = grub_cfg(guest, menu)
    if not target:
        guest.say(text)
        return 0
    place = guest.path(target)
    if not place.parent.is_dir():
        guest.complain(f"/sbin/grub2-mkconfig: line 290: {target}.new: No such file or directory")
        return 1
    guest.write(target, text, 0o644)
    guest.complain("done")
    return 0


def _option(args: Sequence[str], *names: str) -> str:
    for at, word in enumerate(args):
        name, equals, value = word.partition("=")
        if name in names:
            return value if equals else args[at + 1]
    return ""


def grub2_set_default(guest: Guest, args: Sequence[str]) -> int:
    """Keep the entry to boot in GRUB's environment block, which has 1024 bytes."""
    head = "# GRUB Environment Block\n" + f"saved_entry={args[-1]}\n"
    guest.write(ENVIRONMENT, head.ljust(1024, "#"))
    return 0


def grubby(guest: Guest, args: Sequence[str]) -> int:
    """Ask for the default kernel or change it, change the arguments of kernels."""
    menu = _menu_file(guest)
    if "--default-kernel" in args:
        guest.say(default_kernel(guest, menu))
        return 0
    if kernel := _option(args, "--set-default"):
        return _set_default(guest, menu, kernel)
    target = _option(args, "--update-kernel")
    if not target:
        return 0
    add = _option(args, "--args").split()
    remove = _option(args, "--remove-args").split()
    if target == "DEFAULT":
        target = default_kernel(guest, menu)
    change_arguments(guest, menu, target, add=add, remove=remove)
    return 0


def _menu_file(guest: Guest) -> str:
    return GRUB_CFG if guest.systemd else GRUB_CONF


def _set_default(guest: Guest, menu: str, kernel: str) -> int:
    version = Path(kernel).name.removeprefix("vmlinuz-")
    if version not in kernels(guest):
        return 1
    if guest.systemd:
        text = guest.path(menu).read_text(encoding="utf-8")
        titles = re.findall(r"^menuentry '([^']*)'", text, re.MULTILINE)
        return grub2_set_default(guest, [next(one for one in titles if f"({version})" in one)])
    lines = [line for line in guest.path(menu).read_text().splitlines() if line.startswith("title ")]
    number = next(at for at, line in enumerate(lines) if f"({version})" in line)
    text = re.sub(r"(?m)^default=\d+", f"default={number}", guest.path(menu).read_text())
    guest.write(menu, text, 0o600)
    return 0


def add_kernel(guest: Guest, version: str) -> None:
    """Put a newer kernel beside the old one, as its package does: files, initramfs, an entry with the old arguments."""
    old = kernels(guest)[0]
    for name in ("vmlinuz-{}", "initramfs-{}.img", "System.map-{}", "config-{}"):
        source, target = (guest.path("/boot") / name.format(one) for one in (old, version))
        if source.exists():
            shutil.copyfile(source, target)
            shutil.copymode(source, target)
    modules = guest.path(f"/lib/modules/{version}")
    if not modules.exists():
        modules.symlink_to(guest.path(f"/lib/modules/{old}").readlink())
    dracut(guest, ["-f", f"/boot/initramfs-{version}.img", version])
    add_entry(guest, _menu_file(guest), old, version)
    if guest.systemd and guest.path(ENVIRONMENT).exists():
        _set_default(guest, GRUB_CFG, f"/boot/vmlinuz-{version}")


def dracut(guest: Guest, args: Sequence[str]) -> int:
    """Make an initramfs anew: the payload's own, behind a part that says which modules dracut would have put in."""
    words = [word for word in args if not word.startswith("-")]
    every = "--regenerate-all" in args
    versions = kernels(guest) if every else [_option(args, "--kver") or (words[1:] or kernels(guest))[0]]
    for version in versions:
        image = words[0] if words and not every else f"/boot/initramfs-{version}.img"
        if not guest.path(f"/lib/modules/{version}").exists():
            guest.complain(f"E: /lib/modules/{version} does not exist" if guest.systemd else "")
            return 1
        place = guest.path(image)
        if place.exists() and not ({"-f", "--force", "--regenerate-all"} & set(args)):
            guest.complain(f"Will not override existing initramfs ({image}) without --force")
            return 1
        source = place if place.exists() else guest.path(f"/boot/initramfs-{kernels(guest)[0]}.img")
        write_initramfs(guest, source, place)
    return 0


def lsinitrd(guest: Guest, args: Sequence[str]) -> int:
    """List what our part of an initramfs holds."""
    images = [word for word in args if not word.startswith("-")]
    image = images[0] if images else f"/boot/initramfs-{kernels(guest)[0]}.img"
    for name in names(guest.path(image)):
        guest.say(name)
    return 0
