"""What several stages need in the same form."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from goldsmith.errors import HostError
from goldsmith.host import osinfo
from goldsmith.host.hypervisor import Hypervisor
from goldsmith.host.process import Host
from goldsmith.plan.stage import Context

DOMAIN_PREFIX = "goldsmith-"
MEDIUM = "medium.json"


def domain_name(build: str, part: str) -> str:
    """Return the name of a build's domain; the prefix marks it as ours, the build id as whose."""
    return f"{DOMAIN_PREFIX}{build}-{part}"


def medium_path(context: Context) -> str:
    """Return what the fetch stage noted for virt-install's --location: a path or the URL of a tree."""
    noted = context.results["fetch"].folder / MEDIUM
    location = str(json.loads(noted.read_text(encoding="utf-8"))["location"])
    if location.startswith("/") and not Path(location).exists():
        raise HostError(f"the medium {location} is gone", fix="goldsmith build RECIPE --from fetch")
    return location


def osinfo_argument(host: Host, name: str) -> str:
    """Return virt-install's --osinfo for a name, also on a host whose database is older than the guest."""
    return f"name={name}" if osinfo.known(host, name) else "detect=off,require=off"


@contextmanager
def gone_afterwards(hypervisor: Hypervisor, name: str) -> Iterator[None]:
    """Take a domain away on every way out, Ctrl-C included."""
    try:
        yield
    finally:
        hypervisor.destroy(name)
        hypervisor.undefine(name)


def has_file(host: Host, disk: Path, path: str, *, env: Mapping[str, str]) -> bool:
    """Tell whether the operating system on the disk has the file; one appliance launch, nothing is written.

    Raises ToolError when there is no operating system to be found on it.
    """
    answer = host.run(
        "guestfish", "--ro", "--format=qcow2", "-a", disk, "-i", "is-file", path,
        env=env,
        fix="no operating system was found on the disk; the console log shows what the installer did",
    )  # fmt: skip
    return answer.stdout.strip() == "true"
