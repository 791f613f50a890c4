"""Go on from the guest that a failed build had kept: its disk becomes the layer that the failed step starts from."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from goldsmith.artifact import qemuimg
from goldsmith.errors import GuestError, HostError, ToolError
from goldsmith.events import PhaseStarted
from goldsmith.host import retry
from goldsmith.host.domains import DomainState
from goldsmith.host.hypervisor import Hypervisor, connect
from goldsmith.host.qemu_log import qemu_log
from goldsmith.plan.keeping import forget_label, in_doubt, kept_disk, release, way_of
from goldsmith.plan.kept import BY, MENDED, Kept, note_of
from goldsmith.plan.stage import Context, Inputs, Kind, Work
from goldsmith.plan.store import Store

AGAIN = 5.0  # seconds until a guest that is still up is told once more


@dataclass(frozen=True)
class Mended:
    """The disk of a kept guest as a layer. A person may have changed it by hand, and nobody can tell how.

    So its key names the build and the moment in which the guest was left, which no other build ever has: neither
    this layer nor one on it is taken for what the recipe says.
    """

    guest: Kept
    boot_timeout: float  # seconds

    kind = Kind.DISK
    version = 1

    @property
    def name(self) -> str:
        return f"{MENDED}{self.guest.build}"

    @property
    def group(self) -> str:
        return self.name

    def inputs(self) -> Inputs:
        return {"kept by": self.guest.build, "in": self.guest.stage, "since": self.guest.since}

    def run(self, work: Work, context: Context) -> None:
        self.run_together([work], context)

    def run_together(self, works: Sequence[Work], context: Context) -> None:
        """Shut the guest down and take its disk; the guest and its keys go when the layer is in the store."""
        work = works[0]
        with context.announce(work), connect(self.guest.uri) as hypervisor:
            self._check(hypervisor, context)
            context.reporter.tell(PhaseStarted(self.name, "shutting the kept guest down"))
            self._shut_down(hypervisor, context)
            disk = kept_disk(context.state, self.guest)
            forget_label(disk)
            os.link(disk, work.disk)  # the kept one stays until the layer is whole
            self._require_sound(work, context)
            work.commit()
            release(self.guest, hypervisor, context.state, why=f"{BY}{context.build}")

    def _check(self, hypervisor: Hypervisor, context: Context) -> None:
        """Refuse a guest that is gone, and one whose disk stands on a layer that was made anew meanwhile."""
        build = self.guest.build
        note = note_of(context.state / "builds", build)
        if note and not note.ended:
            require_known_end(hypervisor, note, context.state)
        if note is None or note.ended or not usable(hypervisor, self.guest):
            ended = note.ended if note and note.ended else "it does not run any more"
            raise HostError(
                f"the guest that {build} kept is gone: {ended}",
                fix="build again; that starts from the last good layer",
            )
        if Store(context.state).created(self.guest.parent) != self.guest.parent_made:
            raise HostError(
                f"the layer below the guest that {build} kept was made anew meanwhile",
                fix=f"goldsmith shell {build} --drop, then build again",
            )

    def _require_sound(self, work: Work, context: Context) -> None:
        try:
            wrong = qemuimg.check(context.host_for(self.name), work.disk, "qcow2").corruptions
        except ToolError:
            wrong = 1  # it cannot even be read to its end
        if wrong:
            raise GuestError(
                "the disk of the kept guest is damaged: see qemu-img check in the log of this stage",
                fix=f"goldsmith shell {self.guest.build} --drop, then build again from the last good layer",
            )

    def _shut_down(self, hypervisor: Hypervisor, context: Context) -> None:
        name, way = self.guest.domain, way_of(context.state / "run" / self.guest.build)
        if hypervisor.state(name) is DomainState.PAUSED:
            hypervisor.resume(name)
        if way and hypervisor.state(name) is DomainState.RUNNING:
            from goldsmith.guests.reach import reach  # half a second to load, which no cached build needs

            with suppress(GuestError), reach(way, hypervisor, name) as shell:
                shell.run(f"{way.privilege}sh -c 'sync; (sleep 1; poweroff) >/dev/null 2>&1 &'", timeout=60)

        def off() -> bool | None:
            if hypervisor.state(name) in (DomainState.SHUTOFF, DomainState.GONE):
                return True
            with suppress(GuestError):
                hypervisor.shutdown(name)
            return None

        again = f"goldsmith shell {self.guest.build}"
        retry.until(
            off,
            what=f"power-off of {name}",
            deadline=self.boot_timeout * context.patience,
            every=AGAIN,
            fix=f"shut it down from inside ({again}), then repeat; or {again} --drop, and build again",
        )
        if not hypervisor.left_by_itself(name):
            raise GuestError(
                f"the kept guest {name} ended without shutting down, so that its disk cannot be trusted",
                fix=f"{again} --drop, then build again from the last good layer",
            )


def require_known_end(hypervisor: Hypervisor, guest: Kept, state: Path) -> None:
    """Refuse a kept guest of which nobody can tell how it ended; it is a person who says that it may go."""
    if in_doubt(hypervisor, guest, state):
        log = qemu_log(guest.domain, guest.uri)
        raise HostError(
            f"the guest that {guest.build} kept is off, and {log} does not tell whether it was shut down from inside",
            fix=f"goldsmith shell {guest.build} --drop, then build again from the last good layer",
        )


def usable(hypervisor: Hypervisor, guest: Kept) -> bool:
    """Say whether a kept guest still runs, or was shut down from inside."""
    running = hypervisor.state(guest.domain) in (DomainState.RUNNING, DomainState.PAUSED)
    return running or bool(hypervisor.left_by_itself(guest.domain))
