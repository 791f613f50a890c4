"""Tests see an empty PATH, an empty home and a state folder of their own; what they need they ask for.

Tests marked ``real`` keep PATH and home, because they drive the qemu, libvirt and libguestfs of this machine.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .keeping import guest, hypervisor, libvirt_anew, state  # noqa: F401
from .tokens import token  # noqa: F401

SRC = Path(__file__).parents[1] / "src"
# Files in the order in which the workers take them. What takes minutes comes first, so that no worker is left with it
# when all else is done; and what needs no demo comes early, for another worker is building that meanwhile.
FIRST = (
    "real/test_demo.py",
    "real/test_rhel_standins.py",
    "real/test_windows.py",
    "real/test_user.py",
    "real/test_death.py",
    "real/test_faults.py",
    "real/test_keep.py",
    "real/test_nightly.py",
    "real/test_ways_in.py",
    "real/test_journey.py",
    "real/",
    "test_linters.py",
)
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
XDG = {
    "XDG_DATA_HOME": ".local/share",
    "XDG_CONFIG_HOME": ".config",
    "XDG_CACHE_HOME": ".cache",
    "XDG_STATE_HOME": ".local/state",
}
FOREIGN = (
    "LIBVIRT_DEFAULT_URI",
    "LIBGUESTFS_BACKEND",
    "LIBGUESTFS_BACKEND_SETTINGS",
    "NO_COLOR",
    "FORCE_COLOR",
)


class Tool:
    """A fake program: ``path`` is the script, ``calls`` its argument lists, one for each call."""

    def __init__(self, path: Path, log: Path) -> None:
        self.path = path
        self._log = log

    @property
    def calls(self) -> list[list[str]]:
        calls: list[list[str]] = [[]]
        for word in self._log.read_text().split("\0")[:-1] if self._log.exists() else ():
            if word == "\1":
                calls.append([])
            else:
                calls[-1].append(word)
        return calls[:-1]


@pytest.fixture(autouse=True)
def no_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[None]:
    """Keep each test away from the user's files, and fast tests from every program they did not fake."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(SRC))  # processes that a test starts run this tree as well
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)  # or each of them compiles it anew: 0.4 s
    if request.node.get_closest_marker("real"):
        monkeypatch.setenv("PATH", f"{bin_folder}:{os.environ.get('PATH', SYSTEM_PATH)}")
        # Not in tmp_path: qemu runs as another user and cannot pass pytest's 0700 folders.
        state = Path(tempfile.mkdtemp(prefix="goldsmith-test-", dir="/var/tmp"))
        state.chmod(0o711)
        monkeypatch.setenv("GOLDSMITH_STATE", str(state))
        yield
        shutil.rmtree(state, ignore_errors=True)
        return
    home = tmp_path / "home"
    (home / ".run").mkdir(parents=True, mode=0o700)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setenv("PATH", str(bin_folder))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / ".run"))
    monkeypatch.setenv("GOLDSMITH_STATE", str(tmp_path / "state"))
    for name, folder in XDG.items():
        monkeypatch.setenv(name, str(home / folder))
    for name in FOREIGN:
        monkeypatch.delenv(name, raising=False)
    yield


@pytest.fixture
def fake_tool(tmp_path: Path) -> Callable[..., Tool]:
    """Put a script on PATH that records its arguments, then runs ``script`` (sh) with the system's PATH.

    In the script ``$BIN`` is the folder of the fake tools. Making it again keeps its calls.
    """

    def make(name: str, script: str = "") -> Tool:
        log = tmp_path / f"{name}.calls"
        path = tmp_path / "bin" / name
        path.unlink(missing_ok=True)  # not through a link that tool_on_path made
        path.write_text(
            f"#!/bin/sh\nBIN='{path.parent}'\nPATH={SYSTEM_PATH}\nexport BIN PATH\n"
            f"""printf '%s\\0' "$@" "$(printf '\\1')" >> '{log}'\n{script}\n"""
        )
        path.chmod(0o755)
        return Tool(path, log)

    return make


@pytest.fixture
def tool_on_path(tmp_path: Path) -> Callable[[str], Path]:
    """Link one program of this machine into the empty PATH, for fast tests that need the real one."""

    def link(name: str) -> Path:
        real = shutil.which(name, path=SYSTEM_PATH)
        if real is None:
            pytest.fail(f"{name} is not installed here; `make setup` installs it")
        path = tmp_path / "bin" / name
        path.unlink(missing_ok=True)
        path.symlink_to(real)
        return path

    return link


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files, and give tests that drive real guests the time that they need without KVM."""
    items.sort(key=_place)
    for item in items:
        if item.get_closest_marker("real") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(1800))


def _place(item: pytest.Item) -> int:
    """Return where the file of a test comes: the long ones as they are listed, then the rest."""
    name = item.path.relative_to(Path(__file__).parent).as_posix()
    return next((at for at, one in enumerate(FIRST) if name.startswith(one)), len(FIRST))
