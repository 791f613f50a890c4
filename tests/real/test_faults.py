"""What goes wrong in real builds: each fault has its exit code, its message, and leaves nothing behind."""

import json
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

from .conftest import REPOSITORY, Goldsmith, a_project

pytestmark = pytest.mark.real


def test_a_guest_that_never_lets_us_in_is_given_up_with_its_console(demo, in_project):
    text = (
        "machine: {timeouts: {boot: 90 s, without_kvm: 1}}\n"
        "customize:\n  append:\n    - run: systemctl mask ssh.service ssh.socket\n    - reboot: true\n"
    )
    goldsmith = in_project(locked=text)
    done = goldsmith.build("locked")
    assert done.code == 4
    assert "no SSH login as goldsmith at" in done.err
    failure = goldsmith.state / "builds" / str(done.end["build"]) / "failure"
    assert f"kept in {failure}: console.txt, domain.xml, host.json, qemu.log, screen.p" in done.err
    assert "systemd" in (failure / "console.txt").read_text()
    assert "Cloud-init v." in (failure / "var-log-cloud-init-output.log").read_text()
    goldsmith.nothing_left("locked")


def test_a_guest_without_network_is_named_as_such(demo, in_project):
    name = f"gs-nodhcp-{uuid.uuid4().hex[:6]}"
    xml = f"<network><name>{name}</name><bridge name='gs{uuid.uuid4().hex[:6]}'/></network>"
    machine = f"machine: {{network: {name}, timeouts: {{boot: 45 s, without_kvm: 1}}}}\n"
    goldsmith = in_project(alone=machine + "customize: [{run: 'true'}]\n")
    path = goldsmith.project / "net.xml"
    path.write_text(xml)
    subprocess.run(["virsh", "-c", "qemu:///system", "net-create", path], check=True)
    try:
        done = goldsmith.build("alone")
    finally:
        subprocess.run(["virsh", "-c", "qemu:///system", "net-destroy", name], check=True)
    assert done.code == 4
    assert "no network address of" in done.err
    assert "DHCP" in done.err
    goldsmith.nothing_left("alone")


def a_kickstart(goldsmith: Goldsmith, name: str, change) -> None:
    folder = goldsmith.project / "kickstarts"
    folder.mkdir(exist_ok=True)
    shutil.copytree(REPOSITORY / "kickstarts" / "parts", folder / "parts", dirs_exist_ok=True)
    text = (REPOSITORY / "kickstarts" / "demo.ks.j2").read_text()
    (folder / f"{name}.ks.j2").write_text(change(text))


def test_a_failing_post_script_is_no_success_although_the_guest_powers_off(demo, in_project):
    goldsmith = in_project(post="install: {kickstart: post.ks.j2}\n")
    a_kickstart(goldsmith, "post", lambda text: text.replace("umask 022", "echo broken by design\nfalse"))
    done = goldsmith.build("post")
    assert done.code == 4
    assert "the kickstart script at line" in done.err
    assert ": %post --erroronfail --log=/root/ks-post.log (in phase" in done.err
    assert "| broken by design" in done.err
    assert "StageFinished" not in {event["event"] for event in done.events if event.get("stage") == "install"}
    goldsmith.nothing_left("post")


def test_an_installer_that_falls_silent_is_stopped_and_its_phase_named(demo, in_project):
    goldsmith = in_project(
        silent="machine: {timeouts: {silence: 25 s, without_kvm: 1}}\ninstall: {kickstart: silent.ks.j2}\n"
    )
    a_kickstart(goldsmith, "silent", lambda text: text.replace("test -b /dev/", "sleep 3600\ntest -b /dev/"))
    done = goldsmith.build("silent")
    assert done.code == 4
    assert "the console has said nothing for 25 s (phase 'running %pre'" in done.err
    goldsmith.nothing_left("silent")


@pytest.fixture
def small_store(shared_state: Path, tmp_path: Path):
    """Give a state folder whose layers lie on a small file system of their own."""
    state = Path(f"/var/tmp/goldsmith-small-{uuid.uuid4().hex[:8]}")
    layers = state / "store" / "layers"
    layers.mkdir(parents=True)
    for folder in (state, state / "store"):
        folder.chmod(0o711)
    shutil.copytree(shared_state / "store" / "media", state / "store" / "media", copy_function=shutil.copy2)
    image = tmp_path / "small.img"

    def mount(mib: int) -> Path:
        with image.open("wb") as file:
            file.truncate(mib << 20)
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], check=True)
        subprocess.run(["mount", "-o", "loop", image, layers], check=True)
        (layers / "lost+found").rmdir()
        return state

    yield mount
    subprocess.run(["umount", "-l", layers], check=False)
    shutil.rmtree(state, ignore_errors=True)


def fill(folder: Path, *, left: int) -> Path:
    """Take all the room of a file system but ``left`` bytes, and return the file that does."""
    filler = folder / "filler"
    size = shutil.disk_usage(folder).free - left
    subprocess.run(["fallocate", "-l", str(size), filler], check=True)
    return filler


def test_a_disk_that_fills_during_the_install_is_told_and_the_machine_is_gone(demo, small_store, tmp_path):
    state = small_store(800)
    goldsmith = Goldsmith(state, a_project(tmp_path / "project", full=""))
    command = goldsmith.start("build", "full", "--json")
    command.until("StageStarted", "install")
    filler = fill(state / "store" / "layers", left=60 << 20)
    done = command.finish()
    filler.unlink()
    assert done.code == 3, done.err
    assert "no space left in" in done.err
    assert "fix:" in done.err
    goldsmith.nothing_left("full")


def test_a_disk_too_small_for_a_first_install_is_told_before_it(demo, small_store, tmp_path):
    goldsmith = Goldsmith(small_store(300), a_project(tmp_path / "project", full=""))
    done = goldsmith.build("full")
    assert done.code == 3, done.err
    assert "install (a first install of demo, estimated) needs 520 MiB" in done.err
    goldsmith.nothing_left("full")


def test_a_disk_too_small_for_the_export_is_told_before_and_the_layers_stay(
    demo, small_store, shared_state, tmp_path
):
    state = small_store(2600)
    for entry in (shared_state / "store" / "layers").iterdir():
        noted = entry / "entry.json"
        if noted.exists() and json.loads(noted.read_text())["recipe"] == "demo":
            shutil.copytree(
                entry,
                state / "store" / "layers" / entry.name,
                ignore=shutil.ignore_patterns("memory"),  # of guests, which needs more room than there is
                copy_function=lambda old, new: subprocess.run(
                    ["cp", "-a", "--sparse=always", old, new], check=True
                ),
            )
    goldsmith = Goldsmith(state, REPOSITORY)
    filler = fill(state / "store" / "layers", left=80 << 20)
    done = goldsmith.build("demo", "--from", "export")
    filler.unlink()
    assert done.code == 3, done.err
    assert "the export of the finished image needs" in done.err
    assert done.stages("StageCached")[-1] == "sparsify"
    goldsmith.nothing_left("demo")
