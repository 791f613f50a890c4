# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine that is installed: its console, its log, its programs; the one place that acts."""

import os
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from goldsmith.media.installer.boot import Boot
from goldsmith.media.installer.disks import Disk
from goldsmith.media.installer.steps import InstallProblem, Link, Mount, Note, Run, Say, Step, Write

ROOT = Path("/mnt/sysimage")
LOGS = Path("/tmp")
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
ENV = {"PATH": PATH, "LC_ALL": "C", "HOME": "/root", "TERM": "linux", "DEBIAN_FRONTEND": "noninteractive"}


class Machine:
    """``root`` is where the new system is mounted, ``logs`` where logs and scripts lie, ``env`` what programs see."""

    def __init__(
        self, boot: Boot, *, root: Path = ROOT, logs: Path = LOGS, env: Mapping[str, str] = ENV
    ) -> None:
        self.boot = boot
        self.root = root
        self.logs = logs
        self.env = env

    def say(self, text: str) -> None:
        """Print on the console, which is the last ``console=`` of the kernel's command line."""
        self.note(text)
        if not self.boot.silent:
            print(text, flush=True)

    def note(self, text: str) -> None:
        with (self.logs / "anaconda.log").open("a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%H:%M:%S')} {text}\n")

    def reach(self, phase: str) -> None:
        """Stop here for ever when the kernel command line says so: a fault for tests."""
        if self.boot.hang == phase:
            self.note(f"standin.hang={phase}")
            wait_for_ever()

    def carry_out(self, steps: Iterable[Step]) -> None:
        for step in steps:
            match step:
                case Say(text):
                    self.say(text)
                case Note(text):
                    self.note(text)
                case Run(argv, chroot, stdin, optional):
                    self.run(argv, chroot=chroot, stdin=stdin, optional=optional)
                case Write(path, text, mode):
                    self.write(path, text, mode)
                case Link(path, to):
                    place = self._fresh(path)
                    place.symlink_to(to)
                case Mount(device, path, options):
                    self._mount(device, path, options)

    def run(
        self, argv: Sequence[str], *, chroot: bool = False, stdin: str = "", optional: bool = False
    ) -> str:
        """Run a program to its end; what it says goes to the program log, what it is told does not."""
        command = ["chroot", str(self.root), *argv] if chroot else list(argv)
        done = subprocess.run(
            command, input=stdin, text=True, errors="replace", env=self.env, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        with (self.logs / "program.log").open("a", encoding="utf-8") as log:
            log.write(f"Running... {' '.join(command)}\n{done.stdout}Return code: {done.returncode}\n")
        if done.returncode and not optional:
            last = (done.stdout.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
            raise InstallProblem(f"{argv[0]} failed: {last}")
        return done.stdout

    def script(self, argv: Sequence[str], *, log: Path, env: Mapping[str, str], chroot: bool) -> int:
        """Run a kickstart script with its output in ``log``; return its exit status."""
        command = ["chroot", str(self.root), *argv] if chroot else list(argv)
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            try:
                return subprocess.run(
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                    env={**self.env, **env}, cwd="/", check=False,
                ).returncode  # fmt: skip
            except OSError as error:  # an interpreter that is not there
                output.write(f"{argv[0]}: {error.strerror}\n".encode())
                return 127

    def inside(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def write(self, path: str, text: str, mode: int) -> None:
        place = self._fresh(path)
        place.write_text(text, encoding="utf-8")
        place.chmod(mode)

    def _fresh(self, path: str) -> Path:
        """Return a place where nothing is: to write through a link could leave the new system."""
        place = self.inside(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        return place

    def _mount(self, device: str, path: str, options: str) -> None:
        place = self.inside(path)
        place.mkdir(parents=True, exist_ok=True)
        self.run(("mount", *(("-o", options) if options else ()), device, str(place)))

    def mount_kernel_folders(self) -> None:
        """Give the chroot what programs expect; /run is its own, so that nothing of it stays behind."""
        for name in ("dev", "proc", "sys"):
            place = self.inside(name)
            place.mkdir(exist_ok=True)
            self.run(("mount", "--rbind", f"/{name}", str(place)))
            self.run(("mount", "--make-rslave", str(place)))
        self.inside("run").mkdir(exist_ok=True)
        self.run(("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(self.inside("run"))))
        resolv = Path("/etc/resolv.conf")
        if resolv.is_file():
            folder = self.inside("run/systemd/resolve")
            folder.mkdir(parents=True)
            (folder / "stub-resolv.conf").write_text(resolv.read_text())

    def leave(self) -> None:
        """Unmount the new system; what its scripts left running is ended first."""
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (entry / "root").readlink().is_relative_to(self.root):
                    os.kill(int(entry.name), 9)
        os.sync()
        if self.root.is_mount():
            self.run(("umount", "--recursive", str(self.root)), optional=True)
        if self.root.is_mount():
            self.run(("mount", "-o", "remount,ro", str(self.root)), optional=True)
        os.sync()

    def disks(self) -> dict[str, Disk]:
        """Return the hard disks in the order of their names."""
        found = {}
        for entry in sorted(Path("/sys/block").iterdir()):
            if entry.name.startswith(("vd", "sd", "hd", "xvd", "nvme")):
                size = int((entry / "size").read_text()) * 512
                kind = self.run(
                    ("blkid", "-p", "-o", "value", "-s", "PTTYPE", f"/dev/{entry.name}"), optional=True
                )
                found[entry.name] = Disk(entry.name, size, bool(kind.strip()))
        return found


def wait_for_ever() -> None:
    while True:
        time.sleep(3600)


def sysrq(letter: str) -> None:
    os.sync()
    Path("/proc/sysrq-trigger").write_text(letter)
    time.sleep(30)
