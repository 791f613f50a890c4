"""169.254.169.254 through QEMU's own network, with the kernel of this host as the guest: no machine is started."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from goldsmith.boottest.metadata import answered_paths
from goldsmith.boottest.metadata_server import Service, served
from goldsmith.boottest.seed import Source, new_instance
from goldsmith.guests import machine as machines
from goldsmith.guests.machine import Machine

TOOLS = ("qemu-system-x86_64", "ip", "curl")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0 or not Path("/dev/net/tun").exists(), reason="needs root and a TAP"),
    pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)}"),
]
SEALED = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"  # as libvirt starts QEMU


def do(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True).stdout


@pytest.fixture
def service(tmp_path):
    instance = new_instance(2, legacy=False, source=Source.SERVICE)
    made = Service(answered_paths(instance, windows=False), tmp_path / "metadata-2.log")
    made.instance = instance
    with served(made) as port:
        made.port = port
        yield made


@pytest.fixture
def inside(service, tmp_path):
    """Return how to run a program on the guest's side of its network card."""
    name = f"gs{os.getpid()}"
    made = Machine(
        name="x", uri="x", description="", virt_type="qemu", memory=1 << 30, vcpus=1, osinfo="x",
        machine_type="q35", firmware="bios", disk=Path("/x"), bus="virtio", network="user",
        console=tmp_path / "console", metadata_port=service.port,
    )  # fmt: skip
    (words,) = [one for one in machines.common(made) if one.startswith("--qemu-commandline=")]
    net = re.search(r"-netdev (\S+)", words)[1]
    do("ip", "netns", "add", name)
    do("ip", "tuntap", "add", "dev", name, "mode", "tap")
    argv = ["qemu-system-x86_64", "-machine", "none", "-nodefaults", "-display", "none", "-sandbox", SEALED]
    for one in (net, f"tap,id=t0,ifname={name},script=no,downscript=no", "hubport,id=h0,hubid=0,netdev=n0",
                "hubport,id=h1,hubid=0,netdev=t0"):  # fmt: skip
        argv += ["-netdev", one]
    qemu = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    enter = ("ip", "netns", "exec", name)
    try:
        end = time.monotonic() + 20
        while "LOWER_UP" not in (do("ip", "link", "set", name, "up"), do("ip", "link", "show", name))[1]:
            assert qemu.poll() is None, qemu.stderr.read()
            assert time.monotonic() < end, "QEMU did not open the TAP"
            time.sleep(0.1)
        do("ip", "link", "set", name, "netns", name)
        do(*enter, "ip", "link", "set", name, "up")
        do(*enter, "ip", "addr", "add", "172.16.0.15/5", "dev", name)
        yield lambda *argv: do(*enter, *argv)
    finally:
        qemu.send_signal(signal.SIGTERM)
        qemu.wait(20)
        qemu.stderr.close()
        do("ip", "netns", "del", name)


def test_a_guest_reads_its_metadata_at_the_address_of_all_clouds(inside, service):
    base = "http://169.254.169.254"
    said = inside(
        "curl", "-sS", "-m", "10", "-w", " %{http_code}\n", f"{base}/latest/meta-data/local-hostname"
    )
    assert said == f"{service.instance.hostname} 200\n"
    assert service.instance.id in inside("curl", "-sS", "-m", "10", f"{base}/openstack/latest/meta_data.json")
    codes = ["-o", "/dev/null", "-w", "%{http_code} "]
    assert inside("curl", "-sS", "-m", "10", *codes, f"{base}/nothing") == "404 "
    assert inside("curl", "-sS", "-m", "10", "-X", "PUT", *codes, f"{base}/latest/api/token") == "404 "
    for _ in range(12):  # each is a connection of its own in the guest, and all are one of QEMU's
        assert inside("curl", "-sS", "-0", "-m", "10", *codes, f"{base}/openstack/latest/user_data") == "200 "
    assert len(service.asked) == 16


@pytest.mark.parametrize("elsewhere", ["169.254.169.254:8080", "172.16.0.2:22", "172.16.0.2:PORT"])
def test_it_reaches_nothing_else(inside, service, elsewhere):
    url = f"http://{elsewhere.replace('PORT', str(service.port))}/"
    with pytest.raises(subprocess.CalledProcessError):
        inside("curl", "-sS", "-m", "3", url)
    assert service.asked == []
