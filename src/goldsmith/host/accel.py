"""Whether KVM really runs a guest here, found out by booting a kernel with it.

A /dev/kvm that opens proves little: some make virtual machines and then hang, abort on a register, or are
slower than QEMU's own emulation (TCG).
"""

import os
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from goldsmith.errors import GoldsmithError, HostError, ToolError
from goldsmith.host.files import locked, write_atomically
from goldsmith.host.process import Host
from goldsmith.host.sealed import sealed_text, unsealed

LIMIT = 30.0  # seconds that a kernel gets to come up
_SHOWN = 60  # characters of QEMU's last words: the end of an assertion says more than the path it begins with
_SAID = "Kernel panic"  # it has no root file system: this is as far as it can come
_QEMU = ("qemu-system-x86_64", "/usr/libexec/qemu-kvm")


@dataclass(frozen=True)
class Acceleration:
    """How guests run here, and why; the seconds are a kernel's boot, None where none was seen."""

    virt_type: Literal["kvm", "qemu"]
    reason: str
    kvm_seconds: float | None = None
    tcg_seconds: float | None = None


@dataclass(frozen=True)
class Machine:
    """The places of this host that the answer depends on."""

    kvm: Path = Path("/dev/kvm")
    kernels: Path = Path("/boot")
    boot_id: Path = Path("/proc/sys/kernel/random/boot_id")


THIS_MACHINE = Machine()


def detect(host: Host, *, state: Path, fresh: bool = False, machine: Machine = THIS_MACHINE) -> Acceleration:
    """Return how to run guests, remembered in ``state`` for this boot, QEMU and kernel.

    GOLDSMITH_ACCEL=kvm or =tcg decides without asking; ``fresh`` asks again.
    """
    if chosen := os.environ.get("GOLDSMITH_ACCEL", ""):
        return _chosen(chosen)
    memo = state / "accel.json"
    with locked(state / "accel.lock"):
        qemu = _qemu()
        kernel = newest_kernel(machine.kernels)
        key = [
            machine.boot_id.read_text().strip(),
            *qemu,
            str(kernel),
            os.access(machine.kvm, os.R_OK | os.W_OK),
        ]
        if not fresh and (known := _recall(memo, key)):
            return known
        found = _measure(host, qemu[0], kernel, machine.kvm)
        write_atomically(memo, sealed_text({"key": key, **asdict(found)}))
        return found


def newest_kernel(folder: Path) -> Path | None:
    """Return the kernel with the highest version that we may read."""
    kernels = (
        one for one in folder.glob("vmlinuz-*") if "rescue" not in one.name and os.access(one, os.R_OK)
    )
    return max(kernels, key=lambda one: [int(part) for part in re.findall(r"\d+", one.name)], default=None)


def _chosen(word: str) -> Acceleration:
    kinds: Mapping[str, Literal["kvm", "qemu"]] = {"kvm": "kvm", "tcg": "qemu", "qemu": "qemu"}
    if word not in kinds:
        raise HostError(f"GOLDSMITH_ACCEL is {word!r}", fix="unset it, or set it to kvm or tcg")
    return Acceleration(kinds[word], f"GOLDSMITH_ACCEL={word}")


def _qemu() -> tuple[str, str]:
    """Return QEMU's command, and by what another QEMU would show: asking for its version takes a twentieth second."""
    for command in _QEMU:
        if program := shutil.which(command):
            file = Path(program).resolve()
            status = file.stat()
            return command, f"{file} {status.st_mtime_ns} {status.st_size}"
    raise HostError(
        f"{_QEMU[0]} is not installed", fix="apt install qemu-system-x86, or dnf install qemu-kvm"
    )


def _recall(memo: Path, key: Sequence[object]) -> Acceleration | None:
    try:
        facts = unsealed(memo.read_bytes()) or {}
        known_for = facts.pop("key")
        return Acceleration(**facts) if known_for == list(key) else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None  # what is lost is only time


def _measure(host: Host, qemu: str, kernel: Path | None, device: Path) -> Acceleration:
    if problem := _closed(device):
        return Acceleration("qemu", problem)
    if kernel is None:
        return Acceleration("qemu", "no readable kernel in /boot to try KVM with (chmod a+r /boot/vmlinuz-*)")
    tcg, _ = _boot(host, qemu, kernel, ["-accel", "tcg", "-cpu", "max"], LIMIT)
    # A KVM that takes longer than TCG is refused in any case, so there is no use in waiting for it.
    limit = LIMIT if tcg is None else min(LIMIT, tcg + 1)
    kvm, problem = _boot(host, qemu, kernel, ["-accel", "kvm", "-cpu", "host"], limit)
    if kvm is None:
        return Acceleration("qemu", f"KVM does not run a kernel here: {problem}", None, tcg)
    if tcg is not None and kvm > tcg:
        return Acceleration("qemu", f"KVM takes {kvm:.1f} s to boot a kernel, TCG {tcg:.1f} s", kvm, tcg)
    return Acceleration("kvm", f"KVM boots a kernel in {kvm:.1f} s", kvm, tcg)


def _closed(device: Path) -> str:
    try:
        os.close(os.open(device, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        return f"{device}: {error.strerror}"
    return ""


def _boot(
    host: Host, qemu: str, kernel: Path, accel: Sequence[str], limit: float
) -> tuple[float | None, str]:
    """Boot the kernel alone; return the seconds until it found no root file system, or None and why not."""
    start = time.monotonic()
    machine = ["-M", "q35", *accel, "-m", "256", "-nodefaults", "-display", "none", "-serial", "stdio"]
    boot = ["-kernel", str(kernel), "-append", "console=ttyS0 panic=-1", "-no-reboot"]
    try:
        said = host.run(qemu, *machine, *boot, timeout=limit).stdout
    except ToolError as error:
        return None, _cause(error)
    except GoldsmithError as error:
        return None, error.problem
    if _SAID not in said:
        return None, "its kernel ended without a word"
    return time.monotonic() - start, ""


def _cause(error: ToolError) -> str:
    """Say in one line why QEMU failed, without its long command."""
    if error.problem.startswith("no end after"):
        return error.problem.partition(":")[0]
    last = (error.evidence[-1:] or ("no message",))[0].strip()
    return f"{error.problem.partition(':')[0]} ({last if len(last) <= _SHOWN else '…' + last[-_SHOWN:]})"
