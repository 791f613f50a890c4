"""An ordinary user: own clone, own libvirt session, user-mode network, forwarded SSH port."""

import os
import pwd
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import REPOSITORY

pytestmark = pytest.mark.real

NAME = "gs-test-user"


@pytest.fixture
def user():
    """Make an ordinary user with a clone of this repository, and take both away again."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    subprocess.run(["userdel", "-rf", NAME], check=False, capture_output=True)
    subprocess.run(["useradd", "-m", "-s", "/bin/bash", NAME], check=True)
    home = Path(pwd.getpwnam(NAME).pw_dir)
    clone = home / "goldsmith"
    subprocess.run(["git", "clone", "-q", REPOSITORY, clone], check=True)
    tracked = subprocess.run(
        ["git", "-C", REPOSITORY, "diff", "--name-only", "HEAD"], check=True, capture_output=True, text=True
    ).stdout
    for name in tracked.split():  # what is not committed yet is tested too
        shutil.copy2(REPOSITORY / name, clone / name)
    subprocess.run(["chown", "-R", f"{NAME}:", home], check=True)
    yield home
    subprocess.run(["pkill", "-KILL", "-u", NAME], check=False)
    subprocess.run(["userdel", "-rf", NAME], check=False, capture_output=True)


def as_user(command: str) -> subprocess.CompletedProcess[str]:
    words = ["su", "-", NAME, "-c", command]
    return subprocess.run(words, capture_output=True, text=True, timeout=1700)


def test_an_ordinary_user_types_make_demo_and_has_an_image_also_when_libvirtd_dies_the_first_time(
    user, shared_state, demo
):
    made = shared_state / "store" / "media" / "made"
    theirs = user / ".local/share/goldsmith/store/media/made"  # the medium is the same, and is built once
    subprocess.run(["su", "-", NAME, "-c", f"mkdir -p {theirs}"], check=True)
    for one in made.glob("*.iso*"):  # with the note of its digest
        shutil.copy(one, theirs / one.name)
        shutil.chown(theirs / one.name, NAME)
    set_up = as_user("cd goldsmith && make setup")
    assert set_up.returncode == 0, set_up.stdout[-3000:] + set_up.stderr[-3000:]
    libvirtd_dies_in_the_install()
    done = as_user("cd goldsmith && make demo")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    listed = as_user("cd goldsmith && .venv/bin/goldsmith image list")
    assert listed.stdout.count("active") == 1
    assert as_user("virsh -c qemu:///session list --all --name").stdout.split() == []
    again = as_user("cd goldsmith && make demo")
    assert "every stage is cached" in again.stdout


def libvirtd_dies_in_the_install() -> None:
    """The libvirt of this user is nobody else's, so its death disturbs no other test."""
    command = "cd goldsmith && exec .venv/bin/goldsmith build demo --json"
    build = subprocess.Popen(
        ["su", "-", NAME, "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert build.stdout
    for line in build.stdout:
        if "Linux version" in line:
            break
    subprocess.run(["pkill", "-KILL", "-u", NAME, "-x", "libvirtd"], check=True)
    _, errors = build.communicate(timeout=600)
    assert build.returncode == 3, errors
    assert "libvirt at qemu:///session" in errors
    assert "fix:" in errors
