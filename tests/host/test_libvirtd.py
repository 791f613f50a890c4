import os
import socket
from pathlib import Path

import pytest

from goldsmith.errors import HostError
from goldsmith.host.hypervisor import connect
from goldsmith.host.libvirtd import SESSION, SYSTEM, default_uri, ensure_network, ensure_running, free_subnet
from goldsmith.host.process import LocalHost

HOST = LocalHost()
LISTEN = "python3 -c 'import socket,sys; s=socket.socket(1); s.bind(sys.argv[1]); s.listen(); s.accept()' {} "
EMPTY = "<node><domain type='test'><name>x</name><memory>1</memory><os><type>hvm</type></os></domain></node>"


def listens(path: Path) -> str:
    return LISTEN.format(path) + ">/dev/null 2>&1 &\nwhile ! test -S " + str(path) + "; do sleep 0.02; done"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run" / "libvirt").mkdir(parents=True)
    return tmp_path / "run"


def test_root_uses_the_systems_libvirt_and_others_their_own(monkeypatch):
    monkeypatch.delenv("GOLDSMITH_LIBVIRT_URI", raising=False)
    assert default_uri() == (SYSTEM if os.geteuid() == 0 else SESSION)
    monkeypatch.setenv("GOLDSMITH_LIBVIRT_URI", "test:///default")
    assert default_uri() == "test:///default"


def test_a_session_and_a_libvirt_that_answers_need_nothing(run):
    ensure_running(HOST, SESSION, run=run)
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(run / "libvirt/libvirt-sock"))
        daemon.listen()
        ensure_running(HOST, SYSTEM, run=run)


def test_without_a_service_manager_the_daemons_are_started(run, fake_tool):
    log = fake_tool("virtlogd")
    main = fake_tool("libvirtd", listens(run / "libvirt/libvirt-sock"))
    ensure_running(HOST, SYSTEM, run=run, root=True)
    assert (log.calls, main.calls) == ([["-d"]], [["-d"]])


def test_with_systemd_its_units_are_started(run, fake_tool):
    (run / "systemd/system").mkdir(parents=True)
    modular = 'case "$*" in *libvirtd*) echo "Unit libvirtd.service not found." >&2; exit 5;; esac\n'
    tool = fake_tool("systemctl", modular + listens(run / "libvirt/virtqemud-sock"))
    ensure_running(HOST, SYSTEM, run=run, root=True)
    assert tool.calls[0] == ["start", "libvirtd.service"]
    assert "virtqemud.socket" in tool.calls[1]


def test_who_may_not_start_it_gets_the_command(run):
    with pytest.raises(
        HostError, match=r"qemu:///system is not running\n  fix: sudo sh -c 'virtlogd -d; libv"
    ):
        ensure_running(HOST, SYSTEM, run=run, root=False)
    (run / "systemd/system").mkdir(parents=True)
    with pytest.raises(HostError, match="fix: sudo systemctl start libvirtd"):
        ensure_running(HOST, SYSTEM, run=run, root=False)


def test_a_missing_libvirtd_is_named_with_its_package(run):
    with pytest.raises(HostError, match="virtlogd is not installed\n  fix: install libvirt-daemon-system"):
        ensure_running(HOST, SYSTEM, run=run, root=True)


def test_a_network_that_the_host_lacks_is_made(tmp_path):
    (tmp_path / "node.xml").write_text(EMPTY)
    with connect(f"test://{tmp_path}/node.xml") as hypervisor:
        ensure_network(hypervisor)
        assert hypervisor.network_active("goldsmith")
        ensure_network(hypervisor)


def test_two_networks_are_never_given_one_subnet_even_where_the_other_one_does_not_run(tmp_path):
    (tmp_path / "node.xml").write_text(EMPTY)
    with connect(f"test://{tmp_path}/node.xml") as hypervisor:
        ensure_network(hypervisor, "default")
        first = hypervisor.subnets()
        ensure_network(hypervisor, "goldsmith")
        assert len(first) == 1
        assert len(hypervisor.subnets()) == 2
        hypervisor.forget_network("unknown")


def test_a_network_that_does_not_start_says_what_it_needs(tmp_path):
    (tmp_path / "node.xml").write_text(EMPTY)
    with (
        connect(f"test://{tmp_path}/node.xml") as hypervisor,
        pytest.raises(
            HostError, match=r"the network a/b does not start: .*\n  fix: virsh net-start a/b .*dnsmasq"
        ),
    ):
        ensure_network(hypervisor, "a/b")


def test_the_subnet_is_one_that_the_host_does_not_use(tmp_path):
    routes = tmp_path / "route"
    head = "Iface\tDestination\tGateway\n"
    routes.write_text(head + "eth0\t00000000\t0101A8C0\n")
    assert free_subnet(routes) == "192.168.122"
    routes.write_text(head + "eth0\t007AA8C0\t00000000\nvirbr1\t007BA8C0\t00000000\n")
    assert free_subnet(routes) == "192.168.124"
