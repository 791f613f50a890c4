import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from goldsmith.errors import HostError
from goldsmith.host import files

HOLD = """
import sys, time
from pathlib import Path
from goldsmith.host.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def holding(path: Path) -> subprocess.Popen[str]:
    """Let another process hold a lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    return process


def aged(path: Path) -> Path:
    """Wait until a change of the file would be sure to show in its time stamp."""
    time.sleep(0.06)
    return path


def test_one_reading_gives_all_digests_and_the_size(tmp_path):
    content = os.urandom(5 << 20)
    path = tmp_path / "disk"
    path.write_bytes(content)
    steps: list[int] = []
    found = files.digest(path, on_bytes=steps.append)
    assert found == files.Digests(
        hashlib.md5(content).hexdigest(),
        hashlib.sha256(content).hexdigest(),
        hashlib.sha512(content).hexdigest(),
        len(content),
    )
    assert sum(steps) == len(content)


def test_an_unchanged_file_is_hashed_once(tmp_path):
    path, memo = tmp_path / "iso", tmp_path / "digests.json"
    path.write_bytes(b"medium")
    aged(path)
    first: list[int] = []
    again: list[int] = []
    right = hashlib.sha256(b"medium").hexdigest()
    assert files.sha256_of(path, memo=memo, on_bytes=first.append) == right
    assert files.sha256_of(path, memo=memo, on_bytes=again.append) == right
    assert (first, again) == ([6], [])


def test_a_changed_file_is_hashed_again(tmp_path):
    path, memo = tmp_path / "iso", tmp_path / "digests.json"
    path.write_bytes(b"medium")
    files.sha256_of(aged(path), memo=memo)
    path.write_bytes(b"MEDIUM")
    assert files.sha256_of(aged(path), memo=memo) == hashlib.sha256(b"MEDIUM").hexdigest()


def test_a_broken_memo_costs_only_time(tmp_path):
    path, memo = tmp_path / "iso", tmp_path / "digests.json"
    path.write_bytes(b"medium")
    memo.write_text("{half")
    assert files.sha256_of(aged(path), memo=memo) == hashlib.sha256(b"medium").hexdigest()
    assert json.loads(memo.read_text())["files"][str(path)]["sha256"]


@pytest.mark.parametrize("digit", range(64))
def test_a_digest_that_changed_in_the_memo_is_forgotten(tmp_path, digit):
    path, memo = tmp_path / "iso", tmp_path / "digests.json"
    path.write_bytes(b"medium")
    right = files.sha256_of(aged(path), memo=memo)
    wrong = right[:digit] + format(int(right[digit], 16) ^ 1, "x") + right[digit + 1 :]
    memo.write_text(memo.read_text().replace(right, wrong))
    assert files.sha256_of(path, memo=memo) == right


def test_many_at_once_all_remember(tmp_path):
    memo = tmp_path / "digests.json"
    paths = [tmp_path / f"iso{number}" for number in range(8)]
    for path in paths:
        path.write_bytes(path.name.encode())
    aged(paths[-1])
    threads = [
        threading.Thread(target=files.sha256_of, args=(path,), kwargs={"memo": memo}) for path in paths
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(json.loads(memo.read_text())["files"]) == len(paths)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(HostError, match=r"none: No such file or directory\n  fix: see to the path"):
        files.sha256_of(tmp_path / "none", memo=tmp_path / "memo")
    with pytest.raises(HostError, match="none: No such file"):
        files.digest(tmp_path / "none")


def test_a_file_is_written_whole_with_its_mode(tmp_path):
    path = tmp_path / "secret"
    files.write_atomically(path, "word", mode=0o600)
    files.write_atomically(path, b"other", mode=0o640)
    assert path.read_bytes() == b"other"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.glob(".secret*")) == []


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    (tmp_path / "folder" / "in the way").mkdir(parents=True)
    with pytest.raises(HostError, match=r"cannot write .*folder: .*\n  fix: "):
        files.write_atomically(tmp_path / "folder", "text")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_waiter_is_told_who_holds_the_lock_and_gets_it_after_kill_9(tmp_path):
    path = tmp_path / "locks" / "key"
    other = holding(path)
    told: list[str] = []

    def on_wait(holder: str) -> None:
        told.append(holder)
        other.kill()

    with files.locked(path, on_wait=on_wait):
        assert told[0].startswith(f"pid {other.pid} on ")
        assert f"pid {os.getpid()} on " in files.holder(path)
    other.wait()


def test_a_lock_is_tried_and_seen_without_waiting(tmp_path):
    path = tmp_path / "key"
    assert not files.is_locked(path)
    with files.try_lock(path) as mine:
        assert mine
        assert files.is_locked(path)
        with files.try_lock(path) as second:
            assert not second
    assert not files.is_locked(path)


def test_looking_at_a_lock_never_makes_it_seem_held(tmp_path):
    path = tmp_path / "key"
    path.touch()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            files.is_locked(path)

    looker = threading.Thread(target=look)
    looker.start()
    try:
        for _ in range(200):
            with files.try_lock(path) as mine:
                assert mine
            time.sleep(0.0005)
    finally:
        stop.set()
        looker.join()


def test_ctrl_c_ends_the_waiting(tmp_path):
    path = tmp_path / "key"
    other = holding(path)
    waiter = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"from goldsmith.host.files import locked; from pathlib import Path\n"
            f"with locked(Path({str(path)!r}), on_wait=lambda who: print(who, flush=True)): pass",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert waiter.stdout
    waiter.stdout.readline()
    waiter.send_signal(signal.SIGINT)
    _, err = waiter.communicate(timeout=10)
    assert "KeyboardInterrupt" in err
    other.kill()
    other.wait()


def test_a_sparse_copy_keeps_its_holes_and_is_a_file_of_its_own(tmp_path):
    source, target = tmp_path / "disk", tmp_path / "copy"
    with source.open("wb") as file:
        file.truncate(64 << 20)
        file.seek(8 << 20)
        file.write(b"data")
    files.copy(source, target)
    assert target.stat().st_size == 64 << 20
    assert files.allocated(target) < 1 << 20
    assert target.read_bytes() == source.read_bytes()
    target.write_bytes(b"changed")
    assert source.stat().st_size == 64 << 20


def test_a_clone_takes_no_space_on_one_file_system(tmp_path):
    source, target = tmp_path / "image", tmp_path / "clone"
    source.write_bytes(b"image")
    assert files.clone(source, target) in (files.Copied.REFLINK, files.Copied.HARDLINK)
    assert target.read_bytes() == b"image"


def test_a_clone_to_another_file_system_is_a_copy(tmp_path):
    source, folder = tmp_path / "image", Path("/dev/shm")
    if not folder.is_dir() or folder.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system")
    source.write_bytes(b"image")
    target = folder / f"goldsmith-test-{os.getpid()}"
    try:
        assert files.clone(source, target) == files.Copied.COPY
        assert target.read_bytes() == b"image"
    finally:
        target.unlink(missing_ok=True)


def test_a_clone_of_nothing_leaves_nothing(tmp_path):
    with pytest.raises(HostError, match=r"cannot copy .*none to .*there: No such file"):
        files.clone(tmp_path / "none", tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_missing_space_is_told_in_numbers(tmp_path):
    files.need_space(tmp_path / "not" / "yet", 1, what="this")
    with pytest.raises(
        HostError, match=r"the install needs 1024 TiB in .*, but only .* are free\n  fix: goldsm"
    ):
        files.need_space(tmp_path, 1 << 50, what="the install")


def test_a_tree_can_be_brought_to_the_disk(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_text("x")
    (tmp_path / "a" / "link").symlink_to("nowhere")
    files.fsync_tree(tmp_path / "a")
    files.fsync_tree(tmp_path / "a" / "b" / "c")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (17, "17 bytes"),
        (1024, "1 KiB"),
        (640 << 20, "640 MiB"),
        (3 << 29, "1.5 GiB"),
        ((1 << 30) - 1, "1 GiB"),
        (5 << 40, "5 TiB"),
    ],
)
def test_sizes_are_written_for_people(size, text):
    assert files.human_size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.42, "0.4 s"),
        (9.97, "10 s"),
        (59.7, "1 min"),
        (123, "2 min 3 s"),
        (3600, "1 h"),
        (3900, "1 h 5 min"),
        (float("inf"), "an unknown time"),
        (float("nan"), "an unknown time"),
    ],
)
def test_times_are_written_for_people(seconds, text):
    assert files.human_time(seconds) == text
