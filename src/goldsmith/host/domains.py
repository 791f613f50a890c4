"""Domains as values, and the few pieces of libvirt XML that Goldsmith writes itself."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from xml.etree import ElementTree as ET

from goldsmith.errors import GuestError
from goldsmith.host.pictures import PNG, PPM, as_png

SYSTEM = "qemu:///system"  # the libvirt of the host; an ordinary user has a session's
NETWORK = "goldsmith"  # build machines are on it alone, and apart from each other
_DNSMASQ = "http://libvirt.org/schemas/network/dnsmasq/1.0"
_ONE_RESET = 5.0  # seconds


class DomainState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    SHUTOFF = "shut off"
    CRASHED = "crashed"
    GONE = "gone"


@dataclass(frozen=True)
class DomainInfo:
    """A domain as a list shows it; ``description`` is what ``annotate`` wrote."""

    name: str
    state: DomainState
    description: str


@dataclass(frozen=True)
class Screenshot:
    """A picture of the guest's screen: a PNG, unless the hypervisor made one that is neither that nor a PPM."""

    data: bytes
    mime: str

    @classmethod
    def of(cls, data: bytes, mime: str) -> "Screenshot":
        """Take what the hypervisor made; QEMU before 7.1 knows PPM only."""
        png = as_png(data)
        return cls(data, mime) if png is None else cls(png, PNG)

    @property
    def suffix(self) -> str:
        return {PNG: ".png", PPM: ".ppm"}.get(self.mime, ".img")


class Resets:
    """Counts how often a machine was reset; QEMU tells one reset several times within moments."""

    def __init__(self) -> None:
        self.count = 0
        self._last = -_ONE_RESET

    def told(self, now: float) -> None:
        """Take one message; ``now`` is in seconds of a clock that only goes forward."""
        self.count += now - self._last >= _ONE_RESET
        self._last = now


def disks_of(domain_xml: str) -> tuple[str, ...]:
    """Return the target names of all disks, floppies and CD drives: ``("vda", "sda")``."""
    targets = ET.fromstring(domain_xml).iterfind("./devices/disk/target")
    return tuple(target.get("dev", "") for target in targets)


def sources_of(domain_xml: str) -> tuple[str, ...]:
    """Return the files that its disks are in now, without those below them."""
    sources = ET.fromstring(domain_xml).iterfind("./devices/disk/source")
    return tuple(source.get("file", "") for source in sources)


def vnc_of(domain_xml: str) -> str:
    """Return where the screen of a running guest is: the path of a socket, ``127.0.0.1:5900``, or ""."""
    graphics = ET.fromstring(domain_xml).find("./devices/graphics[@type='vnc']")
    if graphics is None:
        return ""
    listen = graphics.find("listen")
    path = graphics.get("socket") or (listen.get("socket") if listen is not None else None)
    if path:
        return path
    port = graphics.get("port", "-1")
    return f"{graphics.get('listen') or '127.0.0.1'}:{port}" if port != "-1" else ""


def snapshot_xml(disk: str, overlay: Path, others: Collection[str], *, memory: Path | None = None) -> str:
    """Ask for an external snapshot of one disk into a file that exists, and of nothing else but ``memory``."""
    root = ET.Element("domainsnapshot")
    if memory:
        ET.SubElement(root, "memory", snapshot="external", file=str(memory))
    disks = ET.SubElement(root, "disks")
    chosen = ET.SubElement(disks, "disk", name=disk, snapshot="external", type="file")
    ET.SubElement(chosen, "driver", type="qcow2")
    ET.SubElement(chosen, "source", file=str(overlay))
    for other in others:
        if other != disk:
            ET.SubElement(disks, "disk", name=other, snapshot="no")
    return ET.tostring(root, encoding="unicode")


def with_untouched_backing(domain_xml: str, *, disk: Path, backing: Path, driver: str) -> str:
    """Say what is below the overlay ``disk``, and that libvirt has to leave its owner as it is.

    libvirt gives the files of a disk to QEMU's user, and does not take those below an overlay back. ``driver`` is
    QEMU's name of the format of ``backing``, which that user must be able to read.
    """
    root = ET.fromstring(domain_xml)
    for one in root.iterfind("./devices/disk"):
        source = one.find("source")
        if source is None or source.get("file") != str(disk):
            continue
        for known in one.findall("backingStore"):
            one.remove(known)
        below = ET.SubElement(one, "backingStore", type="file")
        ET.SubElement(below, "format", type=driver)
        file = ET.SubElement(below, "source", file=str(backing))
        ET.SubElement(file, "seclabel", model="dac", relabel="no")
        ET.SubElement(below, "backingStore")
    return ET.tostring(root, encoding="unicode")


def moved(domain_xml: str, *, disks: Mapping[str, Path], console: Path, description: str) -> str:
    """Let a guest that was saved go on with other files of the same content, for whom ``description`` says."""
    root = ET.fromstring(domain_xml)
    for disk in root.iterfind("./devices/disk"):
        target, source = disk.find("target"), disk.find("source")
        if target is not None and source is not None and (file := disks.get(target.get("dev", ""))):
            source.set("file", str(file))
            for below in disk.findall("backingStore"):
                disk.remove(below)
    for kind in ("serial", "console"):
        for log in root.iterfind(f"./devices/{kind}/log"):
            log.set("file", str(console))
    for said in root.findall("description"):
        said.text = description
    return ET.tostring(root, encoding="unicode")


def network_xml(name: str, subnet: str) -> str:
    """Describe a NAT network with DHCP; ``subnet`` is its first three numbers, as ``192.168.122``.

    On its bridge are guests alone, which make no loops: waiting for one (STP) would keep each deaf for 4 s.
    Addresses go by the card alone: guests that start from one layer have one machine-id, and many systems make their
    DHCP client identifier of that, so that two of them would get one address.
    """
    root = ET.Element("network", {"xmlns:dnsmasq": _DNSMASQ})
    ET.SubElement(root, "name").text = name
    ET.SubElement(root, "bridge", stp="off", delay="0")
    ET.SubElement(root, "forward", mode="nat")
    ip = ET.SubElement(root, "ip", address=f"{subnet}.1", netmask="255.255.255.0")
    addresses = ET.SubElement(ET.SubElement(ip, "dhcp"), "range", start=f"{subnet}.2", end=f"{subnet}.254")
    ET.SubElement(
        addresses, "lease", expiry="10", unit="minutes"
    )  # of machines that are gone; others renew it
    options = ET.SubElement(root, "dnsmasq:options")
    ET.SubElement(options, "dnsmasq:option", value="dhcp-ignore-clid")
    return ET.tostring(root, encoding="unicode")


def is_older_network(network_xml: str) -> bool:
    """Say whether a network lacks what ``network_xml`` gives one today: an older Goldsmith has made it."""
    root = ET.fromstring(network_xml)
    bridge = root.find("bridge")
    options = {one.get("value") for one in root.iterfind(f"{{{_DNSMASQ}}}options/{{{_DNSMASQ}}}option")}
    return (
        bridge is None
        or bridge.get("stp") != "off"
        or root.find("ip/dhcp/range/lease") is None
        or "dhcp-ignore-clid" not in options
    )


def on_network(domain_xml: str, name: str) -> bool:
    """Say whether a card of a guest is on the network."""
    sources = ET.fromstring(domain_xml).iterfind("./devices/interface/source")
    return any(one.get("network") == name for one in sources)


def first_usable(addresses: Sequence[str]) -> str | None:
    """Pick the IPv4 address another machine could talk to; loopback and link-local ones are none."""
    for address in addresses:
        if "." in address and not address.startswith(("127.", "169.254.", "0.")):
            return address
    return None


def no_such(name: str) -> GuestError:
    return GuestError(
        f"the guest {name} does not exist any more",
        fix="it was destroyed or undefined from outside; repeat the command",
    )
