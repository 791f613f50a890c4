"""Why Windows Setup failed, by the lines that it leaves in its logs: patterns, as data (Sysprep: audit/generalized.py).

Sources: Microsoft's "Windows Setup log files and event logs", and its public lists of Setup's errors. None of them was
seen here on real Windows.
"""

from collections.abc import Iterable

from goldsmith.guests.causes.failure import Failure, failures

CAUSES = failures(
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
)


def cause_in(lines: Iterable[str]) -> tuple[Failure, str, str] | None:
    """Return the first cause that a line tells, as words, and that line; earlier rows of the table are preferred."""
    kept = list(lines)
    for one in CAUSES:
        for line in kept:
            if match := one.pattern.search(line):
                return one, one.explain(match), line
    return None
