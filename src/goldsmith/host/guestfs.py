"""The settings of libguestfs's appliance, and one way to ask it many things in one launch.

Each start of a libguestfs tool boots a small guest: 1-2 s with KVM, 10-14 s without, and about 8 s more where
it looks for operating systems. So callers put all their questions into one script.
"""

import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from goldsmith.errors import GoldsmithError, HostError
from goldsmith.host import files
from goldsmith.host.accel import Acceleration
from goldsmith.host.bzimage import unpacked
from goldsmith.host.process import Host
from goldsmith.host.sealed import sealed_text, unsealed

TOOLS = ("guestfish", "virt-customize", "virt-inspector", "virt-sparsify", "virt-sysprep")
_NOTE = "appliance.json"
_EMULATED = "force_tcg"
_KERNEL = ".guestfs-*/appliance.d/kernel"
_STARTS_UNPACKED = 4  # the first QEMU that starts an unpacked kernel, by its PVH entry
_FIX = (
    "apt install guestfs-tools libguestfs-tools, or dnf install guestfs-tools libguestfs libguestfs-xfs; "
    "then goldsmith doctor"
)


def environment(acceleration: Acceleration, *, cache: Path) -> dict[str, str]:
    """Return the variables for every libguestfs tool; ``cache`` keeps the appliance and is made here.

    The settings are always said: what the user's shell holds must not decide whether the appliance starts.
    """
    cache.mkdir(parents=True, exist_ok=True)
    kvm = acceleration.virt_type == "kvm"
    return {
        "LIBGUESTFS_BACKEND": "direct",
        "LIBGUESTFS_BACKEND_SETTINGS": "" if kvm else _EMULATED,
        "LIBGUESTFS_CACHEDIR": str(cache),
        "LIBGUESTFS_MEMSIZE": "1280",
        "LIBGUESTFS_SMP": str(min(4, os.cpu_count() or 1)) if kvm else "1",  # TCG only loses by more
    }


def drop_changed_appliance(cache: Path) -> bool:
    """Remove an appliance that is not the one that was noted, so that libguestfs makes it anew; say whether it was."""
    try:
        noted = unsealed((cache / _NOTE).read_bytes())
    except OSError:
        return False
    if noted is not None and noted.get("files") == _appliance(cache):
        return False
    for folder in cache.glob(".guestfs-*/appliance.d"):
        shutil.rmtree(folder, ignore_errors=True)
    (cache / _NOTE).unlink(missing_ok=True)
    return True


def keep_appliance(host: Host, acceleration: Acceleration | None, *, cache: Path) -> None:
    """Note what the appliance's files are, now that they have done their work; without KVM it gets a faster kernel.

    ``acceleration`` is None where no guest was run.
    """
    if acceleration and not (cache / _NOTE).exists():
        if acceleration.virt_type != "kvm":
            with suppress(
                GoldsmithError, OSError
            ):  # a build that is done does not fail for later ones' seconds
                _unpack_kernel(host, environment(acceleration, cache=cache))
        note_appliance(cache)


def note_appliance(cache: Path) -> None:
    """Note what the appliance's files are."""
    if found := _appliance(cache):
        files.write_atomically(cache / _NOTE, sealed_text({"files": found}))


def _unpack_kernel(host: Host, env: Mapping[str, str]) -> None:
    """Give the appliance an unpacked kernel, where its QEMU can start one: without KVM that saves a fifth of a launch.

    The new file is as old as the one before it, for an appliance that is newer than it was is made anew.
    """
    kernels = list(Path(env["LIBGUESTFS_CACHEDIR"]).glob(_KERNEL))
    if not kernels:
        return
    hypervisor = host.run("guestfish", "get-hv", env=env, fix=_FIX).stdout.strip()
    version = re.search(r"version (\d+)", host.run(hypervisor, "--version", fix=_FIX).stdout)
    if version is None or int(version[1]) < _STARTS_UNPACKED:
        return
    for kernel in kernels:
        times = kernel.stat()
        if elf := unpacked(kernel.read_bytes()):
            files.write_atomically(kernel, elf)
            os.utime(kernel, ns=(times.st_atime_ns, times.st_mtime_ns))


def _appliance(cache: Path) -> dict[str, str]:
    """Return the digests of the appliance's files; their times tell nothing, for each launch touches them."""
    found = sorted(cache.glob(".guestfs-*/appliance.d/*"))
    return {str(one.relative_to(cache)): files.sha256_of_data(one) for one in found if one.is_file()}


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
    command = ["guestfish", access, f"--format={format}", "-a", str(image)]
    if inspect:
        command.append("-i")
    else:
        script = f"run\n{script}"
    return host.run(
        *command, env=env, stdin=script if script.endswith("\n") else f"{script}\n", fix=_FIX
    ).stdout


def require_tools(host: Host) -> None:
    """Raise HostError that names every libguestfs tool that is not installed."""
    missing = []
    for tool in TOOLS:
        try:
            host.run(tool, "--version", fix=_FIX)
        except HostError:
            missing.append(tool)
    if missing:
        raise HostError(f"not installed: {', '.join(missing)}", fix=_FIX)
