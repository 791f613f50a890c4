"""What may go wrong while the demo is built, each at a random moment."""

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..jumping import DAY, HOUR, JumpingClock
from ..smalldisk import SmallDisk
from .alone import start_libvirt
from .factory import TOP, Factory, Lost, copied
from .mutations import mutated_recipe

STAGES = (
    "install",
    "step-2-services",
    "withdraw",
    "sysprep",
    "sparsify",
    "export",
    "audit",
    "seal",
    "register",
)
WITH_A_GUEST = ("install", "step-2-services", "step-4-what-is-installed")
PANIC = (
    "customize:\n  append:\n    - {{name: panic, run: 'echo 1 > /proc/sys/kernel/sysrq; "
    "echo 0 > /proc/sys/kernel/panic; (sleep 1; echo c > /proc/sysrq-trigger) & : {number}'}}\n"
    "    - {{name: after, run: 'sleep 60'}}\n"
)


@dataclass(frozen=True)
class Fault:
    """``run`` breaks something and returns what it was; it raises Lost when the factory did not get over it."""

    tries: int
    run: Callable[[Factory, random.Random], str]


def kill(factory: Factory, chance: random.Random) -> str:
    """SIGKILL at a moment that is uniform over the length of an undisturbed build."""
    moment = chance.uniform(0.2, max(1.0, factory.took))
    running = factory.start(*factory.start_at)
    try:
        running.wait(moment)
    except subprocess.TimeoutExpired:
        running.kill()
    running.wait()
    begun = factory.stages_begun()
    factory.same_command_again()
    return f"killed after {moment:.1f} s in {begun[-1] if begun else 'no stage'}"


def libvirtd(factory: Factory, chance: random.Random) -> str:
    """Kill the daemon, with all that knows of the machine; it comes again at once, or with the next build."""
    stage, running = _begun(factory, chance.choice(WITH_A_GUEST))
    time.sleep(chance.uniform(0, 10))
    killed = _pids(lambda words: Path(words[0]).name == "libvirtd")
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    if not killed:
        raise Lost("there was no libvirtd to kill")
    if chance.random() < 0.5:
        time.sleep(2)
        start_libvirt()
    code = running.wait(3600)
    if code not in (0, 3):
        raise Lost(f"a killed libvirtd ended with {code}: {factory.said[-600:]}")
    factory.same_command_again()
    return f"libvirtd killed in {stage}; the build ended with {code}"


def qemu(factory: Factory, chance: random.Random) -> str:
    stage, running = _begun(factory, chance.choice(WITH_A_GUEST))
    for _ in range(120):
        if names := factory.domains():
            break
        time.sleep(0.5)
    else:
        raise Lost(f"there was no machine in {stage}")
    time.sleep(chance.uniform(0, 15))
    killed = [pid for name in names for pid in _pids(_is_machine(name))]
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    code = running.wait(3600)
    if not killed or code not in (0, 4):
        raise Lost(f"{len(killed)} killed QEMU in {stage} ended with {code}: {factory.said[-600:]}")
    factory.same_command_again()
    return f"{len(killed)} QEMU killed in {stage}; the build ended with {code}"


def panic(factory: Factory, chance: random.Random) -> str:
    """Let the kernel of the guest panic in a step; the cause must be named, and the recipe without it is built.

    The step is another one in each try, for a layer of it may be kept, and a guest that boots from that is well.
    """
    recipe = factory.project / "recipes" / "panics.yaml"
    recipe.write_text(
        "name: panics\nextends: demo\nmachine: {timeouts: {step: 90 s, without_kvm: 1}}\n"
        + PANIC.format(number=chance.getrandbits(32))
    )
    done = factory.ask("build", "panics")
    recipe.unlink()
    if done.returncode != 4 or "the kernel panicked: sysrq triggered crash" not in done.stderr:
        raise Lost(f"a panic ended with {done.returncode}: {done.stderr[-400:]}")
    factory.same_command_again()
    return done.stderr.splitlines()[0]


def disk_full(factory: Factory, chance: random.Random) -> str:
    """Fill the file system of the layers when a stage begins."""
    with _small_layers(factory) as disk:
        stage, running = _begun(factory, chance.choice(STAGES))
        disk.fill(chance.randrange(1, 12) << 20)
        code = running.wait(3600)
        disk.make_room()
        if code not in (0, 3):
            raise Lost(f"a full disk in {stage} ended with {code}: {factory.said[-600:]}")
        factory.same_command_again()
    return f"disk full in {stage}; the build ended with {code}"


def read_only(factory: Factory, chance: random.Random) -> str:
    """Let the file system of the layers turn read-only before the build, or while it runs."""
    with _small_layers(factory) as disk:
        if late := chance.random() < 0.7:
            stage, running = _begun(factory, chance.choice(STAGES))
            disk.fail()
            code = running.wait(3600)
        else:
            disk.fail()
            code = factory.build(*factory.start_at).returncode
        disk.mend()
        if code not in ((0, 3, 4) if late else (3,)):  # 4: of a guest whose disk cannot be written any more
            raise Lost(f"a read-only store ended with {code}: {factory.said[-600:]}")
        factory.same_command_again()
    return f"read-only {f'from {stage}' if late else 'before'}; the build ended with {code}"


@contextmanager
def _small_layers(factory: Factory) -> Iterator[SmallDisk]:
    """Have the layers on a file system of their own, until the end of the block."""
    layers, whole = factory.state / "store" / "layers", factory.state / "whole"
    whole.mkdir(exist_ok=True)
    subprocess.run(["mount", "--bind", layers, whole], check=True)
    try:
        with SmallDisk.mounted(factory.state / "small.img", layers, 8192) as disk:
            subprocess.run(["cp", "-a", "--sparse=always", f"{whole}/.", layers], check=True)
            subprocess.run(["sync", "-f", layers], check=True)  # what is lost is to be Goldsmith's own
            yield disk
    finally:
        subprocess.run(["umount", "-l", whole], check=True)
        whole.rmdir()


def clock(factory: Factory, chance: random.Random) -> str:
    """Let the wall clock of Goldsmith and its tools jump while it builds; the monotonic one goes on."""
    wrong = JumpingClock(factory.project)
    words = ("env", *(f"{name}={value}" for name, value in wrong.env.items()))
    running = factory.start(*factory.start_at, wrapped=words)
    jumps = []
    while running.poll() is None:
        time.sleep(chance.uniform(5, 30))
        jumps.append(chance.choice([-400 * DAY, -2 * HOUR, -10, 0, 3 * HOUR, 90 * DAY, 3650 * DAY]))
        wrong.jump(jumps[-1])
    if running.returncode:
        raise Lost(f"jumps by {jumps} s ended with {running.returncode}: {factory.said[-600:]}")
    factory.same_command_again()
    return f"{len(jumps)} jumps by {jumps} s"


def power_cut(factory: Factory, chance: random.Random) -> str:
    """Stop every process of the build, copy the state folder as it stands, and go on in the copy."""
    moment = chance.uniform(0.2, max(1.0, factory.took))
    target = factory.state.with_name(f"{factory.state.name}-after-the-cut")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(mode=0o711)
    running = factory.start(*factory.start_at)
    try:
        running.wait(moment)
    except subprocess.TimeoutExpired:
        running.send_signal(signal.SIGSTOP)
        copied(factory.state, target)
        running.send_signal(signal.SIGCONT)
    else:
        copied(factory.state, target)
    running.send_signal(signal.SIGINT)
    running.wait(600)
    begun = factory.stages_begun()
    after = Factory(target, took=factory.took, audit=factory.audit)
    shutil.copytree(factory.project, after.project)
    try:
        after.same_command_again()
    finally:
        after.tidy()
    shutil.rmtree(target)
    factory.same_command_again()
    return f"cut after {moment:.1f} s in {begun[-1] if begun else 'no stage'}"


def ctrl_c(factory: Factory, chance: random.Random) -> str:
    """Interrupt once or twice; once must be over in ten seconds."""
    moment, twice = chance.uniform(0.5, max(1.0, factory.took)), chance.random() < 0.3
    running = factory.start(*factory.start_at)
    try:
        running.wait(moment)
    except subprocess.TimeoutExpired:
        running.send_signal(signal.SIGINT)
        if twice:
            time.sleep(chance.uniform(0, 0.5))
            running.send_signal(signal.SIGINT)
    started = time.monotonic()
    code = running.wait(120)
    took = time.monotonic() - started
    if code not in (0, 130, -signal.SIGINT) or took > 10:
        raise Lost(f"Ctrl-C after {moment:.1f} s ended with {code} in {took:.1f} s")
    factory.same_command_again()
    return f"{'twice' if twice else 'once'} after {moment:.1f} s: {code} in {took:.1f} s"


def mutations(factory: Factory, chance: random.Random) -> str:
    """A hundred recipes with faults, each through a process of its own."""
    recipes = sorted((TOP / "recipes").glob("*.yaml"))
    path, refused = factory.project / "recipes" / "mutated.yaml", 0
    for _ in range(100):
        source = chance.choice(recipes)
        path.write_bytes(mutated_recipe(source.read_text(), chance))
        done = factory.ask("validate", "mutated")
        if done.returncode not in (0, 2) or (done.returncode == 2 and ":" not in done.stderr):
            raise Lost(f"{source.name}: {done.returncode} {done.stderr[:400]}")
        refused += done.returncode == 2
    path.unlink()
    return f"{refused} of 100 refused, the others taken"


def _begun(factory: Factory, stage: str) -> tuple[str, subprocess.Popen[str]]:
    """Start a build and wait until it is in a stage; the install is only there when it is made anew."""
    stage = "step-2-services" if stage == "install" and factory.quick else stage
    running = factory.start(*factory.start_at)
    factory.until_stage(running, stage)
    return stage, running


def _is_machine(name: str) -> Callable[[list[str]], bool]:
    return lambda words: any(word.startswith(f"guest={name},") for word in words)


def _pids(wanted: Callable[[list[str]], bool]) -> list[int]:
    """Return the processes whose words are wanted."""
    found = []
    for one in Path("/proc").iterdir():
        with suppress(OSError):
            if one.name.isdigit() and wanted(
                (one / "cmdline").read_bytes().decode(errors="replace").split("\0")
            ):
                found.append(int(one.name))
    return found


FAULTS: Mapping[str, Fault] = {
    "kill": Fault(25, kill),
    "ctrl-c": Fault(8, ctrl_c),
    "qemu": Fault(4, qemu),
    "libvirtd": Fault(3, libvirtd),
    "panic": Fault(2, panic),
    "disk-full": Fault(9, disk_full),
    "read-only": Fault(3, read_only),
    "clock": Fault(3, clock),
    "power-cut": Fault(6, power_cut),
    "mutations": Fault(10, mutations),
}
