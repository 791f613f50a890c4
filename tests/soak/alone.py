"""A libvirt of the soak's own, so that what it breaks and kills is nobody else's.

The soak runs in mount, network and process namespaces of its own: its daemons, bridges, machines and mounts are not
those of the host, and all of them end with it.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from goldsmith.host import libvirtd
from goldsmith.host.process import LocalHost

INSIDE = "GOLDSMITH_SOAK_ALONE"
URI = "qemu:///system"
NAMESPACES = ("--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
LIBVIRT = Path("/var/lib/libvirt")


def go_alone() -> None:
    """Start this command again in namespaces of its own; returns once it is there."""
    if os.geteuid() != 0:
        sys.exit("the soak mounts, and kills daemons: run it as root")
    if not is_alone():
        words = ["unshare", *NAMESPACES, sys.executable, "-m", "tests.soak", *sys.argv[1:]]
        os.execvpe("unshare", words, {**os.environ, INSIDE: "1"})
    _reap()
    _own_folders()
    _own_bridges()
    _run("ip", "link", "set", "lo", "up")
    start_libvirt()


def is_alone() -> bool:
    return INSIDE in os.environ


def start_libvirt() -> None:
    libvirtd.ensure_running(LocalHost(), URI)


def _reap() -> None:
    """Go on in a child; this process, the first of its namespace, takes the ends of those whom nobody waits for.

    A dead virt-sysprep that nobody has waited for counts as alive, and libguestfs leaves its machine running.
    """
    child = os.fork()
    if child == 0:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the child hears it too
    while True:
        ended, status = os.wait()
        if ended == child:
            os._exit(os.waitstatus_to_exitcode(status) % 256)


def _own_folders() -> None:
    """Hide the host's sockets, machines and networks behind empty folders, with the owners that libvirt wants."""
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "soak", "/run")
    for name in ("lock", "libvirt", "aside", "etc"):
        Path("/run", name).mkdir()
    shutil.copytree("/etc/libvirt", "/run/etc", dirs_exist_ok=True, symlinks=True)
    _run("mount", "--bind", "/run/etc", "/etc/libvirt")
    _run("mount", "-t", "tmpfs", "-o", "mode=755", "soak", "/run/aside")
    for folder in (one for one in LIBVIRT.iterdir() if one.is_dir()):
        own = Path("/run/aside", folder.name)
        own.mkdir()
        own.chmod(folder.stat().st_mode & 0o777)
        os.chown(own, folder.stat().st_uid, folder.stat().st_gid)
    _run("mount", "--move", "/run/aside", str(LIBVIRT))


def _own_bridges() -> None:
    """Show the kernel's files on the network devices of this namespace; the control groups stay those of the host."""
    groups = Path("/run/groups")
    groups.mkdir()
    _run("mount", "--rbind", "/sys/fs/cgroup", str(groups))
    _run("mount", "-t", "sysfs", "sysfs", "/sys")
    _run("mount", "--rbind", str(groups), "/sys/fs/cgroup")


def _run(*command: str) -> None:
    subprocess.run(command, check=True)
