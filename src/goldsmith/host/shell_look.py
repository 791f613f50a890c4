"""What an sshd shows to anybody who comes by: its host key, and how it lets people in."""

import socket
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

import paramiko

from goldsmith.host.clock import outside
from goldsmith.host.commands import NotReachable

_PATIENCE = 30.0  # seconds for each step


@dataclass(frozen=True)
class Doorway:
    """``host_key`` is a line as ssh-keygen writes, ``methods`` are what the user may try: publickey, password ..."""

    host_key: str
    methods: Sequence[str]


def look(address: str, port: int, *, user: str) -> Doorway:
    """Ask an sshd for its key and for the methods of this user, without any credentials. Raises NotReachable."""
    with outside.waiting():
        try:
            line = socket.create_connection((address, port), timeout=_PATIENCE)
            with closing(paramiko.Transport(line)) as transport:
                transport.banner_timeout = transport.auth_timeout = _PATIENCE
                transport.start_client(timeout=_PATIENCE)
                key = transport.get_remote_server_key()
                return Doorway(f"{key.get_name()} {key.get_base64()}", _methods(transport, user))
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise NotReachable(
                f"no SSH at {address} port {port}: {error}",
                fix="sshd may not run yet; see the guest's console log",
            ) from None


def _methods(transport: paramiko.Transport, user: str) -> Sequence[str]:
    try:
        transport.auth_none(user)
    except paramiko.BadAuthenticationType as refused:
        return tuple(refused.allowed_types)
    except paramiko.AuthenticationException:
        return ()
    return ("none",)
