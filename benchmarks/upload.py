"""Compare an upload of 1 GiB into a real Glance with curl, the official client and the SDK, in alternating runs.

Every upload makes a new image, ends with an active one and is deleted again. Ours is the whole command: it looks into
the file, digests it three ways, sends it, and compares what the server has. Then: the memory of uploads of 256 MiB and
1 GiB, and how long the embedded catalog takes to register a file of a build by its digests, for both sizes.

Usage: .venv/bin/python benchmarks/upload.py [--rounds 4] [--size 1024 (MiB)] [--folder FOLDER]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "servers"))

import glance_server
import openstack_client
import wsgi_server

from goldsmith.catalog.entry import NewImage
from goldsmith.catalog.local import LocalCatalog
from goldsmith.host.files import digest

MIB = 1 << 20
TOKEN = "me:images:member"
SDK = """
import sys, openstack
openstack.connect(cloud="bench").create_image(
    "bench", filename=sys.argv[1], disk_format="raw", container_format="bare", wait=True, validate_checksum=True)
"""


@dataclass(frozen=True)
class Run:
    seconds: float
    peak: int  # bytes of resident memory


def measured(command: list[str | Path]) -> Run:
    """Run a command to its good end; the peak is that of the process itself."""
    start = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert child.stderr
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{command} failed: {said.decode()[-2000:]}")
    return Run(time.monotonic() - start, usage.ru_maxrss * 1024)


class Bench:
    """One server and the ways into it."""

    def __init__(self, server: glance_server.GlanceServer, folder: Path) -> None:
        self.server, self.folder = server, folder
        clouds = folder / "clouds.yaml"
        clouds.write_text(server.clouds("bench", token=TOKEN))
        os.environ |= {"OS_CLIENT_CONFIG_FILE": str(clouds), "GOLDSMITH_STATE": str(folder / "state")}
        name = f"openstackclient-{openstack_client.VERSION}"
        self.python = wsgi_server.installed(openstack_client.PINS, name)

    def ask(self, method: str, path: str, body: object = None) -> dict:
        data = json.dumps(body).encode() if body is not None else None
        headers = {"X-Auth-Token": TOKEN, "Content-Type": "application/json"}
        asked = urllib.request.Request(self.server.url + path, data, headers, method=method)
        with urllib.request.urlopen(asked) as answer:
            return json.loads(answer.read() or b"{}")

    def curl(self, file: Path) -> Run:
        new = {"name": "bench", "disk_format": "raw", "container_format": "bare"}
        url = f"{self.server.url}/v2/images/{self.ask('POST', '/v2/images', new)['id']}/file"
        kind = "Content-Type: application/octet-stream"
        return measured(["curl", "-sS", "-f", "-T", file, "-H", f"X-Auth-Token: {TOKEN}", "-H", kind, url])

    def goldsmith(self, file: Path) -> Run:
        push = ["push", file, "--catalog", "bench", "--disk-format", "raw", "--name", "bench"]
        return measured([sys.executable, "-m", "goldsmith", *push])

    def openstack(self, file: Path) -> Run:
        create = ["image", "create", "--file", file, "--disk-format", "raw", "bench"]
        return measured([self.python.parent / "openstack", "--os-cloud", "bench", *create])

    def sdk(self, file: Path) -> Run:
        return measured([self.python, "-c", SDK, file])

    def clear(self) -> None:
        for image in self.ask("GET", "/v2/images?limit=100")["images"]:
            assert image["status"] == "active", image
            self.ask("DELETE", f"/v2/images/{image['id']}")
        os.sync()  # or the next one pays for writing back this one


def made(folder: Path, size: int) -> Path:
    path = folder / f"{size // MIB}.raw"
    with path.open("wb") as file:
        for _ in range(size // MIB):
            file.write(os.urandom(MIB))
        os.fsync(file.fileno())
    return path


def registered(folder: Path, file: Path) -> float:
    """Return the seconds that the embedded catalog needs for a file whose digests are known, as in a build."""
    known = digest(file)
    start = time.monotonic()
    LocalCatalog(folder / "embedded").register(file, NewImage(name=file.stem, disk_format="raw"), known)
    return time.monotonic() - start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--size", type=int, default=1024, help="MiB")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"))
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(dir=given.folder) as name,
        glance_server.running(Path(name, "glance")) as server,
    ):
        folder = Path(name)
        bench = Bench(server, folder)
        large, small = made(folder, given.size * MIB), made(folder, given.size * MIB // 4)
        ways: dict[str, Callable[[Path], Run]] = {
            "curl -T": bench.curl,
            "goldsmith push": bench.goldsmith,
            "openstack image create": bench.openstack,
            "SDK create_image": bench.sdk,
        }
        bench.curl(small)  # the first one finds nothing in memory
        bench.clear()
        runs: dict[str, list[Run]] = {way: [] for way in ways}
        order = list(ways)
        for number in range(given.rounds):  # each begins in turn: what went before left the disk work
            for way in (*order[number % len(order) :], *order[: number % len(order)]):
                runs[way].append(ways[way](large))
                bench.clear()
        seconds = {way: statistics.median(one.seconds for one in found) for way, found in runs.items()}
        for way, found in runs.items():
            each = " ".join(f"{one.seconds:.1f}" for one in found)
            ratio = seconds[way] / seconds["curl -T"]
            peak = max(one.peak for one in found) / MIB
            print(f"{way:22}  {seconds[way]:6.1f} s ({each})   ratio {ratio:.2f}   peak {peak:.0f} MiB")
        ours = seconds["goldsmith push"]
        print(f"time ratio to curl -T {ours / seconds['curl -T']:.2f}   target <= 1.3")
        for way in ("openstack image create", "SDK create_image"):
            print(f"time ratio to {way} {ours / seconds[way]:.2f}   target < 1")
        peaks = [bench.goldsmith(one).peak / MIB for one in (small, large)]
        bench.clear()
        told = f"{peaks[0]:.0f} MiB for {small.stem} MiB, {peaks[1]:.0f} MiB for {large.stem} MiB"
        print(f"peak memory {told}   target <= 150")
        times = [registered(folder, one) * 1000 for one in (small, large)]
        print(
            f"embedded register {times[0]:.0f} ms for {small.stem} MiB, {times[1]:.0f} ms for {large.stem} MiB"
        )


if __name__ == "__main__":
    main()
