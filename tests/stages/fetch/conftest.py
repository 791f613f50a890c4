"""A build around one stage, and the media that tests of stages need."""

from collections.abc import Callable
from pathlib import Path

import pytest

from goldsmith.host.accel import Acceleration
from goldsmith.host.process import LocalHost
from goldsmith.plan.stage import Context, Entry, Work

SECTOR = 2048


class Notes:
    """A reporter that keeps what it is told."""

    def __init__(self):
        self.events = []

    def tell(self, event):
        self.events.append(event)

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def context(tmp_path: Path, notes: Notes) -> Context:
    folder = tmp_path / "builds" / "b"
    folder.mkdir(parents=True)
    return Context(
        build="b",
        state=tmp_path / "state",
        folder=folder,
        uri="test:///default",
        reporter=notes,
        acceleration=Acceleration("qemu", "test"),
        guestfs_env={},
        results={},
        host_for=lambda stage: LocalHost(log=folder / f"{stage}.log"),
        log_for=lambda stage: lambda line: None,
        announce=lambda work: None,
    )


@pytest.fixture
def work(tmp_path: Path) -> Callable[..., Work]:
    """Make the work of a stage, with an empty folder."""

    def make(stage, before=None) -> Work:
        folder = tmp_path / "layers" / stage.name
        folder.mkdir(parents=True)
        return Work(stage, "key", folder, before, lambda: Entry("key", folder))

    return make


@pytest.fixture
def iso_bytes() -> Callable[..., bytes]:
    return _iso_bytes


def _iso_bytes(size: int = 20 * SECTOR, *, declared: int | None = None, content: bytes = b"") -> bytes:
    """Return an ISO 9660 header with something behind it; ``declared`` is the size that it claims."""
    header = bytearray(SECTOR)
    header[:6] = b"\x01CD001"
    header[40:72] = b"TEST".ljust(32)
    header[80:84] = ((declared or size) // SECTOR).to_bytes(4, "little")
    return (bytes(16 * SECTOR) + bytes(header) + content).ljust(size, b"\0")[:size]


@pytest.fixture
def libosinfo(fake_tool: Callable[..., object]) -> Callable[..., None]:
    """Let libosinfo take every ISO for one OS, or for none; it knows the short ids ``known``."""
    title = " Short ID \\n----------"

    def say(name: str = "", *, arch: str = "x86_64", known: str = "rhel7.9 rhel7.8") -> None:
        line = f"Media is an installer for OS '{name} ({arch})'" if name else "Media is not bootable."
        fake_tool("osinfo-detect", f'echo "{line}"')
        fake_tool(
            "osinfo-query",
            f"printf '{title}\\n'\ncase $3 in name=*) echo \" ${{3#name=}}\";; "
            f'*) for one in {known}; do [ "short-id=$one" = "$3" ] && echo " $one"; done;; esac; true',
        )

    return say
