"""The only module that talks to libvirt."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import libvirt
import libvirt_qemu

from goldsmith.errors import GuestError, HostError
from goldsmith.host import pulse
from goldsmith.host.clock import outside
from goldsmith.host.domains import (
    DomainInfo,
    DomainState,
    Resets,
    Screenshot,
    first_usable,
)
from goldsmith.host.hypervisor_disks import Disks
from goldsmith.host.hypervisor_memory import Memories
from goldsmith.host.hypervisor_networks import Networks
from goldsmith.host.hypervisor_words import translated, version
from goldsmith.host.qemu_log import qemu_log, shut_down_by_itself
from goldsmith.host.unheld import Unheld, unheld

__all__ = ["DomainInfo", "DomainState", "Hypervisor", "Screenshot", "connect"]

_PING = 10  # seconds between two signs of life of libvirtd
_PINGS_LOST = 6
_PRESSED = 80  # milliseconds
_STATES = {
    libvirt.VIR_DOMAIN_PAUSED: DomainState.PAUSED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: DomainState.PAUSED,
    libvirt.VIR_DOMAIN_SHUTOFF: DomainState.SHUTOFF,
    libvirt.VIR_DOMAIN_CRASHED: DomainState.CRASHED,
}
_ADDRESS_SOURCES = (
    libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE,
    libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT,
)
_FORGET = (
    libvirt.VIR_DOMAIN_UNDEFINE_NVRAM
    | libvirt.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE
    | libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA
    | libvirt.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA
)


class Hypervisor(Networks, Disks, Memories):
    """One libvirt connection; guests are named, so that no handle outlives its guest.

    Every method raises HostError when libvirt refuses or went away, and GuestError when the guest is missing
    or does not answer. One may be shared by threads.
    """

    def __init__(self, connection: Any, uri: str) -> None:
        self._connection = connection
        self.uri = uri
        toy = uri.startswith("test:")  # libvirt's test driver knows no flags
        self._mortal: int = 0 if toy else libvirt.VIR_DOMAIN_START_AUTODESTROY
        self._button: int = 0 if toy else libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN

    def ping(self) -> str:
        """Return the versions behind this connection, as ``libvirt 9.0.0, QEMU 7.2.0``."""
        with self._words():
            kind = self._connection.getType()
            own, driver = self._connection.getLibVersion(), self._connection.getVersion()
            return f"libvirt {version(own)}, {kind} {version(driver)}"

    def capabilities_text(self) -> str:
        with self._words():
            return str(self._connection.getCapabilities())

    def define(self, xml: str) -> str:
        """Make a guest that stays until it is undefined, and return its name."""
        with self._words():
            return str(self._connection.defineXML(xml).name())

    def create(self, xml: str, *, autodestroy: bool = True) -> str:
        """Start a guest that is forgotten when it ends, and return its name."""
        with self._words():
            return str(self._connection.createXML(xml, self._mortal if autodestroy else 0).name())

    def persist(self, name: str) -> None:
        """Let a guest that would be forgotten when it ends stay known until it is undefined."""
        with self._guest(name) as guest:
            if not guest.isPersistent():
                self._connection.defineXML(guest.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))

    def start(self, name: str, *, autodestroy: bool = True) -> None:
        with self._guest(name) as guest:
            guest.createWithFlags(self._mortal if autodestroy else 0)

    def state(self, name: str) -> DomainState:
        try:
            with self._guest(name) as guest:
                return _STATES.get(guest.state()[0], DomainState.RUNNING)
        except GuestError:
            return DomainState.GONE

    def left_by_itself(self, name: str) -> bool | None:
        """Say whether a guest is off because its own system shut down: its disk is then as that left it.

        libvirt has forgotten that once it was started anew, and QEMU's log tells it; None where that does not.
        """
        with suppress(GuestError), self._guest(name) as guest:
            how = tuple(guest.state())
            if how == (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_UNKNOWN):
                return shut_down_by_itself(qemu_log(name, self.uri))
            return how == (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_SHUTDOWN)
        return False

    def shutdown(self, name: str, *, button: bool = False) -> None:
        """Ask the guest to power off, by its agent or by the power button (ACPI), and return at once."""
        with self._guest(name) as guest:
            guest.shutdownFlags(self._button if button else 0)

    def reboot(self, name: str) -> None:
        """Ask the guest's agent to boot anew, and return at once."""
        with self._guest(name) as guest:
            guest.reboot(libvirt.VIR_DOMAIN_REBOOT_GUEST_AGENT)

    @contextmanager
    def counting_resets(self, name: str) -> Iterator[Callable[[], int]]:
        """Count how often the guest resets its machine, from now on; the number grows within a second."""
        resets = Resets()
        with self._guest(name) as guest:
            number = self._connection.domainEventRegisterAny(
                guest, libvirt.VIR_DOMAIN_EVENT_ID_REBOOT, lambda *_event: resets.told(time.monotonic()), None
            )
        try:
            yield lambda: resets.count
        finally:
            with suppress(libvirt.libvirtError):
                self._connection.domainEventDeregisterAny(number)

    def press(self, name: str, *keys: int) -> None:
        """Press keys together for a moment, by their Linux codes (KEY_ENTER is 28)."""
        with self._guest(name) as guest:
            guest.sendKey(libvirt.VIR_KEYCODE_SET_LINUX, _PRESSED, list(keys), len(keys), 0)

    def resume(self, name: str) -> None:
        """Let a paused guest go on."""
        with self._guest(name) as guest:
            guest.resume()

    def destroy(self, name: str) -> None:
        """Take the power away; a guest that is off or gone is left so."""
        with suppress(GuestError), self._guest(name) as guest:
            guest.destroy()

    def undefine(self, name: str) -> None:
        """Forget a guest with its NVRAM and saved states; its disks stay."""
        with suppress(GuestError), self._guest(name) as guest:
            try:
                guest.undefineFlags(_FORGET)
            except libvirt.libvirtError as error:
                if error.get_error_code() != libvirt.VIR_ERR_INVALID_ARG:
                    raise
                guest.undefine()  # a driver that knows no such things to forget

    def xml(self, name: str) -> str:
        with self._guest(name) as guest:
            return str(guest.XMLDesc(0))

    def domains(self, prefix: str = "") -> list[DomainInfo]:
        """Return the guests whose names start so, running or not, sorted by name."""
        with self._words():
            names = sorted(one.name() for one in self._connection.listAllDomains(0))
        known = ((name, self.state(name)) for name in names if name.startswith(prefix))
        return [
            DomainInfo(name, state, self._description(name))
            for name, state in known
            if state != DomainState.GONE
        ]

    def annotate(self, name: str, description: str) -> None:
        """Write to whom a guest belongs, readable by every other process through ``domains``."""
        kind = libvirt.VIR_DOMAIN_METADATA_DESCRIPTION
        with self._guest(name) as guest:
            where = libvirt.VIR_DOMAIN_AFFECT_LIVE if guest.isActive() else 0
            where |= libvirt.VIR_DOMAIN_AFFECT_CONFIG if guest.isPersistent() else 0
            guest.setMetadata(kind, description, None, None, where)

    def address(self, name: str) -> str | None:
        """Return the guest's IPv4 address by its DHCP lease, else by its agent; None while none is known.

        A guest on QEMU's user network reports an address that only QEMU can reach.
        """
        for source in _ADDRESS_SOURCES:
            with suppress(GuestError), self._guest(name) as guest:
                cards = guest.interfaceAddresses(source).values()
                if known := first_usable([one["addr"] for card in cards for one in card["addrs"] or ()]):
                    return known
        return None

    def agent(
        self, name: str, command: str, arguments: Mapping[str, object] | None = None, *, timeout: int = 10
    ) -> object:
        """Ask the guest's agent and return the value of its answer; ``timeout`` is in seconds."""
        request = json.dumps({"execute": command, "arguments": dict(arguments or {})})
        with self._guest(name) as guest:
            answer = unheld(libvirt_qemu.qemuAgentCommand, guest, request, timeout, 0)
        value: object = json.loads(answer)["return"]
        return value

    def agent_ready(self, name: str) -> bool:
        try:
            self.agent(name, "guest-ping", timeout=5)
        except GuestError:
            return False
        return True

    def screenshot(self, name: str) -> Screenshot:
        parts: list[bytes] = []
        with self._guest(name) as guest:
            stream = self._connection.newStream(0)
            mime = guest.screenshot(stream, 0, 0)
            stream.recvAll(lambda _stream, part, keep: keep.append(part), parts)
            stream.finish()
        return Screenshot.of(b"".join(parts), str(mime))

    def _description(self, name: str) -> str:
        kind = libvirt.VIR_DOMAIN_METADATA_DESCRIPTION
        with suppress(GuestError), self._guest(name) as guest, suppress(libvirt.libvirtError):
            return str(guest.metadata(kind, None, 0))
        return ""

    @contextmanager
    def _guest(self, name: str) -> Iterator[Any]:
        with self._words(name):
            yield Unheld(self._connection.lookupByName(name))

    @contextmanager
    def _words(self, name: str = "") -> Iterator[None]:
        """Turn what libvirt raises into what a user can act on; the time it takes is libvirt's."""
        try:
            with outside.waiting():
                yield
        except libvirt.libvirtError as error:
            if not self._alive():
                raise HostError(
                    f"libvirt at {self.uri} went away",
                    fix="start it again (goldsmith doctor shows how), then repeat the command",
                ) from None
            raise translated(error, name) from None

    def _alive(self) -> bool:
        with suppress(libvirt.libvirtError):
            return bool(self._connection.isAlive())
        return False


@contextmanager
def connect(uri: str) -> Iterator[Hypervisor]:
    """Open a connection; guests started with ``autodestroy`` end with it, even after kill -9."""
    libvirt.registerErrorHandler(lambda _context, _error: None, None)  # else libvirt prints to stderr
    pulse.start(libvirt.virEventRegisterDefaultImpl, libvirt.virEventRunDefaultImpl)
    try:
        with outside.waiting():
            connection = Unheld(unheld(libvirt.open, uri))
    except libvirt.libvirtError as error:
        raise HostError(
            f"libvirt at {uri} cannot be reached: {error.get_error_message()}",
            fix="goldsmith doctor shows what is missing and the command that mends it",
        ) from None
    with suppress(libvirt.libvirtError):  # the test driver has none
        connection.setKeepAlive(_PING, _PINGS_LOST)
    try:
        yield Hypervisor(connection, uri)
    finally:
        with suppress(libvirt.libvirtError):
            connection.close()
