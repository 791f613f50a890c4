"""What Anaconda's own log says, which it sends to a virtio port of the build machine.

Sources: pyanaconda/anaconda_log.py (the port, the names of the loggers); rsyslog, which writes a line break as #012.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

# "anaconda" is what the installer itself says; the programs that it runs and yum have names of their own there.
_ERROR = re.compile(r"^\d\d:\d\d:\d\d,\d+ (?:ERR|CRIT)\w* anaconda\b")
_BREAK = re.compile(r"#012|#015|\r")
_STATUS = re.compile(r"Error code -?\d+ running the kickstart script at line \d+")
# After these a script that failed has ended nothing; the percent sign is doubled in the log.
_WENT_ON = re.compile(r"program: Running\b.*/tmp/ks-script-|All kickstart %+\S+ script\(s\) have been run")
_OUTPUT = re.compile(r" INFO (?:anaconda:)?program: ")
OUTPUT = 8  # lines of a script that are shown


def errors(log: Path) -> list[Sequence[str]]:
    """Return the installer's errors, each in the lines that it has; none where there is no log."""
    return [
        [part.rstrip() for part in _BREAK.split(line) if part.strip()]
        for line in _text(log).split("\n")
        if _ERROR.search(line)
    ]


def failed_script(log: Path) -> Sequence[str]:
    """Return the last words of the script that ran last, and the line with its exit status; nothing if it went well.

    Before it has a user interface the installer tells no more of a %pre script that ends the install
    (pyanaconda/errors.py, ErrorHandler.cb).
    """
    said: list[str] = []
    ended = ""
    for line in _text(log).split("\n"):
        if _WENT_ON.search(line):
            said, ended = [], ""
        elif _ERROR.search(line) and _STATUS.search(line):
            ended = line.rstrip()
        elif _OUTPUT.search(line) and not ended:
            said.append(line.rstrip())
    return [*said[-OUTPUT:], ended] if ended else []


def script_status(log: Path, line: int) -> str:
    """Return with which exit status the script at a line of the kickstart ended; "" if the log says none.

    Its consoles do not show that (pyanaconda/kickstart.py, AnacondaKSScript.run).
    """
    found = re.findall(rf"Error code (-?\d+) running the kickstart script at line {line}\b", _text(log))
    return str(found[-1]) if found else ""


def _text(log: Path) -> str:
    with suppress(OSError):
        return log.read_bytes().decode("utf-8", "replace")
    return ""
