"""Compare our way from a finished guest disk to the published file with the manual's two commands.

The disk is the last layer before ``sysprep`` of the newest demo build. Ours: virt-sysprep with a trim in the same
launch, virt-sparsify in place, qemu-img convert with threads. The manual: virt-sysprep, virt-sparsify --compress.

Usage: .venv/bin/python benchmarks/finalize.py [--state FOLDER] [--disk FILE]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from goldsmith.host import accel, guestfs
from goldsmith.host.process import LocalHost


def run(*command: str | Path, env: dict[str, str]) -> float:
    start = time.monotonic()
    subprocess.run(command, env={**os.environ, **env}, stdout=subprocess.DEVNULL, check=True)
    return time.monotonic() - start


def disk_before_sysprep(state: Path) -> Path:
    """Return the disk on which the newest sysprep layer stands."""
    seals = [
        (one.stat().st_mtime, json.loads(one.read_text())) for one in state.glob("store/layers/*/entry.json")
    ]
    ours = [seal for seal in seals if (seal[1]["stage"], seal[1]["recipe"]) == ("sysprep", "demo")]
    newest = max(ours, key=lambda one: one[0])
    return state / "store" / "layers" / newest[1]["parent"] / "disk.qcow2"


def goldsmith(state: Path) -> tuple[dict[str, float], int]:
    """Run the stages from sysprep to export through Goldsmith; return their seconds and the size of the file."""
    command = [
        sys.executable,
        "-m",
        "goldsmith",
        "build",
        "demo",
        "--json",
        "--from",
        "sysprep",
        "--no-register",
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    end = json.loads(done.stdout.splitlines()[-1])
    times = {name: end["stage_seconds"][name] for name in ("sysprep", "sparsify", "export")}
    newest = max(state.glob("store/layers/*/demo.qcow2"), key=lambda path: path.stat().st_mtime)
    return times, newest.stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, default=Path("/var/tmp/goldsmith-bench"))
    state = parser.parse_args().state
    os.environ["GOLDSMITH_STATE"] = str(state)
    env = guestfs.environment(accel.detect(LocalHost(), state=state), cache=state / "cache")
    disk = disk_before_sysprep(state)
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        copy, out = Path(folder) / "manual.qcow2", Path(folder) / "manual-cloud.qcow2"
        subprocess.run(["qemu-img", "convert", "-O", "qcow2", disk, copy], check=True)
        sysprep = run("virt-sysprep", "-q", "-a", copy, env=env)
        sparsify = run("virt-sparsify", "-q", "--compress", copy, out, env=env)
        theirs, their_size = sysprep + sparsify, out.stat().st_size
    times, our_size = goldsmith(state)
    ours = sum(times.values())
    print(
        f"manual   virt-sysprep {sysprep:.1f} s + virt-sparsify --compress {sparsify:.1f} s = {theirs:.1f} s"
    )
    print(
        "goldsmith "
        + " + ".join(f"{name} {seconds:.1f} s" for name, seconds in times.items())
        + f" = {ours:.1f} s"
    )
    print(f"time ratio {ours / theirs:.3f}   target <= 0.25")
    print(
        f"size ratio {our_size / their_size:.3f}   target <= 1.02   ({our_size} against {their_size} bytes)"
    )


if __name__ == "__main__":
    main()
