"""Measure what a rebuild costs: nothing changed, the last of five steps, the middle one; and what layers cost.

All in one run, on recipes that extend the demo, so that the figures to trust are ratios to the full build. Where others
use the host too, GOLDSMITH_BENCH_LOCK names the file whose lock (flock) each build then waits for, outside of its time.

Usage: .venv/bin/python benchmarks/rebuild.py [--state FOLDER]
"""

import argparse
import fcntl
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

OTHERS = 200  # further recipes of the project
# The demo's five steps, of which the third and the last vary.
STEPS = """\
customize:
  - cloud_init: {{default_user: debian, datasources: [ConfigDrive, OpenStack, Ec2, NoCloud, None]}}{flat}
  - services: {{disable: [apt-daily.timer, apt-daily-upgrade.timer]}}{flat}
  - write:
      path: /etc/ssh/sshd_config.d/60-keys-only.conf
      content: "PasswordAuthentication no\\n# {{{{ middle | default('same') }}}}\\n"
      mode: "0600"{flat}
  - run: dpkg-query -W > /etc/goldsmith-packages{flat}
  - write: {{path: /etc/motd, content: "{{{{ last | default('same') }}}}\\n"}}
"""
FLAT = "\n    layer: false"


def project(folder: Path) -> Path:
    """Make a project with the two recipes that are measured."""
    recipes = folder / "recipes"
    recipes.mkdir()
    for name, flat in (("layered", ""), ("flat", FLAT)):
        head = f"name: {name}\nextends: demo\nmachine: {{timeouts: {{without_kvm: 10}}}}\n"
        (recipes / f"{name}.yaml").write_text(head + STEPS.format(flat=flat))
    return folder


def build(folder: Path, recipe: str, *options: str) -> float:
    """Build, and return the wall time of the whole process in seconds; of a cached build all of it is our own."""
    command = [sys.executable, "-m", "goldsmith", "build", recipe, "--json", *options]
    with turn():
        start = time.monotonic()
        done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
        seconds = time.monotonic() - start
    end = json.loads(done.stdout.splitlines()[-1])
    parts = ", ".join(f"{name} {took:.1f}" for name, took in end["stage_seconds"].items() if took >= 0.1)
    print(f"  {recipe} {' '.join(options)}: {seconds:.1f} s ({parts})", flush=True)
    return seconds


@contextmanager
def turn() -> Iterator[None]:
    """Hold the lock that others of this host take for what is as heavy, if there is one."""
    name = os.environ.get("GOLDSMITH_BENCH_LOCK")
    with ExitStack() as stack:
        if name:
            fcntl.flock(stack.enter_context(Path(name).open("a")), fcntl.LOCK_EX)
        yield


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", default="/var/tmp/goldsmith-bench")
    os.environ["GOLDSMITH_STATE"] = parser.parse_args().state
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # where it is set, each start compiles all modules anew
    with tempfile.TemporaryDirectory(prefix="goldsmith-bench-") as place:
        folder = project(Path(place))
        build(folder, "layered")  # the medium and the appliance are made outside of the measured runs
        full = build(folder, "layered", "--no-cache")
        same = build(folder, "layered")
        for number in range(OTHERS):
            text = f"name: other-{number}\nextends: layered\n"
            (folder / "recipes" / f"other-{number}.yaml").write_text(text)
        among = build(folder, "layered")
        last = build(folder, "layered", "--set", "last=changed")
        middle = build(folder, "layered", "--set", "middle=changed")
        flat = build(folder, "flat", "--no-cache")
    print(f"full build                   {full:8.1f} s")
    print(f"nothing changed              {same:8.2f} s   target <= 1.0 s")
    print(f"... with {OTHERS} more recipes        {among:8.2f} s   target <= 1.0 s")
    print(f"last of five steps changed   {last:8.1f} s, ratio {last / full:.2f}   target <= 0.35")
    print(f"middle step changed          {middle:8.1f} s, ratio {middle / full:.2f}")
    print(
        f"full build in one layer      {flat:8.1f} s, layers cost {100 * (full / flat - 1):.1f} %   target <= 5 %"
    )


if __name__ == "__main__":
    main()
