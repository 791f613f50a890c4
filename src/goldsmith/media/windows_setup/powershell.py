"""powershell.exe: the few statements that steps of a build consist of; anything else is refused."""

import base64
import re
from collections.abc import Mapping, Sequence

from goldsmith.media.windows_setup.batch import UnsupportedError
from goldsmith.media.windows_setup.cmdlets import CMDLETS, ThrownError
from goldsmith.media.windows_setup.hive import dword
from goldsmith.media.windows_setup.paths import NoDriveError
from goldsmith.media.windows_setup.shell import Call

STANDIN = r"HKLM\SOFTWARE\Goldsmith\Standin"
REBOOT_REQUIRED = r"HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired"
_IGNORED = re.compile(
    r"(?i)\$(ErrorActionPreference|ProgressPreference|VerbosePreference)\s*=|Set-StrictMode|Import-Module|\[Console\]::"
)
_FLAGS = {"-force", "-recurse", "-nonewline", "-quiet", "-wait", "-passthru", "-nologo", "-noprofile"}


class _ExitError(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def powershell(call: Call) -> int:
    """Run -Command, -File or -EncodedCommand; a script that reads its text from the standard input gets that."""
    words = list(call.args)
    while words:
        word = words.pop(0).lower()
        if word in ("-noprofile", "-noninteractive", "-nologo", "-sta", "-mta", "-noexit"):
            continue
        if word in ("-executionpolicy", "-inputformat", "-outputformat", "-windowstyle", "-version"):
            words.pop(0)
            continue
        if word in ("-encodedcommand", "-enc", "-e"):
            return _encoded(call, base64.b64decode(words[0]).decode("utf-16-le"))
        if word == "-file":
            text = call.system.drives.place(words[0], call.shell.folder).read_text(encoding="utf-8-sig")
            return run_script(call, text)
        if word in ("-command", "-c"):
            return run_script(call, call.stdin if words == ["-"] else " ".join(words))
        return run_script(call, " ".join([word, *words]))
    return run_script(call, call.stdin)


def _encoded(call: Call, text: str) -> int:
    """Run a script, or the one that it takes from its standard input behind lines of NAME=base64."""
    if "OpenStandardInput" not in text or "ReadToEnd" not in text:
        return run_script(call, text)
    head, _, script = (
        call.stdin.partition("\n\n") if not call.stdin.startswith("\n") else ("", "", call.stdin[1:])
    )
    for line in head.splitlines():
        name, _, value = line.partition("=")
        call.shell.variables[name.upper()] = base64.b64decode(value).decode("utf-8")
    return run_script(call, script)


def run_script(call: Call, text: str) -> int:
    """Return the script's exit status: that of ``exit``, of its last program, or 1 after an error."""
    if "Microsoft.Update.Session" in text:
        return _update(call)
    scope = _Scope(call)
    try:
        for statement in statements(text):
            scope.run(statement)
    except _ExitError as ending:
        return ending.code
    except (ThrownError, NoDriveError, OSError) as error:
        call.complain(str(error))
        return 1
    return scope.last


def statements(text: str) -> list[str]:
    """Split a script at line ends and semicolons that stand outside of quotes, braces and parentheses."""
    found, kept, depth, quote = [], "", 0, ""
    for sign in re.sub(r"(?m)^\s*#.*$", "", text).replace("`\n", " "):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in "{(":
            depth += 1
        elif sign in "})":
            depth -= 1
        if sign in "\n;" and not quote and not depth:
            found.append(kept.strip())
            kept = ""
        else:
            kept += sign
    return [one for one in (*found, kept.strip()) if one]


class _Scope:
    """The variables of a script, and the status of its last program."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.variables: dict[str, str] = {}
        self.last = 0

    def run(self, text: str) -> None:
        if _IGNORED.match(text):
            return
        if found := re.fullmatch(r"(?is)if\s*\((.*?)\)\s*\{(.*?)\}(?:\s*else\s*\{(.*?)\})?", text):
            condition, then, other = found.groups()
            for one in statements(then if self._true(condition) else other or ""):
                self.run(one)
        elif found := re.fullmatch(r"(?is)exit(?:\s+(.+))?", text):
            raise _ExitError(int(self.value(found.group(1) or "0")))
        elif found := re.fullmatch(r"(?is)throw\s+(.+)", text):
            raise ThrownError(self.value(found.group(1)))
        elif found := re.fullmatch(r"(?is)\$(env:)?(\w+)\s*=\s*(.+)", text):
            self._assign(*found.groups())
        elif re.fullmatch(r"(?s)'[^']*'|\"[^\"]*\"|\$(env:)?\w+", text):
            self.call.say(self.value(text))
        else:
            self._command(text)

    def _assign(self, place: str | None, name: str, text: str) -> None:
        value = self.value(text)
        if place:
            self.call.shell.variables[name.upper()] = value
        else:
            self.variables[name.lower()] = value

    def value(self, text: str) -> str:
        """Return a literal or a variable; a string in double quotes has its variables put in."""
        text = text.strip()
        if re.fullmatch(r"'(?:[^']|'')*'", text):
            return text[1:-1].replace("''", "'")
        if re.fullmatch(r"-?\d+|[\w:\\./~*?{}+-]+", text):
            return text
        quoted = re.fullmatch(r'"([^"]*)"', text)
        body = quoted.group(1) if quoted else text
        if not quoted and not re.fullmatch(r"\$(?:env:)?\w+", text):
            raise UnsupportedError(f"PowerShell: {text}")
        return re.sub(
            r"\$\{?(env:)?(\w+)\}?", lambda one: self._variable(one.group(1), one.group(2)), body, flags=re.I
        )

    def _variable(self, place: str | None, name: str) -> str:
        if name.upper() == "LASTEXITCODE":
            return str(self.last)
        shell = self.call.shell
        known: Mapping[str, str] = {**shell.system.environment, **shell.variables}
        return known.get(name.upper(), "") if place else self.variables.get(name.lower(), "")

    def _true(self, text: str) -> bool:
        text = text.strip()
        if found := re.fullmatch(r"(?is)-not\s*\(?(.*?)\)?|!\s*\(?(.*?)\)?", text):
            return not self._true(found.group(1) or found.group(2))
        if found := re.fullmatch(r"(?is)(.+?)\s+-(eq|ne)\s+(.+)", text):
            first, how, second = found.groups()
            return (self.value(first).lower() == self.value(second).lower()) == (how.lower() == "eq")
        if found := re.fullmatch(r"(?is)Test-Path\s+(?:-(?:Literal)?Path\s+)?(.+)", text):
            return self.exists(self.value(found.group(1)))
        raise UnsupportedError(f"PowerShell: if ({text})")

    def exists(self, path: str) -> bool:
        if path.upper().startswith("HKLM:"):
            return self.call.system.registry.key(path.replace(":", "", 1)) is not None
        return self.call.system.drives.exists(path, self.call.shell.folder)

    def _command(self, text: str) -> None:
        words = re.findall(r"'(?:[^']|'')*'|\"[^\"]*\"|[^\s|]+|\|", text)
        if words[-2:] and words[-2:][0] == "|" and words[-1].lower() == "out-null":
            words = words[:-2]
        if "|" in words:
            raise UnsupportedError(f"PowerShell: {text}")
        name = words[0].lower()
        if name in CMDLETS:
            positional, named = self._arguments(words[1:])
            CMDLETS[name](self, positional, named)
            return
        if name == "&":
            words = words[1:]
        elif re.match(r"[a-z]+-[a-z]", name) or name.startswith(("[", "$", "(", "@")):
            raise UnsupportedError(f"PowerShell: {text}")
        program = self.value(words[0])
        rest = " ".join(self._word(word) for word in words[1:])
        self.last = self.call.shell.program(program, f" {rest}", called=True)

    def _word(self, word: str) -> str:
        value = self.value(word) if word[0] in "'\"$" else word
        return f'"{value}"' if " " in value else value

    def _arguments(self, words: Sequence[str]) -> tuple[list[str], dict[str, str]]:
        positional, named, left = [], {}, list(words)
        while left:
            word = left.pop(0)
            if re.fullmatch(r"-[A-Za-z]\w*", word):
                key = word.lower()
                named[key] = "" if key in _FLAGS or not left else self.value(left.pop(0))
            else:
                positional.append(self.value(word))
        return positional, named


def _update(call: Call) -> int:
    """Stand for Windows Update: one update is found the first time, and none once the guest has restarted."""
    registry = call.system.registry
    if registry.number(STANDIN, "Updates"):
        call.say("updates: none left")
        return 0
    registry.put(STANDIN, dword("Updates", 1))
    registry.find(REBOOT_REQUIRED)[0].make(REBOOT_REQUIRED.partition("\\")[2].partition("\\")[2])
    call.say("update: stand-in for a cumulative update\r\nupdates: 1 installed")
    return 3010
