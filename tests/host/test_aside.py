"""What is made aside is locked while its maker lives, and swept when it does not."""

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from goldsmith.host import aside
from goldsmith.host.files import write_atomically

DIES = """
import os, signal
from pathlib import Path
from goldsmith.host import aside
number, path = aside.new_file(Path({0!r}, "build.json"))
os.write(number, b"half")
with aside.scratch("audit") as folder:
    (folder / "ks.cfg").write_text("rootpw secret")
    os.kill(os.getpid(), signal.SIGKILL)
"""
DIES_ASIDE = """
import os, signal
from pathlib import Path
from goldsmith.host.aside import aside
with aside(Path({0!r}), "rhel7.iso") as folder:
    (folder / "rhel7.iso").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def dies_in(folder: Path) -> None:
    done = subprocess.run([sys.executable, "-c", DIES.format(str(folder))], check=False)
    assert done.returncode == -signal.SIGKILL


def test_what_a_killed_process_left_goes_and_what_a_living_one_makes_stays(tmp_path):
    folder = tmp_path / "builds"
    folder.mkdir()
    (folder / "build.json").write_text("{}")
    (folder / ".hidden").write_text("somebody's own")
    (folder / ".hidden.yaml").write_text("somebody's own")
    dies_in(folder)
    number, living = aside.new_file(folder / "events.jsonl")
    with aside.scratch("audit") as working:
        removed = aside.remove_files([folder, tmp_path / "not there"])
        assert [one.name[:12] for one in removed] == [".build.json."]
        (gone,) = aside.remove_scratch()
        assert gone.parent == Path(tempfile.gettempdir())
        assert gone != working.parent
        assert list(working.iterdir()) == []
        assert working.is_dir()
    assert not working.parent.exists()
    assert sorted(one.name for one in folder.iterdir()) == sorted(
        [".hidden", ".hidden.yaml", "build.json", living.name]
    )
    os.close(number)


def test_a_folder_of_others_among_the_temporary_files_stays():
    other = Path(tempfile.gettempdir(), "goldsmith-by-hand")
    other.mkdir()
    (other / "notes").write_text("mine")
    assert aside.remove_scratch() == []
    assert other.is_dir()


def test_what_can_only_be_read_goes_and_what_belongs_to_others_stays(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tmp_path.chmod(0o777)
    for name, mode in (("evidence", 0o444), ("theirs", 0o000)):
        Path(f".{name}.abcd1234").touch(mode=mode)
    with an_ordinary_user():
        removed = aside.remove_files([Path()])
    assert removed == [Path(".evidence.abcd1234")]
    assert [one.name for one in tmp_path.glob(".*.abcd1234")] == [".theirs.abcd1234"]


@contextmanager
def an_ordinary_user():
    """Give root's rights up, where the tests run with them."""
    before = os.geteuid()
    os.seteuid(before or 65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_folders_that_a_killed_process_left_go_and_those_of_a_living_one_stay(tmp_path):
    with aside.aside(tmp_path, "medium") as living:
        died = subprocess.run([sys.executable, "-c", DIES_ASIDE.format(str(tmp_path))], check=False)
        assert died.returncode == -signal.SIGKILL
        (tmp_path / ".goldsmith-by-hand").mkdir()
        (gone,) = aside.remove_folders([tmp_path, tmp_path / "not there"])
        assert gone.name.startswith(".goldsmith-rhel7.iso.")
        assert sorted(one.name for one in tmp_path.glob(".goldsmith-*")) == sorted(
            [
                ".goldsmith-by-hand",
                living.name,
            ]
        )


def test_a_file_that_is_swept_before_it_is_locked_is_made_again(tmp_path, monkeypatch):
    made = []

    def swept(file: int) -> None:
        made.append(file)
        if len(made) == 1:
            (one,) = tmp_path.glob(".memo.*")
            one.unlink()

    monkeypatch.setattr(aside, "hold", swept)
    write_atomically(tmp_path / "memo", "whole")
    assert len(made) == 2
    assert [one.name for one in tmp_path.glob("*memo*")] == ["memo"]
