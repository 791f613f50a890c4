"""What one can do inside a guest, by whichever way in: SSH or the guest agent."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from goldsmith.errors import GuestError

TAIL = 20


@dataclass(frozen=True)
class Ran:
    """How a command in the guest ended: its exit status (-1: by a signal) and its last lines."""

    code: int
    tail: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.tail)


class NotReachable(GuestError):
    """The guest gives no way in, or not yet: no route, no banner, login refused."""


class ConnectionLost(GuestError):
    """The guest was there and went away: it rebooted, crashed, or lost its network."""


class GuestCommands(Protocol):
    """A way into a running guest.

    ``run`` gives each line of both streams to ``on_line``; any exit status is an answer. It raises GuestError
    when ``timeout`` seconds are over and ConnectionLost when the guest is gone. ``put`` and ``put_bytes``
    write a file with exactly ``mode``, which nobody else could read before.
    """

    def run(
        self,
        command: str,
        *,
        stdin: str | bytes | None = None,
        on_line: Callable[[str], None] | None = None,
        timeout: float,
        env: Mapping[str, str] | None = None,
    ) -> Ran: ...

    def put(self, local: Path, remote: str, *, mode: int) -> None: ...

    def put_bytes(self, data: bytes, remote: str, *, mode: int) -> None: ...


def exporting(env: Mapping[str, str] | None, command: str) -> str:
    """Put variables before a shell command; sshd takes no environment, and the agent replaces it."""
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in (env or {}).items())
    return exports + command
