"""Room to work: the state folder and who may pass it, disk space, memory."""

import os
import pwd
import re
from pathlib import Path

from goldsmith.doctor.check import Check, Question, Status
from goldsmith.host.domains import SYSTEM
from goldsmith.host.files import free_bytes, human_size
from goldsmith.host.process import Host

GiB = 1 << 30
LEAST_DISK, GOOD_DISK = 10 * GiB, 25 * GiB
LEAST_MEMORY, GOOD_MEMORY = int(1.5 * GiB), 4 * GiB
_QEMU_CONF = Path("/etc/libvirt/qemu.conf")
_QEMU_USERS = ("libvirt-qemu", "qemu")  # Debian and Ubuntu, Fedora and RHEL


def questions(host: Host, *, state: Path, uri: str) -> list[Question]:
    return [
        Question("state", lambda: _state(host, state, uri)),
        Question("disk", lambda: _disk(state)),
        Question("memory", _memory),
    ]


def _state(host: Host, state: Path, uri: str) -> Check:
    there = state
    while not there.exists():
        there = there.parent
    if not os.access(there, os.W_OK | os.X_OK):
        fix = f"sudo install -d -o $USER {state}, or give --state a folder of your own"
        return Check("state", Status.FAIL, f"{there} cannot be written by this user", fix)
    user = _qemu_user() if uri.startswith(SYSTEM) and os.geteuid() == 0 else None
    if user and (closed := _closed_to(host, user, there)):
        fix = "chmod o+x " + " ".join(map(str, closed)) + ", or give --state a folder under /var/lib"
        return Check("state", Status.FAIL, f"qemu runs as {user.pw_name} and cannot pass {closed[0]}", fix)
    return Check("state", Status.OK, str(state) if there == state else f"{state}, made when it is needed")


def _closed_to(host: Host, user: pwd.struct_passwd, folder: Path) -> list[Path]:
    """Return the folders on the way that a user may not pass; asked of the kernel, since ACLs count too."""
    script = 'for folder; do [ -x "$folder" ] || printf "%s\\n" "$folder"; done'
    become = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups"]
    said = host.run(*become, "sh", "-c", script, "sh", *reversed([folder, *folder.parents]))
    return [Path(line) for line in said.stdout.splitlines()]


def _qemu_user() -> pwd.struct_passwd | None:
    """Return the user that libvirt gives to qemu; None where that is root, or libvirt is not installed."""
    said = re.search(r'^\s*user\s*=\s*"\+?([^"]+)"', _text(_QEMU_CONF), re.MULTILINE)
    for name in (said.group(1),) if said else _QEMU_USERS:
        try:
            user = pwd.getpwuid(int(name)) if name.isdigit() else pwd.getpwnam(name)
        except KeyError:
            continue
        return user if user.pw_uid else None
    return None


def _disk(state: Path) -> Check:
    free = free_bytes(state)
    detail = f"{human_size(free)} free for {state}"
    if free >= GOOD_DISK:
        return Check("disk", Status.OK, detail)
    fix = "goldsmith store prune, or give --state a folder on a bigger disk"
    if free >= LEAST_DISK:
        return Check("disk", Status.WARNING, f"{detail}; {human_size(GOOD_DISK)} are comfortable", fix)
    return Check("disk", Status.FAIL, f"{detail}; a build needs about {human_size(LEAST_DISK)}", fix)


def _memory(meminfo: Path = Path("/proc/meminfo")) -> Check:
    said = re.search(r"^MemAvailable:\s+(\d+) kB", _text(meminfo), re.MULTILINE)
    if not said:
        return Check("memory", Status.WARNING, "this kernel does not say how much memory is available")
    free = int(said.group(1)) * 1024
    detail, fix = f"{human_size(free)} available", "end what takes the memory, or add some"
    if free >= GOOD_MEMORY:
        return Check("memory", Status.OK, detail)
    if free >= LEAST_MEMORY:
        return Check("memory", Status.WARNING, f"{detail}; guests of 2 GiB and the appliance fit badly", fix)
    return Check("memory", Status.FAIL, f"{detail}; a guest and the appliance do not fit", fix)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
