"""A real guest under QEMU: its firmware alone, which finds nothing to boot and idles."""

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from goldsmith.errors import GuestError, HostError
from goldsmith.host import libvirtd
from goldsmith.host.accel import detect
from goldsmith.host.domains import moved
from goldsmith.host.hypervisor import DomainState, Hypervisor, connect
from goldsmith.host.process import LocalHost
from goldsmith.host.retry import until

pytestmark = pytest.mark.real

HOST = LocalHost()
NOBODY = 65534
START = """
import sys, time
from pathlib import Path
from goldsmith.host.hypervisor import connect
with connect(sys.argv[1]) as hypervisor:
    hypervisor.create(Path(sys.argv[2]).read_text())
    print("started", flush=True)
    time.sleep(60)
"""


def guest_xml(name: str, disk: Path) -> str:
    return f"""
    <domain type="qemu">
      <name>{name}</name><memory unit="MiB">64</memory><vcpu>1</vcpu>
      <os><type arch="x86_64" machine="pc">hvm</type></os>
      <devices>
        <disk type="file" device="disk">
          <driver name="qemu" type="qcow2" cache="unsafe" discard="unmap"/>
          <source file="{disk}"/><target dev="vda" bus="virtio"/>
        </disk>
        <disk type="file" device="cdrom"><target dev="sda" bus="ide"/></disk>
        <graphics type="vnc" listen="127.0.0.1"/><video><model type="vga"/></video>
      </devices>
    </domain>"""


@pytest.fixture
def hypervisor() -> Iterator[Hypervisor]:
    uri = libvirtd.default_uri()
    libvirtd.ensure_running(HOST, uri)
    with connect(uri) as hypervisor:
        yield hypervisor


@pytest.fixture
def disk() -> Path:
    path = Path(os.environ["GOLDSMITH_STATE"]) / "disk.qcow2"
    HOST.run("qemu-img", "create", "-q", "-f", "qcow2", path, "16M")
    return path


@pytest.fixture
def name(hypervisor: Hypervisor) -> Iterator[str]:
    name = f"goldsmith-test-{uuid.uuid4().hex[:8]}"
    yield name
    hypervisor.destroy(name)
    hypervisor.undefine(name)


def test_a_running_guest_gets_a_layer_and_dies_with_its_connection(hypervisor, disk, name):
    overlay = disk.with_name("layer.qcow2")
    HOST.run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", "disk.qcow2", overlay)
    with connect(hypervisor.uri) as other:
        other.create(guest_xml(name, disk))
        assert hypervisor.state(name) == DomainState.RUNNING
        assert not hypervisor.snapshot(name, disk="vda", overlay=overlay, quiesce=True)
        assert str(overlay) in hypervisor.xml(name)
        info = HOST.run("qemu-img", "info", "-U", "--output=json", overlay).stdout
        assert '"backing-filename": "disk.qcow2"' in info, "the store may be moved"
        read, written = hypervisor.disk_counters(name, "vda")
        assert read >= written == 0
        assert hypervisor.screenshot(name).data
        assert not hypervisor.agent_ready(name)
        with pytest.raises(
            GuestError, match=f"the agent of the guest {name} does not answer: .*\n  fix: inst"
        ):
            hypervisor.agent(name, "guest-info")
        assert hypervisor.address(name) is None
    until(lambda: hypervisor.state(name) == DomainState.GONE or None, what="end of the guest", deadline=20)


def test_a_guest_goes_on_from_its_memory_on_another_layer(hypervisor, disk, name):
    first, second, image = (disk.with_name(one) for one in ("first.qcow2", "second.qcow2", "memory"))
    for overlay in (first, second):
        HOST.run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", "disk.qcow2", overlay)
    hypervisor.create(guest_xml(name, disk))
    assert not hypervisor.snapshot_with_memory(name, disk="vda", overlay=first, memory=image)
    assert str(first) in hypervisor.xml(name)
    assert hypervisor.state(name) == DomainState.RUNNING
    hypervisor.destroy(name)
    place = {"vda": second}
    hypervisor.restore(
        image,
        lambda xml: moved(xml, disks=place, console=disk.with_name("console"), description="another build"),
    )
    assert hypervisor.state(name) == DomainState.RUNNING
    assert str(second) in hypervisor.xml(name)
    assert str(first) not in hypervisor.xml(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="asks for the firmware variables of the system's guests")
def test_the_variables_of_a_firmware_go_with_a_guest_also_with_one_that_went_on_from_its_memory(
    hypervisor, disk, name
):
    variables, image = Path(f"/var/lib/libvirt/qemu/nvram/{name}_VARS.fd"), disk.with_name("memory")
    first, second = (disk.with_name(one) for one in ("first.qcow2", "second.qcow2"))
    for overlay in (first, second):
        HOST.run("qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", "disk.qcow2", overlay)
    xml = guest_xml(name, disk).replace("<os>", '<os firmware="efi">').replace('"pc"', '"q35"')
    xml = xml.replace('bus="ide"', 'bus="sata"').replace(">64<", ">128<")
    xml = xml.replace("<devices>", "<features><acpi/></features><devices>")
    hypervisor.define(xml)
    hypervisor.start(name)
    assert variables.exists()
    hypervisor.snapshot_with_memory(name, disk="vda", overlay=first, memory=image)
    hypervisor.destroy(name)
    hypervisor.undefine(name)
    assert not variables.exists()

    place = {"vda": second}
    hypervisor.restore(
        image,
        lambda text: moved(text, disks=place, console=disk.with_name("console"), description="another build"),
    )
    hypervisor.persist(name)
    assert hypervisor.state(name) == DomainState.RUNNING
    assert variables.exists()
    hypervisor.destroy(name)
    hypervisor.undefine(name)
    assert not variables.exists()


def test_kill_9_of_its_owner_ends_a_guest(hypervisor, disk, name):
    xml = disk.with_name("guest.xml")
    xml.write_text(guest_xml(name, disk))
    command = [sys.executable, "-c", START, hypervisor.uri, str(xml)]
    owner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert owner.stdout
    assert owner.stdout.readline() == "started\n"
    assert hypervisor.state(name) == DomainState.RUNNING
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    until(lambda: hypervisor.state(name) == DomainState.GONE or None, what="end of the guest", deadline=20)


def test_a_defined_guest_is_forgotten_with_its_nvram(hypervisor, disk, name):
    hypervisor.define(guest_xml(name, disk))
    hypervisor.annotate(name, "goldsmith build 7")
    with pytest.raises(GuestError, match=rf"the guest {name}: .*not running\n  fix: see its console log"):
        hypervisor.shutdown(name)
    assert [one.description for one in hypervisor.domains(name)] == ["goldsmith build 7"]
    hypervisor.undefine(name)
    assert hypervisor.domains(name) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="starts a libvirtd as another user")
def test_a_libvirt_that_is_killed_meanwhile_went_away():
    home = Path(os.environ["GOLDSMITH_STATE"]) / "home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "libvirtd"]
    env = {**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
    daemon = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
    try:
        socket = home / "libvirt/libvirt-sock"
        until(lambda: socket.exists() or None, what="libvirtd", deadline=20)
        with connect(f"qemu+unix:///session?socket={socket}") as hypervisor:
            hypervisor.ping()
            daemon.kill()
            daemon.wait()
            with pytest.raises(HostError, match=r"libvirt at .* went away\n  fix: start it again"):
                hypervisor.domains()
            with pytest.raises(HostError, match="went away"):
                hypervisor.state("any")
    finally:
        daemon.kill()
        daemon.wait()


def test_the_acceleration_of_this_host_is_found_and_remembered(hypervisor):
    state = Path(os.environ["GOLDSMITH_STATE"])
    found = detect(HOST, state=state)
    assert found.reason
    if found.virt_type == "kvm":
        assert found.kvm_seconds is not None
        assert found.tcg_seconds is None or found.kvm_seconds <= found.tcg_seconds
    else:
        assert found.kvm_seconds is None or found.kvm_seconds > (found.tcg_seconds or 0)
    log = state / "log"
    log.touch()  # a host that starts nothing writes nothing
    assert detect(LocalHost(log=log), state=state) == found
    assert "-kernel" not in log.read_text()
