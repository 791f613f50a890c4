"""The way into a guest that runs or is kept, for other processes; and how a kept guest goes again."""

import json
import os
import shutil
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

from goldsmith.boottest.place import Place
from goldsmith.boottest.stay import Stay
from goldsmith.errors import GoldsmithError
from goldsmith.guests.access import Way
from goldsmith.guests.machine import Machine
from goldsmith.host import files
from goldsmith.host.domains import vnc_of
from goldsmith.host.hypervisor import Hypervisor
from goldsmith.plan.kept import STANDING, Keeper, Kept, write_note
from goldsmith.plan.stage import DISK
from goldsmith.plan.store import KEPT_PREFIX, Store

ACCESS = "access"  # in run/<build>: what SSH needs, for its owner alone
WAY, KEY, KNOWN_HOSTS = "way.json", "id", "known_hosts"


def release(guest: Kept, hypervisor: Hypervisor, state: Path, *, why: str) -> None:
    """Take a kept guest away with its disk and its keys, and note ``why``."""
    hypervisor.destroy(guest.domain)
    hypervisor.undefine(guest.domain)
    shutil.rmtree(state / "run" / guest.mark, ignore_errors=True)
    shutil.rmtree(kept_disk(state, guest).parent, ignore_errors=True)
    write_note(state / guest.home, replace(guest, ended=why))


def stands(hypervisor: Hypervisor, guest: Kept, state: Path) -> bool:
    """Say whether there is still something to look at, or to go on from, or may be."""
    standing = hypervisor.state(guest.domain) in STANDING or hypervisor.left_by_itself(guest.domain)
    return standing or in_doubt(hypervisor, guest, state)


def in_doubt(hypervisor: Hypervisor, guest: Kept, state: Path) -> bool:
    """Say whether a guest is off and nobody can tell how it ended.

    It may have been shut down from inside, so that its disk stays; or its host fell, so that nothing is made of it.
    """
    disk = state / "run" / guest.mark if guest.boots else kept_disk(state, guest)
    return hypervisor.left_by_itself(guest.domain) is None and disk.exists()


def staying(keeper: Keeper, place: Place, record: Path, *, stage: str, parent: str = "") -> Stay | None:
    """Return what keeps the guest of a boot test that fails; None where none is to stay.

    ``record`` is the folder that the note goes into, ``parent`` the key of the entry that holds the image.
    """
    if not keeper.asked:
        return None

    def keep(machine: Machine, hypervisor: Hypervisor, way: Way | None) -> bool:
        guest = Kept(
            build=record.name,
            stage=stage,
            domain=machine.name,
            uri=place.uri,
            parent=parent,
            windows=machine.osinfo.startswith("name=win"),
            state=hypervisor.state(machine.name).value,
            screen=vnc_of(hypervisor.xml(machine.name)),
            home=record.parent.name,
            run="" if place.ident == record.name else place.ident,
        )
        if way:
            write_way(place.scratch, way, machine.name)
        return keeper.keep_here(guest, hypervisor, record)

    def asked(machine: Machine, hypervisor: Hypervisor, way: Way | None) -> bool:
        with suppress(GoldsmithError, OSError):  # of libvirt that went away: the failure is the one to tell
            return keep(machine, hypervisor, way)
        return False

    return Stay(asked)


def kept_disk(state: Path, guest: Kept) -> Path:
    return Store(state).layers / f"{KEPT_PREFIX}{guest.build}" / DISK


def write_way(run: Path, way: Way, name: str) -> None:
    """Put what SSH needs into a folder for its owner alone, in the form that ``ssh`` takes as well."""
    folder = run / ACCESS
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    kind, blob = way.host_key.split()[:2]
    texts = {
        WAY: json.dumps(asdict(way)),
        KEY: way.private,
        KNOWN_HOSTS: f"{name} {kind} {blob}\n",
    }
    for file, text in texts.items():
        files.write_atomically(folder / file, text, mode=0o600)


def way_of(run: Path) -> Way | None:
    """Return how to log in to the guest of a build that runs or is kept; None where SSH is not the way."""
    try:
        return Way(**json.loads((run / ACCESS / WAY).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def forget_label(path: Path) -> None:
    """Take away what libvirt noted at a file about its owner: it does not find it under its new name."""
    with suppress(OSError):
        for name in os.listxattr(path):
            if name.startswith("trusted.libvirt.security"):
                os.removexattr(path, name)
