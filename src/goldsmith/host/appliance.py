"""libguestfs's appliance between builds: known by its content, and made faster where there is no KVM.

Each launch boots a small guest. Without KVM its processor is emulated, so that whatever it does for nothing costs
seconds: unpacking its kernel, or reading the lenses of Augeas for files that no image has.
"""

import os
import re
import shutil
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from goldsmith.errors import GoldsmithError
from goldsmith.host import copies, files
from goldsmith.host.accel import Acceleration
from goldsmith.host.aside import aside, scratch
from goldsmith.host.bzimage import unpacked
from goldsmith.host.guestfs import FIX, environment
from goldsmith.host.process import Host
from goldsmith.host.sealed import sealed_text, unsealed

_NOTE = "appliance.json"
_FILES = ".guestfs-*/appliance.d"
_STARTS_UNPACKED = 4  # the first QEMU that starts an unpacked kernel, by its PVH entry
_HALF = ".guestfs-*/appliance.d.*"  # what supermin makes before it takes its place, under its lock
_LENSES = "/usr/share/augeas/lenses/dist"
# Lenses for what libguestfs and its tools ask Augeas: daemon/inspect_fs_unix.ml (fstab, mdadm, host names, sysconfig),
# of virt-sysprep and virt-customize accounts, hosts and /etc/selinux/config (a file of shell variables).
_WANTED = frozenset({
    "fstab", "mdadm_conf", "hostname", "hosts", "shellvars", "sysconfig",
    "passwd", "group", "shadow", "gshadow", "login_defs",
})  # fmt: skip
_COMMENT = re.compile(rb"\(\*.*?\*\)", re.DOTALL)
_MODULE = re.compile(rb"\b([A-Z]\w*)\.\w")
_SBIN = "/usr/sbin:/sbin"  # not on the path of a Debian's ordinary user


def drop_changed(cache: Path) -> bool:
    """Remove an appliance that is not the one that was noted, so that libguestfs makes it anew; say whether it was."""
    try:
        noted = unsealed((cache / _NOTE).read_bytes())
    except OSError:
        return False
    if noted is not None and noted.get("files") == _digests(cache):
        return False
    for folder in cache.glob(_FILES):
        shutil.rmtree(folder, ignore_errors=True)
    (cache / _NOTE).unlink(missing_ok=True)
    return True


def remove_half_made(cache: Path) -> list[Path]:
    """Remove appliances that were being made when their process was killed; return what it was."""
    removed = []
    for folder in cache.glob(_HALF):
        with suppress(OSError, GoldsmithError), files.try_lock(folder.with_name("lock"), sign=False) as free:
            if free:
                shutil.rmtree(folder)
                removed.append(folder)
    return removed


def keep(host: Host, acceleration: Acceleration | None, *, cache: Path) -> None:
    """Note what the appliance's files are, now that they have done their work; without KVM it is made faster first.

    ``acceleration`` is None where no guest was run.
    """
    if acceleration and not (cache / _NOTE).exists():
        if acceleration.virt_type != "kvm":
            for made_faster in (_unpack_kernel, _remove_lenses):
                # a build that is done does not fail for later ones' seconds
                with suppress(GoldsmithError, OSError):
                    made_faster(host, environment(acceleration, cache=cache))
        note(cache)


def note(cache: Path) -> None:
    """Note what the appliance's files are."""
    if found := _digests(cache):
        files.write_atomically(cache / _NOTE, sealed_text({"files": found}))


def _digests(cache: Path) -> dict[str, str]:
    """Return the digests of the appliance's files; their times tell nothing, for each launch touches them."""
    found = sorted(cache.glob(f"{_FILES}/*"))
    return {str(one.relative_to(cache)): files.sha256_of_data(one) for one in found if one.is_file()}


def _unpack_kernel(host: Host, env: Mapping[str, str]) -> None:
    """Give the appliance an unpacked kernel, where its QEMU can start one: that saves a fifth of a launch.

    The new file is as old as the one before it, for an appliance that is newer than it was is made anew.
    """
    kernels = list(Path(env["LIBGUESTFS_CACHEDIR"]).glob(f"{_FILES}/kernel"))
    if not kernels:
        return
    hypervisor = host.run("guestfish", "get-hv", env=env, fix=FIX).stdout.strip()
    version = re.search(r"version (\d+)", host.run(hypervisor, "--version", fix=FIX).stdout)
    if version is None or int(version[1]) < _STARTS_UNPACKED:
        return
    for kernel in kernels:
        times = kernel.stat()
        if elf := unpacked(kernel.read_bytes()):
            files.write_atomically(kernel, elf)
            os.utime(kernel, ns=(times.st_atime_ns, times.st_mtime_ns))


def _remove_lenses(host: Host, env: Mapping[str, str]) -> None:
    """Leave the appliance only the lenses that are asked for: each look at a guest reads them all, for two seconds.

    What changes is a copy, for a QEMU may be reading the file; it takes its place when a check of it finds no fault.
    """
    cache = Path(env["LIBGUESTFS_CACHEDIR"])
    for root in cache.glob(f"{_FILES}/root"):
        with aside(cache, "appliance") as folder:
            lean, commands = folder / "root", folder / "commands"
            copies.copy(root, lean)
            removed = _unwanted(host, lean)
            if not removed:
                continue
            commands.write_text("".join(f"rm {_LENSES}/{name}\n" for name in removed))
            _run(host, "debugfs", "-w", "-f", str(commands), str(lean))
            _run(host, "e2fsck", "-f", "-n", str(lean))
            times = root.stat()
            os.utime(lean, ns=(times.st_atime_ns, times.st_mtime_ns))
            lean.chmod(stat.S_IMODE(times.st_mode))
            lean.replace(root)


def _run(host: Host, *command: str) -> None:
    path = os.environ.get("PATH", os.defpath)
    host.run(*command, env={"PATH": f"{path}:{_SBIN}"}, fix="apt install e2fsprogs, or dnf install e2fsprogs")


def _unwanted(host: Host, root: Path) -> list[str]:
    """Return the files of the lenses that nobody asks for, directly or through another lens."""
    with scratch("lenses") as folder:
        _run(host, "debugfs", "-R", f'rdump {_LENSES} "{folder}"', str(root))
        texts = {one.stem: one.read_bytes() for one in folder.glob("dist/*.aug") if one.is_file()}
    if not texts.keys() >= _WANTED:
        return []  # not the Augeas that is known here
    kept = _with_what_they_use(_WANTED, texts)
    return sorted(f"{name}.aug" for name in texts.keys() - kept)


def _with_what_they_use(wanted: Iterable[str], texts: Mapping[str, bytes]) -> set[str]:
    """Return these lenses and all they name; the module Foo is in foo.aug."""
    kept: set[str] = set()
    todo = list(wanted)
    while todo:
        name = todo.pop()
        if name in texts and name not in kept:
            kept.add(name)
            todo += [found.decode().lower() for found in _MODULE.findall(_COMMENT.sub(b"", texts[name]))]
    return kept
