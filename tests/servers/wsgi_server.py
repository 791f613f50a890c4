"""OpenStack's services from PyPI as processes on 127.0.0.1: installed once by pins, served by gunicorn."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


def installed(pins: Path, name: str) -> Path:
    """Return the Python that can run what these pins name; install it if that was not done yet."""
    digest = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = cache() / f"{name}-{digest}"
    done = folder / "installed"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with turn(folder):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            pip = [folder / "bin/python", "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
            for command in ([sys.executable, "-m", "venv", folder], [*pip, "--no-deps", "-r", pins]):
                run = subprocess.run(command, capture_output=True, text=True, check=False)
                if run.returncode:
                    raise RuntimeError(f"cannot install {name}: {run.stderr[-2000:]}")
            done.touch()
    return folder / "bin/python"


@contextlib.contextmanager
def turn(folder: Path):
    """Let one process at a time make this folder."""
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def cache() -> Path:
    if kept := os.environ.get("GOLDSMITH_TEST_STATE"):
        return Path(kept) / "servers"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "goldsmith" / "servers"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Service:
    """One WSGI application; ``healthy`` is a path that answers once it serves."""

    python: Path
    port: int
    folder: Path  # of its log
    name: str
    application: str
    healthy: str
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def launch(self) -> None:
        """Start it, without waiting."""
        log = (self.folder / f"{self.name}.gunicorn.log").open("ab")
        self.process = subprocess.Popen(
            [
                *(self.python, "-m", "gunicorn", "--no-control-socket", "--workers", "1", "--threads", "8"),
                *("--worker-class", "gthread", "--timeout", "600", "--graceful-timeout", "2"),
                *("--bind", f"127.0.0.1:{self.port}", self.application),
            ],
            env=self.surroundings(),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.launch()
        self.await_answer()

    def await_answer(self, patience: float = 60) -> None:
        end = time.monotonic() + patience
        while time.monotonic() < end:
            if self.process and self.process.poll() is not None:
                break
            with contextlib.suppress(OSError, urllib.error.URLError):
                with contextlib.suppress(urllib.error.HTTPError):  # an answer is an answer
                    urllib.request.urlopen(f"{self.url}{self.healthy}", timeout=5).close()
                return
            time.sleep(0.1)
        tail = (self.folder / f"{self.name}.gunicorn.log").read_text()[-2000:]
        self.stop()
        raise RuntimeError(f"{self.name} does not answer at {self.url}: {tail}")

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

    def run(self, *words: str | Path) -> None:
        """Run one of its programs to the end."""
        done = subprocess.run(
            [self.python, *words], env=self.surroundings(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{words[1]} failed: {done.stdout[-500:]}{done.stderr[-2000:]}")

    def surroundings(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "PYTHON"))}
        path = f"{self.python.parent}:{os.environ.get('PATH', '/usr/bin:/bin')}"
        return {**kept, "PATH": path, **self.environment}
