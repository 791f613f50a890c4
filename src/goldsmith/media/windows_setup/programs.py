"""Programs of System32 that scripts of an image build call, and what they change."""

import re
import time
from collections.abc import Mapping

from goldsmith.media.windows_setup.batch import UnsupportedError
from goldsmith.media.windows_setup.builtins import copy_tree
from goldsmith.media.windows_setup.hive import dword
from goldsmith.media.windows_setup.services import net, sc
from goldsmith.media.windows_setup.shell import Call, Program, Shell
from goldsmith.media.windows_setup.system import End
from goldsmith.media.windows_setup.words import split_words


def _cmd(call: Call) -> int:
    found = re.match(r"(?is)\s*((?:/[a-bd-jl-z]\S*\s+)*)/[ck]\s*(.*)", call.raw)
    if not found:
        raise UnsupportedError(f"cmd {call.raw.strip()}")
    text = found.group(2).strip()
    if text.startswith('"') and text.endswith('"') and (text.count('"') > 2 or " " not in text):
        text = text[1:-1]
    elif text.startswith('"') and text.count('"') == 2 and text.endswith('"'):
        inner = text[1:-1]
        text = text if call.system.drives.exists(inner, call.shell.folder) else inner
    inner_shell = Shell(
        call.system, call.shell.programs, call.shell.builtins, call.out, call.err, call.shell.folder, call.stdin,
        variables=dict(call.shell.variables), delayed="/v:on" in found.group(1).lower(),
    )  # fmt: skip
    return inner_shell.line(text)


def _start(call: Call) -> int:
    found = re.match(
        r'(?is)\s*(?:"[^"]*"\s+)?((?:/(?:wait|b|min|max|high|low|normal)\s+)*)("[^"]*"|\S+)(.*)', call.raw
    )
    if not found or "/wait" not in found.group(1).lower():
        raise UnsupportedError(f"start without /wait: {call.raw.strip()}")
    return call.shell.program(found.group(2).strip('"'), found.group(3), called=True)


def _xcopy(call: Call) -> int:
    flags = [word.lower() for word in call.args if word.startswith("/")]
    names = [word for word in call.args if not word.startswith("/")]
    if unknown := [
        flag for flag in flags if flag not in ("/s", "/e", "/y", "/i", "/q", "/h", "/r", "/k", "/c")
    ]:
        raise UnsupportedError(f"xcopy {unknown[0]}")
    drives, folder = call.system.drives, call.shell.folder
    source, target = drives.place(names[0].rstrip("\\"), folder), drives.place(names[1].rstrip("\\"), folder)
    if not source.is_dir():
        call.complain(f"File not found - {names[0]}")
        return 4
    if "/i" not in flags and not target.is_dir() and not names[1].endswith("\\"):
        raise UnsupportedError("xcopy asks whether the target is a file or a folder: give /i")
    if not {"/s", "/e"} & set(flags):
        raise UnsupportedError("xcopy without /s or /e")
    count = copy_tree(source, target)
    call.say(f"{count} File(s) copied")
    return 0


def _shutdown(call: Call) -> int:
    words = [word.lower().replace("-", "/", 1) for word in call.args]
    if "/a" in words:
        call.system.pending = ""
        return 0
    how = "reboot" if "/r" in words or "/g" in words else "off" if "/s" in words or "/p" in words else ""
    if not how:
        raise UnsupportedError(f"shutdown {call.raw.strip()}")
    at_once = "/p" in words
    if "/t" in words:
        at_once = words[words.index("/t") + 1] == "0"
    if at_once:
        raise End(how)
    call.system.pending = how
    return 0


def _timeout(call: Call) -> int:
    numbers = [int(word) for word in call.args if word.isdigit()]
    time.sleep(min(numbers[0] if numbers else 0, 5))
    return 0


def _ping(call: Call) -> int:
    count = next((int(two) for one, two in zip(call.args, call.args[1:], strict=False) if one == "-n"), 4)
    time.sleep(min(count - 1, 5))
    return 0 if "127.0.0.1" in call.args or "localhost" in call.args else 1


def _find(call: Call) -> int:
    flags = {word.lower() for word in call.args if word.startswith("/")}
    if not flags <= {"/i", "/v"}:
        raise UnsupportedError(f"find {call.raw.strip()}")
    words = [word for word in split_words(call.raw) if not word.startswith("/")]
    text = call.stdin
    if len(words) > 1:
        text = call.system.drives.place(words[1], call.shell.folder).read_text(errors="replace")
    fold = str.lower if "/i" in flags else str
    found = [line for line in text.splitlines() if (fold(words[0]) in fold(line)) != ("/v" in flags)]
    for line in found:
        call.say(line)
    return 0 if found else 1


def _powercfg(call: Call) -> int:
    words = [word.lower().replace("/", "-", 1) for word in call.args]
    power = r"HKLM\SYSTEM\CurrentControlSet\Control\Power"
    if words[:1] and words[0] in ("-h", "-hibernate") and words[1:] in (["off"], ["on"]):
        on = words[1] == "on"
        call.system.registry.put(power, dword("HibernateEnabled", int(on)))
        place = call.system.drives.place(r"C:\hiberfil.sys")
        if on:
            place.write_bytes(b"\0" * 4096)
        else:
            place.unlink(missing_ok=True)
        return 0
    if words[:1] in (["-change"], ["-x"], ["-setactive"], ["-s"]) and len(words) > 1:
        return 0
    raise UnsupportedError(f"powercfg {call.raw.strip()}")


def _whoami(call: Call) -> int:
    call.say(
        r"nt authority\system"
        if call.shell.system.environment.get("USERNAME") == "SYSTEM"
        else "administrator"
    )
    return 0


def _hostname(call: Call) -> int:
    path = r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters"
    call.say(call.system.registry.text(path, "Hostname"))
    return 0


def _quiet(_: Call) -> int:
    """Stand for programs whose effect nothing here can see."""
    return 0


SYSTEM_PROGRAMS: Mapping[str, Program] = {
    "cmd": _cmd, "start": _start, "xcopy": _xcopy, "shutdown": _shutdown, "timeout": _timeout, "ping": _ping,
    "find": _find, "powercfg": _powercfg, "whoami": _whoami, "hostname": _hostname,
    "sc": sc, "net": net, "mode": _quiet, "attrib": _quiet,
}  # fmt: skip
