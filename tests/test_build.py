"""What a build does around its stages: it sweeps after killed ones, and asks the plan of a recipe."""

import signal
import subprocess
import sys
import threading

import libvirt
import pytest

from goldsmith.compose import Where
from goldsmith.errors import HostError
from goldsmith.host import files
from goldsmith.host.domains import DomainState
from goldsmith.host.faults import host_fault
from goldsmith.plan.store import Store
from goldsmith.sweep import sweep, sweep_files

from .keeping import URI, XML


@pytest.fixture
def where(tmp_path):
    state = tmp_path / "a state, with signs"
    Store(state).prepare()
    return Where(None, state, URI)


def a_machine(hypervisor, build, state, *, running=True):
    name = hypervisor.define(
        XML.format(f"goldsmith-{build}-install", f"goldsmith build={build} state={state}")
    )
    if running:
        hypervisor.start(name, autodestroy=False)
    return name


@pytest.mark.parametrize("running", [True, False])
def test_the_machine_of_a_dead_build_is_taken_away(where, hypervisor, running):
    name = a_machine(hypervisor, "dead", where.state, running=running)
    assert sweep(where, Store(where.state)) == [f"machine {name}"]
    assert hypervisor.state(name) is DomainState.GONE


def test_a_state_folder_is_the_same_by_every_name(where, hypervisor, tmp_path):
    (tmp_path / "link").symlink_to(where.state)
    names = [
        a_machine(hypervisor, "dead1", tmp_path / "link"),
        a_machine(hypervisor, "dead2", where.state / ".." / where.state.name),
    ]
    assert sweep(where, Store(where.state)) == [f"machine {name}" for name in names]


def test_one_that_would_be_forgotten_is_defined_first_so_that_the_variables_of_its_firmware_go(
    where, hypervisor
):
    name = hypervisor.create(
        XML.format("goldsmith-dead-x", f"goldsmith build=dead state={where.state}"), autodestroy=False
    )
    heard: list[int] = []
    gone = threading.Event()

    def told(_connection, domain, event, _detail, _opaque):
        if domain.name() == name:
            heard.append(event)
            if event == libvirt.VIR_DOMAIN_EVENT_UNDEFINED:
                gone.set()

    number = hypervisor._connection.domainEventRegisterAny(
        None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, told, None
    )
    assert sweep(where, Store(where.state)) == [f"machine {name}"]
    assert gone.wait(20)
    hypervisor._connection.domainEventDeregisterAny(number)
    assert heard.index(libvirt.VIR_DOMAIN_EVENT_DEFINED) < heard.index(libvirt.VIR_DOMAIN_EVENT_STOPPED)
    assert hypervisor.state(name) is DomainState.GONE


def test_hypervisor_of_living_builds_other_state_folders_and_other_people_stay(where, hypervisor, tmp_path):
    mine = a_machine(hypervisor, "alive", where.state)
    others = a_machine(hypervisor, "dead", tmp_path / "other")
    longer = a_machine(hypervisor, "dead2", f"{where.state} two")
    foreign = hypervisor.define(XML.format("goldsmith-by-hand", "mine"))
    with files.locked(where.state / "builds" / "alive" / "lock"):
        assert sweep(where, Store(where.state)) == []
    for name in (mine, others, longer, foreign):
        assert hypervisor.state(name) is not DomainState.GONE


def test_private_files_of_a_dead_build_go_and_those_of_a_living_one_stay(where):
    for build in ("dead", "alive"):
        folder = where.state / "run" / build / "private-x"
        folder.mkdir(parents=True)
        (folder / "ks.cfg").write_text("rootpw secret")
    with files.locked(where.state / "builds" / "alive" / "lock"):
        assert sweep(where, Store(where.state)) == ["seed of dead"]
    assert [one.name for one in (where.state / "run").iterdir()] == ["alive"]


def test_what_lies_among_the_folders_of_builds_and_does_not_go_is_not_told(where, tmp_path):
    (other := tmp_path / "other").mkdir()
    for place in ("run", "boot-tests"):
        (folder := where.state / place).mkdir(parents=True, exist_ok=True)
        (folder / "notes-boot").write_text("mine")
        (folder / "link-boot").symlink_to(other)
        (folder / "dead-boot").mkdir()
    assert sweep(where, Store(where.state)) == ["seed of dead-boot", "lock of dead-boot"]
    assert sweep(where, Store(where.state)) == []
    for place in ("run", "boot-tests"):
        assert sorted(one.name for one in (where.state / place).iterdir()) == ["link-boot", "notes-boot"]


DIES = """
import os, signal, sys
from pathlib import Path
from goldsmith.host.aside import new_file
from goldsmith.media.library import Library
state = Path(sys.argv[1])
for place in sys.argv[3:]:
    folder = state / place
    folder.mkdir(parents=True, exist_ok=True)
    new_file(folder / "some.json")
Library(state / "store" / "media").add(
    Path(sys.argv[2]), on_progress=lambda done: os.kill(os.getpid(), signal.SIGKILL)
)
"""
PLACES = (
    "", "boot-tests/t1", "builds/b1", "builds/b1/logs", "builds/b1/rendered", "cache/.guestfs-0/appliance.d",
    "catalog", "catalog/evidence/ab", "nightly", "store/media/made",
)  # fmt: skip


def test_what_a_killed_process_was_writing_goes_wherever_it_is(where, tmp_path):
    (tmp_path / "rhel7.iso").write_bytes(b"x" * (5 << 20))
    died = subprocess.run(
        [sys.executable, "-c", DIES, where.state, tmp_path / "rhel7.iso", *PLACES], check=False
    )
    assert died.returncode == -signal.SIGKILL
    swept = sweep_files(where.state, Store(where.state))
    assert len([one for one in swept if one.startswith("half-written file ")]) == len(PLACES)
    (folder,) = (one for one in swept if one.startswith("half-made folder "))
    assert "/store/media/.goldsmith-medium." in folder
    assert list(where.state.rglob(".*.*")) == []
    assert sweep_files(where.state, Store(where.state)) == []


def test_the_lock_of_a_killed_builds_boot_test_goes_and_evidence_and_living_ones_stay(where):
    tests = where.state / "boot-tests"
    for name in ("dead-boot", "alive-boot", "boot-test-1"):
        (tests / name).mkdir(parents=True)
        (tests / name / "lock").touch()
    (tests / "full-boot").mkdir()
    (tests / "full-boot" / "console-1.log").touch()
    with files.locked(where.state / "builds" / "alive" / "lock"):
        assert sweep_files(where.state, Store(where.state)) == ["lock of dead-boot"]
    assert sorted(one.name for one in tests.iterdir()) == ["alive-boot", "boot-test-1", "full-boot"]


@pytest.mark.parametrize(
    ("number", "told"),
    [(28, "make room"), (30, "a folder that you may write to"), (13, "permissions"), (20, "another folder")],
)
def test_what_the_system_refuses_is_a_fault_of_the_host_with_a_cure(number, told):
    fault = host_fault(OSError(number, "it says no", "/some/file"))
    assert isinstance(fault, HostError)
    assert fault.problem == "/some/file: it says no"
    assert told in fault.fix


def test_a_file_that_is_not_there_is_nobodys_fault_but_ours():
    assert host_fault(FileNotFoundError(2, "No such file or directory", "/x")) is None
