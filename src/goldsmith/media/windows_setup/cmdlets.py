"""The PowerShell commands that the stand-in knows, by the changes they make."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from goldsmith.media.windows_setup.hive import dword, string
from goldsmith.media.windows_setup.services import STARTS, exists, start_service, stop_service
from goldsmith.media.windows_setup.shell import Call
from goldsmith.media.windows_setup.system import SERVICES, End


class ThrownError(Exception):
    """An error that ends the script with exit status 1."""


class Scope(Protocol):
    """What a command sees of the script that it stands in."""

    call: Call

    def exists(self, path: str) -> bool: ...


Cmdlet = Callable[[Scope, Sequence[str], Mapping[str, str]], None]


def _given(positional: Sequence[str], named: Mapping[str, str], *names: str, at: int = 0) -> str:
    found = next((named[name] for name in names if name in named), None)
    if found is None and len(positional) > at:
        found = positional[at]
    if found is None:
        raise ThrownError(f"the parameter {names[0]} is missing")
    return found


def _write(scope: Scope, positional: Sequence[str], named: Mapping[str, str]) -> None:
    scope.call.say(" ".join(positional) or _given(positional, named, "-inputobject", "-object"))


def _new_item(scope: Scope, positional: Sequence[str], named: Mapping[str, str]) -> None:
    path = _given(positional, named, "-path")
    if path.upper().startswith("HKLM:"):
        scope.call.system.registry.find(path.replace(":", "", 1))[0].make(
            path.partition("\\")[2].partition("\\")[2]
        )
        return
    place = scope.call.system.drives.place(path, scope.call.shell.folder)
    if named.get("-itemtype", named.get("-type", "File")).lower() == "directory":
        place.mkdir(parents=True, exist_ok="-force" in named)
    else:
        place.write_text(named.get("-value", ""), encoding="utf-8")


def _set_content(scope: Scope, positional: Sequence[str], named: Mapping[str, str]) -> None:
    place = scope.call.system.drives.place(
        _given(positional, named, "-path", "-literalpath"), scope.call.shell.folder
    )
    end = "" if "-nonewline" in named else "\r\n"
    place.write_text(_given(positional, named, "-value", at=1) + end, encoding="utf-8", newline="")


def _add_content(scope: Scope, positional: Sequence[str], named: Mapping[str, str]) -> None:
    place = scope.call.system.drives.place(_given(positional, named, "-path"), scope.call.shell.folder)
    with place.open("a", encoding="utf-8", newline="") as file:
        file.write(_given(positional, named, "-value", at=1) + "\r\n")


def _get_content(scope: Scope, positional: Sequence[str], named: Mapping[str, str]) -> None:
    place = scope.call.system.drives.place(
        _given(positional, named, "-path", "-literalpath"), scope.call.shell.folder
    )
    scope.call.out.write(place.read_text(encoding="utf-8"))


def _remove_item(scope: Scope, positional: Sequence[str], named: Mapping[str, str]) -> None:
    path = _given(positional, named, "-path", "-literalpath")
    found = list(scope.call.system.drives.matches(path, scope.call.shell.folder))
    if not found and named.get("-erroraction", "").lower() != "silentlycontinue":
        raise ThrownError(f"Cannot find path '{path}' because it does not exist.")
    for one in found:
        if one.is_dir():
            shutil.rmtree(one)
        else:
            one.unlink()


def _test_path(scope: Scope, positional: Sequence[str], named: Mapping[str, str]) -> None:
    path = _given(positional, named, "-path", "-literalpath")
    scope.call.say(str(scope.exists(path)))


def _set_property(scope: Scope, positional: Sequence[str], named: Mapping[str, str]) -> None:
    path = _given(positional, named, "-path").replace(":", "", 1)
    name, value = _given(positional, named, "-name", at=1), _given(positional, named, "-value", at=2)
    kind = named.get("-type", named.get("-propertytype", "DWord" if value.isdigit() else "String")).lower()
    entry = dword(name, int(value, 0)) if kind == "dword" else string(name, value)
    scope.call.system.registry.put(path, entry)


def _set_service(scope: Scope, positional: Sequence[str], named: Mapping[str, str]) -> None:
    name = _given(positional, named, "-name")
    if not exists(scope.call.system, name):
        raise ThrownError(f"Service {name} was not found on computer '.'.")
    kind = {"automatic": "auto", "manual": "demand"}.get(
        named["-startuptype"].lower(), named["-startuptype"].lower()
    )
    scope.call.system.registry.put(f"{SERVICES}\\{name}", dword("Start", STARTS[kind]))


def _start_service(scope: Scope, positional: Sequence[str], named: Mapping[str, str]) -> None:
    start_service(scope.call, _given(positional, named, "-name"))


def _stop_service(scope: Scope, positional: Sequence[str], named: Mapping[str, str]) -> None:
    stop_service(scope.call, _given(positional, named, "-name"))


def _restart(_: Scope, _positional: Sequence[str], _named: Mapping[str, str]) -> None:
    raise End("reboot")


def _stop(_: Scope, _positional: Sequence[str], _named: Mapping[str, str]) -> None:
    raise End("off")


CMDLETS: Mapping[str, Cmdlet] = {
    "write-output": _write, "write-host": _write, "echo": _write, "new-item": _new_item, "mkdir": _new_item,
    "set-content": _set_content, "add-content": _add_content, "get-content": _get_content,
    "remove-item": _remove_item, "test-path": _test_path, "set-itemproperty": _set_property,
    "new-itemproperty": _set_property, "set-service": _set_service, "start-service": _start_service,
    "stop-service": _stop_service, "restart-computer": _restart, "stop-computer": _stop,
}  # fmt: skip
