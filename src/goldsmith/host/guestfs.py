"""The settings of libguestfs's appliance, and one way to ask it many things in one launch.

Each start of a libguestfs tool boots a small guest: 1-2 s with KVM, 10-14 s without, and about 8 s more where
it looks for operating systems. So callers put all their questions into one script.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from goldsmith.errors import HostError
from goldsmith.host.accel import Acceleration
from goldsmith.host.aside import lasting
from goldsmith.host.closed import PASSED, make_folder
from goldsmith.host.process import Host

TOOLS = ("guestfish", "virt-customize", "virt-inspector", "virt-sparsify", "virt-sysprep")
_EMULATED = "force_tcg"
FIX = (
    "apt install guestfs-tools libguestfs-tools, or dnf install guestfs-tools libguestfs libguestfs-xfs; "
    "then goldsmith doctor"
)


def environment(acceleration: Acceleration, *, cache: Path) -> dict[str, str]:
    """Return the variables for every libguestfs tool; ``cache`` keeps the appliance and is made here.

    The settings are always said: what the user's shell holds must not decide whether the appliance starts. A tool that
    is killed leaves its overlays, which lie where the next start finds them.
    """
    make_folder(cache, PASSED)
    chosen = os.environ.get("LIBGUESTFS_TMPDIR")
    kvm = acceleration.virt_type == "kvm"
    return {
        "LIBGUESTFS_BACKEND": "direct",
        "LIBGUESTFS_BACKEND_SETTINGS": "" if kvm else _EMULATED,
        "LIBGUESTFS_CACHEDIR": str(cache),
        "LIBGUESTFS_MEMSIZE": "1280",
        "LIBGUESTFS_TMPDIR": str(lasting("guestfs", within=Path(chosen) if chosen else None)),
        "LIBGUESTFS_SMP": str(min(4, os.cpu_count() or 1)) if kvm else "1",  # TCG only loses by more
    }


def fish(
    host: Host,
    script: str,
    *,
    image: Path,
    format: str,  # noqa: A002
    read_only: bool,
    inspect: bool,
    env: Mapping[str, str],
) -> str:
    """Run one guestfish script on an image and return what it printed.

    With ``inspect`` the guest's file systems are mounted as the guest would. The ``format`` is said, since
    guessing lets a raw image pretend to be a qcow2 with any backing file. The first command that fails ends
    the script with ToolError, unless it starts with ``-``.
    """
    access = "--ro" if read_only else "--rw"
    command = ["guestfish", access, f"--format={format}", "-a", str(image.absolute())]
    if inspect:
        command.append("-i")
    else:
        script = f"run\n{script}"
    return host.run(
        *command, env=env, stdin=script if script.endswith("\n") else f"{script}\n", fix=FIX
    ).stdout


def require_tools(host: Host) -> None:
    """Raise HostError that names every libguestfs tool that is not installed."""
    missing = []
    for tool in TOOLS:
        try:
            host.run(tool, "--version", fix=FIX)
        except HostError:
            missing.append(tool)
    if missing:
        raise HostError(f"not installed: {', '.join(missing)}", fix=FIX)
