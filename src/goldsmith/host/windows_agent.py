"""The QEMU guest agent as the way into a Windows guest: commands by PowerShell or cmd, files, folders."""

import base64
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

from goldsmith.errors import GuestError
from goldsmith.host import retry
from goldsmith.host.agent import CHUNK, Answer, Asking
from goldsmith.host.commands import Ran
from goldsmith.host.lines import Lines

_QUICK = 120.0  # seconds for one built-in command of cmd
_FOR_CMD = frozenset('&|<>^%"!')  # what cmd reads for itself, or its caller's quoting breaks

# The script comes by the standard input, and what it gets as environment before it, each value in base64: so no byte of
# either is on the guest's disk, on a command line that others can read, or in the log of script blocks.
BOOTSTRAP = """\
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$utf8 = New-Object Text.UTF8Encoding $false
[Console]::OutputEncoding = $utf8
$in = New-Object IO.StreamReader ([Console]::OpenStandardInput()), $utf8
while ($line = $in.ReadLine()) {
  $name, $value = $line -split '=', 2
  [Environment]::SetEnvironmentVariable($name, $utf8.GetString([Convert]::FromBase64String($value)), 'Process')
}
$global:LASTEXITCODE = 0
& ([ScriptBlock]::Create($in.ReadToEnd()))
exit $LASTEXITCODE
"""
POWERSHELL = (
    *("-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass"),
    *("-InputFormat", "None"),  # else it reads the standard input itself, for $input
    *("-OutputFormat", "Text"),  # else errors come as XML
    "-EncodedCommand",
)


class WindowsShell(Asking):
    """Commands and files as SYSTEM; a command's output comes at its end, so ``on_line`` hears nothing before."""

    def powershell(
        self,
        script: str,
        *,
        env: Mapping[str, str] | None = None,
        on_line: Callable[[str], None] | None = None,
        timeout: float,
    ) -> Ran:
        """Run a script; its exit status is that of ``exit``, of its last program, or 1 after an error."""
        head = "".join(
            f"{name}={base64.b64encode(value.encode()).decode()}\n" for name, value in (env or {}).items()
        )
        encoded = base64.b64encode(BOOTSTRAP.encode("utf-16-le")).decode()
        return self.execute(
            "powershell.exe",
            [*POWERSHELL, encoded],
            stdin=f"{head}\n{script}".encode(),
            what="a PowerShell script",
            on_line=on_line,
            timeout=timeout,
        )

    def cmd(self, *words: str, on_line: Callable[[str], None] | None = None, timeout: float = _QUICK) -> Ran:
        """Run one command of cmd; the agent quotes words with blanks, and no word may hold what cmd reads itself."""
        for word in words:
            if found := _FOR_CMD & set(word):
                raise GuestError(
                    f"{word} cannot be a word of a command in the guest: it holds {' '.join(sorted(found))}",
                    fix="give it another name, or do the step by PowerShell",
                )
        return self.execute(
            "cmd.exe", ["/d", "/c", *words], what=" ".join(words), on_line=on_line, timeout=timeout
        )

    def must(self, *words: str) -> None:
        """Run one command of cmd that has to succeed."""
        ran = self.cmd(*words)
        if ran.code:
            raise GuestError(f"{' '.join(words)} ended with exit status {ran.code}", evidence=ran.tail)

    def start(self, path: str, words: Sequence[str], *, stdin: bytes = b"") -> int:
        """Start a program, and return the number by which the agent knows it."""
        asked: dict[str, object] = {"path": path, "arg": list(words), "capture-output": True}
        if stdin:
            asked["input-data"] = base64.b64encode(stdin).decode()
        return cast("int", cast("Answer", self._ask("guest-exec", asked))["pid"])

    def ended(self, number: int, *, on_line: Callable[[str], None] | None = None) -> Ran | None:
        """Return how a program ended; None while it runs."""
        answer = cast("Answer", self._ask("guest-exec-status", {"pid": number}))
        return _ran(answer, on_line) if answer["exited"] else None

    def execute(
        self,
        path: str,
        words: Sequence[str],
        *,
        stdin: bytes = b"",
        what: str,
        on_line: Callable[[str], None] | None = None,
        timeout: float,
    ) -> Ran:
        """Run a program to its end; any exit status is an answer."""
        answer = retry.until(
            self._question(self.start(path, words, stdin=stdin), what),
            what=f"end of: {what}",
            deadline=timeout,
            every=0.5,
            fix="give the step a longer timeout; what it printed is lost with it",
        )
        return _ran(answer, on_line)

    def folder(self, path: str) -> None:
        """Make a folder with all above it, unless it is there."""
        self.must("if", "not", "exist", path, "mkdir", path)

    def delete(self, path: str) -> None:
        """Remove a file, unless it is gone."""
        self.must("if", "exist", path, "del", "/f", "/q", path)

    def put(self, local: Path, remote: str) -> None:
        """Copy a file of this host; the guest's folder must be there."""
        with local.open("rb") as content:
            self._put(lambda: content.read(CHUNK), remote, "wb")

    def put_bytes(self, data: bytes, remote: str) -> None:
        parts = (data[start : start + CHUNK] for start in range(0, len(data), CHUNK))
        self._put(lambda: next(parts, b""), remote, "wb")


def _ran(answer: Answer, on_line: Callable[[str], None] | None) -> Ran:
    lines = Lines(on_line)
    for stream in ("out-data", "err-data"):
        lines.feed(base64.b64decode(str(answer.get(stream, ""))))
    lines.finish()
    return Ran(cast("int", answer.get("exitcode", -1)), lines.tail)
