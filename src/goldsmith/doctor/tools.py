"""The programs that Goldsmith runs: whether they are there, and new enough."""

import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from goldsmith.doctor.check import Check, Question, Status
from goldsmith.doctor.packages import Package
from goldsmith.host.process import Host

_VERSION = re.compile(r"\d+(?:\.\d+)+")
_PIP = Package("", "")


@dataclass(frozen=True)
class Tool:
    """A program by its names on different hosts; ``least`` is the oldest version that does.

    ``only_for`` names what cannot be done without it; where it is empty, nothing can. ``ask`` is the option
    that makes it tell its version; a program that has none is only looked for.
    """

    names: tuple[str, ...]
    package: Package
    least: tuple[int, ...] = ()
    only_for: str = ""
    ask: str = "--version"
    fix: str = ""

    def question(self, host: Host) -> Question:
        return Question(self.names[0], lambda: self._check(host))

    def _check(self, host: Host) -> Check:
        name, fix = self.names[0], self.fix or self.package.install()
        bad = Status.WARNING if self.only_for else Status.FAIL
        without = f"; without it: no {self.only_for}" if self.only_for else ""
        path = next(filter(None, map(_find, self.names)), None)
        if path is None:
            return Check(name, bad, f"not installed{without}", fix)
        if not self.ask:
            return Check(name, Status.OK, path)
        said = host.run(path, self.ask, ok=range(256), timeout=60)
        if not (found := _VERSION.search(said.stdout + said.stderr)):
            last = (said.stderr or said.stdout).strip().rpartition("\n")[2]
            return Check(name, bad, f"{path} does not tell its version: {last}{without}", fix)
        version = found.group()
        if tuple(map(int, version.split("."))) < self.least:
            wanted = ".".join(map(str, self.least))
            return Check(name, bad, f"{version} is too old, {wanted} is needed{without}", fix)
        return Check(name, Status.OK, version)


def _find(name: str) -> str | None:
    beside = Path(sys.executable).parent / name  # what pip installed with us
    return shutil.which(name) or (str(beside) if beside.exists() else None)


_GUESTFS = Package("libguestfs-tools", "/usr/bin/virt-sysprep /usr/bin/guestfish")
TOOLS = (
    Tool(("virt-install",), Package("virtinst", "virt-install"), least=(4,)),
    Tool(("qemu-img",), Package("qemu-utils", "qemu-img"), least=(5, 1)),
    Tool(
        ("qemu-system-x86_64", "/usr/libexec/qemu-kvm"), Package("qemu-system-x86", "qemu-kvm"), least=(5, 1)
    ),
    Tool(("guestfish",), _GUESTFS, least=(1, 40)),
    Tool(("virt-sysprep",), _GUESTFS, least=(1, 40)),
    Tool(("virt-sparsify",), _GUESTFS, least=(1, 40)),
    Tool(("virt-inspector",), _GUESTFS, least=(1, 40)),
    Tool(("xorriso",), Package("xorriso", "xorriso")),
    Tool(
        ("osinfo-detect",),
        Package("libosinfo-bin", "libosinfo"),
        only_for="check of media by libosinfo",
        ask="",
    ),
    Tool(
        ("mksquashfs",), Package("squashfs-tools", "squashfs-tools"), only_for="demo medium", ask="-version"
    ),
    Tool(
        ("ntfswipe",),
        Package("ntfs-3g", "ntfs-3g ntfsprogs"),
        only_for="Windows guest (libguestfs takes its NTFS programs from the host)",
    ),
    Tool(("swtpm",), Package("swtpm swtpm-tools", "swtpm swtpm-tools"), only_for="TPM of Windows 11"),
    Tool(("mmdebstrap",), Package("mmdebstrap", "mmdebstrap"), only_for="demo medium"),
    Tool(("wimlib-imagex",), Package("wimtools", "wimlib-utils"), only_for="stand-in for Windows media"),
    Tool(
        ("ksvalidator",),
        _PIP,
        only_for="check of kickstarts by pykickstart",
        ask="",
        fix=f"{sys.executable} -m pip install pykickstart",
    ),
)
