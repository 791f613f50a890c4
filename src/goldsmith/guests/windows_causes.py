"""Why Windows Setup or Sysprep failed, by the lines that they leave in their logs: patterns, as data.

Sources: Microsoft's "Sysprep process overview", "Windows Setup log files and event logs", KB 2769827, and the
lists of Setup's and Sysprep's errors in its public documentation. None of them was seen here on real Windows.
"""

from collections.abc import Iterable, Mapping

from goldsmith.guests.family import Failure, failures

LOGS: Mapping[str, str] = {  # name in logs/windows: path in the guest, as Windows spells it
    "windows-bt-setuperr.log": "/$WINDOWS.~BT/Sources/Panther/setuperr.log",
    "windows-bt-setupact.log": "/$WINDOWS.~BT/Sources/Panther/setupact.log",
    "panther-setuperr.log": "/Windows/Panther/setuperr.log",
    "panther-setupact.log": "/Windows/Panther/setupact.log",
    "panther-unattendgc-setuperr.log": "/Windows/Panther/UnattendGC/setuperr.log",
    "panther-unattendgc-setupact.log": "/Windows/Panther/UnattendGC/setupact.log",
    "sysprep-setuperr.log": "/Windows/System32/Sysprep/Panther/setuperr.log",
    "sysprep-setupact.log": "/Windows/System32/Sysprep/Panther/setupact.log",
    "cloudbase-init.log": "/Program Files/Cloudbase Solutions/Cloudbase-Init/log/cloudbase-init.log",
    "cloudbase-init-unattend.log": (
        "/Program Files/Cloudbase Solutions/Cloudbase-Init/log/cloudbase-init-unattend.log"
    ),
    "cloudbase-msi.log": "/cloudbase-msi.log",
    "goldsmith-build.log": "/goldsmith/build.log",
    "setupapi.dev.log": "/Windows/INF/setupapi.dev.log",
}

CAUSES = failures(
    (
        r"Package (\S+) was installed for a user, but not provisioned for all users",
        "Sysprep refuses the Store app {1}, which one user installed",
        "remove it before Sysprep: Remove-AppxPackage {1} in a customize step, and keep the build offline",
    ),
    (
        r"(?i)0x80310039|BitLocker is on for the OS volume",
        "Sysprep refuses a disk that BitLocker or device encryption has encrypted",
        "set PreventDeviceEncryption to 1 under HKLM\\SYSTEM\\CurrentControlSet\\Control\\BitLocker",
    ),
    (
        r"(?i)one or more Windows updates that require a reboot|0x8007139f.*(?:update|reboot)|pending reboot",
        "Sysprep refuses while an update waits for a reboot",
        "add a reboot step after the last one of customize",
    ),
    (
        r"(?i)0xC004D307|maximum allowed number of re-?arms|rearm count.*(?:exceeded|0\b)",
        "this Windows may not be rearmed any more",
        "start from fresh media; SkipRearm is for tests only",
    ),
    (
        r"(?i)joined to a domain|domain[- ]member",
        "Sysprep refuses a member of a domain",
        "leave the domain before the build ends",
    ),
    (
        r"(?i)machine is in an invalid state",
        "an earlier Sysprep died half-way, and left the system in a state that cannot be generalized again",
        "build again from the last good layer: goldsmith build RECIPE --from install",
    ),
    (
        r"(?i)(?:could|can)\s?not (?:parse|process|read) .*unattend|unattend(?:ed)? answer file .*(?:invalid|fail)"
        r"|setting specified in the answer file|\[unattend\.xml\].*(?:invalid|unknown)",
        "Setup refuses the answer file: {0}",
        "the line above names the part; see the rendered Autounattend.xml in the build's folder",
    ),
    (
        r"(?i)(?:no|cannot find (?:an?|the)|could not find (?:an?|the)) image(?:.*(?:match|name)| )[^\n]*",
        "Setup does not find the wanted image on its medium: {0}",
        "wiminfo install.wim shows the names; say windows.image_name",
    ),
    (
        r"(?i)product key .*(?:not valid|invalid|does not match|cannot be (?:used|validated))|0xC004F0(?:50|69)|"
        r"no images? (?:are )?available",
        "Setup refuses the product key",
        "evaluation media want windows.product_key: none; other editions their own key",
    ),
    (
        r"(?i)no (?:fixed )?disks? (?:was|were|could be)? ?found|cannot find any (?:drives|disks)|"
        r"Disk \[?0\]? (?:does not exist|was not found)",
        "Setup sees no disk: the driver of its bus is missing",
        "see the driver paths in the rendered Autounattend.xml, and disk.bus in the recipe",
    ),
    (
        r"(?i)(?:driver package|signature).*(?:not (?:digitally )?signed|failed to (?:validate|verify)|"
        r"does not contain a (?:digital )?signature)|0xe0000247|0x800b0109",
        "Windows refuses the signature of a driver: {0}",
        "this Windows may need another virtio-win (2012 R2: 0.1.215); see windows.drivers",
    ),
    (
        r"(?i)0x80070070|not enough (?:free )?(?:disk )?space",
        "the guest's disk is full",
        "raise disk.size",
    ),
    (
        r"(?i)SYSPRP .*(?:failed|failure|dwRet|hr) ?[=:]? ?(0x[0-9a-f]{8})",
        "Sysprep failed with {1}",
        "sysprep-setupact.log in logs/windows of the build's folder names the provider before it",
    ),
)


def cause_in(lines: Iterable[str]) -> tuple[Failure, str, str] | None:
    """Return the first cause that a line tells, as words, and that line; earlier rows of the table are preferred."""
    kept = list(lines)
    for one in CAUSES:
        for line in kept:
            if match := one.pattern.search(line):
                return one, one.explain(match), line
    return None
