"""How the guest boots: boot loader, boot menu, consoles."""

from collections.abc import Sequence

from goldsmith.audit import bootmenu
from goldsmith.audit.bootmenu import read_menu, shell_values
from goldsmith.audit.check import (
    LINUX,
    RHEL,
    Finding,
    Profile,
    Severity,
    bad,
    check,
    good,
    moot,
    some,
)
from goldsmith.audit.facts import Facts
from goldsmith.audit.tree import Kind

_SERIAL = {"aarch64": "ttyAMA0", "ppc64le": "hvc0"}
_GRUB_DEFAULTS = ("/etc/default/grub", "/etc/default/grub.d/*.cfg")
_PAIR = ("tty0", "ttyS0,115200n8")
_SHOWN = "console=tty0 console=ttyS0,115200n8"
_LEGACY = "/boot/grub/grub.conf"
_LINKS = ("/boot/grub/menu.lst", "/etc/grub.conf")
_EFI = "/boot/efi/EFI/*/*"
_OLD = frozenset({Profile.RHEL6})
# What libparted writes into each new partition table: it starts an active partition, and is no boot loader itself.
_PARTED = bytes.fromhex("fab800108ed0bc00b0b800008ed88ec0")


def _serial(facts: Facts) -> str:
    return _SERIAL.get(facts.system.arch, "ttyS0")


def _consoles(args: Sequence[str]) -> list[str]:
    return [arg.removeprefix("console=") for arg in args if arg.startswith("console=")]


def _last_console(args: Sequence[str]) -> str:
    return next(reversed(_consoles(args)), "")


def _speaks(args: Sequence[str], port: str) -> bool:
    return _last_console(args).partition(",")[0] == port


@check(
    "O-L7",
    "every kernel speaks on the serial console",
    why="Nova's console log is the serial port; the last console= is where init and cloud-init write",
    source="OpenStack Virtual Machine Image Guide, image requirements",
    expected="console=ttyS0 last in every entry, no rhgb",
    fix='GRUB_CMDLINE_LINUX_DEFAULT="console=tty0 console=ttyS0,115200n8", then update-grub or grub2-mkconfig',
    profiles=LINUX - _OLD,
    reads=bootmenu.FILES,
)
def serial_console(facts: Facts) -> Finding:
    menu, port = read_menu(facts.files), _serial(facts)
    if menu is None or not menu.normal:
        return bad("no boot menu with a kernel was found")
    expected = f"console={port} last in every entry, no rhgb"
    for item in menu.normal:
        if not _speaks(item.args, port):
            last = _last_console(item.args)
            found = f"console={last} last" if last else "no console="
            return bad(f"{found} in {menu.path}, entry {item.title!r}", expected=expected)
        if "rhgb" in item.args:
            return bad(f"rhgb in {menu.path}, entry {item.title!r}", expected=expected)
        if facts.profile == Profile.RHEL7 and set(_consoles(item.args)) != set(_PAIR):
            found = some([f"console={one}" for one in _consoles(item.args)])
            return bad(f"{found} in {menu.path}, entry {item.title!r}", expected=f"{_SHOWN}, no rhgb")
    return good(f"console={_last_console(menu.normal[0].args)} last in {len(menu.normal)} entries")


@check(
    "O-L8",
    "the next kernel will speak on the serial console too",
    why="an update of the kernel writes the menu anew, from these settings",
    source="GNU GRUB manual, simple configuration",
    expected="console=ttyS0 last in the settings",
    fix='write GRUB_CMDLINE_LINUX_DEFAULT="console=tty0 console=ttyS0,115200n8" to /etc/default/grub',
    reads=_GRUB_DEFAULTS,
    profiles=LINUX - _OLD,
)
def serial_console_kept(facts: Facts) -> Finding:
    texts = [facts.files.text(path) or "" for name in _GRUB_DEFAULTS for path in facts.files.match(name)]
    if not texts:
        return moot("the guest has no /etc/default/grub")
    values = shell_values("\n".join(texts))
    always, normal = values.get("GRUB_CMDLINE_LINUX", ""), values.get("GRUB_CMDLINE_LINUX_DEFAULT", "")
    if facts.profile == Profile.RHEL7:
        wanted = f'GRUB_CMDLINE_LINUX_DEFAULT="{_SHOWN}", no console= in GRUB_CMDLINE_LINUX'
        if "console=" in always:
            return bad(f"console= in GRUB_CMDLINE_LINUX: {always}", expected=wanted)
        return good(normal) if normal == _SHOWN else bad(normal or "nothing", expected=wanted)
    args = f"{always} {normal}".split()
    return (
        good(f"console={_last_console(args)}")
        if _speaks(args, _serial(facts))
        else bad(" ".join(args) or "nothing")
    )


@check(
    "O-L9",
    "every kernel speaks on the serial console (GRUB legacy)",
    why="Nova's console log is the serial port; the last console= is where init and cloud-init write",
    source="vendor manual, grub.conf; GRUB legacy manual",
    expected=f"{_SHOWN}, once, in every kernel line",
    fix=f"write this pair once into each kernel line of {_LEGACY}, never into its links",
    profiles=_OLD,
    reads=bootmenu.FILES,
)
def serial_console_legacy(facts: Facts) -> Finding:
    menu = read_menu(facts.files)
    if menu is None or not menu.normal:
        return bad("no boot menu with a kernel was found")
    for item in menu.normal:
        if tuple(consoles := _consoles(item.args)) != _PAIR:
            found = some([f"console={one}" for one in consoles]) or "no console="
            return bad(f"{found} in {menu.path}, entry {item.title!r}")
    return good(f"in {len(menu.normal)} entries")


@check(
    "O-L10",
    "there is one boot menu, under all its names",
    why="sed -i on a link leaves two menus; updates of the kernel then change the one that nobody reads",
    source="grubby(8); Anaconda, booty",
    expected=f"{' and '.join(_LINKS)} linked to {_LEGACY}",
    fix="ln -sf ./grub.conf /boot/grub/menu.lst; ln -sf ../boot/grub/grub.conf /etc/grub.conf",
    severity=Severity.WARNING,
    profiles=_OLD,
    sees=[*_LINKS, _LEGACY],
)
def one_menu(facts: Facts) -> Finding:
    entries = facts.files.entries
    wrong = [
        f"{path} is {'a file' if path in entries else 'absent'}"
        if path not in entries or entries[path].kind != Kind.LINK
        else f"{path} leads to {entries[path].target}"
        for path in _LINKS
        if path not in entries or entries[path].kind != Kind.LINK or facts.files.resolve(path) != _LEGACY
    ]
    return bad(some(wrong)) if wrong else good("two links")


@check(
    "O-L11",
    "the disk has a boot loader for the firmware",
    why="a cloud starts an image by BIOS or by UEFI as its properties say; the other one finds nothing to start",
    source="OpenStack Nova, hw_firmware_type; GNU GRUB manual, BIOS installation",
    expected="GRUB in the first sector of the disk (BIOS) or a program in /boot/efi/EFI (UEFI)",
    fix="grub2-install /dev/vda (GRUB legacy: grub-install) in the guest; for UEFI install shim and grub2-efi",
    sees=[_EFI],
)
def boot_loader(facts: Facts) -> Finding:
    programs = [path for path in facts.files.match(_EFI) if path.lower().endswith(".efi")]
    code = facts.look.boot_code
    known = b"GRUB" in code if facts.profile in RHEL else any(code) and not code.startswith(_PARTED)
    present = {
        "bios": "boot code in the first sector" if known else "",
        "uefi": some(programs, at_most=2),
    }
    wanted = facts.expected.firmware
    if wanted is None:
        found = "; ".join(text for text in present.values() if text)
        return good(found) if found else bad("neither")
    text = present.get(wanted, "")
    return good(text) if text else bad(f"none for {wanted}", expected=f"a boot loader for {wanted}")


CHECKS = (serial_console, serial_console_kept, serial_console_legacy, one_menu, boot_loader)
