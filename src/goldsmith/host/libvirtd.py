"""libvirt's daemons and its NAT networks: running, whether or not a service manager looks after them."""

import os
import socket
from collections.abc import Collection
from pathlib import Path

from goldsmith.errors import GoldsmithError, HostError, ToolError
from goldsmith.host import retry
from goldsmith.host.domains import NETWORK, SYSTEM
from goldsmith.host.hypervisor import Hypervisor, connect
from goldsmith.host.process import Host

SESSION = "qemu:///session"

_MADE = (NETWORK, "default")  # others are their maker's
_PATIENCE = 20.0  # seconds that a daemon gets until its socket answers
_MONOLITHIC = ("virtlogd", "libvirtd")
_MODULAR = ("virtlogd.socket", "virtqemud.socket", "virtnetworkd.socket", "virtstoraged.socket")
_NETWORK_FIX = (
    "virsh net-start {name} shows the same; NAT networks need dnsmasq, nftables or iptables, "
    "and the right to make bridges"
)


def default_uri() -> str:
    """Return whose libvirt to use: the system's for root, else the user's own."""
    chosen = os.environ.get("GOLDSMITH_LIBVIRT_URI", "")
    return chosen or (SYSTEM if os.geteuid() == 0 else SESSION)


def ensure_running(host: Host, uri: str, *, run: Path = Path("/run"), root: bool | None = None) -> None:
    """Start libvirt where ``uri`` needs a daemon that does not answer yet.

    Only the system's libvirt does; the user's own starts by itself. ``run`` is where sockets are looked for,
    ``root`` whether we may start daemons. Raises HostError with the command to run where we may not.
    """
    if not uri.startswith(SYSTEM) or _libvirt_answers(run):
        return
    systemd = (run / "systemd/system").is_dir()
    if not (os.geteuid() == 0 if root is None else root):
        command = "systemctl start libvirtd" if systemd else "sh -c 'virtlogd -d; libvirtd -d'"
        raise HostError(f"libvirt at {uri} is not running", fix=f"sudo {command}")
    if systemd:
        _start_units(host)
    else:
        _start_daemons(host, run)
    retry.until(
        lambda: _libvirt_answers(run) or None,
        what="answer from libvirt's socket",
        deadline=_PATIENCE,
        every=0.1,
        fix="see why with: libvirtd --verbose",
        error=HostError,
    )


def ensure_network_of(machine_network: str, uri: str) -> None:
    """Start the network that a machine is on, where it is one that Goldsmith looks after."""
    kind, _, name = machine_network.partition("=")
    if kind == "network" and name in _MADE:
        with connect(uri) as hypervisor:
            ensure_network(hypervisor, name)


def ensure_network(hypervisor: Hypervisor, name: str = NETWORK) -> None:
    """Start a NAT network of libvirt, and make it first where this host has none of that name.

    Goldsmith's own is made anew where an older version has made it, unless a guest is on it.
    """
    if name == NETWORK:
        hypervisor.renew_network(name)
    if hypervisor.network_active(name):
        return
    try:
        try:
            hypervisor.start_network(name, free_subnet(taken=hypervisor.subnets()))
        except GoldsmithError:
            if name != NETWORK or hypervisor.network_active(name):
                raise
            hypervisor.forget_network(name)  # its subnet may be in use by now; it is ours to choose another
            hypervisor.start_network(name, free_subnet(taken=hypervisor.subnets()))
    except GoldsmithError as error:
        if hypervisor.network_active(name):
            return  # another process was faster
        problem = f"the network {name} does not start: {error.problem}"
        raise HostError(problem, fix=_NETWORK_FIX.format(name=name)) from None


def free_subnet(routes: Path = Path("/proc/net/route"), *, taken: Collection[str] = ()) -> str:
    """Return the first three numbers of a private network that this host has no route to, and no other network has.

    Inside a libvirt guest, the usual 192.168.122 is the way out.
    """
    used = set(taken)
    for line in routes.read_text(encoding="ascii").splitlines()[1:]:
        number = bytes.fromhex(line.split()[1])[::-1]
        used.add(".".join(str(byte) for byte in number[:3]))
    third = next(third for third in (*range(122, 255), *range(1, 122)) if f"192.168.{third}" not in used)
    return f"192.168.{third}"


def _libvirt_answers(run: Path) -> bool:
    return any(_answers(run / "libvirt" / name) for name in ("libvirt-sock", "virtqemud-sock"))


def _answers(path: Path) -> bool:
    """Say whether somebody listens; a socket file alone may be left from a daemon that died."""
    with socket.socket(socket.AF_UNIX) as caller:
        try:
            caller.connect(str(path))
        except PermissionError:
            fix = (
                "sudo usermod -aG libvirt $USER, then log in again; or GOLDSMITH_LIBVIRT_URI=qemu:///session"
            )
            raise HostError(f"you may not talk to libvirt at {path}", fix=fix) from None
        except OSError:
            return False
    return True


def _start_units(host: Host) -> None:
    try:
        host.run("systemctl", "start", "libvirtd.service")
    except ToolError:  # distributions with one daemon for each driver have no libvirtd
        host.run("systemctl", "start", *_MODULAR, fix="systemctl status virtqemud.socket")


def _start_daemons(host: Host, run: Path) -> None:
    sockets = dict(zip(_MONOLITHIC, ("virtlogd-sock", "libvirt-sock"), strict=True))
    for daemon, name in sockets.items():
        if not _answers(run / "libvirt" / name):
            # A second one, started by another process meanwhile, fails at the pid file: the socket decides.
            host.run(daemon, "-d", ok=range(256), fix="install libvirt-daemon-system")
