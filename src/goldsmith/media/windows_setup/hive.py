"""Registry hives: the ``regf`` format, read and written as a whole."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

SZ, EXPAND_SZ, BINARY, DWORD, MULTI_SZ, QWORD = 1, 2, 3, 4, 7, 11
_NONE = 0xFFFFFFFF
_BASE = 4096
# A security descriptor that names nobody: owner and group are the local system (S-1-5-18), no access list.
_SYSTEM = bytes.fromhex("010100000000000512000000")
_DESCRIPTOR = struct.pack("<BBHIIII", 1, 0, 0x8000, 20, 32, 0, 0) + _SYSTEM + _SYSTEM
_LARGEST = 16344  # bytes of one value; above it Windows uses another kind of cell


class HiveError(ValueError):
    """The bytes are no hive, or a value does not fit into one."""


@dataclass(frozen=True)
class Value:
    """A value under its name as written; ``data`` as the registry keeps it."""

    name: str
    kind: int
    data: bytes

    def text(self) -> str:
        """Return what ``reg query`` shows."""
        if self.kind in (SZ, EXPAND_SZ, MULTI_SZ):
            return self.data.decode("utf-16-le").rstrip("\0").replace("\0", "\\0")
        if self.kind in (DWORD, QWORD):
            return hex(int.from_bytes(self.data, "little"))
        return self.data.hex().upper()

    def number(self) -> int:
        return int.from_bytes(self.data, "little")


def string(name: str, text: str, *, kind: int = SZ) -> Value:
    return Value(name, kind, (text + "\0").encode("utf-16-le"))


def dword(name: str, number: int) -> Value:
    return Value(name, DWORD, struct.pack("<I", number))


@dataclass
class Key:
    """A key with its values and subkeys, found without regard to case."""

    name: str
    values: dict[str, Value] = field(default_factory=dict)
    keys: dict[str, "Key"] = field(default_factory=dict)
    freed: list[bytes] = field(default_factory=list)  # of a root: what cells hold that are in use no more

    def find(self, path: str) -> "Key | None":
        here: Key | None = self
        for part in _parts(path):
            here = here.keys.get(part.lower()) if here else None
        return here

    def make(self, path: str) -> "Key":
        here = self
        for part in _parts(path):
            here = here.keys.setdefault(part.lower(), Key(part))
        return here

    def drop(self, path: str) -> bool:
        """Remove a key and all below it; say whether it was there."""
        *above, last = _parts(path)
        parent = self.find("\\".join(above))
        return bool(parent and parent.keys.pop(last.lower(), None))

    def put(self, path: str, *values: Value) -> None:
        place = self.make(path)
        for value in values:
            place.values[value.name.lower()] = value

    def get(self, path: str, name: str) -> Value | None:
        place = self.find(path)
        return place.values.get(name.lower()) if place else None

    def text(self, path: str, name: str) -> str:
        value = self.get(path, name)
        return value.text() if value else ""

    def number(self, path: str, name: str) -> int | None:
        value = self.get(path, name)
        return value.number() if value else None

    def walk(self, path: str = "") -> Iterator[tuple[str, "Key"]]:
        for key in self.keys.values():
            here = f"{path}\\{key.name}".lstrip("\\")
            yield here, key
            yield from key.walk(here)


def _parts(path: str) -> list[str]:
    return [part for part in path.split("\\") if part]


class _Cells:
    """The cells of one hive bin, which grows as they are added; offsets count from the first bin."""

    def __init__(self) -> None:
        self.data = bytearray(32)

    def add(self, content: bytes, *, used: bool = True) -> int:
        at = len(self.data)
        size = (4 + len(content) + 7) & ~7
        self.data += struct.pack("<i", -size if used else size) + content + b"\0" * (size - 4 - len(content))
        return at

    def patch(self, at: int, position: int, number: int) -> None:
        struct.pack_into("<I", self.data, at + 4 + position, number)

    def sealed(self) -> bytes:
        rest = -len(self.data) % _BASE
        rest += _BASE if rest and rest < 8 else 0
        if rest:
            self.data += struct.pack("<i", rest) + b"\0" * (rest - 4)
        struct.pack_into("<4sII", self.data, 0, b"hbin", 0, len(self.data))
        return bytes(self.data)


def dump(root: Key, *, name: str = "") -> bytes:
    """Return the hive file of ``root``; ``name`` is the file name that its header tells."""
    cells = _Cells()
    security = struct.pack("<2sHIIII", b"sk", 0, 0, 0, 1, len(_DESCRIPTOR)) + _DESCRIPTOR
    shared = cells.add(security)
    cells.patch(shared, 4, shared)
    cells.patch(shared, 8, shared)
    users = [0]
    at = _write(cells, root, _NONE, shared, users)
    cells.patch(shared, 12, users[0])
    for content in root.freed:
        cells.add(content, used=False)
    body = cells.sealed()
    head = bytearray(_BASE)
    struct.pack_into("<4sIIQIIIIIII", head, 0, b"regf", 1, 1, 0, 1, 3, 0, 1, at, len(body), 1)
    encoded = name[-31:].encode("utf-16-le")
    head[48 : 48 + len(encoded)] = encoded
    checksum = 0
    for (word,) in struct.iter_unpack("<I", head[:508]):
        checksum ^= word
    struct.pack_into("<I", head, 508, checksum if checksum not in (0, _NONE) else (checksum ^ 1))
    return bytes(head) + body


def _write(cells: _Cells, key: Key, parent: int, security: int, users: list[int]) -> int:
    users[0] += 1
    name = _narrow(key.name)
    flags = 0x20 if name is not None else 0
    flags |= 0x0C if parent == _NONE else 0
    encoded = name if name is not None else key.name.encode("utf-16-le")
    values, keys = list(key.values.values()), sorted(key.keys.values(), key=lambda one: one.name.upper())
    longest = (
        max((len(one.name) * 2 for one in keys), default=0),
        max((len(one.name) * 2 for one in values), default=0),
        max((len(one.data) for one in values), default=0),
    )
    at = cells.add(
        struct.pack("<2sHQIIIIIIIIII", b"nk", flags, 0, 0, parent, len(keys), 0, _NONE, _NONE, len(values),
                    _NONE, security, _NONE)
        + struct.pack("<IIIIIHH", longest[0], 0, longest[1], longest[2], 0, len(encoded), 0)
        + encoded
    )  # fmt: skip
    if values:
        places = [_write_value(cells, one) for one in values]
        cells.patch(at, 40, cells.add(struct.pack(f"<{len(places)}I", *places)))
    if keys:
        rows = b"".join(
            struct.pack("<II", _write(cells, one, at, security, users), _hash(one.name)) for one in keys
        )
        cells.patch(at, 28, cells.add(struct.pack("<2sH", b"lh", len(keys)) + rows))
    return at


def _write_value(cells: _Cells, value: Value) -> int:
    size = len(value.data)
    if size > _LARGEST:
        raise HiveError(f"the value {value.name} of {size} bytes is too large")
    if size <= 4:
        place = int.from_bytes(value.data, "little")
        size |= 0x80000000
    else:
        place = cells.add(value.data)
    name = _narrow(value.name)
    encoded = name if name is not None else value.name.encode("utf-16-le")
    return cells.add(
        struct.pack("<2sHIIIHH", b"vk", len(encoded), size, place, value.kind, int(name is not None), 0)
        + encoded
    )


def _narrow(name: str) -> bytes | None:
    try:
        return name.encode("latin-1")
    except UnicodeEncodeError:
        return None


def _hash(name: str) -> int:
    total = 0
    for letter in name.upper():
        total = (total * 37 + ord(letter)) & 0xFFFFFFFF
    return total


def load(data: bytes) -> Key:
    """Return the root of a hive that ``dump`` or another program wrote; raises HiveError for anything else."""
    if data[:4] != b"regf":
        raise HiveError("this is no registry hive")
    (root,) = struct.unpack_from("<I", data, 36)
    found = _read(data[_BASE:], root)
    found.freed = list(_freed(data[_BASE:]))
    return found


def _freed(body: bytes) -> Iterator[bytes]:
    at = 0
    while at + 32 < len(body) and body[at : at + 4] == b"hbin":
        end = at + int.from_bytes(body[at + 8 : at + 12], "little")
        at += 32
        while at < end:
            (size,) = struct.unpack_from("<i", body, at)
            content = body[at + 4 : at + size].rstrip(b"\0") if size > 0 else b""
            if content:
                yield content
            at += abs(size) or end


def _cell(body: bytes, at: int) -> bytes:
    (size,) = struct.unpack_from("<i", body, at)
    return body[at + 4 : at + abs(size)]


def _read(body: bytes, at: int) -> Key:
    cell = _cell(body, at)
    if cell[:2] != b"nk":
        raise HiveError(f"there is no key at {at:#x}")
    flags = struct.unpack_from("<H", cell, 2)[0]
    keys, subkeys = struct.unpack_from("<I", cell, 20)[0], struct.unpack_from("<I", cell, 28)[0]
    count, values = struct.unpack_from("<II", cell, 36)
    size = struct.unpack_from("<H", cell, 72)[0]
    key = Key(_named(cell[76 : 76 + size], wide=not flags & 0x20))
    if count:
        for place in struct.unpack_from(f"<{count}I", _cell(body, values)):
            value = _read_value(body, place)
            key.values[value.name.lower()] = value
    if keys:
        for place in _subkeys(body, subkeys):
            child = _read(body, place)
            key.keys[child.name.lower()] = child
    return key


def _subkeys(body: bytes, at: int) -> Iterator[int]:
    cell = _cell(body, at)
    (count,) = struct.unpack_from("<H", cell, 2)
    match cell[:2]:
        case b"lh" | b"lf":
            yield from struct.unpack_from("<" + "I4x" * count, cell, 4)
        case b"li":
            yield from struct.unpack_from(f"<{count}I", cell, 4)
        case b"ri":
            for place in struct.unpack_from(f"<{count}I", cell, 4):
                yield from _subkeys(body, place)
        case kind:
            raise HiveError(f"there is no list of keys at {at:#x} but {kind!r}")


def _read_value(body: bytes, at: int) -> Value:
    cell = _cell(body, at)
    length, size, place, kind, flags = struct.unpack_from("<HIIIH", cell, 2)
    name = _named(cell[20 : 20 + length], wide=not flags & 1)
    if size & 0x80000000:
        return Value(name, kind, struct.pack("<I", place)[: size & 0x7FFFFFFF])
    return Value(name, kind, _cell(body, place)[:size])


def _named(data: bytes, *, wide: bool) -> str:
    return data.decode("utf-16-le" if wide else "latin-1")
