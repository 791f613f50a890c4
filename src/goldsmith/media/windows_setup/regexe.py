"""reg.exe: add, delete, query, and the answers that it gives."""

import re

from goldsmith.media.windows_setup.batch import UnsupportedError
from goldsmith.media.windows_setup.hive import (
    BINARY,
    DWORD,
    EXPAND_SZ,
    MULTI_SZ,
    QWORD,
    SZ,
    Value,
    dword,
    string,
)
from goldsmith.media.windows_setup.registry import UnknownKeyError
from goldsmith.media.windows_setup.shell import Call

_KINDS = {
    "REG_SZ": SZ,
    "REG_EXPAND_SZ": EXPAND_SZ,
    "REG_DWORD": DWORD,
    "REG_BINARY": BINARY,
    "REG_MULTI_SZ": MULTI_SZ,
    "REG_QWORD": QWORD,
}
_FLAGS = ("/f", "/va", "/ve", "/s", "/reg:64", "/reg:32", "/y")
DONE = "The operation completed successfully.\r\n"


def reg(call: Call) -> int:
    """Return 0, or 1 with reg.exe's own words where a key or value is not there."""
    if len(call.args) < 2:
        raise UnsupportedError(f"reg {call.raw.strip()}")
    verb, path, options = call.args[0].lower(), call.args[1], _options(call)
    try:
        match verb:
            case "add":
                return _add(call, path, options)
            case "delete":
                return _delete(call, path, options)
            case "query":
                return _query(call, path, options)
    except UnknownKeyError as error:
        call.complain(str(error))
        return 1
    raise UnsupportedError(f"reg {verb}")


def _options(call: Call) -> dict[str, str]:
    options: dict[str, str] = {}
    words = list(call.args[2:])
    while words:
        word = words.pop(0)
        key = word.lower()
        if key in ("/v", "/t", "/d"):
            if not words:
                raise UnsupportedError(f"reg: {word} without its value")
            options[key] = words.pop(0)
        elif key in _FLAGS:
            options[key] = ""
        else:
            raise UnsupportedError(f"reg {word}")
    return options


def _add(call: Call, path: str, options: dict[str, str]) -> int:
    registry = call.system.registry
    hive, inner = registry.find(path)
    if "/v" not in options and "/ve" not in options:
        hive.make(inner)
        call.say(DONE)
        return 0
    name = options.get("/v", "")
    if registry.get(path, name) and "/f" not in options:
        raise UnsupportedError("reg add asks before it overwrites: give /f")
    kind = options.get("/t", "REG_SZ").upper()
    if kind not in _KINDS:
        call.complain("ERROR: Invalid syntax. Specify valid reg type for '/t'.")
        return 1
    value = _value(name, _KINDS[kind], options.get("/d", ""))
    if value is None:
        call.complain("ERROR: Invalid syntax. Specify valid numeric value for '/d'.")
        return 1
    hive.put(inner, value)
    call.say(DONE)
    return 0


def _value(name: str, kind: int, data: str) -> Value | None:
    if kind in (DWORD, QWORD):
        if not re.fullmatch(r"(0[xX][0-9a-fA-F]+|\d+)", data):
            return None
        number = int(data, 0) if data[:2].lower() == "0x" else int(data)
        return dword(name, number) if kind == DWORD else Value(name, QWORD, number.to_bytes(8, "little"))
    if kind == BINARY:
        return Value(name, BINARY, bytes.fromhex(data))
    return string(name, data.replace("\\0", "\0") + ("\0" if kind == MULTI_SZ else ""), kind=kind)


def _delete(call: Call, path: str, options: dict[str, str]) -> int:
    registry = call.system.registry
    if "/f" not in options:
        raise UnsupportedError("reg delete asks before it deletes: give /f")
    if "/va" in options:
        key = registry.key(path)
        if key:
            key.values.clear()
        done = key is not None
    else:
        name = options.get("/v", "" if "/ve" in options else None)
        done = registry.drop(path, name)
    if not done:
        raise UnknownKeyError(path)
    call.say(DONE)
    return 0


def _query(call: Call, path: str, options: dict[str, str]) -> int:
    key = call.system.registry.key(path)
    if key is None:
        raise UnknownKeyError(path)
    wanted = options.get("/v", "" if "/ve" in options else None)
    shown = [one for one in key.values.values() if wanted is None or one.name.lower() == wanted.lower()]
    if wanted is not None and not shown:
        raise UnknownKeyError(path)
    call.say(f"\r\n{path}")
    names = {number: kind for kind, number in _KINDS.items()}
    for one in shown:
        call.say(f"    {one.name or '(Default)'}    {names.get(one.kind, 'REG_NONE')}    {one.text()}")
    if wanted is None:
        for child in key.keys.values():
            call.say(f"{path}\\{child.name}")
    return 0
