"""Writes Windows registry hives (regf files) from nothing, for phony guests and the stand-in of Windows Setup.

The layout is that of libhivex's reader and of the published descriptions of the format. Only the standard library
is used, so that the module also runs in a stand-in's small environment.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

SZ, EXPAND_SZ, BINARY, DWORD, MULTI_SZ, QWORD = 1, 2, 3, 4, 7, 11
_NONE = 0xFFFFFFFF
_PAGE = 0x1000
_MOST_DATA = 16344  # bytes; what is longer is split into several cells, which nothing here needs
_INLINE = 0x80000000
_ASCII_KEY, _ROOT_KEY, _ASCII_VALUE = 0x20, 0x2C, 1


@dataclass(frozen=True)
class Raw:
    """A value of any registry type; SAM, for one, keeps the number of a user in the type of an empty value."""

    kind: int
    data: bytes = b""


Value = str | int | bytes | tuple[str, ...] | Raw
Keys = Mapping[str, Mapping[str, Value]]


@dataclass
class _Key:
    name: str
    values: dict[str, Value] = field(default_factory=dict)
    below: dict[str, "_Key"] = field(default_factory=dict)  # by name in capitals, as the registry sorts


def hive(keys: Keys, *, root: str = "ROOT") -> bytes:
    r"""Return a hive with these keys (``Microsoft\Windows\...``, parents are made) and their values by name.

    The name "" is a key's default value. Text becomes REG_SZ, a number REG_DWORD, bytes REG_BINARY and a tuple
    REG_MULTI_SZ. Names are compared without regard to case; the first spelling stays.
    Raises ValueError for a value of more than 16344 bytes.
    """
    top = _Key(root)
    for path, values in keys.items():
        key = top
        for name in filter(None, path.split("\\")):
            key = key.below.setdefault(name.upper(), _Key(name))
        spelled = {name.upper(): name for name in key.values}
        for name, value in values.items():
            key.values[spelled.get(name.upper(), name)] = value
    return _Cells().file(top)


def encoded(value: Value) -> tuple[int, bytes]:
    """Return the registry type and the bytes of a value."""
    if isinstance(value, Raw):
        return value.kind, value.data
    if isinstance(value, str):
        return SZ, f"{value}\0".encode("utf-16-le")
    if isinstance(value, int):
        return DWORD, struct.pack("<I", value)
    if isinstance(value, bytes):
        return BINARY, value
    return MULTI_SZ, "".join(f"{one}\0" for one in (*value, "")).encode("utf-16-le")


class _Cells:
    """The cells of one hive, each at its offset from the first bin; one bin holds them all."""

    def __init__(self) -> None:
        self._data = bytearray(32)  # the head of the bin, filled in last

    def file(self, top: _Key) -> bytes:
        security = self._add(
            struct.pack("<2sHIIII", b"sk", 0, 0, 0, 1, 20) + bytes([1, 0, 0, 0x80] + [0] * 16)
        )
        struct.pack_into("<II", self._data, security + 8, security, security)  # a ring of one
        root = self._key(top, _NONE, security, _ROOT_KEY)
        rest = -len(self._data) % _PAGE
        if rest:
            self._data += struct.pack("<i", rest) + bytes(rest - 4)  # a positive size: a free cell
        struct.pack_into("<4sII", self._data, 0, b"hbin", 0, len(self._data))
        head = bytearray(_PAGE)
        struct.pack_into("<4sIIQ", head, 0, b"regf", 1, 1, 0)
        struct.pack_into("<IIIIIII", head, 20, 1, 3, 0, 1, root, len(self._data), 1)
        checksum = 0
        for (word,) in struct.iter_unpack("<I", head[:508]):
            checksum ^= word
        struct.pack_into("<I", head, 508, checksum)
        return bytes(head + self._data)

    def _add(self, content: bytes) -> int:
        at = len(self._data)
        size = (4 + len(content) + 7) // 8 * 8
        self._data += struct.pack("<i", -size) + content.ljust(size - 4, b"\0")
        return at

    def _key(self, key: _Key, parent: int, security: int, flags: int = 0) -> int:
        name, ascii_name = _spelled(key.name)
        at = self._add(bytes(76) + name)
        below = [(one, self._key(one, at, security)) for _, one in sorted(key.below.items())]
        values = [self._value(*one) for one in key.values.items()]
        fields = struct.pack(
            "<2sHQIIIIIIIIIIIIIIIHH",
            *(b"nk", flags or (_ASCII_KEY if ascii_name else 0), 0, 0, parent),
            *(len(below), 0, self._add(b"".join(_leaf(below))) if below else _NONE, _NONE),
            *(len(values), self._add(struct.pack(f"<{len(values)}I", *values)) if values else _NONE),
            *(security, _NONE),
            *(max((2 * len(one.name) for one, _ in below), default=0), 0),
            *(max((2 * len(one) for one in key.values), default=0),),
            *(max((len(encoded(one)[1]) for one in key.values.values()), default=0), 0),
            *(len(name), 0),
        )
        self._data[at + 4 : at + 4 + len(fields)] = fields
        return at

    def _value(self, name: str, value: Value) -> int:
        kind, data = encoded(value)
        if len(data) > _MOST_DATA:
            raise ValueError(f"the registry value {name!r} has {len(data)} bytes, the most is {_MOST_DATA}")
        text, ascii_name = _spelled(name)
        if len(data) <= 4:
            size, where = len(data) | _INLINE, int.from_bytes(data.ljust(4, b"\0"), "little")
        else:
            size, where = len(data), self._add(data)
        flags = _ASCII_VALUE if ascii_name else 0
        return self._add(struct.pack("<2sHIIIHH", b"vk", len(text), size, where, kind, flags, 0) + text)


def _spelled(name: str) -> tuple[bytes, bool]:
    return (name.encode("ascii"), True) if name.isascii() else (name.encode("utf-16-le"), False)


def _leaf(below: list[tuple[_Key, int]]) -> Iterator[bytes]:
    yield struct.pack("<2sH", b"lf", len(below))
    for key, at in below:
        yield struct.pack("<I4s", at, key.name.encode("ascii", "replace")[:4])
