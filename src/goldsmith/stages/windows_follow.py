"""Follow a running install of Windows until the guest powers itself off, and press the key that its medium asks for."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from goldsmith.errors import GuestError
from goldsmith.events import Event
from goldsmith.guests.room import require_room_to_write
from goldsmith.guests.windows_session import WindowsSession
from goldsmith.guests.windows_watch import WindowsWatch
from goldsmith.host.clock import outside
from goldsmith.host.hypervisor import DomainState

POLL = 1.0  # seconds between two looks at the machine
KEY_ENTER = 28
PRESSING = 90.0  # seconds in which UEFI firmware may ask for a key; slow where the processor is emulated
LOADED = 8 << 20  # bytes read from the medium that tell that Setup is being loaded


@dataclass(frozen=True)
class Following:
    """What is asked of one machine; ``folder`` is where its disk lies, ``look`` may take a picture of its screen."""

    session: WindowsSession
    watch: WindowsWatch
    folder: Path
    tell: Callable[[Event], None]
    look: Callable[[], None]
    every: float = POLL

    def to_the_end(self) -> None:
        """Return when the guest is off and its scripts had ended; raises as soon as they cannot end any more."""
        session, watch = self.session, self.watch
        hypervisor, name = session.hypervisor, session.name
        started, pressing = time.monotonic(), session.machine.firmware == "uefi"
        while not session.is_off():
            watch.prompt(session.console.unfinished, time.monotonic())
            state = hypervisor.state(name)
            if state is DomainState.CRASHED:
                raise GuestError(
                    "the build machine crashed",
                    evidence=watch.evidence(),
                    fix="the last screenshot shows the stop code",
                )
            if state is DomainState.PAUSED:
                require_room_to_write(hypervisor, name, self.folder)
            with suppress(GuestError):  # it may have powered itself off a moment ago
                loaded = self._loaded()
                pressing = pressing and not loaded and time.monotonic() - started < PRESSING
                if pressing:
                    hypervisor.press(name, KEY_ENTER)
                self.look()
            for event in watch.booted(session.resets(), time.monotonic()):
                self.tell(event)
            watch.tick(time.monotonic())
            with outside.waiting():
                time.sleep(self.every)
        session.listen()
        watch.prompt(session.console.unfinished, time.monotonic())
        watch.powered_off()

    def _loaded(self) -> bool:
        """Take what went over the disks; return whether Setup is being loaded.

        Until then UEFI firmware lets the medium ask for a key; later one would answer something else.
        """
        hypervisor, name, machine = self.session.hypervisor, self.session.name, self.session.machine
        disc = "sda" if machine.bus == "virtio" else "sdb"
        read, written = hypervisor.disk_counters(name, machine.target)
        from_disc = 0
        with suppress(GuestError):  # it may have been ejected
            from_disc, _ = hypervisor.disk_counters(name, disc)
        self.watch.wrote(written, time.monotonic())
        self.watch.moved(read + written + from_disc, time.monotonic())
        if from_disc < LOADED:
            return False
        self.watch.loaded()
        return True
