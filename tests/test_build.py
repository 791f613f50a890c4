"""What a build does around its stages: it sweeps after killed ones, and asks the plan of a recipe."""

import threading

import libvirt
import pytest

from goldsmith.compose import Where
from goldsmith.errors import HostError
from goldsmith.host import files
from goldsmith.host.domains import DomainState
from goldsmith.host.faults import host_fault
from goldsmith.plan.store import Store
from goldsmith.sweep import sweep

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
