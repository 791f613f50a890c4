"""What is true of all Windows guests; what differs between the versions is in windows_versions.py."""

import re

from goldsmith.guests.causes.windows import WINDOWS
from goldsmith.guests.family import Access, Answer, Console, GuestFamily, Packages, Phase

STEADY = "GOLDSMITH-PHASE"
CONSOLE = Console(
    phases=(Phase(re.compile(rf"{STEADY} (.+)"), "{1}"),),
    failures=WINDOWS,
    progress=re.compile(r"GOLDSMITH-PROGRESS (?P<percent>\d+)"),
)
FAMILY = GuestFamily(
    name="windows",
    summary="Windows Server 2012 R2 to 2025, Windows 10 and 11",
    defaults={
        "os": "win2k22",
        "arch": "x86_64",
        "machine": {
            "memory": "4 GiB",
            "vcpus": 2,
            "timeouts": {
                "install": "120 min",
                "silence": "15 min",  # no write to the disk: Setup says nothing on any console
                "disk": "10 min",  # nor a read, of the disk or of Setup's disc: a window that waits does neither
                "phase": "90 min",
                "boot": "20 min",
                "step": "60 min",
            },
        },
        "disk": {"size": "40 GiB", "bus": "virtio"},
    },
    kickstart_version="",
    media_help=(
        "download the Windows ISO from Microsoft (the Evaluation Center has media for 180 days), then give its path "
        "as --iso PATH"
    ),
    console=CONSOLE,
    boot_arguments=(),
    access=Access.AGENT,
    packages=Packages.NONE,
    audit_profile="windows",
    admin_user="Admin",  # Cloudbase-Init creates it at the first boot
    os_distro="windows",
    os_tells_release=False,  # win2k16 calls itself 10
    answer=Answer.UNATTEND,
    marker_file="/goldsmith/install-ok",
    properties={
        "os_type": "windows",
        "hw_qemu_guest_agent": "yes",
        "hw_rng_model": "virtio",
        "hw_machine_type": "q35",
        "os_shutdown_timeout": "300",
    },
)
