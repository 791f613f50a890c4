"""What is kept of a Linux guest that failed: its screen, its definition, QEMU's log, the logs on its disk.

All of it goes to ``failure/`` of the build's folder, and the error names it. Whatever cannot be had is left out: the
first failure is the one to tell.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from goldsmith.audit.linux_logs import pull_logs
from goldsmith.errors import GoldsmithError, GuestError
from goldsmith.guests.console import clean
from goldsmith.host import files
from goldsmith.host.hypervisor import Hypervisor
from goldsmith.host.qemu_log import qemu_log
from goldsmith.plan.stage import Context

FAILURE = "failure"  # folder of the build's record
TAIL = 100  # lines of the console
_NAMED = 20  # files of a folder that an error names


@contextmanager
def last_look(hypervisor: Hypervisor, name: str, console: Path, context: Context) -> Iterator[None]:
    """Keep what only a guest that is still there can tell, when the body ends with its failure."""
    try:
        yield
    except GuestError:
        folder = _folder(context)
        with suppress(GoldsmithError, OSError):
            shot = hypervisor.screenshot(name)
            (folder / f"screen{shot.suffix}").write_bytes(shot.data)
        with suppress(GoldsmithError, OSError):
            (folder / "domain.xml").write_text(hypervisor.xml(name), encoding="utf-8")
        with suppress(GoldsmithError, OSError):
            facts = json.dumps(_host_facts(hypervisor, context), indent=1)
            (folder / "host.json").write_text(facts + "\n", encoding="utf-8")
        with suppress(OSError):
            lines = console.read_bytes().decode("utf-8", "replace").split("\n")
            said = [line for line in map(clean, lines) if line][-TAIL:]
            (folder / "console.txt").write_text("\n".join(said) + "\n", encoding="utf-8")
        with suppress(OSError):
            shutil.copyfile(qemu_log(name, context.uri), folder / "qemu.log")
        raise


def with_evidence(error: GuestError, disk: Path, context: Context, *, stage: str) -> GuestError:
    """Return the error with the names of what was kept, the logs on the guest's disk among it.

    Reading its disk costs one launch of the appliance; that of a guest that is kept is in use and left alone.
    """
    folder = _folder(context)
    if not context.keeper.guest:
        try:
            pull_logs(
                disk, driver="qcow2", host=context.host_for(stage), env=context.guestfs_env, into=folder
            )
        except GoldsmithError as unreadable:
            context.log_for(stage)(f"the guest's disk cannot be read: {unreadable.text()}")
    if not any(folder.iterdir()):
        folder.rmdir()
    return with_kept(error, [folder])


def with_kept(error: GuestError, folders: Sequence[Path]) -> GuestError:
    """Return the error with the names of what lies in these folders; of many, such as screens, the last one."""
    told = []
    for folder in folders:
        names = sorted(one.name for one in folder.iterdir()) if folder.is_dir() else []
        if len(names) > _NAMED:
            told.append(
                f"{folder}: {len(names)} files, the last {max(names, key=lambda one: _age(folder / one))}"
            )
        elif names:
            told.append(f"{folder}: {', '.join(names)}")
    if not told:
        return error
    fix = f"{error.fix}; kept in {'; '.join(told)}".removeprefix("; ")
    return GuestError(error.problem, fix=fix, at=error.at, evidence=error.evidence)


def _age(path: Path) -> float:
    return path.stat().st_mtime


def _host_facts(hypervisor: Hypervisor, context: Context) -> Mapping[str, object]:
    """Return what of this host may explain a failure: how busy and how full it was at that moment."""
    meminfo = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return {
        "accelerator": f"{context.acceleration.virt_type} ({context.acceleration.reason})",
        "hypervisor": hypervisor.ping(),
        "kernel": os.uname().release,
        "processors": os.cpu_count(),
        "load": [round(one, 2) for one in os.getloadavg()],
        "memory": dict(line.split(":", 1) for line in meminfo[:3]),
        "free_bytes": files.free_bytes(context.state),
    }


def _folder(context: Context) -> Path:
    folder = context.folder / FAILURE
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
