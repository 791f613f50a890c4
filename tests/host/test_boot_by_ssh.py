"""The boot test's way into a Linux guest, by a real sshd on 127.0.0.1: this very host plays the guest."""

import os
import time
from pathlib import Path

import pytest

from goldsmith.audit.check import Profile
from goldsmith.boottest.facts import Heard
from goldsmith.boottest.hardware import promised
from goldsmith.boottest.linux import LinuxGuest, boot_linux
from goldsmith.boottest.seed import Instance
from goldsmith.errors import GuestError
from goldsmith.guests.console import ConsoleFile
from goldsmith.guests.machine import Machine
from goldsmith.guests.powered import PoweredGuest
from goldsmith.host.hypervisor import DomainState
from goldsmith.host.shell import new_key_pair


class Powered:
    """A hypervisor that knows power alone: its guest has no agent and heeds the button."""

    def __init__(self):
        self.on = True

    def state(self, name):
        return DomainState.RUNNING if self.on else DomainState.SHUTOFF

    def agent_ready(self, name):
        return False

    def shutdown(self, name, *, button=False):
        self.on = not button


@pytest.fixture
def guest_for(tmp_path):
    def make(server, *, user="", key=None, console=""):
        machine = Machine(
            name="g", uri="", description="", virt_type="", memory=0, vcpus=1, osinfo="", machine_type="q35",
            firmware="bios", disk=Path(), bus="virtio", network="user", console=tmp_path / "console",
            ssh_port=server.port,
        )  # fmt: skip
        machine.console.write_text(console)
        heard = Heard()
        said = []
        session = PoweredGuest(
            hypervisor=Powered(),
            machine=machine,
            console=ConsoleFile(machine.console),
            on_console=lambda line: guest.hear(line),
            boot_timeout=10,
            resets=lambda: 0,
        )
        hardware = promised({"os_admin_user": user}, min_ram=0, profile=Profile.GENERIC_LINUX)
        instance = Instance(1, "id", "host", "token", key or server.key)
        guest = LinuxGuest(session, hardware, instance, heard, said.append, picture=lambda: None)
        return guest

    return make


def test_the_key_lets_in_and_the_guest_is_asked(sshd, guest_for):
    server = sshd()
    guest = guest_for(server, user=server.user, console="host login: ")
    found = boot_linux(guest, timeout=20, whole=True)
    assert found.heard.prompt
    assert found.ssh
    assert found.ssh.user == server.user
    assert found.ssh.host_key.split() == server.host_key.split()[:2]
    assert set(found.ssh.methods) == {server.user, "root"}
    assert "password" not in found.ssh.methods[server.user]
    assert found.word("uid") == str(os.geteuid())
    assert found.word("hostname") == os.uname().nodename
    assert abs(found.skew) < 5
    assert (found.ssh.root == "0") == (server.user == "root")
    assert found.off is not None
    assert guest.session.hypervisor.on is False


def test_a_user_that_nobody_promised_is_the_one_that_cloud_init_tells(sshd, guest_for):
    server = sshd()
    line = f"ci-info: +++Authorized keys from /x/.ssh/authorized_keys for user {server.user}+++\n"
    found = boot_linux(guest_for(server, console=line), timeout=20, whole=False)
    assert found.ssh is None
    assert found.off is None
    assert found.word("uid") == str(os.geteuid())


def test_a_key_that_is_refused_leaves_the_guest_unseen(sshd, guest_for):
    server = sshd()
    start = time.monotonic()
    found = boot_linux(
        guest_for(server, user=server.user, key=new_key_pair(), console="host login: "), timeout=2, whole=True
    )
    assert found.ssh
    assert (found.ssh.user, found.ssh.root) == ("", "")
    assert "publickey" in found.ssh.methods[server.user]
    assert found.seen == {}
    assert time.monotonic() - start < 20


def test_where_nobody_is_known_the_door_is_looked_at_all_the_same(sshd, guest_for):
    found = boot_linux(guest_for(sshd()), timeout=1, whole=True)
    assert found.ssh
    assert found.ssh.user == ""
    assert set(found.ssh.methods) == {"root"}


def test_a_guest_that_goes_off_is_told(sshd, guest_for):
    guest = guest_for(sshd(), user="nobody")
    guest.session.hypervisor.on = False
    with pytest.raises(GuestError, match="is shut off while it was waited for"):
        boot_linux(guest, timeout=5, whole=True)
