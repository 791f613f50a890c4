"""Time a demo build stage by stage, a build with everything cached, and the help text.

Usage: .venv/bin/python benchmarks/demo.py [--state FOLDER]
"""

import argparse
import json
import os
import subprocess
import sys
import time


def build(*options: str) -> dict[str, object]:
    """Run one build and return its last event."""
    command = [sys.executable, "-m", "goldsmith", "build", "demo", "--json", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def wall(*command: str, runs: int = 5) -> float:
    """Return the median wall time of a command, in seconds."""
    times = []
    for _ in range(runs):
        start = time.monotonic()
        subprocess.run([sys.executable, "-m", "goldsmith", *command], stdout=subprocess.DEVNULL, check=True)
        times.append(time.monotonic() - start)
    return sorted(times)[runs // 2]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", default="/var/tmp/goldsmith-bench")
    os.environ["GOLDSMITH_STATE"] = parser.parse_args().state
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # where it is set, each start compiles all modules anew
    build()  # the medium and the appliance are made outside of the measured run
    full = build("--no-cache")
    print(f"{'stage':<28}{'seconds':>9}")
    for stage, seconds in full["stage_seconds"].items():
        print(f"{stage:<28}{seconds:>9.1f}")
    total, own = full["seconds"], full["own_seconds"]
    print(f"{'build demo --no-cache':<28}{total:>9.1f}   target <= 300")
    print(f"{'own share':<28}{100 * own / total:>8.1f}%   target <= 3 %")
    cached = build()
    print(f"{'cached build, own time':<28}{cached['own_seconds']:>9.2f}   target < 2")
    print(f"{'cached build, whole process':<28}{wall('build', 'demo', '--quiet'):>9.2f}")
    print(f"{'goldsmith --help':<28}{wall('--help'):>9.2f}   target < 0.3")


if __name__ == "__main__":
    main()
