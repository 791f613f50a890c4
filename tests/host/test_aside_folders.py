"""Folders for what is not whole: of the dead they are removed, of the living and of others never."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import goldsmith
from goldsmith.errors import HostError
from goldsmith.host.aside import aside

HOLD = """
import sys, time
from pathlib import Path
from goldsmith.host.aside import aside
with aside(Path(sys.argv[1]), "disk.raw") as folder:
    (folder / "disk.raw").write_bytes(b"half")
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def held(tmp_path):
    """Give a process that makes disk.raw in ``tmp_path``, and its folder."""
    env = {**os.environ, "PYTHONPATH": str(Path(goldsmith.__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE, env=env, text=True
    )
    assert process.stdout
    yield process, Path(process.stdout.readline().strip())
    process.kill()
    process.communicate()


def test_what_a_killed_process_left_is_removed_by_the_next_of_the_same_name(tmp_path, held):
    process, folder = held
    with aside(tmp_path, "disk.raw") as mine:
        assert folder.is_dir()  # its maker lives
        assert mine != folder
    process.send_signal(signal.SIGKILL)
    process.wait()
    with aside(tmp_path, "other.raw"):
        assert folder.is_dir()
    with aside(tmp_path, "disk.raw") as mine:
        assert not folder.exists()
        assert mine.is_dir()
    assert not mine.exists()


def test_folders_of_other_people_stay(tmp_path):
    theirs = tmp_path / ".goldsmith-disk.raw.backup"
    theirs.mkdir()
    (theirs / "precious").touch()
    with aside(tmp_path, "disk.raw"):
        pass
    assert (theirs / "precious").exists()


def test_a_name_of_255_bytes_has_one_too(tmp_path):
    with aside(tmp_path, "ä" * 127) as folder:
        assert folder.is_dir()


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with (
        pytest.raises(HostError, match=r"cannot write to .*/none: No such file or directory\n  fix: see to"),
        aside(tmp_path / "none", "disk"),
    ):
        pass
