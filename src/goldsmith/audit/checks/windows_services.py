"""Drivers and services of a Windows that a cloud needs: disks of both kinds, network, agent, Cloudbase-Init."""

import re

from goldsmith.audit.check import Check, Finding, Profile, Severity, bad, check, good, some
from goldsmith.audit.facts import Facts
from goldsmith.audit.registry import SERVICES, STARTS

WINDOWS = frozenset({Profile.WINDOWS})
_DRIVERS = "/Windows/System32/drivers"
_SCRIPT = "/Windows/Setup/Scripts/SetupComplete.cmd"
_BOOT, _AUTOMATIC, _MANUAL, _DISABLED = 0, 2, 3, 4
_OTHERS = ("BALLOON", "VirtRng", "VirtioSerial")
_CLOUDBASE = rf"{SERVICES}\cloudbase-init"
_AGENT = rf"{SERVICES}\QEMU-GA"


def _start(facts: Facts, service: str) -> int | None:
    return facts.registry.number(rf"{SERVICES}\{service}", "Start")


def _said(start: int | None) -> str:
    return "not installed" if start is None else f"Start {start} ({STARTS.get(start, 'unknown')})"


def _driver(ident: str, service: str, title: str, *, why: str, fix: str, boot: bool) -> Check:
    """Return the check of one driver: its service, how it starts, and its file."""
    path = f"{_DRIVERS}/{service}.sys"

    def find(facts: Facts) -> Finding:
        start = _start(facts, service)
        if start is None or (start != _BOOT if boot else start == _DISABLED):
            return bad(_said(start))
        return good(_said(start)) if facts.files.filled(path) else bad(f"{path} is absent")

    make = check(
        ident,
        title,
        why=why,
        source="virtio-win, INF files; libosinfo",
        expected=f"service {service}{' with Start 0 (boot)' if boot else ''} and {path}",
        fix=fix,
        profiles=WINDOWS,
        sees=[path],
        keys=[rf"{SERVICES}\{service}:Start"],
    )
    return make(find)


virtio_disk = _driver(
    "O-W5",
    "viostor",
    "it starts from a virtio-blk disk",
    why="without the driver at boot Windows stops with 0x7B, INACCESSIBLE_BOOT_DEVICE",
    fix="install the drivers of the virtio-win ISO; PersistAllDeviceInstalls in the pass generalize",
    boot=True,
)
virtio_scsi = _driver(
    "O-W6",
    "vioscsi",
    "it starts from a virtio-scsi disk",
    why="clouds with hw_disk_bus=scsi, and a later change of the bus, would stop with 0x7B",
    fix="install the drivers of the virtio-win ISO, with a small second disk on virtio-scsi while it is built",
    boot=True,
)
network = _driver(
    "O-W7",
    "netkvm",
    "it has the virtio network driver",
    why="an instance without a network reaches no metadata and nobody reaches it",
    fix="install NetKVM of the virtio-win ISO",
    boot=False,
)


@check(
    "O-W8",
    "memory, entropy and serial drivers are installed",
    why="the guest agent talks through the serial port; the others make a guest behave under load",
    source="virtio-win, INF files; the names of the services as installed are unverified",
    expected="services BALLOON, VirtRng and VirtioSerial",
    fix="msiexec /i virtio-win-gt-x64.msi /qn /norestart ADDLOCAL=ALL",
    severity=Severity.WARNING,
    profiles=WINDOWS,
    keys=[rf"{SERVICES}\{name}:Start" for name in _OTHERS],
)
def other_drivers(facts: Facts) -> Finding:
    missing = [name for name in _OTHERS if _start(facts, name) in (None, _DISABLED)]
    return bad(f"{some(missing)} missing") if missing else good(some(_OTHERS))


@check(
    "O-W9",
    "the guest agent starts with the guest",
    why="hw_qemu_guest_agent promises it: consistent snapshots and passwords set by the cloud need it",
    source="QEMU guest agent MSI",
    expected="service QEMU-GA with Start 2 (automatic)",
    fix="msiexec /i qemu-ga-x86_64.msi /qn /norestart; sc config QEMU-GA start= auto",
    profiles=WINDOWS,
    keys=[f"{_AGENT}:Start"],
)
def guest_agent(facts: Facts) -> Finding:
    start = _start(facts, "QEMU-GA")
    return good(_said(start)) if start == _AUTOMATIC else bad(_said(start))


@check(
    "O-W10",
    "Cloudbase-Init waits for Windows to be set up",
    why="a service that starts by itself runs into the out-of-box phase; one that nobody starts gives no instance",
    source="Cloudbase-Init MSI, SetSetupComplete.cmd",
    expected="service cloudbase-init with Start 3, and SetupComplete.cmd that makes it automatic and starts it",
    fix='call "%ProgramFiles%\\Cloudbase Solutions\\Cloudbase-Init\\bin\\SetSetupComplete.cmd" before Sysprep',
    profiles=WINDOWS,
    keys=[f"{_CLOUDBASE}:Start"],
    reads=[_SCRIPT],
)
def cloudbase_waits(facts: Facts) -> Finding:
    start = _start(facts, "cloudbase-init")
    if start != _MANUAL:
        return bad(_said(start))
    text = facts.files.text(_SCRIPT)
    if text is None:
        return bad(f"{_SCRIPT} is absent")
    lines = [line for line in text.splitlines() if not re.match(r"\s*(?:@?rem\b|::)", line, re.IGNORECASE)]
    commands = (r"sc(?:\.exe)?\s+config\s+cloudbase-init\s+start=\s*auto", r"net\s+start\s+cloudbase-init")
    missing = [one for one in commands if not re.search(one, "\n".join(lines), re.IGNORECASE)]
    return (
        bad(f"{_SCRIPT} does not start it")
        if missing
        else good(f"{_said(start)}, started by SetupComplete.cmd")
    )


CHECKS = (virtio_disk, virtio_scsi, network, other_drivers, guest_agent, cloudbase_waits)
