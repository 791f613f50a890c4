"""A small file system that a test fills, or lets the kernel make read-only as after an error of the disk."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FILLER = ".filler"
SYSTEM_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"


@dataclass
class SmallDisk:
    """ext4 in the file ``image``, mounted at ``at``; only root can have one.

    Each QEMU that libvirt starts meanwhile has a mount namespace of its own, with this file system in it. It is
    unmounted there too only because what it is mounted in is shared; else it would stay as it is, read-only.
    """

    image: Path
    at: Path

    @classmethod
    @contextmanager
    def mounted(cls, image: Path, at: Path, mib: int) -> Iterator["SmallDisk"]:
        with image.open("wb") as file:
            file.truncate(mib << 20)
        _run("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0", str(image))
        at.mkdir(parents=True, exist_ok=True)
        disk = cls(image, at)
        _run("mount", "--bind", str(at.parent), str(at.parent))
        _run("mount", "--make-shared", str(at.parent))
        disk._mount()
        try:
            yield disk
        finally:
            _run("umount", "-l", str(at))
            _run("umount", "-l", str(at.parent))
            image.unlink(missing_ok=True)

    @property
    def free(self) -> int:
        found = os.statvfs(self.at)
        return found.f_bavail * found.f_frsize

    def fill(self, left: int = 0) -> None:
        """Take all the room but ``left`` bytes."""
        with (self.at / FILLER).open("wb") as file:
            while (take := self.free - left) > 0:
                try:
                    os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, take)
                except OSError:  # the map of the file takes room too
                    left += 4096

    def make_room(self) -> None:
        (self.at / FILLER).unlink(missing_ok=True)

    def fail(self) -> None:
        """Let the kernel find an error: it makes the file system read-only, whoever writes to it."""
        device = _run("findmnt", "-no", "SOURCE", "--mountpoint", str(self.at)).strip()
        Path("/sys/fs/ext4", Path(device).name, "trigger_fs_error").write_text("broken by a test\n")

    def mend(self) -> None:
        """Check it and mount it again, as one does after that."""
        _run("umount", str(self.at))
        _run("e2fsck", "-fy", str(self.image), ok=(0, 1))  # 1: it has mended something
        self._mount()

    def _mount(self) -> None:
        _run("mount", "-o", "loop,errors=remount-ro", str(self.image), str(self.at))
        self.at.chmod(0o711)
        if (found := self.at / "lost+found").exists():  # made by mkfs, and by e2fsck where it is not there
            found.rmdir()


def _run(*command: str, ok: tuple[int, ...] = (0,)) -> str:
    """Run a program of this machine, whatever PATH a test has."""
    found = shutil.which(command[0], path=SYSTEM_PATH) or command[0]
    done = subprocess.run([found, *command[1:]], check=False, capture_output=True, text=True)
    if done.returncode not in ok:
        raise RuntimeError(f"{command} ended with {done.returncode}: {done.stderr}")
    return done.stdout
