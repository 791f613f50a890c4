"""Start a shell with all that the stand-in can emulate."""

import io
from collections.abc import Mapping
from typing import TextIO

from goldsmith.media.windows_setup import cloudbase, powershell, sysprep
from goldsmith.media.windows_setup.builtins import BUILTINS
from goldsmith.media.windows_setup.installers import INSTALLERS
from goldsmith.media.windows_setup.programs import SYSTEM_PROGRAMS
from goldsmith.media.windows_setup.regexe import reg
from goldsmith.media.windows_setup.shell import Program, Shell
from goldsmith.media.windows_setup.system import System

PROGRAMS: Mapping[str, Program] = {
    **SYSTEM_PROGRAMS,
    **INSTALLERS,
    "reg": reg,
    "sysprep": sysprep.sysprep,
    "cloudbase-init": cloudbase.program,
    "powershell": powershell.powershell,
}


def shell_on(system: System, out: TextIO | None = None, err: TextIO | None = None) -> Shell:
    """Return a shell in System32, as Setup and services start theirs."""
    folder = r"C:\Windows\System32" if "C" in system.drives.roots else "X:\\"
    return Shell(system, PROGRAMS, BUILTINS, out or io.StringIO(), err or io.StringIO(), folder)


def command_line(system: System, text: str, out: TextIO | None = None) -> int:
    """Run a command line as CreateProcess does: a program and its arguments, without a shell's signs."""
    shell = shell_on(system, out, out)
    word, rest = split_program(text)
    return shell.program(word, rest)


def split_program(text: str) -> tuple[str, str]:
    """Return the program of a command line, and the rest with its leading blank."""
    text = text.strip()
    if text.startswith('"'):
        end = text.index('"', 1)
        return text[1:end], text[end + 1 :]
    word, blank, rest = text.partition(" ")
    return word, blank + rest
