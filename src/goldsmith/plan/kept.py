"""Guests that a failed build has left on purpose, and the notes about them.

A guest is kept only when the note is there, which is written last: what a killed build leaves is swept as ever. The
disk is moved out of the way of other builds that make the same layer; QEMU holds it open, wherever its name is.
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldsmith.boottest.place import BOOT_TESTS
from goldsmith.host import files
from goldsmith.host.domains import DomainState

if TYPE_CHECKING:
    from goldsmith.host.hypervisor import Hypervisor
    from goldsmith.plan.store import Store

MENDED = "mended "  # how the names of stages begin whose disk a person may have changed by hand
ENTERED = "entered"  # in the record of a build: a shell was opened in its guest while that was being built
BY = "gone on with by "  # how the note of a kept guest ends that another build took
NOTE = "kept.json"  # in the record of the build
BUILDS = "builds"  # folder of the state folder with the records of builds
HOMES = (BUILDS, BOOT_TESTS)
STANDING = (DomainState.RUNNING, DomainState.PAUSED, DomainState.CRASHED)


@dataclass(frozen=True)
class Kept:
    """A guest that was left; ``resumable`` says whether its disk can become the layer that the step starts from.

    ``parent`` is the key of the layer below its disk, made at ``parent_made``. Times are seconds since the epoch.
    ``ended`` is empty while the guest stands, and then says in words what became of it. ``home`` is the folder of the
    state folder that its record is in, and ``run`` the name of its folder in ``run/`` where that is not the build's.
    """

    build: str
    stage: str
    domain: str
    uri: str
    parent: str = ""
    parent_made: float = 0.0
    resumable: bool = False
    windows: bool = False
    state: str = ""  # running, paused or crashed, when it was left
    screen: str = ""  # the socket or the address of its VNC
    since: float = field(default_factory=time.time)
    ended: str = ""
    home: str = BUILDS
    run: str = ""

    @property
    def mark(self) -> str:
        """Return the name that its machine bears, and its folder in ``run/``."""
        return self.run or self.build

    @property
    def boots(self) -> bool:
        """Say whether it is a guest of a boot test, from whose disk nothing is made."""
        return self.home == BOOT_TESTS or bool(self.run)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Keeper:
    """What a build does with a guest that fails: nothing is kept unless it was ``asked`` for."""

    def __init__(self, *, asked: bool = False) -> None:
        self.asked = asked
        self.guest: Kept | None = None
        self._folder: Path | None = None

    def keep(self, guest: Kept, hypervisor: "Hypervisor", folder: Path) -> bool:
        """Say whether the guest stays; ``folder`` is that of its disk. Not where it is off already."""
        if not self._can(guest, hypervisor):
            return False
        self.guest, self._folder = guest, folder
        return True

    def keep_here(self, guest: Kept, hypervisor: "Hypervisor", record: Path) -> bool:
        """Say whether a guest stays whose disk is in nobody's way: the note is written at once."""
        if not self._can(guest, hypervisor):
            return False
        write_note(record.parent, guest)
        self.guest = guest
        return True

    def _can(self, guest: Kept, hypervisor: "Hypervisor") -> bool:
        if not self.asked or hypervisor.state(guest.domain) not in STANDING:
            return False
        hypervisor.persist(guest.domain)  # so that libvirt still knows how it ended when it has
        return True

    def holds(self, folder: Path) -> bool:
        return self.guest is not None and folder == self._folder

    def settle(self, store: "Store", records: Path) -> None:
        """Move the disk out of the way, and write the note that keeps the sweep away."""
        assert self.guest
        assert self._folder
        store.set_aside(self._folder, self.guest.build)
        write_note(records, self.guest)


def read_kept(data: Mapping[str, Any]) -> Kept:
    """Read what ``as_json`` wrote; what this version does not know is left out. Raises TypeError for less."""
    known = {one.name for one in fields(Kept)}
    return Kept(**{name: value for name, value in data.items() if name in known})


def note_of(records: Path, build: str) -> Kept | None:
    """Return the note about the guest that a build kept, also of one that is gone; None where it kept none."""
    try:
        return read_kept(json.loads((records / build / NOTE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def standing(state: Path) -> Iterator[Kept]:
    """Yield the notes of all guests that are kept, as far as the notes know."""
    for path in sorted(one for home in HOMES for one in (state / home).glob(f"*/{NOTE}")):
        found = note_of(path.parent.parent, path.parent.name)
        if found and not found.ended:
            yield found


def where_kept(guest: Kept) -> str:
    """Return what an error says of a guest that was left."""
    return f"the guest is kept, {guest.state}: goldsmith shell {guest.build}"


def write_note(records: Path, guest: Kept) -> None:
    text = json.dumps(guest.as_json(), indent=1) + "\n"
    files.write_atomically(records / guest.build / NOTE, text, mode=0o600)
