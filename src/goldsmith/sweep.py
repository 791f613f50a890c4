"""What killed builds have left, taken away when the next one starts."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from goldsmith.boottest.run import BOOT_TESTS
from goldsmith.compose import Where
from goldsmith.host import files, injected
from goldsmith.host.hypervisor import connect
from goldsmith.plan.store import Store
from goldsmith.record.document import read_document
from goldsmith.record.masked import mask_files
from goldsmith.stages.parts import DOMAIN_PREFIX


def sweep(where: Where, store: Store, mask: Callable[[str], str] = str) -> list[str]:
    """Remove what killed builds of this state folder left: domains, half layers, seeds, copies of kickstarts.

    What qemu wrote into their records was not masked any more: ``mask`` does it now, as far as it knows the secrets.
    Returns what was found.
    """
    swept = [f"half-made layer {key[:12]}" for key in store.sweep()]
    for folder in (where.state / "run").glob("*"):
        if _is_dead(where.state, folder.name):
            shutil.rmtree(folder, ignore_errors=True)
            swept.append(f"seed of {folder.name}")
    with connect(where.uri) as hypervisor:
        for domain in hypervisor.domains(DOMAIN_PREFIX):
            whose = re.fullmatch(r"goldsmith build=(\S+) state=(.*)", domain.description.strip())
            if whose and whose[2] == str(where.state) and _is_dead(where.state, whose[1]):
                hypervisor.destroy(domain.name)
                hypervisor.undefine(domain.name)
                swept.append(f"machine {domain.name}")
    copies = injected.remove_copies(
        where.state, lambda build: _is_dead(where.state, build), folders=injected.scratch_folders()
    )
    swept += [f"copy of a kickstart in {path}" for path in copies]
    for record in (where.state / "builds").glob("*"):
        if _ended_by_a_kill(record) and _is_dead(where.state, record.name):
            swept += [f"unmasked secret in {path}" for path in mask_files(record, mask)]
    return swept


def _is_dead(state: Path, build: str) -> bool:
    return not any(files.is_locked(state / kind / build / "lock") for kind in ("builds", BOOT_TESTS))


def _ended_by_a_kill(record: Path) -> bool:
    try:
        return read_document(record).get("finished") is None
    except OSError:
        return False
    except ValueError:
        return True  # masking what is masked does no harm
