"""A real Glance from PyPI on 127.0.0.1, with SQLite and files: for the tests, and for people by `make glance`.

It needs no root and no Keystone: a token says who asks (glance/token_auth.py). The programs are installed once into a
virtual environment of their own, in GOLDSMITH_TEST_STATE or else the user's cache folder; what is installed is pinned
by glance/<version>.txt, the output of `pip freeze` where it worked.

Usage: python tests/servers/glance_server.py [--release 2025.1] [--folder FOLDER] [--port N]
"""

import argparse
import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).parent / "glance"
RELEASES = {"2026.2": "33.0.0", "2025.1": "30.2.0"}
CURRENT = "2026.2"
CLOUDS = """clouds:
  {name}:
    auth_type: admin_token
    auth: {{endpoint: "{url}", token: "{token}"}}
    image_endpoint_override: {url}
    image_api_version: 2
"""


def installed(release: str) -> Path:
    """Return the Python that can run this release; install it if that was not done yet (half a minute, 260 MB)."""
    version = RELEASES[release]
    pins = DATA / f"{version}.txt"
    digest = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = _cache() / f"glance-{version}-{digest}"
    done = folder / "installed"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            pip = [folder / "bin/python", "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
            for command in ([sys.executable, "-m", "venv", folder], [*pip, "--no-deps", "-r", pins]):
                run = subprocess.run(command, capture_output=True, text=True, check=False)
                if run.returncode:
                    raise RuntimeError(f"cannot install Glance {version}: {run.stderr[-2000:]}")
            done.touch()
    return folder / "bin/python"


def _cache() -> Path:
    if kept := os.environ.get("GOLDSMITH_TEST_STATE"):
        return Path(kept) / "servers"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "goldsmith" / "servers"


@dataclass
class GlanceServer:
    """One Glance and its data below ``folder``. Sizes are bytes; the quota is what all images of a project may take."""

    folder: Path
    python: Path
    port: int
    image_size_cap: int = 1 << 40
    project_quota: int = 0  # none
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def set_up(self) -> None:
        for name in ("fast", "slow", "staging", "tasks", "work", "locks"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        text = (DATA / "glance-api.conf").read_text()
        values = {"folder": self.folder, "data": DATA, "port": self.port}
        limits = {"image_size_cap": self.image_size_cap, "project_quota": self.project_quota}
        (self.folder / "glance-api.conf").write_text(text.format(**values, **limits))
        if not (self.folder / "glance.sqlite").exists():
            config = self.folder / "glance-api.conf"
            self._run("-m", "glance.cmd.manage", "--config-file", config, "db", "sync")

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = (self.folder / "gunicorn.log").open("ab")
        self.process = subprocess.Popen(
            [
                *(self.python, "-m", "gunicorn", "--no-control-socket", "--workers", "1", "--threads", "8"),
                *("--worker-class", "gthread", "--timeout", "600", "--graceful-timeout", "2"),
                *("--bind", f"127.0.0.1:{self.port}", "glance.wsgi.api:application"),
            ],
            env=self._environment(),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        self._await_answer()

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
            self.process = None

    def kill_worker(self) -> None:
        """Kill the process that answers as a crash would; another one takes its place."""
        assert self.process
        for child in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            os.kill(int(child), signal.SIGKILL)

    def stored(self) -> list[str]:
        """Return the names of the files in the stores."""
        return sorted(one.name for store in ("fast", "slow") for one in (self.folder / store).iterdir())

    def clouds(self, *names: str, token: str) -> str:
        """Return a clouds.yaml in which these clouds are this server."""
        texts = [CLOUDS.format(name=name, url=self.url, token=token) for name in names]
        return texts[0] + "".join(text.removeprefix("clouds:\n") for text in texts[1:])

    def _await_answer(self, patience: float = 60) -> None:
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if self.process and self.process.poll() is not None:
                break
            with contextlib.suppress(OSError, urllib.error.URLError):
                urllib.request.urlopen(f"{self.url}/healthcheck", timeout=5).close()
                return
            time.sleep(0.1)
        tail = (self.folder / "gunicorn.log").read_text()[-2000:]
        self.stop()
        raise RuntimeError(f"Glance does not answer at {self.url}: {tail}")

    def _run(self, *words: str | Path) -> None:
        done = subprocess.run(
            [self.python, *words], env=self._environment(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{words[1]} failed: {done.stderr[-2000:]}")

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "PYTHON"))}
        return {
            **kept,
            "OS_GLANCE_CONFIG_DIR": str(self.folder),
            "PYTHONPATH": str(DATA),
            "PATH": f"{self.python.parent}:{os.environ.get('PATH', '/usr/bin:/bin')}",
        }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    folder: Path,
    *,
    release: str = CURRENT,
    port: int = 0,
    image_size_cap: int = 1 << 40,
    project_quota: int = 0,
) -> Iterator[GlanceServer]:
    """Run a Glance on data in ``folder``; it is stopped in the end, the data stay."""
    python = installed(release)
    server = GlanceServer(folder, python, port or free_port(), image_size_cap, project_quota)
    server.set_up()
    try:
        server.start()
        yield server
    finally:
        server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description="Run a real Glance to play with, until Ctrl-C.")
    parser.add_argument("--release", choices=RELEASES, default=CURRENT)
    parser.add_argument("--folder", type=Path, help="Keep its data here; else they go when it stops.")
    parser.add_argument("--port", type=int, default=0, help="Else a free one.")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(f"Glance {RELEASES[given.release]} ({given.release}): installed once, then started ...", flush=True)
    with contextlib.ExitStack() as stack:
        folder = given.folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="glance-")))
        folder = folder.absolute()
        server = stack.enter_context(running(folder, release=given.release, port=given.port))
        clouds = folder / "clouds.yaml"
        members = server.clouds("glance", token="me:images:member")
        admins = server.clouds("glance-admin", token="root:images:admin").removeprefix("clouds:\n")
        clouds.write_text(members + admins)
        print(f"\n# {clouds}\n{clouds.read_text()}\nIn another terminal:")
        print(f"  export OS_CLIENT_CONFIG_FILE={clouds}")
        print("Ctrl-C stops it.", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
