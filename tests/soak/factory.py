"""The real factory that faults are tried on: the demo's recipe, a state folder, and what must hold afterwards."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from goldsmith.host.locks import is_locked
from goldsmith.plan.store import Store

TOP = Path(__file__).parents[2]
LEASE = 600  # seconds
NETWORK = "goldsmith"
LIMIT = 3600  # seconds for one build on a busy host without KVM
NAME = "soaked"
_ASIDE = re.compile(r"\.goldsmith-(?!new-).*|\..+\.[a-z0-9_]{8}")  # files and folders that are made aside
QUICK = "step-2-services"  # a guest that goes on from its memory, and all stages that follow


class Lost(AssertionError):
    """Something was lost, left behind, or wrong after a fault."""


@dataclass
class Factory:
    """``took`` is how long the undisturbed build took, in seconds; with ``quick`` the install and
    the first step are kept."""

    state: Path
    quick: bool = False
    took: float = 0.0
    audit: dict[str, str] = field(default_factory=dict)
    number: int = 0

    @property
    def project(self) -> Path:
        return self.state / "project"

    @property
    def start_at(self) -> list[str]:
        """Return the words that make the next build run anew, or only what follows the first step."""
        return ["--from", QUICK] if self.quick else ["--no-cache"]

    def prepare(self) -> None:
        """Build undisturbed: tries are held to what its audit says, and broken while it would take so long."""
        (self.project / "recipes").mkdir(parents=True, exist_ok=True)
        for folder in (self.state, self.project):
            folder.chmod(0o711)
        (self.project / "recipes" / f"{NAME}.yaml").write_text(f"name: {NAME}\nextends: demo\n")
        first = self.build()
        if first.returncode:
            raise SystemExit(f"the undisturbed build fails: {first.stderr}")
        self.audit = self.audit_of(self.newest())
        planned = [one["name"] for one in json.loads(self.ask("plan", NAME, "--json").stdout)["stages"]]
        again = planned[planned.index(QUICK) if self.quick else 1 :]
        self.took = sum(
            {one.stage: one.seconds for one in Store(self.state).entries()}[name] for name in again
        )
        print(f"an undisturbed build took {self.took:.0f} s", flush=True)

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "goldsmith", *words]

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "GOLDSMITH_STATE": str(self.state), "PYTHONPATH": str(TOP / "src")}

    def start(self, *words: str, wrapped: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        """Start the build, with its output in a file of the state folder."""
        self.number += 1
        with (self.state / "said.txt").open("w") as said:
            return subprocess.Popen(
                [*wrapped, *self.command("build", NAME, "--json", *words)],
                env=self.env, cwd=self.project, stdout=said, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip

    def build(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.ask("build", NAME, *words)

    def ask(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            env=self.env,
            cwd=self.project,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )

    @property
    def said(self) -> str:
        """Return what the last build that was started said."""
        return (self.state / "said.txt").read_text(errors="replace")

    def stages_begun(self) -> list[str]:
        """Return the stages that the running build has begun."""
        found = []
        for line in self.said.splitlines():
            with suppress(ValueError):  # it is just being written, or a line of another stream is in it
                found.append(json.loads(line))
        return [str(one["stage"]) for one in found if one["event"] == "StageStarted"]

    def until_stage(self, running: subprocess.Popen[str], stage: str) -> None:
        """Wait until the running build has begun a stage, or has ended."""
        while running.poll() is None and stage not in self.stages_begun():
            time.sleep(0.3)

    def domains(self) -> list[str]:
        """Return the machines of builds in this state folder."""
        listed = _said("virsh", "-c", "qemu:///system", "list", "--all", "--name").split()
        mine = f"state={self.state} "
        return [
            one for one in listed if mine in f"{_said('virsh', '-c', 'qemu:///system', 'desc', one).strip()} "
        ]

    def newest(self) -> Path:
        builds = [one for one in (self.state / "builds").iterdir() if (one / "audit.json").exists()]
        return max(builds, key=lambda one: one.stat().st_mtime_ns)

    def audit_of(self, build: Path) -> dict[str, str]:
        return {one["id"]: one["status"] for one in json.loads((build / "audit.json").read_text())["checks"]}

    def same_command_again(self, *, attempts: int = 1) -> None:
        """Give the command again; raise Lost unless it ends with the image, and nothing else is left."""
        for _ in range(attempts):
            done = self.build()
            if done.returncode == 0:
                break
        if done.returncode:
            raise Lost(f"the same command ended with {done.returncode}: {done.stderr[-600:]}")
        for check in (*CHECKS, _no_half_image):
            if problem := check(self):
                raise Lost(problem)

    def tidy(self) -> None:
        """Leave no machine behind; what was built stays for whoever looks for the cause."""
        for name in self.domains():
            _said("virsh", "-c", "qemu:///system", "destroy", name)


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=120).stdout


def _same_audit(factory: Factory) -> str:
    found = factory.audit_of(factory.newest())
    wrong = [one for one, status in factory.audit.items() if found.get(one) != status]
    return f"the audit says something else of {', '.join(wrong)}" if wrong else ""


def _no_machine(factory: Factory) -> str:
    left = factory.domains()
    return f"machines are left: {', '.join(left)}" if left else ""


def _no_lease(_factory: Factory) -> str:
    """An address of a machine that is gone is given back by its short lease; one with a long lease would be stray."""
    virsh = ("virsh", "-c", "qemu:///system")
    if "<lease expiry=" not in _said(*virsh, "net-dumpxml", NETWORK):
        return ""  # a network that was there before, with leases of libvirt's own
    ends = re.findall(r"^ (\d{4}-\S+ \S+) ", _said(*virsh, "net-dhcp-leases", NETWORK), re.MULTILINE)
    late = [end for end in ends if datetime.fromisoformat(end).timestamp() > time.time() + LEASE + 60]
    return f"{len(late)} DHCP leases end after {LEASE} s" if late else ""


def _no_half_layer(factory: Factory) -> str:
    store = factory.state / "store"
    half = [one.name for one in (store / "layers").iterdir() if not (one / "entry.json").exists()]
    half = [one for one in half if not is_locked(store / "locks" / f"{one}.lock")]
    return f"half layers: {', '.join(half)}" if half else ""


def _no_temporary_file(factory: Factory) -> str:
    places = (factory.state / "run", factory.state / "catalog" / "incoming")
    left = [str(one) for place in places if place.is_dir() for one in place.iterdir()]
    hidden = list(factory.state.rglob(".*.*"))
    left += [str(one) for one in hidden if _ASIDE.fullmatch(one.name)]
    left += [str(one) for one in hidden if one.is_file() and "cache" not in one.parts]
    left += map(str, (factory.state / "cache").glob(".guestfs-*/appliance.d.*"))
    return f"files are left: {', '.join(left[:5])}" if left else ""


def _nothing_damaged(factory: Factory) -> str:
    done = factory.ask("store", "verify")
    return "" if done.returncode == 0 else f"store verify: {done.stdout[-400:]}{done.stderr[-400:]}"


def _no_half_image(factory: Factory) -> str:
    checked = factory.ask("image", "check")
    if checked.returncode:
        return f"image check: {checked.stdout[-400:]}{checked.stderr[-400:]}"
    listed = json.loads(factory.ask("image", "list", "--all", "--json").stdout)
    half = [str(one["id"]) for one in listed if one["status"] not in ("active", "deactivated", "deleted")]
    newest = next((one for one in listed if one["status"] == "active"), None)
    if half or not newest:
        return f"half images: {', '.join(half)}" if half else "there is no active image"
    verified = factory.ask("image", "verify", str(newest["id"]))
    return "" if verified.returncode == 0 else f"image verify: {verified.stdout}{verified.stderr}"


CHECKS: tuple[Callable[[Factory], str], ...] = (
    _same_audit, _no_machine, _no_lease, _no_half_layer, _no_temporary_file, _nothing_damaged,
)  # fmt: skip


def copied(state: Path, target: Path) -> None:
    """Copy a state folder as a power cut may leave it: the database first, its log after it."""
    subprocess.run(["cp", "-a", "--sparse=always", "--reflink=auto", f"{state}/.", target], check=True)
    shutil.rmtree(target / "project", ignore_errors=True)
