"""An image's files below a folder of this host, for programs that know nothing of images; read-only, by FUSE."""

import errno
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from goldsmith.errors import GoldsmithError, HostError, ToolError
from goldsmith.host import retry
from goldsmith.host.aside import scratch
from goldsmith.host.process import Child, Host

PROGRAM = "guestmount"
_FIX = (
    "apt install libguestfs-tools, or dnf install libguestfs; /dev/fuse must be there; then goldsmith doctor"
)
_NAME = "mount"
_START = 300.0  # seconds for the appliance, and its look for a system
_END = 60.0
_SOON = 3.0  # where nothing is mounted, or somebody has pressed Ctrl-C


@contextmanager
def mounted(image: Path, *, driver: str, host: Host, env: Mapping[str, str]) -> Iterator[Path]:
    """Give the folder that shows the root of the image's system; one launch of the appliance, over with the block.

    ``driver`` is QEMU's name of the format and is never guessed. The program stays our child, so that its appliance
    dies with us whatever happens; what a kill then leaves is a name without a file system, for ``drop_dead``.
    Raises ToolError where it cannot be mounted.
    """
    with scratch(_NAME) as folder:
        place = folder / "guest"
        place.mkdir()
        child = host.start(
            PROGRAM, "--no-fork", "--ro", f"--format={driver}", "-a", image, "-i", place, env=env, fix=_FIX
        )
        patience = _SOON
        try:
            what = f"mount of {image.name}"
            retry.until(lambda: _there(child, place), what=what, deadline=_START, fix=_FIX, error=HostError)
            patience = _END
            yield place
        except KeyboardInterrupt:
            patience = _SOON
            raise
        finally:
            if patience == _SOON:
                child.interrupt()  # guestunmount ends no program that has not mounted yet
            else:
                with suppress(GoldsmithError):
                    host.run("guestunmount", "--quiet", place, timeout=patience, ok=range(256))
            child.stop(patience)
            if place.is_mount() or _is_dead(place):
                _detach(host, place, timeout=patience)


def drop_dead(host: Host, mounts: Path = Path("/proc/self/mounts")) -> list[str]:
    """Take away mounts whose appliance died with a killed process; return where they were."""
    gone = []
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        _, where, kind, *_ = line.split(" ")
        place = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), where))  # a space is \040
        if kind.startswith("fuse") and f"/goldsmith-{_NAME}-" in where and _is_dead(place):
            _detach(host, place, timeout=_END)
            gone.append(str(place))
    return gone


def _detach(host: Host, place: Path, *, timeout: float) -> None:
    with suppress(GoldsmithError):
        host.run("fusermount", "-u", "-z", place, timeout=timeout, ok=range(256))


def _there(child: Child, place: Path) -> bool | None:
    if ended := child.ended():
        raise ToolError(
            f"{PROGRAM} ended with {ended.code}", evidence=ended.stderr.splitlines()[-20:], fix=_FIX
        )
    return any(place.iterdir()) or None  # the root of a system is never empty


def _is_dead(place: Path) -> bool:
    """Say whether nobody answers for a mount; one of another user that is alive denies access, also to root."""
    try:
        place.stat()
    except OSError as error:
        return error.errno == errno.ENOTCONN
    return False
