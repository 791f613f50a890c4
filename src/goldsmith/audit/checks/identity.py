"""What must differ between two guests made from one image: names, keys, seeds, leases."""

import ipaddress

from goldsmith.audit.bootmenu import shell_values
from goldsmith.audit.check import (
    SYSTEMD,
    Finding,
    Profile,
    Severity,
    absent,
    bad,
    check,
    good,
    some,
)
from goldsmith.audit.facts import Facts
from goldsmith.audit.tree import Kind

_HOST_NAMES = ("", "localhost", "localhost.localdomain")
_LEASES = (
    "/var/lib/dhcp/*.lease*",
    "/var/lib/dhclient/*.lease*",
    "/var/lib/dhcpcd/*.lease*",
    "/var/lib/NetworkManager/*.lease",
)
_SEEDS = ("/var/lib/systemd/random-seed", "/var/lib/random-seed", "/var/lib/urandom/random-seed")


no_host_keys = absent(
    "O-L16",
    "no SSH host keys",
    "/etc/ssh/ssh_host_*",
    why="guests with the same host key can stand in for one another",
    source="virt-sysprep(1), ssh-hostkeys",
    expected="no /etc/ssh/ssh_host_*",
    fix="virt-sysprep --operations ssh-hostkeys -a IMAGE",
)


@check(
    "O-L25",
    "the machine id is made at the first start",
    why="two guests with one machine id get one DHCP lease; without the file systemd cannot write it early",
    source="machine-id(5), first boot semantics",
    expected="/etc/machine-id of 0 bytes",
    fix="virt-customize --truncate /etc/machine-id -a IMAGE, as the last step",
    profiles=SYSTEMD,
    sees=["/etc/machine-id"],
)
def machine_id(facts: Facts) -> Finding:
    entry = facts.files.at("/etc/machine-id")
    if entry is None or entry.kind != Kind.FILE:
        return bad("absent")
    return bad(f"{entry.size} bytes") if entry.size else good("0 bytes")


@check(
    "O-L26",
    "D-Bus brings no machine id of its own",
    why="systemd takes the id of D-Bus when its own is empty, so that all clones would be one machine again",
    source="machine-id(5), dbus-uuidgen(1)",
    expected="/var/lib/dbus/machine-id absent, empty or a link",
    fix="rm /var/lib/dbus/machine-id as the last customize step",
    sees=["/var/lib/dbus/machine-id"],
)
def dbus_id(facts: Facts) -> Finding:
    entry = facts.files.entries.get("/var/lib/dbus/machine-id")
    if entry is None or entry.kind == Kind.LINK:
        return good("absent" if entry is None else f"a link to {entry.target}")
    return bad(f"{entry.size} bytes") if entry.size else good("0 bytes")


@check(
    "O-L35",
    "no name server of the build's network",
    why="the address means nothing where the guest will live, and look-ups time out until it is replaced",
    source="resolv.conf(5)",
    expected="no name server in a private network",
    fix="rm /etc/resolv.conf as the last customize step",
    reads=["/etc/resolv.conf"],
)
def no_name_server(facts: Facts) -> Finding:
    entry = facts.files.entries.get("/etc/resolv.conf")
    if entry is not None and entry.kind == Kind.LINK and "/run/" in entry.target:
        return good(f"a link to {entry.target}")
    words = [line.split() for line in (facts.files.text("/etc/resolv.conf") or "").splitlines()]
    servers = [line[1] for line in words if len(line) > 1 and line[0] == "nameserver"]
    private = [server for server in servers if _private(server)]
    return bad(some(private)) if private else good(some(servers) or "none")


def _private(server: str) -> bool:
    try:
        address = ipaddress.ip_address(server.partition("%")[0])
    except ValueError:
        return True
    return address.is_private and not address.is_loopback


@check(
    "O-L36",
    "no host name of the build",
    why="a guest that gets no name from its cloud would carry the builder's",
    source="hostname(5)",
    expected="localhost, localhost.localdomain, or none",
    fix="virt-customize --write /etc/hostname:localhost -a IMAGE",
    reads=["/etc/hostname", "/etc/sysconfig/network"],
)
def host_name(facts: Facts) -> Finding:
    lines = (facts.files.text("/etc/hostname") or "").splitlines()
    name = next((line.strip() for line in lines if line.strip() and line[0] != "#"), "")
    if facts.profile == Profile.RHEL6:
        name = shell_values(facts.files.text("/etc/sysconfig/network") or "").get("HOSTNAME", "")
    return good(name or "none") if name in _HOST_NAMES else bad(name)


no_leases = absent(
    "O-L43",
    "no DHCP leases",
    *_LEASES,
    why="a clone would ask for the address of the machine it was built on",
    source="virt-sysprep(1), dhcp-client-state",
    expected="no lease files with content",
    fix="virt-sysprep --operations dhcp-client-state -a IMAGE",
    severity=Severity.WARNING,
    empty_is_good=True,
)


no_seed = absent(
    "O-L44",
    "no saved random seed",
    *_SEEDS,
    why="guests that start from one seed may make the same keys",
    source="systemd-random-seed.service(8)",
    expected="no random-seed file",
    fix="rm /var/lib/systemd/random-seed as the last customize step",
    severity=Severity.WARNING,
)


CHECKS = (no_host_keys, machine_id, dbus_id, no_name_server, host_name, no_leases, no_seed)
