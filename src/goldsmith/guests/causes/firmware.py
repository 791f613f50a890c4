"""Failures of the firmware and the boot loader that start a guest.

Sources: GRUB 2 and GRUB legacy, SeaBIOS, TianoCore's BdsDxe and Shell.
"""

import re

from goldsmith.guests.causes.failure import Failure, detail

UEFI_SHELL = Failure(
    re.compile(r"UEFI Interactive Shell v|^Shell> *$"),
    "the firmware found no boot loader and ended in the UEFI shell",
    "the medium or the image is for BIOS only, or its EFI partition is empty: see machine.firmware",
    example="UEFI Interactive Shell v2.2",
    source="TianoCore, ShellPkg",
)
NOTHING_TO_BOOT = Failure(
    re.compile(r"No bootable device|No bootable option or device was found|Boot failed: not a bootable disk"),
    "the firmware found nothing to boot",
    "of an installer: is the medium an installer's ISO? of an image: was its boot loader installed, and for "
    "this machine.firmware?",
    vague=True,
    example="No bootable device.",
    source="SeaBIOS src/boot.c; TianoCore BdsDxe",
)
FIRMWARE = (
    Failure(
        re.compile(r"grub rescue>|Entering rescue mode\.\.\."),
        "GRUB does not find its files",
        "the boot loader was not installed as a whole: see the bootloader command of the kickstart",
        details=(detail(r"^error: (.*?)\.?$", ": {1}"),),
        example="error: no such partition.\nEntering rescue mode...\ngrub rescue>",
        source="GRUB 2, grub-core/kern/rescue_reader.c",
    ),
    Failure(
        re.compile(
            r"^Error (\d+: (?:File not found|Filename must be|Selected disk|Cannot mount|No such partition|"
            r"Unrecognized device|Inconsistent filesystem|Bad or corrupt).*)|GRUB (Hard Disk|Geom|Read) Error"
        ),
        "GRUB could not start the system: {1}{2}",
        "see the bootloader command of the kickstart, and /boot/grub/grub.conf of the image",
        example="Error 15: File not found",
        source="GRUB legacy, stage2/common.c and stage1.S",
    ),
    UEFI_SHELL,
    NOTHING_TO_BOOT,
)
