"""Compare ``goldsmith audit`` with ``virt-inspector`` on the same image, in alternating runs.

Both start one appliance, find the system and list its packages. The audit does so with all its checks, and looks at
the bytes of the file; virt-inspector is the least that any look into an image costs.

Usage: .venv/bin/python benchmarks/audit.py [IMAGE] [--rounds N] [--state FOLDER]
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from goldsmith.host import accel, guestfs
from goldsmith.host.process import LocalHost

TARGET = 1.5


def run(*command: str | Path, env: dict[str, str]) -> float:
    """Return the seconds of a program; an audit that refuses the image (exit 5) has looked as long as any."""
    start = time.monotonic()
    done = subprocess.run(command, env={**os.environ, **env}, stdout=subprocess.DEVNULL, check=False)
    if done.returncode not in (0, 5):
        sys.exit(f"{command[0]} ended with status {done.returncode}")
    return time.monotonic() - start


def newest_demo(state: Path) -> Path:
    """Return the demo's finished image; it is built where there is none."""
    pattern = "store/layers/*/demo.qcow2"
    if not any(state.glob(pattern)):
        subprocess.run([sys.executable, "-m", "goldsmith", "build", "demo", "--no-register"], check=True)
    return max(state.glob(pattern), key=lambda path: path.stat().st_mtime)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("image", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--state", type=Path, default=Path("/var/tmp/goldsmith-bench"))
    given = parser.parse_args()
    os.environ["GOLDSMITH_STATE"] = str(given.state)
    image = given.image or newest_demo(given.state)
    env = guestfs.environment(accel.detect(LocalHost(), state=given.state), cache=given.state / "cache")
    subprocess.run(
        ["guestfish", "-a", "/dev/null", "run"], env={**os.environ, **env}, check=True
    )  # built once
    audits, inspections = [], []
    for number in range(1, given.rounds + 1):
        inspections.append(run("virt-inspector", "--format=qcow2", "-a", image, env=env))
        audits.append(run(sys.executable, "-m", "goldsmith", "--quiet", "audit", image, env=env))
        print(f"round {number}: virt-inspector {inspections[-1]:.1f} s   goldsmith audit {audits[-1]:.1f} s")
    ratio = statistics.median(audits) / statistics.median(inspections)
    print(f"time ratio {ratio:.2f} of the medians   target <= {TARGET}")


if __name__ == "__main__":
    main()
