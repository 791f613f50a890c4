"""What several stages need in the same form."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from goldsmith.audit.appliance import Appliance, converse, mounted_in_turn
from goldsmith.errors import GoldsmithError, HostError
from goldsmith.guests.leaving import Keep
from goldsmith.guests.machine import Machine
from goldsmith.host import osinfo
from goldsmith.host.domains import sources_of, vnc_of
from goldsmith.host.hypervisor import Hypervisor
from goldsmith.host.process import Host
from goldsmith.plan.damage import noted_in
from goldsmith.plan.kept import Kept
from goldsmith.plan.stage import Context, Work
from goldsmith.plan.store import Store

DOMAIN_PREFIX = "goldsmith-"
MEDIUM = "medium.json"
SCAN = "openscap.json"  # what a scan with OpenSCAP found
TRIM = "trim.json"
PATIENCE = 3600.0  # seconds for one libguestfs tool; an appliance that hangs must not hang the build


def domain_name(build: str, part: str) -> str:
    """Return the name of a build's domain; the prefix marks it as ours, the build id as whose."""
    return f"{DOMAIN_PREFIX}{build}-{part}"


def last_disk(works: Sequence[Work]) -> Path:
    """Return the disk that the guest of these works has written to last."""
    return next((one.disk for one in reversed(works) if one.disk.exists()), works[0].disk)


def noted_medium(fetched: Path) -> dict[str, Any]:
    """Return what the fetch stage noted in its folder."""
    return noted_in(fetched, MEDIUM)


def medium_path(context: Context) -> str:
    """Return what the fetch stage noted for virt-install's --location: a path or the URL of a tree."""
    location = str(noted_medium(context.results["fetch"].folder)["location"])
    if location.startswith("/") and not Path(location).exists():
        raise HostError(f"the medium {location} is gone", fix="repeat the command; it is got again")
    return location


def further_path(context: Context, name: str) -> Path | None:
    """Return a further file that the fetch stage got, by its name there; None where the recipe has none."""
    found = noted_medium(context.results["fetch"].folder).get("further", {}).get(name)
    if found is None:
        return None
    path = Path(str(found["location"]))
    if not path.exists():
        raise HostError(f"the file {path} is gone", fix="repeat the command; it is got again")
    return path


def osinfo_argument(host: Host, name: str) -> str:
    """Return virt-install's --osinfo for the ``os`` of a recipe."""
    return osinfo.argument(host, name)


@contextmanager
def private_folder(context: Context) -> Iterator[Path]:
    """Give a folder for files with secrets that no other user may see; the next build sweeps it after a kill."""
    outer = context.state / "run" / context.build  # qemu's user may pass, but not look into it
    outer.mkdir(parents=True, exist_ok=True)
    outer.chmod(0o711)
    try:
        with tempfile.TemporaryDirectory(prefix="private-", dir=outer) as folder:
            yield Path(folder)
    finally:
        with suppress(OSError):  # others may still be in it
            outer.rmdir()


def keep_of(
    works: Sequence[Work],
    machine: Machine,
    hypervisor: Hypervisor,
    context: Context,
    *,
    system: str = "linux",
) -> Keep | None:
    """Return what says whether the guest stays that one of ``works`` failed in; None where none is to stay.

    ``system`` is ``linux``, ``windows``, or ``installer``: of what an installer left half done nothing can be made.
    """
    if not context.keeper.asked:
        return None

    def keep() -> bool:
        xml = hypervisor.xml(machine.name)
        disks = sources_of(xml)
        work = next((one for one in works if str(one.disk) in disks), works[0])
        parent = work.before.parent.name if work.before else ""
        guest = Kept(
            build=context.build,
            stage=work.stage.name,
            domain=machine.name,
            uri=context.uri,
            parent=parent,
            parent_made=Store(context.state).created(parent) if parent else 0.0,
            resumable=system != "installer",
            windows=system == "windows" or bool(machine.osinfo.startswith("name=win")),
            state=hypervisor.state(machine.name).value,
            screen=vnc_of(xml),
        )
        return context.keeper.keep(guest, hypervisor, work.folder)

    def asked() -> bool:
        with suppress(
            GoldsmithError, OSError
        ):  # of libvirt that went away, for example: the failure is the one to tell
            return keep()
        return False

    return asked


def has_file(host: Host, disk: Path, path: str, *, env: Mapping[str, str]) -> bool:
    """Tell whether any file system on the disk holds the file; one appliance launch, nothing is written.

    No operating system is looked for, which would take as long again as the launch.
    """

    def look(appliance: Appliance) -> bool:
        appliance.ask("run", must=True)
        return any(appliance.text("is-file", path).strip() == "true" for _ in mounted_in_turn(appliance))

    return converse(disk, look, driver="qcow2", host=host, env=env)
