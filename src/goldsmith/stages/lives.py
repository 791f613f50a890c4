"""The guests of customizing, whose memory outlives the build that booted them: who may use it, and when it is kept."""

import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from goldsmith.errors import GuestError
from goldsmith.guests.access import TemporaryAccess
from goldsmith.guests.session import Session
from goldsmith.host import accel
from goldsmith.host.hypervisor import Hypervisor
from goldsmith.plan import memory
from goldsmith.plan.memory import Keeper, Life, Memory
from goldsmith.plan.stage import Context, Entry, Work
from goldsmith.plan.store import Store
from goldsmith.stages.guest import Guest

_OF_THE_RUN = (
    "name",
    "uri",
    "description",
    "disk",
    "console",
    "ssh_port",
)  # of a machine, and not its hardware


@dataclass
class Lives:
    """What one build does with the memory of its guest; times are seconds of the clock that only goes forward.

    Nothing is kept of a guest on QEMU's user network, whose forwarded port belongs to the one process.
    """

    guest: Guest
    hypervisor: Hypervisor
    context: Context
    store: Store
    machine: memory.Machine
    keeper: Keeper
    _holding: ExitStack = field(default_factory=ExitStack)
    _life: Life | None = None
    _since: float = 0.0

    @classmethod
    @contextmanager
    def of(cls, guest: Guest, hypervisor: Hypervisor, context: Context) -> Iterator["Lives"]:
        """Give the memories of a build; those it kept are in the store afterwards, once its guest is gone."""
        hardware = {name: value for name, value in asdict(guest.machine).items() if name not in _OF_THE_RUN}
        hardware["channels"], hardware["virt_type"] = (
            list(guest.machine.channels),
            context.acceleration.virt_type,
        )
        machine = memory.Machine(hardware, _whose(hypervisor, context))
        aside = context.state / "run" / context.build
        with Keeper(aside, machine) as keeper, ExitStack() as holding:
            lives = cls(guest, hypervisor, context, Store(context.state), machine, keeper, holding)
            try:
                yield lives
            finally:
                if context.keeper.guest:
                    lives.end()

    def memory_of(self, layer: Path) -> Memory | None:
        """Return the memory kept with a layer, if it is good for this build's machine, and nobody lives on it now."""
        if not self.guest.keep_memory:
            memory.forget(layer)  # of an earlier build, when the recipe did not say so yet
        if not self._keeps:
            return None
        found = memory.kept_with(layer, self.machine)
        if found is None or not self._hold(found.life):
            return None
        self._life, self._since = found.life, time.monotonic()
        return found

    def forget(self, layer: Path) -> None:
        """Throw a memory away that was of no use; its life ends here."""
        memory.forget(layer)
        self._life = None
        self._holding.close()

    def end(self) -> None:
        """Throw away all memories of this life: its guest is left running, and there must not be a second one."""
        self.keeper.stop()
        for one in self.store.entries():
            if self._life and memory.life_of(one.entry.folder) == self._life.ident:
                memory.forget(one.entry.folder)

    def begin(self, domain: str) -> Life:
        """Return a new life, which begins with the boot that follows."""
        life = _new_life(self.guest, domain)
        self._hold(life)
        self._life, self._since = life, time.monotonic()
        return life

    def layer(self, session: Session, work: Work, overlay: Path) -> Memory | None:
        """Finish the layer of ``work`` and go on in ``overlay``; returns the memory of that moment where it is kept."""
        life = self._now()
        if life is None or not life.affords(self.guest.machine.memory, work.folder):
            session.layer(overlay)
            return None
        image, started = self.keeper.place(work.key), time.monotonic()
        try:
            frozen = session.layer(overlay, image)
        except GuestError as error:
            if session.disk_is(overlay):
                raise
            self.context.log_for(work.stage.name)(f"the guest's memory is not kept: {error.text()}")
            session.layer(overlay)
            return None
        took = time.monotonic() - started
        self._life = replace(life, spent=life.spent + took, last=took)
        self._since = time.monotonic()
        return Memory(image, self._life, frozen)

    def keep(self, kept: Memory | None, entry: Entry) -> None:
        """Put a memory beside the entry of its layer.

        Of the same recipe those of the same stage go, and those of other lives: one change of it leads to one of each.
        """
        if kept is None:
            return
        made = self.store.facts(entry.key)
        for one in self.store.entries():
            if one.recipe != made.get("recipe") or one.entry.key == entry.key:
                continue
            whose = memory.life_of(one.entry.folder) or kept.life.ident  # of this build they have no note yet
            if one.stage == made.get("stage") or whose != kept.life.ident:
                memory.forget(one.entry.folder)
        self.keeper.keep(entry.folder, kept)

    @property
    def _keeps(self) -> bool:
        return self.guest.keep_memory and self.guest.machine.network != "user"

    def _now(self) -> Life | None:
        if self._life is None or not self._keeps:
            return None
        return replace(self._life, lived=self._life.lived + time.monotonic() - self._since)

    def _hold(self, life: Life) -> bool:
        attempt = ExitStack()
        with attempt:
            if not attempt.enter_context(memory.alone(life.ident, self.store.locks)):
                return False
            self._holding.push(attempt.pop_all())
        return True


def access_of(guest: Guest, life: Life) -> TemporaryAccess:
    """Return the credentials of a life."""
    from goldsmith.host.shell import KeyPair  # half a second to load, which no cached build needs

    known = life.credentials
    user, host = (KeyPair(known[f"{one}_private"], known[f"{one}_public"]) for one in ("user", "host"))
    return TemporaryAccess(guest.family.access, user, host)


def _new_life(guest: Guest, domain: str) -> Life:
    from goldsmith.host.shell import new_key_pair

    kind: Literal["rsa", "ecdsa"] = "rsa" if guest.family.legacy_ssh else "ecdsa"
    keys = {"user": new_key_pair(kind), "host": new_key_pair(kind)}
    credentials = {
        f"{whose}_{half}": str(getattr(pair, half))
        for whose, pair in keys.items()
        for half in ("private", "public")
    }
    ident = str(uuid.uuid4())
    return Life(ident, domain, f"build-{ident}", credentials)


def _whose(hypervisor: Hypervisor, context: Context) -> str:
    """Name what runs the guest; with KVM the processor shows through, and a host that booted anew may have another."""
    boot = accel.THIS_MACHINE.boot_id.read_text().strip() if context.acceleration.virt_type == "kvm" else ""
    return f"{hypervisor.ping()} {boot}".strip()
