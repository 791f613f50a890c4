"""What another user of the host can see of a state folder: nothing that tells the names of layers and images."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from goldsmith.catalog.entry import NewImage
from goldsmith.catalog.local import LocalCatalog
from goldsmith.cli.main import run
from goldsmith.errors import HostError
from goldsmith.host.closed import PASSED, PRIVATE, close, make_folder
from goldsmith.plan.store import Store
from goldsmith.record import read_builds

NOBODY = 65534
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask as another user")


def asked_of_nobody(state, test):
    """Return what of a state folder another user finds true; he is in it already, as if all above were open."""
    below = sorted(str(path.relative_to(state)) for path in state.rglob("*"))
    script = f'for path; do [ {test} "$path" ] && printf "%s\\n" "$path"; done; :'
    said = subprocess.run(
        ["/bin/sh", "-c", script, "sh", ".", *below],
        cwd=state,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=True,
    )
    return said.stdout.splitlines()


def told_of(state):
    """Return the folders that another user can list, and the files that he can read without a digest in their path."""
    readable = asked_of_nobody(state, "-r")
    folders = [one for one in readable if (state / one).is_dir()]
    files = [one for one in readable if (state / one).is_file()]
    return folders, [one for one in files if not one.startswith(("store/layers/", "catalog/images/"))]


def opened(state):
    """Leave a state folder as older versions made it."""
    for path in [state, *state.rglob("*")]:
        if not path.is_relative_to(state / "builds") or path == state / "builds":
            path.chmod(0o755 if path.is_dir() else path.stat().st_mode | 0o044)


@AS_ROOT
def test_another_user_can_list_nothing_of_what_a_build_leaves_and_qemu_opens_it_by_its_path(factory):
    assert factory("build", "r").code == 0
    folders, files = told_of(factory.state)
    assert folders == []
    assert files == ["tools.json"]
    passed = asked_of_nobody(factory.state, "-r")
    disks = [str(one.relative_to(factory.state)) for one in factory.state.glob("store/layers/*/disk.qcow2")]
    images = [str(one.relative_to(factory.state)) for one in factory.state.glob("catalog/images/*/*")]
    assert disks
    assert images
    assert {*disks, *images} <= {*passed}


@AS_ROOT
def test_a_state_folder_that_an_older_version_left_open_is_closed_by_the_next_build(factory):
    assert factory("build", "r").code == 0
    opened(factory.state)
    assert "store/locks" in told_of(factory.state)[0]
    assert factory("build", "r").code == 0
    folders, files = told_of(factory.state)
    assert [one for one in folders if not one.startswith("store/layers/")] == []
    assert files == ["tools.json"]


@AS_ROOT
def test_a_user_who_may_not_see_the_builds_is_told_so(tmp_path, monkeypatch):
    Store(tmp_path / "state").prepare()
    monkeypatch.chdir(tmp_path / "state")  # as if all above were open to him
    os.seteuid(NOBODY)
    try:
        with pytest.raises(HostError, match="builds: Permission denied"):
            read_builds(Path("builds"))
    finally:
        os.seteuid(0)


@AS_ROOT
def test_a_catalog_that_no_build_has_made_is_closed_too(tmp_path):
    state, file = tmp_path / "state", tmp_path / "some.raw"
    file.write_bytes(b"x" * 512)
    LocalCatalog(state / "catalog").register(file, NewImage("web", disk_format="raw"))
    assert run(["image", "list"]) == 0
    folders, files = told_of(state)
    assert [one for one in folders if one != "."] == []
    assert files == []


@AS_ROOT
def test_what_belongs_to_another_user_or_to_all_is_left_as_it_is(tmp_path):
    theirs, all_s = tmp_path / "theirs", tmp_path / "tmp-of-all"
    theirs.mkdir()
    all_s.mkdir()
    theirs.chmod(0o755)
    all_s.chmod(0o1777)
    os.chown(theirs, NOBODY, NOBODY)
    for one in (theirs, all_s, tmp_path / "gone"):
        close(one, PRIVATE)
    assert stat.S_IMODE(theirs.stat().st_mode) == 0o755
    assert stat.S_IMODE(all_s.stat().st_mode) == 0o1777


def test_a_folder_is_made_no_more_open_than_asked_and_can_be_passed_where_it_is_to_be(tmp_path):
    old = os.umask(0o077)
    try:
        make_folder(tmp_path / "narrow", PASSED)
    finally:
        os.umask(old)
    make_folder(tmp_path / "wide")
    (tmp_path / "there").mkdir(mode=0o755)
    (tmp_path / "there").chmod(0o2775)
    make_folder(tmp_path / "there", PASSED)
    modes = [stat.S_IMODE((tmp_path / one).stat().st_mode) for one in ("narrow", "wide", "there")]
    assert modes == [0o711, 0o700, 0o2711]


def test_the_lock_of_a_layer_is_its_user_s_alone(tmp_path):
    store = Store(tmp_path / "state")
    store.prepare()
    with store.locked("a" * 64, on_wait=print):
        (lock,) = store.locks.iterdir()
        assert stat.S_IMODE(lock.stat().st_mode) == 0o600
