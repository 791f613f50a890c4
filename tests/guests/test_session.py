"""A guest that ends or panics while a command runs in it is noticed at once, and the cause is named."""

import threading
import time
from types import SimpleNamespace

import pytest
from tests.host.conftest import sshd  # noqa: F401  a real server stands for the guest's
from tests.keeping import URI, XML

from goldsmith.errors import GuestError, HostError
from goldsmith.guests.console import ConsoleFile
from goldsmith.guests.machine import Machine
from goldsmith.guests.session import Session
from goldsmith.host import files
from goldsmith.host.hypervisor import connect

NAME = "goldsmith-session-test"


@pytest.fixture
def session(sshd, tmp_path):  # noqa: F811
    guest = sshd()
    machine = Machine(
        name=NAME,
        uri=URI,
        description="",
        virt_type="test",
        memory=64 << 20,
        vcpus=1,
        osinfo="",
        machine_type="",
        firmware="bios",
        disk=tmp_path / "disk",
        bus="virtio",
        network="user",
        console=tmp_path / "console.log",
        ssh_port=guest.port,
    )
    access = SimpleNamespace(
        user=guest.user, user_key=guest.key, host_key=SimpleNamespace(public=guest.host_key)
    )
    with connect(URI) as hypervisor:
        hypervisor.define(XML.format(NAME, "a test"))
        hypervisor.start(NAME, autodestroy=False)
        opened = Session(
            hypervisor, machine, access, ConsoleFile(machine.console), lambda _line: None, 30.0, False
        )
        yield opened
        opened.close()
        hypervisor.destroy(NAME)
        hypervisor.undefine(NAME)


def fails_while_it_runs(session, act) -> GuestError:
    """Do something to the guest while a command runs in it that would not end; return how that was told."""
    assert session.ssh.run("true", timeout=30).code == 0
    threading.Timer(0.5, act).start()
    began = time.monotonic()
    with pytest.raises(GuestError) as caught:
        session.ssh.run("echo begun; sleep 50", timeout=50)
    assert time.monotonic() - began < 20
    return caught.value


def test_a_kernel_panic_in_a_step_is_named(session):
    text = "[  9.1] Kernel panic - not syncing: sysrq triggered crash\n"
    told = fails_while_it_runs(session, lambda: session.machine.console.write_text(text))
    assert told.problem == "the kernel panicked: sysrq triggered crash"
    assert told.fix
    assert text.strip() in told.evidence


def test_a_guest_whose_qemu_ends_in_a_step_is_noticed(session):
    told = fails_while_it_runs(session, lambda: session.hypervisor.destroy(NAME))
    assert told.problem == f"the guest {NAME} has ended in the middle of it"
    assert "QEMU killed?" in told.fix


def test_a_guest_that_lives_on_is_left_to_its_command(session):
    assert session.ssh.run("true", timeout=30).code == 0
    session.machine.console.write_text("Out of memory: Killed process 9 (make)\n")
    assert session.ssh.run("sleep 2.5; echo done", timeout=30).tail[-1] == "done"


DISKS = "".join(
    f"<disk type='file'><source file='/no/{one}'/><target dev='{one}' bus='virtio'/></disk>"
    for one in ("vda", "vdb")
)


@pytest.fixture
def paused(session, monkeypatch):
    """Pause the guest; libvirt's test driver says of the second disk of a guest that it had no room for a write."""

    def pause(*, disks: str, free: int) -> None:
        hypervisor = session.hypervisor
        hypervisor.destroy(NAME)
        hypervisor.undefine(NAME)
        hypervisor.define(XML.format(NAME, "a test").replace("</os>", f"</os><devices>{disks}</devices>"))
        hypervisor.start(NAME, autodestroy=False)
        hypervisor._connection.lookupByName(NAME).suspend()
        monkeypatch.setattr(files, "free_bytes", lambda _folder: free)

    return pause


@pytest.mark.parametrize(
    ("disks", "free"), [(DISKS, 1 << 40), ("", 1 << 20)], ids=["libvirt", "the file system"]
)
def test_a_guest_that_stands_still_for_a_full_disk_is_a_fault_of_the_host(session, paused, disks, free):
    paused(disks=disks, free=free)
    with pytest.raises(HostError) as caught:
        session.still_well()
    assert caught.value.problem.startswith(f"no space left in {session.machine.disk.parent}: QEMU has paused")
    assert "goldsmith store prune --apply" in caught.value.fix


def test_a_guest_that_was_paused_otherwise_is_told_as_such(session, paused):
    paused(disks="", free=1 << 40)
    with pytest.raises(GuestError) as caught:
        session.still_well()
    assert caught.value.problem.startswith(f"QEMU has paused the guest {NAME}")
    assert "virsh suspend" in caught.value.fix
