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


def test_the_line_that_a_guest_waits_at_is_the_last_of_what_was_seen(session):
    session.machine.console.write_bytes(b"[  OK  ] Reached target Basic System.\nPassword for the disk: ")
    assert session.evidence()[-2:] == ["[  OK  ] Reached target Basic System.", "Password for the disk:"]


def test_a_guest_whose_qemu_ends_in_a_step_is_noticed(session):
    told = fails_while_it_runs(session, lambda: session.hypervisor.destroy(NAME))
    assert told.problem == f"the guest {NAME} has ended in the middle of it"
    assert "QEMU killed?" in told.fix


def test_a_guest_that_lives_on_is_left_to_its_command(session):
    assert session.ssh.run("true", timeout=30).code == 0
    session.machine.console.write_text("Out of memory: Killed process 9 (make)\n")
    assert session.ssh.run("sleep 2.5; echo done", timeout=30).tail[-1] == "done"


OOM = "Out of memory: Killed process 9 (stress)\n"
LOST = "blk_update_request: I/O error, dev sdb, sector 2048\n"
NOTHING = (
    "true "  # in place of sudo: what should boot the guest anew does nothing to the machine of this test
)


def say(session, text):
    with session.machine.console.open("a") as console:
        console.write(text)


def in_it(session) -> None:
    assert session.ssh.run("true", timeout=30).code == 0
    session.boot_timeout = 1.5


@pytest.mark.parametrize("text", [OOM, LOST])
def test_what_a_guest_that_is_up_lives_through_is_no_failure_of_a_later_step(session, text):
    in_it(session)
    say(session, text)
    with pytest.raises(GuestError) as caught:  # libvirt's test driver has no agent
        _ = session.agent
    assert caught.value.problem == f"no answer from the guest agent of {NAME} after 1.5 s"


@pytest.mark.parametrize("text", [OOM, LOST])
def test_what_was_seen_before_a_reboot_is_no_failure_of_the_boot_after_it(session, text):
    in_it(session)
    say(session, text)
    with pytest.raises(GuestError) as caught:
        session.reboot(NOTHING)
    assert caught.value.problem == f"no new boot of {NAME} after 1.5 s"


def test_a_panic_ends_the_wait_for_a_guest_that_is_up(session):
    in_it(session)
    session.boot_timeout = 30.0
    say(session, "[  9.1] Kernel panic - not syncing: sysrq triggered crash\n")
    for wait in (lambda: session.agent, session.await_power_off):
        with pytest.raises(GuestError) as caught:
            wait()
        assert caught.value.problem == "the kernel panicked: sysrq triggered crash"


def test_a_reboot_that_ends_in_the_boot_loader_is_told_at_once_and_once(session):
    in_it(session)
    session.boot_timeout = 60.0
    threading.Timer(2, say, (session, "error: no such partition.\ngrub rescue> ")).start()
    began = time.monotonic()
    with pytest.raises(GuestError) as caught:
        session.reboot(NOTHING)
    assert time.monotonic() - began < 30
    assert caught.value.problem.startswith("GRUB does not find its files")
    assert caught.value.problem.endswith(f" (the guest {NAME} will not come up)")
    assert caught.value.problem.count("GRUB") == 1


@pytest.mark.parametrize("text", [OOM, LOST])
def test_a_guest_that_comes_up_after_all_is_well(session, text):
    say(session, text)
    assert session.ssh.run("true", timeout=30).code == 0


@pytest.mark.parametrize(
    ("text", "cause"),
    [(OOM, "the guest ran out of memory and killed stress"), (LOST, "the guest could not read or write sdb")],
)
def test_a_guest_that_never_comes_up_is_told_by_what_it_has_said(session, text, cause):
    say(session, text)
    session.boot_timeout = 1.5
    with pytest.raises(GuestError) as caught:
        _ = session.agent
    assert caught.value.problem == f"{cause} (no answer from the guest agent of {NAME} after 1.5 s)"


def test_a_power_off_that_does_not_come_is_told_by_what_was_said_since_it_was_asked_for(session):
    in_it(session)
    say(session, OOM)
    threading.Timer(0.5, say, (session, "INFO: task umount:312 blocked for more than 120 seconds.\n")).start()
    with pytest.raises(GuestError) as caught:
        session.await_power_off()
    told = f"umount:312 waited for the disk without end (no power-off of {NAME} after 1.5 s)"
    assert caught.value.problem == told


def test_a_guest_that_answers_writes_its_logs_before_it_ends_and_no_other_is_waited_for(session, sshd):  # noqa: F811
    session.flush()  # nobody is in
    in_it(session)
    session.flush()
    say(session, "[  9.1] Kernel panic - not syncing: sysrq triggered crash\n")
    began = time.monotonic()
    session.flush()
    assert time.monotonic() - began < 1


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


def test_only_a_guest_that_runs_is_asked_to_write_its_logs(session):
    asked = []
    session.ssh.run = lambda command, **_more: asked.append(command)
    session.flush()
    session.hypervisor.destroy(NAME)
    session.flush()
    assert asked == ["sync"]
