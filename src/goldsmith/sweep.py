"""What killed builds have left, taken away when the next one starts."""

import re
import shutil
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path

from goldsmith.boottest.place import BOOT_TESTS
from goldsmith.compose import Where
from goldsmith.errors import GoldsmithError, GuestError
from goldsmith.events import Reporter, Warned
from goldsmith.host import aside, files, guestmount, injected
from goldsmith.host.hypervisor import Hypervisor, connect
from goldsmith.host.process import LocalHost
from goldsmith.plan.keeping import release, stands
from goldsmith.plan.kept import standing
from goldsmith.plan.store import Store
from goldsmith.record.document import read_document
from goldsmith.record.masked import mask_files
from goldsmith.stages.parts import DOMAIN_PREFIX


def sweep(where: Where, store: Store, mask: Callable[[str], str] = str) -> list[str]:
    """Remove what killed builds of this state folder left: domains, half layers, seeds, copies of kickstarts.

    What qemu wrote into their records was not masked any more: ``mask`` does it now, as far as it knows the secrets.
    Guests that were left on purpose stay as long as they stand. Returns what was found.
    """
    with connect(where.uri) as hypervisor:
        swept, kept = _fallen(where, hypervisor)
        swept += sweep_files(where.state, store, kept)
        for domain in hypervisor.domains(DOMAIN_PREFIX):
            whose = re.fullmatch(r"goldsmith build=(\S+) state=(.*)", domain.description.strip())
            if not whose or whose[2] != str(where.state) or whose[1] in kept:
                continue
            if _is_dead(where.state, whose[1]):
                with suppress(GoldsmithError):  # else libvirt leaves the variables of its firmware behind
                    hypervisor.persist(domain.name)
                hypervisor.destroy(domain.name)
                hypervisor.undefine(domain.name)
                swept.append(f"machine {domain.name}")
        unused = injected.remove_unused(
            lambda: _described(hypervisor), folders=injected.folders_of(where.uri)
        )
        swept += [f"file of an installer {path}" for path in unused]
    copies = injected.remove_copies(
        where.state, lambda build: _is_dead(where.state, build), folders=injected.scratch_folders()
    )
    swept += [f"copy of a kickstart in {path}" for path in copies]
    for record in (where.state / "builds").glob("*"):
        if _ended_by_a_kill(record) and _is_dead(where.state, record.name):
            swept += [f"unmasked secret in {path}" for path in mask_files(record, mask)]
    return swept


def sweep_files(state: Path, store: Store, kept: Collection[str] | None = None) -> list[str]:
    """Remove what killed builds left in the state folder and among temporary files; no libvirt is asked for that.

    ``kept`` are the builds whose guests stand; by default all that were not given up.
    """
    if kept is None:
        kept = {guest.mark for guest in standing(state)}
    swept = [f"half-made layer {key[:12]}" for key in store.sweep(spare=kept)]
    for folder in (state / "run").glob("*"):
        if folder.name not in kept and _is_dead(state, folder.name):
            shutil.rmtree(folder, ignore_errors=True)
            swept.append(f"seed of {folder.name}")
    swept += [f"mount {place}" for place in guestmount.drop_dead(LocalHost())]
    places = [state, state / "catalog", *(state / "builds").glob("*"), *(state / "store").glob("media/**/")]
    swept += [f"half-written file {path}" for path in (*aside.remove_files(places), *aside.remove_scratch())]
    return swept


def _described(hypervisor: Hypervisor) -> str:
    """Return the descriptions of all guests."""
    described = ""
    for guest in hypervisor.domains():
        with suppress(GuestError):  # gone meanwhile
            described += hypervisor.xml(guest.name)
    return described


def tell_swept(swept: Iterable[str], reporter: Reporter) -> None:
    for found in swept:
        reporter.tell(Warned(f"removed what a killed build had left: {found}"))


def _fallen(where: Where, hypervisor: Hypervisor) -> tuple[list[str], set[str]]:
    """Take away kept guests that do not stand any more; return what was found, and the builds whose guests do."""
    swept: list[str] = []
    kept: set[str] = set()
    for guest in standing(where.state):
        if guest.uri != where.uri or stands(hypervisor, guest):
            kept.add(guest.mark)
        else:
            release(guest, hypervisor, where.state, why="it did not run any more")
            swept.append(f"guest that {guest.build} kept, which does not run any more")
    return swept, kept


def _is_dead(state: Path, build: str) -> bool:
    return not any(files.is_locked(state / kind / build / "lock") for kind in ("builds", BOOT_TESTS))


def _ended_by_a_kill(record: Path) -> bool:
    try:
        return read_document(record).get("finished") is None
    except OSError:
        return False
    except ValueError:
        return True  # masking what is masked does no harm
