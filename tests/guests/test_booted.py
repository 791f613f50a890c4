"""A Linux guest that is powered on, or goes on from its memory: libvirt forgets it with all that belongs to it."""

import pytest

from goldsmith.errors import GuestError, HostError
from goldsmith.guests.booted import booted
from goldsmith.guests.going_on import going_on
from goldsmith.guests.machine import Machine
from goldsmith.host.domains import DomainState
from goldsmith.host.hypervisor import Hypervisor, connect
from goldsmith.host.process import LocalHost

URI, NAME = "test:///default", "goldsmith-b1-customize"
XML = f"<domain type='test'><name>{NAME}</name><memory>65536</memory><os><type>hvm</type></os><devices/></domain>"


@pytest.fixture
def hypervisor():
    with connect(URI) as opened:
        yield opened
        opened.destroy(NAME)
        opened.undefine(NAME)


@pytest.fixture
def machine(tmp_path):
    return Machine(
        name=NAME, uri=URI, description="d", virt_type="qemu", memory=1 << 30, vcpus=1, osinfo="debian11",
        machine_type="q35", firmware="uefi", disk=tmp_path / "disk.qcow2", bus="virtio", network="user",
        console=tmp_path / "console.log",
    )  # fmt: skip


@pytest.fixture
def on(hypervisor, machine, fake_tool):
    fake_tool("virt-install", f'echo "{XML}"')

    def boot(keep=None):
        return booted(
            hypervisor, LocalHost(), machine, access=None, seed=None, boot_timeout=1.0, legacy_ssh=False,
            on_console=print, keep=keep,
        )  # fmt: skip

    return boot


def is_persistent(hypervisor):
    return bool(hypervisor._connection.lookupByName(NAME).isPersistent())


def test_a_guest_is_defined_while_it_runs_and_forgotten_afterwards(hypervisor, on):
    with on():
        assert hypervisor.state(NAME) is DomainState.RUNNING
        assert is_persistent(hypervisor), "of another one libvirt leaves the variables of its firmware behind"
    assert hypervisor.state(NAME) is DomainState.GONE


def test_one_that_a_killed_build_left_is_replaced(hypervisor, on):
    hypervisor.define(XML)
    with on():
        assert hypervisor.state(NAME) is DomainState.RUNNING
    assert hypervisor.state(NAME) is DomainState.GONE


class Fallen:
    """A driver whose guests do not come up: their start fails, and one that is restored powers off at once."""

    def __init__(self, driver):
        self.driver, self.restored, self.persistent = driver, False, []

    def __getattr__(self, name):
        return getattr(self.driver, name)

    def lookupByName(self, name):  # noqa: N802
        guest = self.driver.lookupByName(name)
        return guest if self.restored else NoStart(guest)

    def saveImageGetXMLDesc(self, *_given):  # noqa: N802
        return XML

    def restoreFlags(self, _memory, xml, _flags):  # noqa: N802
        self.driver.createXML(xml, 0)
        self.restored = True

    def defineXML(self, xml):  # noqa: N802
        found = self.driver.defineXML(xml)
        if self.restored:
            self.persistent.append(found.name())
            found.destroy()
        return found


class NoStart:
    def __init__(self, guest):
        self.guest = guest

    def __getattr__(self, name):
        return getattr(self.guest, name)

    def createWithFlags(self, _flags):  # noqa: N802
        self.guest.resume()  # refused, since it does not run


def test_one_that_does_not_start_is_forgotten_and_not_kept(hypervisor, machine, fake_tool):
    asked = []

    def keep():
        asked.append(hypervisor.state(NAME))
        return False

    fake_tool("virt-install", f'echo "{XML}"')
    fallen = Hypervisor(Fallen(hypervisor._connection), URI)
    with (
        pytest.raises(HostError, match="not paused"),
        booted(
            fallen, LocalHost(), machine, access=None, seed=None, boot_timeout=1.0, legacy_ssh=False,
            on_console=print, keep=keep,
        ),
    ):  # fmt: skip
        raise AssertionError("it has not started")
    assert asked == [DomainState.SHUTOFF]
    assert hypervisor.state(NAME) is DomainState.GONE


def test_one_that_goes_on_from_its_memory_is_defined_and_forgotten_afterwards(hypervisor, machine, tmp_path):
    fallen = Fallen(hypervisor._connection)
    with (
        pytest.raises(GuestError, match="is shut off while it was to be customized"),
        going_on(
            Hypervisor(fallen, URI), machine, tmp_path / "memory", frozen=True, access=None,
            seed=tmp_path / "seed.iso", boot_timeout=1.0, legacy_ssh=False, on_console=print,
        ),
    ):  # fmt: skip
        raise AssertionError("it is not awake")
    assert fallen.persistent == [NAME]
    assert hypervisor.state(NAME) is DomainState.GONE
