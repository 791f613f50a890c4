"""Why Windows Setup failed, by the lines that it leaves in its logs: patterns, as data (Sysprep: audit/generalized.py).

Sources: Microsoft's "Windows Setup log files and event logs" and its lists of Setup's errors, and logs that people have
published. None of them was seen here on real Windows.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from goldsmith.guests.causes.failure import Failure, detail

_PANTHER = "Panther's setuperr.log, as published"
_SETUPAPI = "setupapi.dev.log, as published"
_LOOPS = (
    4  # times that a plugin runs; it may once in each pass, and once more after a restart that it asked for
)

CAUSES = (
    Failure(
        re.compile(
            r"(?i)(?:could|can)\s?not (?:parse|process|read) .*unattend|unattend(?:ed)? answer file .*(?:invalid|fail)"
            r"|setting specified in the answer file|\[unattend\.xml\].*(?:invalid|unknown)"
            r"|unattend file is not valid|finding/loading the unattend file"
        ),
        "Setup refuses the answer file",
        "the rendered Autounattend.xml is in the build's folder; goldsmith validate checks names, values and lengths",
        details=(
            detail(r"SMI data results dump: Source = .*?(/settings/.+)$", ": {1}"),
            detail(r"SMI data results dump: Description = (.+?)\.?$", ": {1}"),
            detail(r"for pass \[(\w+)\]", " (pass {1})"),
        ),
        example="2024-03-05 09:12:44, Error      [0x060432] IBS    The provided unattend file is not valid; "
        "hrResult = 0x80220005",
        source=_PANTHER,
    ),
    Failure(
        re.compile(
            r"(?i)(?:no|cannot find (?:an?|the)|could not find (?:an?|the)) image(?:.*(?:match|name)| )[^\n]*"
        ),
        "Setup does not find the wanted image on its medium: {0}",
        "wiminfo install.wim shows the names; say windows.image_name",
        example="2024-03-05 09:14:02, Error      [0x0600ae] IBS    Callback_ImageInstall_SelectImage: cannot find the "
        "image with the name [Windows Server 2022 SERVERSTANDARD]",
        source="Panther's setuperr.log, in its format",
    ),
    Failure(
        re.compile(
            r"(?i)product key .*(?:not valid|invalid|does not match|cannot be (?:used|validated))|0xC004F0(?:50|69)|"
            r"no images? (?:are )?available"
        ),
        "Setup refuses the product key",
        "evaluation media want windows.product_key: none; other editions their own key",
        example="2024-03-05 09:13:31, Error      [0x0604b8] IBS    The product key in the answer file cannot be "
        "validated; hr = 0xC004F050",
        source="Microsoft's list of activation errors, in the format of setuperr.log",
    ),
    Failure(
        re.compile(
            r"(?i)no (?:fixed )?disks? (?:was|were|could be)? ?found|cannot find any (?:drives|disks)|"
            r"Disk \[?0\]? (?:does not exist|was not found)"
        ),
        "Setup sees no disk: the driver of its bus is missing",
        "see the driver paths in the rendered Autounattend.xml, and disk.bus in the recipe",
        example="2024-03-05 09:13:58, Error      [0x06014d] IBS    ValidateDiskConfiguration: Disk [0] does not exist",
        source="Panther's setuperr.log, in its format",
    ),
    Failure(
        re.compile(
            r"(?i)(?:driver package|signature).*(?:not (?:digitally )?signed|failed to (?:validate|verify)|"
            r"does not contain a (?:digital )?signature|not present in catalog)|0xe0000247|0x800b0109"
        ),
        "Windows refuses the signature of a driver",
        "this Windows may need another virtio-win (2012 R2: 0.1.215); see windows.drivers",
        details=(detail(r"\b(?:Driver INF|{[^}]*}) ?-? ?.*?([\w-]+\.inf)\b", ": {1}"),),
        example="!!!  sig: Driver package INF file hash is not present in catalog file. Error = 0xE000024B",
        source=_SETUPAPI,
    ),
    Failure(
        re.compile(r"(?i)0x80070070|not enough (?:free )?(?:disk )?space"),
        "the guest's disk is full",
        "raise disk.size",
        example="2024-03-05 09:31:17, Error      CBS    Failed to stage execution package [HRESULT = 0x80070070 - "
        "ERROR_DISK_FULL]",
        source="Microsoft's list of Setup's errors, in the format of CBS.log",
    ),
    Failure(
        re.compile(r"Disk operation of type \[(\d+)\] failed; hr = (0x[0-9a-fA-F]+)"),
        "Setup could not partition or format the disk (operation {1}, {2})",
        "do the partitions of Autounattend.xml fit disk.size and machine.firmware (UEFI wants GPT)?",
        example="2012-07-29 15:49:51, Error      [0x060492] IBS    PerformDiskOperation:Disk operation of type [14] "
        "failed; hr = 0x8007009a",
        source=_PANTHER,
    ),
)

LOOP = Failure(
    re.compile(r"cloudbaseinit\.init \[-\] Executing plugin '(\w+)'"),
    "Cloudbase-Init restarts the guest again and again: it runs {1} each time",
    "see cloudbase.plugins and cloudbase.unattend_plugins; the log of Cloudbase-Init is on COM1",
    details=(detail(r"plugin '\w+' failed with error '(.*?)'(?:: [\w.]+:.*)?$", ", which fails: {1}"),),
    example="2024-03-05 10:02:11.447 1532 INFO cloudbaseinit.init [-] Executing plugin 'SetHostNamePlugin'",
    source="Cloudbase-Init, cloudbaseinit/init.py; its log as published",
)
_FAILED = re.compile(r"plugin '(\w+)' failed with error")


@dataclass(frozen=True)
class Errors:
    """The lines of a dead disk's logs that tell an error, by who wrote them, in the order in which they are believed.

    ``drivers`` are those of setupapi.dev.log: it also tells of drivers that this machine never needed.
    """

    setup: Sequence[str] = ()
    others: Sequence[str] = ()
    drivers: Sequence[str] = ()

    def evidence(self, most: int) -> list[str]:
        """Return the lines to show where none is known: the last of each, and most of Setup's own."""
        last = [*self.setup[-most * 2 // 3 :], *self.others[-most // 3 :], *self.drivers[-most // 3 :]]
        return last[:most]


def cause_in(errors: Errors) -> tuple[Failure, str, str] | None:
    """Return the first cause that a line tells, as words, and that line; Setup's own lines come first.

    What a driver was refused for is a cause only where Setup names no error of its own, known or not.
    """
    for lines in (errors.setup, errors.others, () if errors.setup else errors.drivers):
        for line in lines:
            for one in CAUSES:
                if match := one.pattern.search(line):
                    return one, one.told(match, lines), line
    return None


class Starts:
    """Hears all that Cloudbase-Init writes to COM1, line by line, and knows whether it never comes to an end."""

    def __init__(self) -> None:
        self._runs: Counter[str] = Counter()
        self._in_this: list[str] = []  # plugins of the start that goes on
        self._ends: Counter[str] = Counter()  # by the last plugin of each start before it
        self._failures: dict[str, str] = {}

    def line(self, text: str) -> None:
        if failed := _FAILED.search(text):
            self._failures[failed[1]] = text
        if not (match := LOOP.pattern.search(text)):
            return
        plugin = match[1]
        if plugin in self._in_this:
            self._ends[self._in_this[-1]] += 1
            self._in_this = []
        self._in_this.append(plugin)
        self._runs[plugin] += 1

    @property
    def loop(self) -> str:
        """Return why the first start never ends, by the plugin that the restarts come after; "" where it is no loop."""
        if max(self._runs.values(), default=0) < _LOOPS:
            return ""
        plugin = self._ends.most_common(1)[0][0]
        failure = self._failures.get(plugin)
        return LOOP.cause.format("", plugin) + "".join(one.found_in([failure or ""]) for one in LOOP.details)
