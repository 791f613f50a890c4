"""The only module that speaks SSH: a shell inside a guest whose host key is known before the first word."""

import io
import logging
import shlex
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import paramiko
from paramiko.ssh_exception import BadHostKeyException, IncompatiblePeer

from goldsmith.errors import GuestError
from goldsmith.host.clock import outside
from goldsmith.host.commands import ConnectionLost, NotReachable, Ran, exporting
from goldsmith.host.lines import Lines
from goldsmith.host.process import Listener
from goldsmith.host.shell_keys import KeyPair, load, new_key_pair

__all__ = ["GuestShell", "KeyPair", "connect", "new_key_pair"]

_ALIVE = 15  # seconds between two signs of life
_SILENCE = 60_000  # ms that a sent byte may stay unanswered; a guest under TCG is slow, but not that slow
_LOGIN = 30.0  # seconds for each step of a login
_TURN = 1.0  # seconds between two looks at the clock
_SILENT_FILE = 120.0  # seconds that a file transfer may stand still
_NO_SHA2 = {"pubkeys": ["rsa-sha2-512", "rsa-sha2-256"]}
_LOST_FIX = "the console log shows whether the guest crashed or rebooted"

logging.getLogger("paramiko").addHandler(logging.NullHandler())  # its errors reach the user as ours, once


class GuestShell:
    """Commands and files over one SSH connection; see GuestCommands for the contract.

    ``watch`` is called about once a second while a command is silent; what it raises ends the waiting.
    """

    def __init__(self, client: paramiko.SSHClient, watch: Callable[[], None] | None = None) -> None:
        self._client = client
        self._watch = watch

    def run(
        self,
        command: str,
        *,
        stdin: str | bytes | None = None,
        on_line: Listener | None = None,
        timeout: float,
        env: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run a command line by the user's login shell."""
        lines = Lines(on_line)
        with outside.waiting(), self._speaking(f"running {command}", lines):
            channel = self.session()
            try:
                channel.settimeout(_TURN)
                channel.set_combine_stderr(combine=True)
                channel.exec_command(exporting(env, command))
                _feed(channel, stdin.encode() if isinstance(stdin, str) else stdin or b"")
                self._listen(channel, lines, timeout, command)
                code = channel.recv_exit_status()
            finally:
                channel.close()
        if code == -1 and not self.answers():
            raise self._lost(f"running {command}", lines)
        return Ran(code, lines.tail)

    def session(self) -> paramiko.Channel:
        """Open a channel; who takes it closes it.

        paramiko waits by the wall clock. Where that has jumped, the time is not over yet.
        """
        end = time.monotonic() + _LOGIN
        while True:
            try:
                return self._transport().open_session(timeout=_LOGIN)
            except paramiko.SSHException as error:
                early = str(error).startswith("Timeout") and time.monotonic() < end
                if not (early and self._alive()):
                    raise

    def put(self, local: Path, remote: str, *, mode: int) -> None:
        with local.open("rb") as content:
            self._put(content, remote, mode)

    def put_bytes(self, data: bytes, remote: str, *, mode: int) -> None:
        self._put(io.BytesIO(data), remote, mode)

    def _put(self, content: BinaryIO, remote: str, mode: int) -> None:
        with outside.waiting(), self._speaking(f"writing {remote}", Lines()):
            try:
                sftp = self._sftp()
            except (paramiko.SSHException, EOFError):
                if not self._alive():
                    raise
            else:
                with sftp:
                    self._send(sftp, content, remote, mode)
                return
        self._pipe(content.read(), remote, mode)

    def _sftp(self) -> paramiko.SFTPClient:
        channel = self.session()
        channel.invoke_subsystem("sftp")
        return paramiko.SFTPClient(channel)

    def _send(self, sftp: paramiko.SFTPClient, content: BinaryIO, remote: str, mode: int) -> None:
        if channel := sftp.get_channel():
            channel.settimeout(_SILENT_FILE)
        try:
            with sftp.open(remote, "wb") as target:
                target.chmod(0o600)  # before there is anything to read
                target.set_pipelined(True)
                shutil.copyfileobj(content, target)
            sftp.chmod(remote, mode)
        except OSError as error:
            if not self._alive() or isinstance(error, TimeoutError):
                raise
            raise _not_written(remote, error.strerror or str(error)) from None

    def _pipe(self, data: bytes, remote: str, mode: int) -> None:
        """Write a file where the guest has no SFTP."""
        name = shlex.quote(remote)
        steps = (f": > {name}", f"chmod 600 {name}", f"cat > {name}", f"chmod {mode:o} {name}")
        ran = self.run(" && ".join(steps), stdin=data, timeout=_SILENT_FILE + len(data) / 1e6)
        if ran.code:
            raise _not_written(remote, ran.text)

    def _listen(self, channel: paramiko.Channel, lines: Lines, timeout: float, command: str) -> None:
        """Read until the command ends; a daemon that it left may hold the output open for ever."""
        end = time.monotonic() + timeout
        while True:
            if time.monotonic() > end:
                raise GuestError(
                    f"no end after {timeout:g} s: {command}",
                    fix="give the step a longer timeout, or see in its output what it waits for",
                    evidence=lines.tail,
                )
            try:
                block = channel.recv(1 << 16)
            except TimeoutError:
                if channel.exit_status_ready() or not self._alive():
                    break
                if self._watch:
                    self._watch()
                continue
            lines.feed(block)
            if not block and channel.status_event.wait(_TURN):
                break
        lines.finish()

    @contextmanager
    def _speaking(self, doing: str, lines: Lines) -> Iterator[None]:
        try:
            yield
        except (paramiko.SSHException, EOFError, OSError) as error:
            ours = isinstance(error, OSError) and not isinstance(error, TimeoutError)
            if ours and self._alive():
                raise  # of a listener: its log cannot be written, for example
            raise self._lost(doing, lines) from None

    def _lost(self, doing: str, lines: Lines) -> ConnectionLost:
        """Return the error of a connection that is lost, unless who watches the guest raises one with its cause."""
        if self._watch:
            self._watch()
        return ConnectionLost(f"the guest went away while {doing}", fix=_LOST_FIX, evidence=lines.tail)

    def _transport(self) -> paramiko.Transport:
        transport = self._client.get_transport()
        if transport is None:
            raise EOFError
        return transport

    def answers(self) -> bool:
        """Say whether the connection stands, by a question across it: paramiko knows late of its end."""
        with suppress(paramiko.SSHException, EOFError, OSError):
            self._transport().global_request("keepalive@openssh.com", wait=True)
        return self._alive()

    def _alive(self) -> bool:
        transport = self._client.get_transport()
        return transport is not None and transport.is_active()


@contextmanager
def connect(
    address: str,
    port: int = 22,
    *,
    user: str,
    key: KeyPair,
    host_key: str,
    legacy: bool = False,
    watch: Callable[[], None] | None = None,
) -> Iterator[GuestShell]:
    """Log in and stay until the end of the block.

    ``host_key`` is the public key that was planted in the guest; any other is refused with GuestError.
    NotReachable means that the guest gives no way in, or not yet. ``legacy`` speaks to RHEL 6. Neither the
    SSH agent nor the user's own keys are used. ``watch`` as for GuestShell.
    """
    client = paramiko.SSHClient()
    try:
        with outside.waiting():
            _trust(client, address, port, host_key)
            _log_in(client, address, port, user, key, legacy=legacy)
        yield GuestShell(client, watch)
    finally:
        client.close()


class _OtherHostKey(Exception):
    pass


class _Refuse(paramiko.MissingHostKeyPolicy):
    def missing_host_key(self, *_: object) -> None:
        raise _OtherHostKey


def _trust(client: paramiko.SSHClient, address: str, port: int, host_key: str) -> None:
    kind, blob = host_key.split()[:2]
    known = paramiko.hostkeys.HostKeyEntry.from_line(f"guest {kind} {blob}")
    if known is None or known.key is None:
        raise GuestError("the planted SSH host key is no public key", fix="give a line as ssh-keygen writes")
    name = address if port == paramiko.config.SSH_PORT else f"[{address}]:{port}"
    client.get_host_keys().add(name, kind, known.key)
    client.set_missing_host_key_policy(_Refuse())


def _log_in(
    client: paramiko.SSHClient, address: str, port: int, user: str, key: KeyPair, *, legacy: bool
) -> None:
    where = f"{user}@{address} port {port}"
    try:
        client.connect(
            address,
            port,
            username=user,
            pkey=load(key),
            sock=_dial(address, port),
            banner_timeout=_LOGIN,
            auth_timeout=_LOGIN,
            allow_agent=False,
            look_for_keys=False,
            disabled_algorithms=_NO_SHA2 if legacy else None,
        )
    except (BadHostKeyException, _OtherHostKey):
        raise GuestError(
            f"the guest at {address} port {port} shows another SSH host key than the one planted",
            fix="another machine has its address, or the guest made new keys: see its console log",
        ) from None
    except IncompatiblePeer as error:
        fix = "an sshd as old as that of RHEL 6 needs the family's legacy SSH"
        raise GuestError(f"no common SSH algorithm with {where}: {error}", fix=fix) from None
    except paramiko.AuthenticationException as error:
        fix = "cloud-init may not have made the user yet; see the guest's console log"
        raise NotReachable(f"SSH login refused for {where}: {error}", fix=fix) from None
    except (paramiko.SSHException, EOFError, OSError) as error:
        fix = "sshd may not run yet; see the guest's console log"
        raise NotReachable(f"no SSH at {where}: {error}", fix=fix) from None
    if transport := client.get_transport():
        transport.set_keepalive(_ALIVE)


def _dial(address: str, port: int) -> socket.socket:
    line = socket.create_connection((address, port), timeout=_LOGIN)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENCE)
    return line


def _feed(channel: paramiko.Channel, data: bytes) -> None:
    """Send a command its input while its output is read, so that neither waits for the other for ever."""

    def pour() -> None:
        left = memoryview(data)
        with suppress(OSError, EOFError, paramiko.SSHException):
            while left and not channel.closed:
                with suppress(TimeoutError):
                    left = left[channel.send(bytes(left[: 1 << 16])) :]
            channel.shutdown_write()

    threading.Thread(target=pour, daemon=True).start()


def _not_written(remote: str, why: str) -> GuestError:
    return GuestError(
        f"{remote} in the guest: {why}", fix="see to the folder, the user's rights and the disk"
    )
