"""The QEMU guest agent as a way into a guest that has no network, or no SSH yet."""

import base64
import shlex
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, cast

from goldsmith.errors import GuestError
from goldsmith.host import retry
from goldsmith.host.commands import ConnectionLost, Ran, exporting
from goldsmith.host.lines import Lines

CHUNK = 256 << 10  # libvirt takes messages of 4 MiB
_SILENCE = 60.0  # seconds that a busy agent may not answer before its guest counts as gone
_QUICK = 60.0  # seconds for a chmod

Answer = Mapping[str, object]


class AgentCaller(Protocol):
    """The part of Hypervisor that is needed here."""

    def agent(
        self, name: str, command: str, arguments: Mapping[str, object] | None = None, *, timeout: int = 10
    ) -> object: ...


class Asking:
    """An agent that is asked, whatever its guest: files by handles, programs by their number."""

    def __init__(self, caller: AgentCaller, name: str) -> None:
        self._caller = caller
        self._name = name

    def ping(self) -> bool:
        try:
            self._caller.agent(self._name, "guest-ping", timeout=5)
        except GuestError:
            return False
        return True

    def _put(self, read: Callable[[], bytes], remote: str, mode: str) -> None:
        handle = self._ask("guest-file-open", {"path": remote, "mode": mode})
        try:
            while part := read():
                self._write(handle, part)
        finally:
            self._ask("guest-file-close", {"handle": handle})

    def _write(self, handle: object, part: bytes) -> None:
        while part:
            text = base64.b64encode(part).decode()
            answer = cast("Answer", self._ask("guest-file-write", {"handle": handle, "buf-b64": text}))
            part = part[cast("int", answer["count"]) :]

    def _question(self, pid: int, command: str) -> Callable[[], Answer | None]:
        heard = time.monotonic()

        def ended() -> Answer | None:
            nonlocal heard
            try:
                answer = cast("Answer", self._ask("guest-exec-status", {"pid": pid}))
            except GuestError as error:
                if time.monotonic() - heard < _SILENCE:
                    return None
                fix = "the console log shows whether the guest crashed or rebooted"
                problem = f"the guest went away while running {command}"
                raise ConnectionLost(problem, fix=fix, evidence=[error.problem]) from None
            heard = time.monotonic()
            return answer if answer["exited"] else None

        return ended

    def _ask(self, command: str, arguments: Mapping[str, object]) -> object:
        return self._caller.agent(self._name, command, arguments, timeout=30)


class AgentShell(Asking):
    """Commands and files through the agent, as root; see GuestCommands for the contract.

    The agent gives a command's output at its end, so ``on_line`` hears nothing before.
    """

    def run(
        self,
        command: str,
        *,
        stdin: str | bytes | None = None,
        on_line: Callable[[str], None] | None = None,
        timeout: float,
        env: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run a command line by /bin/sh."""
        data = stdin.encode() if isinstance(stdin, str) else stdin or b""
        script = exporting(env, f"exec 2>&1\n{command}")
        started = self._ask(
            "guest-exec",
            {
                "path": "/bin/sh",
                "arg": ["-c", script],
                "capture-output": True,
                "input-data": base64.b64encode(data).decode(),
            },
        )
        ended = retry.until(
            self._question(cast("int", cast("Answer", started)["pid"]), command),
            what=f"end of: {command}",
            deadline=timeout,
            every=0.2,
            fix="give the step a longer timeout; what it printed is lost with it",
        )
        lines = Lines(on_line)
        for stream in ("out-data", "err-data"):
            lines.feed(base64.b64decode(str(ended.get(stream, ""))))
        lines.finish()
        return Ran(cast("int", ended.get("exitcode", -1)), lines.tail)

    def put(self, local: Path, remote: str, *, mode: int) -> None:
        with local.open("rb") as content:
            self._place(lambda: content.read(CHUNK), remote, mode)

    def put_bytes(self, data: bytes, remote: str, *, mode: int) -> None:
        parts = (data[start : start + CHUNK] for start in range(0, len(data), CHUNK))
        self._place(lambda: next(parts, b""), remote, mode)

    def _place(self, read: Callable[[], bytes], remote: str, mode: int) -> None:
        name = shlex.quote(remote)
        self._must(f": > {name} && chmod 600 {name}", remote)
        self._put(read, remote, "w")
        self._must(f"chmod {mode:o} {name}", remote)

    def _must(self, command: str, remote: str) -> None:
        ran = self.run(command, timeout=_QUICK)
        if ran.code:
            fix = "see to the folder and the disk of the guest"
            raise GuestError(f"{remote} in the guest: {ran.text}", fix=fix)
