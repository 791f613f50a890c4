"""The commands of cmd.exe itself."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from goldsmith.media.windows_setup.batch import UnsupportedError
from goldsmith.media.windows_setup.shell import Call, ExitError, Program
from goldsmith.media.windows_setup.system import CURRENT
from goldsmith.media.windows_setup.words import split_words


def _echo(call: Call) -> int:
    text = call.raw[1:] if call.raw[:1] in (" ", ".", ":", "\t", "(", "/") else call.raw
    if call.raw[:1] != "." and text.strip().lower() in ("on", "off"):
        return call.shell.level
    call.say(text.rstrip("\n"))
    return call.shell.level


def _set(call: Call) -> int:
    text = call.raw.strip()
    if found := re.fullmatch(r"/a\s+\"?(\w+)\s*([-+*]?)=\s*([-+]?\w+)\s*(?:([-+*])\s*(\w+))?\"?", text, re.I):
        return _calculate(call, *found.groups())
    if text.lower().startswith(("/a", "/p")):
        raise UnsupportedError(f"set {text}")
    if text.startswith('"') and '"' in text[1:]:
        text = text[1 : text.rindex('"')]
    name, equals, value = (text if text != call.raw.strip() else call.raw.lstrip()).partition("=")
    if not equals:
        raise UnsupportedError(f"set {text}")
    value = value.rstrip("\n")
    if value:
        call.shell.variables[name.strip().upper()] = value
    else:
        call.shell.variables.pop(name.strip().upper(), None)
    return 0 if value else call.shell.level


def _calculate(call: Call, name: str, change: str, first: str, sign: str, second: str) -> int:
    variables = call.shell.variables

    def number(word: str) -> int:
        return int(word) if re.fullmatch(r"[-+]?\d+", word) else int(variables.get(word.upper(), "0"))

    def joined(one: int, how: str, two: int) -> int:
        return {"+": one + two, "-": one - two, "*": one * two}[how]

    value = joined(number(first), sign, number(second)) if sign else number(first)
    variables[name.upper()] = str(joined(number(name), change, value) if change else value)
    return 0


def _setlocal(call: Call) -> int:
    if "enabledelayedexpansion" in call.raw.lower():
        call.shell.delayed = True
    return call.shell.level


def _endlocal(call: Call) -> int:
    call.shell.delayed = False
    return call.shell.level


def _call(call: Call) -> int:
    found = re.match(r'\s*("[^"]*"|\S+)(.*)', call.raw, re.DOTALL)
    if not found:
        return call.shell.level
    word, rest = found.groups()
    if word.startswith(":"):
        call.shell.call_label(word, split_words(rest, keep_quotes=True))
        return call.shell.level
    return call.shell.program(word.strip('"'), rest, called=True)


def _goto(call: Call) -> int:
    call.shell.goto(call.raw.strip())
    return 0


def _exit(call: Call) -> int:
    words = [word.lower() for word in call.args]
    batch = words[:1] == ["/b"]
    number = words[1:2] if batch else words[:1]
    code = int(number[0]) if number else call.shell.level
    raise ExitError(code, batch=batch)


def _cd(call: Call) -> int:
    target = " ".join(word for word in call.args if word.lower() != "/d")
    if not target:
        call.say(call.shell.folder)
        return 0
    full = call.system.drives.full(target, call.shell.folder)
    if not call.system.drives.place(full).is_dir():
        call.complain("The system cannot find the path specified.")
        return 1
    call.shell.folder = full
    return 0


def _mkdir(call: Call) -> int:
    for word in call.args:
        place = call.system.drives.place(word, call.shell.folder)
        if place.exists():
            call.complain(f"A subdirectory or file {word} already exists.")
            return 1
        place.mkdir(parents=True)
    return 0


def _rmdir(call: Call) -> int:
    flags, names = _flags(call)
    for word in names:
        place = call.system.drives.place(word, call.shell.folder)
        if not place.is_dir():
            call.complain("The system cannot find the file specified.")
            return 2
        if "/s" in flags:
            shutil.rmtree(place)
        elif any(place.iterdir()):
            call.complain("The directory is not empty.")
            return 145
        else:
            place.rmdir()
    return 0


def _del(call: Call) -> int:
    flags, names = _flags(call)
    for word in names:
        drives, folder = call.system.drives, call.shell.folder
        if drives.exists(word, folder) and drives.place(word, folder).is_dir():
            word = f"{word}\\*"
        found = [one for one in drives.matches(word, folder) if one.is_file()]
        if "/s" in flags:
            above, _, last = drives.full(word, folder).rpartition("\\")
            found = [one for one in drives.place(above + "\\").rglob(last) if one.is_file()]
        if not found:
            call.complain(f"Could Not Find {drives.full(word, folder)}")
        for one in found:
            one.unlink()
    return 0  # del says 0 when it finds nothing


def _flags(call: Call) -> tuple[list[str], list[str]]:
    flags = [word.lower() for word in call.args if word.startswith("/")]
    return flags, [word for word in call.args if not word.startswith("/")]


def _copy(call: Call) -> int:
    flags, names = _flags(call)
    for flag in flags:
        if flag not in ("/y", "/b", "/v", "/-y"):
            raise UnsupportedError(f"copy {flag}")
    if not 1 <= len(names) <= 2 or "+" in call.raw:
        raise UnsupportedError(f"copy {call.raw}")
    drives, folder = call.system.drives, call.shell.folder
    sources = [one for one in drives.matches(names[0], folder) if one.is_file()]
    if not sources:
        call.complain("The system cannot find the file specified.")
        return 1
    target = drives.place(names[1] if len(names) > 1 else folder, folder)
    for one in sources:
        place = target / one.name if target.is_dir() else target
        if not place.parent.is_dir():
            call.complain("The system cannot find the path specified.")
            return 1
        shutil.copyfile(one, place)
    call.say(f"        {len(sources)} file(s) copied.")
    return 0


def _move(call: Call) -> int:
    _, names = _flags(call)
    drives, folder = call.system.drives, call.shell.folder
    source, target = drives.place(names[0], folder), drives.place(names[1], folder)
    if not source.exists():
        call.complain("The system cannot find the file specified.")
        return 1
    source.replace(target / source.name if target.is_dir() else target)
    return 0


def _ren(call: Call) -> int:
    source = call.system.drives.place(call.args[0], call.shell.folder)
    if not source.exists():
        call.complain("The system cannot find the file specified.")
        return 1
    source.rename(source.parent / call.args[1])
    return 0


def _type(call: Call) -> int:
    place = call.system.drives.place(call.args[0], call.shell.folder)
    if not place.is_file():
        call.complain("The system cannot find the file specified.")
        return 1
    call.out.write(place.read_text(encoding="utf-8", errors="replace"))
    return 0


def _dir(call: Call) -> int:
    flags, names = _flags(call)
    if any(flag not in ("/b", "/a") for flag in flags) or "/b" not in flags:
        raise UnsupportedError(f"dir {call.raw}")
    drives, found = call.system.drives, 0
    for word in names or ["*"]:
        place = drives.place(word, call.shell.folder)
        listed = sorted(place.iterdir()) if place.is_dir() else list(drives.matches(word, call.shell.folder))
        for one in listed:
            call.say(one.name)
            found += 1
    if not found:
        call.complain("File Not Found")
    return 0 if found else 1


def _ver(call: Call) -> int:
    build = call.system.registry.text(CURRENT, "CurrentBuildNumber")
    call.say(f"\r\nGoldsmith stand-in for Microsoft Windows [Version 10.0.{build}]")
    return 0


def _nothing(call: Call) -> int:
    return call.shell.level


def copy_tree(source: Path, target: Path) -> int:
    """Copy what is in a folder, over what is there; return the number of files."""
    count = 0
    for one in sorted(source.rglob("*")):
        place = target / one.relative_to(source)
        if one.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(one, place)
            count += 1
    return count


BUILTINS: Mapping[str, Program] = {
    "echo": _echo, "set": _set, "setlocal": _setlocal, "endlocal": _endlocal, "call": _call, "goto": _goto,
    "exit": _exit, "cd": _cd, "chdir": _cd, "mkdir": _mkdir, "md": _mkdir, "rmdir": _rmdir, "rd": _rmdir,
    "del": _del, "erase": _del, "copy": _copy, "move": _move, "ren": _ren, "type": _type, "dir": _dir,
    "ver": _ver, "title": _nothing, "cls": _nothing, "verify": _nothing,
}  # fmt: skip
