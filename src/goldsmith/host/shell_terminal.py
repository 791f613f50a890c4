"""A person's terminal, or a pipe, joined to a shell or one command in the guest."""

import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paramiko

from goldsmith.host.commands import ConnectionLost
from goldsmith.host.shell import GuestShell

_BLOCK = 1 << 16
_TURN = 0.5  # seconds; a channel can have something to say without its descriptor telling
_BUSY = 0.02


def attach(shell: GuestShell, command: str = "") -> int:
    """Run a command, or the user's login shell, with our standard streams; return its exit status.

    Where both ends of ours are a terminal, the guest gets one of the same size that follows ours. Raises
    ConnectionLost when the guest goes away meanwhile.
    """
    terminal = sys.stdin.isatty() and sys.stdout.isatty() and not command
    channel = shell.session()
    try:
        if terminal:
            columns, lines = os.get_terminal_size(sys.stdin.fileno())  # COLUMNS and LINES may be older
            channel.get_pty(os.environ.get("TERM", "vt100"), columns, lines)
        if command:
            channel.exec_command(command)
        else:
            channel.invoke_shell()
        with _raw(channel) if terminal else _cooked():
            _pump(channel, sys.stdin.fileno())
        code = channel.recv_exit_status()
    except (paramiko.SSHException, EOFError, OSError):
        raise _gone() from None
    finally:
        channel.close()
    if code < 0:  # the connection broke, or a signal ended it
        raise _gone()
    return code


def _pump(channel: paramiko.Channel, source: int) -> None:
    """Carry bytes both ways until the other side has said its last."""
    waiting, hearing = b"", True
    while True:
        asked: list[Any] = [channel, source] if hearing and not waiting else [channel]
        ready, _, _ = select.select(asked, [], [], _BUSY if waiting else _TURN)
        said = _pass_on(channel)
        if source in ready:
            waiting = os.read(source, _BLOCK)
            hearing = bool(waiting)
            if not hearing:
                channel.shutdown_write()
        if waiting and channel.send_ready():
            waiting = waiting[channel.send(waiting) :]
        # The exit status may come before the last bytes: only the end of the stream says that there are no more.
        over = channel.closed or (channel.eof_received and channel.exit_status_ready())
        if over and not said and not channel.recv_ready() and not channel.recv_stderr_ready():
            return


def _pass_on(channel: paramiko.Channel) -> bool:
    """Write what has come; say whether there was anything."""
    said = False
    for there, take, out in (
        (channel.recv_ready, channel.recv, sys.stdout.buffer),
        (channel.recv_stderr_ready, channel.recv_stderr, sys.stderr.buffer),
    ):
        if there():
            block = take(_BLOCK)
            said = said or bool(block)
            out.write(block)
            out.flush()
    return said


@contextmanager
def _cooked() -> Iterator[None]:
    yield


@contextmanager
def _raw(channel: paramiko.Channel) -> Iterator[None]:
    """Hand every key to the guest, Ctrl-C too, and let its terminal follow the size of ours."""

    def resized(_number: int, _frame: object) -> None:
        columns, lines = os.get_terminal_size(sys.stdin.fileno())
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
