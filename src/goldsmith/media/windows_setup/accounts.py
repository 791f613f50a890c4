"""Local users, as the SAM hive keeps them: a key for each name and one for each number."""

import struct
from collections.abc import Sequence

from goldsmith.media.windows_setup.hive import BINARY, Value
from goldsmith.media.windows_setup.registry import Registry

USERS = r"HKLM\SAM\SAM\Domains\Account\Users"
BUILT_IN = (("Administrator", 500), ("Guest", 501), ("DefaultAccount", 503), ("WDAGUtilityAccount", 504))
_DISABLED, _NORMAL = 0x0001, 0x0010  # account control bits, at byte 0x38 of the value F


def create_built_in(registry: Registry, *, client: bool) -> None:
    """Make the accounts that every installation has; all but a server's Administrator are disabled."""
    for name, number in BUILT_IN:
        add(registry, name, number)
        set_active(registry, name, active=name == "Administrator" and not client)


def names(registry: Registry) -> Sequence[str]:
    key = registry.key(f"{USERS}\\Names")
    return sorted(one.name for one in key.keys.values()) if key else []


def find(registry: Registry, name: str) -> int | None:
    """Return a user's number, which SAM keeps as the type of the value in the key of the name."""
    value = registry.get(f"{USERS}\\Names\\{name}", "")
    return value.kind if value else None


def add(registry: Registry, name: str, number: int = 0) -> None:
    if find(registry, name) is not None:
        return
    taken = [find(registry, one) or 0 for one in names(registry)]
    number = number or max([1000, *taken]) + 1
    registry.put(f"{USERS}\\Names\\{name}", Value("", number, b""))
    control = struct.pack("<H", _NORMAL)
    registry.put(
        f"{USERS}\\{number:08X}",
        Value(
            "F",
            BINARY,
            b"\x03\0\x01\0".ljust(0x30, b"\0") + struct.pack("<II", number, 513) + control + bytes(22),
        ),
        Value("V", BINARY, _names_value(name)),
    )


def _names_value(name: str) -> bytes:
    """Return the value V with the name in it, where offline tools look for it (offset 12, from 0xCC on)."""
    text = name.encode("utf-16-le")
    head = bytearray(0xCC)
    struct.pack_into("<III", head, 12, 0, len(text), 0)
    return bytes(head) + text


def remove(registry: Registry, name: str) -> None:
    number = find(registry, name)
    if number is not None:
        registry.drop(f"{USERS}\\Names\\{name}")
        registry.drop(f"{USERS}\\{number:08X}")


def set_active(registry: Registry, name: str, *, active: bool) -> None:
    number = find(registry, name)
    if number is None:
        return
    path = f"{USERS}\\{number:08X}"
    value = registry.get(path, "F")
    data = bytearray(value.data if value else bytes(80))
    (bits,) = struct.unpack_from("<H", data, 0x38)
    struct.pack_into("<H", data, 0x38, bits & ~_DISABLED if active else bits | _DISABLED)
    registry.put(path, Value("F", BINARY, bytes(data)))
