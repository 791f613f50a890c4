"""What a setting of an answer file can be: kinds of values, and parts that several components share.

Source: as unattend_table.py.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from goldsmith.guests.timezones import is_windows_zone

PASSES = (
    "windowsPE",
    "offlineServicing",
    "generalize",
    "specialize",
    "auditSystem",
    "auditUser",
    "oobeSystem",
)  # in the order in which Setup runs them

Check = Callable[[str], str]  # what is wrong with a value, or ""


@dataclass(frozen=True)
class Setting:
    """An element: with children, or with a value.

    ``many``: a list item, which needs wcm:action="add"; ``keyed``: and a unique wcm:keyValue. ``passes`` are those
    it is valid in, where they are fewer than its component's.
    """

    children: Mapping[str, "Setting"] = field(default_factory=dict)
    check: Check | None = None
    many: bool = False
    keyed: bool = False
    required: tuple[str, ...] = ()
    passes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Component:
    """A component of Windows and the passes in which it takes settings."""

    passes: tuple[str, ...]
    settings: Mapping[str, Setting]


def boolean(value: str) -> str:
    return "" if value.lower() in ("true", "false") else "must be true or false"


def one_of(*choices: str) -> Setting:
    wanted = f"must be one of {', '.join(choices)}"
    return Setting(check=lambda value: "" if value in choices else wanted)


def number(low: int, high: int) -> Setting:
    def check(value: str) -> str:
        good = value.isdecimal() and low <= int(value) <= high
        return "" if good else f"must be a number from {low} to {high}"

    return Setting(check=check)


def text(longest: int = 0, *, pattern: str = "", wanted: str = "") -> Setting:
    """``longest`` is in characters, as Microsoft gives it; 0 where it gives none."""

    def check(value: str) -> str:
        if not value:
            return "must not be empty"
        if longest and len(value) > longest:
            return f"may have {longest} characters, and has {len(value)}"
        return "" if re.fullmatch(pattern or ".*", value, re.DOTALL) else f"must be {wanted}"

    return Setting(check=check)


def zone(value: str) -> str:
    name = value.removesuffix("_dstoff")
    return "" if is_windows_zone(name) else "must be a Windows time zone, such as UTC or Tokyo Standard Time"


def items(
    name: str, item: Mapping[str, Setting], *, required: tuple[str, ...] = (), keyed: bool = False
) -> Setting:
    return Setting({name: Setting(item, many=True, keyed=keyed, required=required)})


BOOLEAN = Setting(check=boolean)
ANY = Setting(check=lambda _: "")
UI = one_of("Always", "Never", "OnError")
LOCALE = text(pattern=r"[A-Za-z]{2,3}(-[A-Za-z0-9]+)*", wanted="a language tag such as en-US")
KEYBOARD = text(pattern=r"[A-Za-z0-9:;, -]+", wanted="a keyboard such as en-US or 0409:00000409")
KEY = text(
    pattern=r"([A-Za-z0-9]{5}-){4}[A-Za-z0-9]{5}", wanted="a product key: five groups of five, with hyphens"
)
COMPUTER = text(
    15,
    pattern=r"\*|[^\s{|}~\[\\\]^':;<=>?@!\"#$%`()+/.,*&]+",
    wanted="* or a name without spaces and signs",
)
CREDENTIALS = Setting({"Domain": ANY, "Password": ANY, "Username": ANY})
SECRET = Setting({"Value": text(), "PlainText": BOOLEAN}, required=("Value",))
ORDER = number(1, 500)
COMMANDS = items(
    "RunSynchronousCommand",
    {"Credentials": CREDENTIALS, "Description": text(259), "Order": ORDER, "Path": text(259),
     "WillReboot": one_of("Always", "Never", "OnRequest")},
    required=("Order", "Path"),
)  # fmt: skip
ASYNCHRONOUS = items(
    "RunAsynchronousCommand",
    {"Credentials": CREDENTIALS, "Description": text(259), "Order": ORDER, "Path": text(259)},
    required=("Order", "Path"),
)
INTERNATIONAL = {
    "InputLocale": KEYBOARD,
    "SystemLocale": LOCALE,
    "UILanguage": LOCALE,
    "UILanguageFallback": LOCALE,
    "UserLocale": LOCALE,
}
DRIVER_PATHS = items(
    "PathAndCredentials", {"Credentials": CREDENTIALS, "Path": text()}, required=("Path",), keyed=True
)
DISK = {
    "DiskID": number(0, 99),
    "WillWipeDisk": BOOLEAN,
    "CreatePartitions": items(
        "CreatePartition",
        {"Order": ORDER, "Type": one_of("Primary", "EFI", "MSR", "Extended", "Logical"),
         "Size": number(1, 2**31 - 1), "Extend": BOOLEAN},
        required=("Order", "Type"),
    ),
    "ModifyPartitions": items(
        "ModifyPartition",
        {"Order": ORDER, "PartitionID": number(1, 128), "Active": BOOLEAN, "Extend": BOOLEAN,
         "Format": one_of("NTFS", "FAT32"), "Label": text(32),
         "Letter": text(1, pattern="[C-Z]", wanted="a letter from C to Z"),
         "TypeID": text(pattern=r"0x[0-9A-Fa-f]{2}|[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
                         wanted="a type such as 0x27, or a GUID")},
        required=("Order", "PartitionID"),
    ),
}  # fmt: skip
INSTALL_FROM = Setting(
    {
        "Credentials": CREDENTIALS,
        "Path": text(),
        "MetaData": Setting(
            {"Key": one_of("/IMAGE/NAME", "/IMAGE/INDEX", "/IMAGE/DESCRIPTION"), "Value": text()},
            many=True,
            required=("Key", "Value"),
        ),
    }
)
INSTALL_TO = Setting(
    {"DiskID": number(0, 99), "PartitionID": number(1, 128)}, required=("DiskID", "PartitionID")
)
