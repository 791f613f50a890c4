"""Put in the variables of a batch file: %NAME%, %1, %~dp0, %*, %NAME:a=b%, %NAME:~0,2% and the variable of a for."""

import re
from collections.abc import Mapping, Sequence

_VARIABLE = re.compile(r"%%|%(~[fdpnxs]*)?(\d)|%\*|%([^%:\s=]+)(?::([^%]*))?%")


def expand(text: str, variables: Mapping[str, str], args: Sequence[str], *, in_batch: bool = True) -> str:
    """Return a line with its variables; on a command line of its own, unknown names stay as they are."""

    def put(found: re.Match[str]) -> str:
        whole = found.group()
        if whole == "%%":
            return "%" if in_batch else whole
        if whole == "%*":
            return " ".join(args[1:]) if in_batch else whole
        if found.group(2) is not None:
            if not in_batch:
                return whole
            number = int(found.group(2))
            word = args[number] if number < len(args) else ""
            return modified(word, found.group(1)) if found.group(1) is not None else word
        name, change = found.group(3), found.group(4)
        value = variables.get(name.upper())
        if value is None:
            return "" if in_batch else whole
        return _changed(value, change) if change is not None else value

    return _VARIABLE.sub(put, text)


def expand_delayed(text: str, variables: Mapping[str, str]) -> str:
    return re.sub(r"!([^!\s]+)!", lambda found: variables.get(found.group(1).upper(), ""), text)


def expand_for(text: str, variable: str, value: str) -> str:
    """Put in the variable of a for, with %% or %, and with ~ and its letters."""
    pattern = re.compile(rf"%%?(~[fdpnxs]*)?{re.escape(variable)}(?!\w*%)")
    return pattern.sub(
        lambda found: modified(value, found.group(1)) if found.group(1) is not None else value, text
    )


def modified(word: str, letters: str) -> str:
    """Return the parts of a path that the letters of %~dpnx ask for."""
    path = word.strip('"')
    wanted = letters.lstrip("~")
    if not wanted or "f" in wanted:
        return path
    drive = path[:2] if path[1:2] == ":" else ""
    folder, _, name = path[len(drive) :].rpartition("\\")
    stem, dot, ending = name.rpartition(".")
    parts = {
        "d": drive,
        "p": f"{folder}\\",
        "n": stem if dot else name,
        "x": f".{ending}" if dot else "",
    }
    return "".join(parts[one] for one in "dpnx" if one in wanted)


def _changed(value: str, change: str) -> str:
    if change.startswith("~"):
        numbers = [int(one) for one in change[1:].split(",") if one]
        start = numbers[0]
        rest = value[start:]
        return rest if len(numbers) < 2 else rest[: numbers[1]]
    old, _, new = change.partition("=")
    return re.sub(re.escape(old), lambda _: new, value, flags=re.IGNORECASE)
