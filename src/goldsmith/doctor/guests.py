"""What runs guests: libvirt, its network, KVM, and libguestfs's appliance."""

import json
import os
from pathlib import Path

from goldsmith.doctor.check import Check, Question, Status
from goldsmith.doctor.packages import Package
from goldsmith.host.accel import THIS_MACHINE, detect
from goldsmith.host.domains import NETWORK, SYSTEM
from goldsmith.host.files import write_atomically
from goldsmith.host.guestfs import environment
from goldsmith.host.hypervisor import connect
from goldsmith.host.process import Host

CACHE = "cache"  # in the state folder: there libguestfs keeps the appliance for all who use it
_APPLIANCE_LIMIT = (
    180.0  # seconds; 10-14 without KVM, and as much again where the appliance must be made first
)
_XFS_FILES = ("usr/lib/*/guestfs/supermin.d/*packages-xfs", "usr/lib*/guestfs/supermin.d/*packages-xfs")


def questions(host: Host, *, state: Path, uri: str) -> list[Question]:
    slow = [
        Question("kvm", lambda: _kvm(host, state), slow=True),
        Question("appliance", lambda: _appliance(host, state), slow=True),
    ]
    return [
        Question("libvirt", lambda: _libvirt(uri)),
        Question("network", lambda: _network(uri)),
        Question("libguestfs-xfs", _xfs),
        *slow,
    ]


def _libvirt(uri: str) -> Check:
    with connect(uri) as hypervisor:
        return Check("libvirt", Status.OK, f"{hypervisor.ping()} at {uri}")


def _network(uri: str) -> Check:
    if not uri.startswith(SYSTEM):
        return Check("network", Status.OK, "user-mode network with a forwarded SSH port; no bridge is needed")
    with connect(uri) as hypervisor:
        if hypervisor.network_active(NETWORK):
            detail = f"{NETWORK} is active; build guests on it reach the host, and not each other"
            return Check("network", Status.OK, detail)
    detail = f"libvirt's network {NETWORK} is not active; a build starts it, if this host lets it"
    return Check("network", Status.WARNING, detail, "goldsmith doctor --fix")


def _xfs(root: Path = Path("/")) -> Check:
    if any(True for pattern in _XFS_FILES for _ in root.glob(pattern)):
        return Check("libguestfs-xfs", Status.OK, "installed")
    fix = Package("libguestfs-xfs", "libguestfs-xfs").install()
    detail = "not installed; RHEL 7 guests are on XFS and could not be read"
    return Check("libguestfs-xfs", Status.FAIL, detail, fix)


def _kvm(host: Host, state: Path) -> Check:
    found = detect(host, state=state)
    if found.virt_type == "kvm":
        return Check("kvm", Status.OK, found.reason)
    slower = "guests run all the same, by emulation (TCG) and many times slower"
    return Check("kvm", Status.WARNING, f"{found.reason}; {slower}", _kvm_fix())


def _kvm_fix(device: Path = THIS_MACHINE.kvm) -> str:
    if not device.exists():
        return "turn on virtualization (VT-x, AMD-V; in a guest: nested), then: modprobe -a kvm_intel kvm_amd"
    if not os.access(device, os.R_OK | os.W_OK):
        return "sudo usermod -aG kvm $USER, then log in again"
    return "use a host with hardware virtualization, or accept the time it takes"


def _appliance(host: Host, state: Path) -> Check:
    acceleration = detect(host, state=state)
    env = environment(acceleration, cache=state / CACHE)
    memo = state / "appliance.json"
    version = host.run("guestfish", "--version").stdout.strip()
    key = [THIS_MACHINE.boot_id.read_text().strip(), version, acceleration.virt_type]
    if _remembered(memo, key):
        return Check("appliance", Status.OK, f"{version} started its appliance since this host booted")
    launch = ["guestfish", "-a", "/dev/null", "run"]
    host.run(*launch, env=env, timeout=_APPLIANCE_LIMIT, fix=_appliance_fix())
    write_atomically(memo, json.dumps(key) + "\n")
    return Check("appliance", Status.OK, f"{version} starts its appliance")


def _remembered(memo: Path, key: list[str]) -> bool:
    try:
        return bool(json.loads(memo.read_text(encoding="utf-8")) == key)
    except (OSError, ValueError):
        return False


def _appliance_fix() -> str:
    kernels = list(THIS_MACHINE.kernels.glob("vmlinuz-*"))
    if not kernels:
        return Package("linux-image-amd64", "kernel-core").install()
    if not any(os.access(one, os.R_OK) for one in kernels):
        return "sudo chmod a+r /boot/vmlinuz-*"
    return "LIBGUESTFS_BACKEND=direct libguestfs-test-tool shows why"
