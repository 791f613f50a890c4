"""Why an install of Windows fails, as its serial port tells it: the firmware before Setup, and our scripts after it.

Setup itself says nothing there; its logs are in guests/windows_causes.py. Sources: those of firmware.py, the boot
programs of Windows media, and the scripts of our answer disc.
"""

import re
from dataclasses import replace

from goldsmith.guests.causes.failure import Failure
from goldsmith.guests.causes.firmware import NOTHING_TO_BOOT, UEFI_SHELL

_LOGS = "the logs of the guest say why; they are in logs/windows of the build's folder"

# Every good install on UEFI shows it, and goes on: it is a cause only where Setup was never loaded afterwards.
KEY_FOR_MEDIUM = Failure(
    re.compile(r"Press any key to boot from (?:CD or DVD|CD|DVD)"),
    "the Windows medium waited for a key before it boots, and none came",
    "report it: Goldsmith presses one",
    waits=True,
    example="Press any key to boot from CD or DVD.....",
    source="bootfix.bin and cdboot.efi of Windows media",
)
FIRMWARE = (
    KEY_FOR_MEDIUM,
    replace(UEFI_SHELL, vague=True),  # a medium that had waited for its key ends there, too
    # SeaBIOS's "Boot failed" is none: the empty disk is tried first, and the medium next.
    replace(
        NOTHING_TO_BOOT, pattern=re.compile(r"No bootable device|No bootable option or device was found")
    ),
)
WINDOWS = (
    Failure(
        re.compile(r"GOLDSMITH-FAILED (.+?) exit (-?\d+)"),
        "{1} ended with exit status {2}",
        _LOGS,
        example="GOLDSMITH-FAILED installing viostor exit 1603",
        source="the scripts of the answer disc",
    ),
    Failure(
        re.compile(r"GOLDSMITH-FAILED (.+)"),
        "{1}",
        _LOGS,
        example="GOLDSMITH-FAILED no disc with the drivers was found",
        source="the scripts of the answer disc",
    ),
    *FIRMWARE,
)
