"""A real sshd on 127.0.0.1, with the keys a guest would have been given."""

import os
import pwd
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from goldsmith.host import shell
from goldsmith.host.retry import until
from goldsmith.host.shell import KeyPair

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"

# What OpenSSH 5.3 of RHEL 6 can do.
RHEL6 = """\
HostKeyAlgorithms ssh-rsa
PubkeyAcceptedAlgorithms ssh-rsa
KexAlgorithms diffie-hellman-group14-sha1,diffie-hellman-group-exchange-sha1
Ciphers aes128-ctr,aes256-ctr
MACs hmac-sha1
"""
SFTP = "Subsystem sftp internal-sftp\n"


@dataclass(frozen=True)
class Guest:
    """Where the sshd listens and what it takes."""

    port: int
    user: str
    key: KeyPair
    host_key: str
    process: subprocess.Popen[bytes]

    def connect(
        self,
        *,
        host_key: str = "",
        key: KeyPair | None = None,
        legacy: bool = False,
        watch: Callable[[], None] | None = None,
    ):
        return shell.connect(
            "127.0.0.1",
            self.port,
            user=self.user,
            key=key or self.key,
            host_key=host_key or self.host_key,
            legacy=legacy,
            watch=watch,
        )


@contextmanager
def running_sshd(folder: Path, settings: str, kind: str) -> Iterator[Guest]:
    program = shutil.which("sshd", path=SYSTEM_PATH)
    if program is None:
        pytest.skip("openssh-server is not installed")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    folder.mkdir()
    host_key, user_key = shell.new_key_pair(kind), shell.new_key_pair(kind)
    secret = folder / "host_key"
    secret.touch(mode=0o600)
    secret.write_text(host_key.private)
    (folder / "authorized_keys").write_text(user_key.public + "\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = folder / "sshd_config"
    config.write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {secret}\nPidFile none\nStrictModes no\nUsePAM no\n"
        f"AuthorizedKeysFile {folder}/authorized_keys\nPasswordAuthentication no\nLogLevel ERROR\n{settings}"
    )
    process = subprocess.Popen([program, "-D", "-e", "-f", str(config)], stderr=sys.stderr)
    try:
        until(lambda: listening(port), what="answer from sshd", deadline=10, every=0.02)
        user = pwd.getpwuid(os.geteuid()).pw_name
        yield Guest(port, user, user_key, host_key.public, process)
    finally:
        process.terminate()
        process.wait()


def listening(port: int) -> bool | None:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return None
    return True


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Guest]]:
    """Return sshd(sftp=True, rhel6=False): the same server for the same answers."""
    started: dict[tuple[str, str], Guest] = {}
    folder = tmp_path_factory.mktemp("sshd")
    with ExitStack() as stack:

        def start(*, sftp: bool = True, rhel6: bool = False) -> Guest:
            settings, kind = (SFTP if sftp else "") + (RHEL6 if rhel6 else ""), "rsa" if rhel6 else "ecdsa"
            known = started.get((settings, kind))
            if known is None:
                server = running_sshd(folder / str(len(started)), settings, kind)
                known = started[settings, kind] = stack.enter_context(server)
            return known

        yield start
