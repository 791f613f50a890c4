"""What a real sshd on 127.0.0.1 shows to a stranger."""

import socket

import pytest

from goldsmith.host.commands import NotReachable
from goldsmith.host.shell_look import look


def test_the_host_key_and_the_methods_are_shown_without_credentials(sshd):
    guest = sshd()
    door = look("127.0.0.1", guest.port, user=guest.user)
    assert door.host_key.split() == guest.host_key.split()[:2]
    assert "publickey" in door.methods
    assert "password" not in door.methods


def test_an_old_sshd_is_understood(sshd):
    guest = sshd(rhel6=True)
    assert look("127.0.0.1", guest.port, user=guest.user).host_key.startswith("ssh-rsa ")


def test_where_no_sshd_listens_that_is_told():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        with pytest.raises(NotReachable, match=r"no SSH at 127\.0\.0\.1 port"):
            look("127.0.0.1", probe.getsockname()[1], user="x")
