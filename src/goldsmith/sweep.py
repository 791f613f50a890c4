"""What killed builds have left, taken away when the next one starts."""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from glob import glob
from pathlib import Path

from goldsmith.boottest.place import BOOT_TESTS, SUFFIX
from goldsmith.compose import Where
from goldsmith.errors import GoldsmithError, GuestError
from goldsmith.events import Reporter, Warned
from goldsmith.host import aside, files, guestmount, injected
from goldsmith.host.appliance import remove_half_made
from goldsmith.host.hypervisor import Hypervisor, connect
from goldsmith.host.process import LocalHost
from goldsmith.plan.keeping import in_doubt, release, stands
from goldsmith.plan.kept import standing
from goldsmith.plan.store import Store
from goldsmith.record.document import read_document
from goldsmith.record.masked import mask_files
from goldsmith.stages.parts import DOMAIN_PREFIX

# Folders of the state folder in which files and folders are made aside, beside itself.
_WRITTEN = (
    "boot-tests/*/", "builds/*/", "builds/*/*/", "cache/", "cache/.guestfs-*/appliance.d/", "catalog/",
    "catalog/certificates/", "catalog/evidence/*/", "nightly/", "push/", "push/*/", "store/media/", "store/media/*/",
    "store/media/partial/*/", "transfer/",
)  # fmt: skip


def sweep(where: Where, store: Store, mask: Callable[[str], str] = str) -> list[str]:
    """Remove what killed builds of this state folder left: domains, half layers, seeds, copies of kickstarts.

    What qemu wrote into their records was not masked any more: ``mask`` does it now, as far as it knows the secrets.
    Guests that were left on purpose stay as long as they stand. Returns what was found.
    """
    with connect(where.uri) as hypervisor:
        swept = _fallen(where, hypervisor)
        swept += sweep_files(where.state, store)
        for domain in hypervisor.domains(DOMAIN_PREFIX):
            whose = re.fullmatch(r"goldsmith build=(\S+) state=(.*)", domain.description.strip())
            if whose and injected.is_of(whose[2], where.state) and _is_abandoned(where.state, whose[1]):
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


def sweep_files(state: Path, store: Store) -> list[str]:
    """Remove what killed builds left in the state folder and among temporary files; no libvirt is asked for that."""
    swept = [
        f"half-made layer {key[:12]}" for key in store.sweep(lambda build: not _is_abandoned(state, build))
    ]
    for folder in (state / "run").glob("*"):
        if _is_abandoned(state, folder.name):
            swept += _removed(folder, "seed")
    swept += [f"mount {place}" for place in guestmount.drop_dead(LocalHost())]
    places = _written(state)
    swept += [f"half-written file {path}" for path in aside.remove_files(places)]
    half_made = (*aside.remove_folders(places), *remove_half_made(state / "cache"), *aside.remove_scratch())
    swept += [f"half-made folder {path}" for path in half_made]
    for folder in (state / BOOT_TESTS).glob(f"*{SUFFIX}"):  # the evidence is in the record of the build
        if _is_dead(state, folder.name) and _is_dead(state, folder.name.removesuffix(SUFFIX)):
            swept += _lock_alone(folder)
    return swept


def _written(state: Path) -> list[Path]:
    """Return the folders with something hidden in them, so that each start looks once into thousands of others."""
    found = (one for pattern in _WRITTEN for one in glob(pattern, root_dir=state))  # noqa: PTH207  Path.glob raises where a folder goes
    return [state / one for one in ("", *found) if aside.holds_hidden(f"{state}/{one}")]


def _lock_alone(folder: Path) -> list[str]:
    """Remove a folder that holds nothing but a lock; return what it was, once it is gone."""
    with suppress(OSError):  # it is none, or another process removes it
        if {one.name for one in folder.iterdir()} <= {"lock"}:
            return _removed(folder, "lock")
    return []


def _removed(folder: Path, what: str) -> list[str]:
    """Remove a folder; return what it was of a build, once it is gone."""
    return [f"{what} of {folder.name}"] if files.remove_folder(folder) else []


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


def tell_in_doubt(where: Where, reporter: Reporter) -> None:
    """Tell of kept guests that stay although they are off, because nobody can tell how they ended."""
    if guests := [one for one in standing(where.state) if one.uri == where.uri]:
        with connect(where.uri) as hypervisor:
            for guest in guests:
                if in_doubt(hypervisor, guest, where.state):
                    told = (
                        f"the guest that {guest.build} kept is off, and stays: nobody can tell how it ended"
                    )
                    reporter.tell(Warned(told, fix=f"goldsmith shell {guest.build} --drop takes it away"))


def _fallen(where: Where, hypervisor: Hypervisor) -> list[str]:
    """Take away kept guests that do not stand any more; return what was found."""
    swept: list[str] = []
    for guest in standing(where.state):
        if guest.uri == where.uri and not stands(hypervisor, guest, where.state):
            release(guest, hypervisor, where.state, why="it did not run any more")
            swept.append(f"guest that {guest.build} kept, which does not run any more")
    return swept


def _is_abandoned(state: Path, build: str) -> bool:
    """Say whether a build is dead and keeps no guest; in this order, for it writes its note before it ends."""
    return _is_dead(state, build) and all(guest.mark != build for guest in standing(state))


def _is_dead(state: Path, build: str) -> bool:
    return not any(files.is_locked(state / kind / build / "lock") for kind in ("builds", BOOT_TESTS))


def _ended_by_a_kill(record: Path) -> bool:
    try:
        return read_document(record).get("finished") is None
    except OSError:
        return False
    except ValueError:
        return True  # masking what is masked does no harm
