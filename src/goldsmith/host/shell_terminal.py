"""A person's terminal, or a pipe, joined to a shell or one command in the guest."""

import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import paramiko

from goldsmith.errors import GuestError
from goldsmith.host.commands import ConnectionLost
from goldsmith.host.shell import GuestShell

BY_SIGNAL = 255  # as OpenSSH ends: paramiko does not tell which one it was
_BLOCK = 1 << 16
_TURN = 0.5  # seconds; a channel can have something to say without its descriptor telling
_BUSY = 0.02


def attach(shell: GuestShell, command: str = "") -> int:
    """Run a command, or the user's login shell, with our standard streams; return its exit status.

    Where both ends of ours are a terminal, the guest gets one of the same size that follows ours; a stream that is
    closed is empty. Raises ConnectionLost when the guest goes away meanwhile, and OSError of our own streams.
    """
    terminal = not command and all(one and one.isatty() for one in (sys.stdin, sys.stdout))
    try:
        with closing(shell.session()) as channel:
            if terminal:
                columns, lines = os.get_terminal_size(sys.stdin.fileno())  # COLUMNS and LINES may be older
                channel.get_pty(os.environ.get("TERM", "vt100"), columns, lines)
            if command:
                channel.exec_command(command)
            else:
                channel.invoke_shell()
            with _raw(channel) if terminal else _cooked():
                _pump(channel, sys.stdin.fileno() if sys.stdin else None)
            code = channel.recv_exit_status()
    except (paramiko.SSHException, EOFError, OSError) as error:
        if not shell.answers():
            raise _gone() from None
        if isinstance(error, OSError):
            raise
        raise GuestError(
            f"the guest lets nobody in: {error}", fix="see to its sshd, by its console"
        ) from None
    if code < 0 and not shell.answers():
        raise _gone()
    return status(code)


def status(code: int) -> int:
    """Return what we end with for a command's exit status, which is -1 where a signal has ended it."""
    return BY_SIGNAL if code < 0 else code


def _pump(channel: paramiko.Channel, source: int | None) -> None:
    """Carry bytes both ways until the other side has said its last."""
    waiting, hearing = b"", source is not None
    if not hearing:
        channel.shutdown_write()
    while True:
        asked: list[Any] = [channel, source] if hearing and not waiting else [channel]
        ready, _, _ = select.select(asked, [], [], _BUSY if waiting else _TURN)
        said = _pass_on(channel)
        if source is not None and source in ready:
            waiting = os.read(source, _BLOCK)
            hearing = bool(waiting)
            if not hearing:
                channel.shutdown_write()
        if waiting and channel.send_ready():
            waiting = _send(channel, waiting)
        # The exit status may come before the last bytes: only the end of the stream says that there are no more.
        over = channel.closed or (channel.eof_received and channel.exit_status_ready())
        if over and not said and not channel.recv_ready() and not channel.recv_stderr_ready():
            return


def _send(channel: paramiko.Channel, block: bytes) -> bytes:
    """Send what there is room for, and return the rest; a command that has ended takes nothing more."""
    try:
        return block[channel.send(block) :]
    except OSError:
        if channel.closed:
            return b""
        raise


def _pass_on(channel: paramiko.Channel) -> bool:
    """Write what has come; say whether there was anything."""
    said = False
    for there, take, out in (
        (channel.recv_ready, channel.recv, sys.stdout),
        (channel.recv_stderr_ready, channel.recv_stderr, sys.stderr),
    ):
        if there():
            block = take(_BLOCK)
            said = said or bool(block)
            if out:
                out.buffer.write(block)
                out.buffer.flush()
    return said


@contextmanager
def _cooked() -> Iterator[None]:
    yield


@contextmanager
def _raw(channel: paramiko.Channel) -> Iterator[None]:
    """Hand every key to the guest, Ctrl-C too, and let its terminal follow the size of ours."""

    def resized(_number: int, _frame: object) -> None:
        columns, lines = os.get_terminal_size(sys.stdin.fileno())
        with suppress(paramiko.SSHException):  # of a shell that has just ended
            channel.resize_pty(columns, lines)

    source = sys.stdin.fileno()
    before, handler = termios.tcgetattr(source), signal.signal(signal.SIGWINCH, resized)
    try:
        tty.setraw(source, termios.TCSADRAIN)  # what was typed ahead is not lost
        yield
    finally:
        termios.tcsetattr(source, termios.TCSADRAIN, before)
        signal.signal(signal.SIGWINCH, handler)


def _gone() -> ConnectionLost:
    return ConnectionLost("the guest went away", fix="its console shows whether it was shut down, or crashed")
