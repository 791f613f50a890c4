"""Ways into a guest besides cloud-init and SSH: a planted root key, the guest agent, the disk while it is off."""

import json
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from goldsmith.artifact import qemuimg
from goldsmith.events import Silent
from goldsmith.guests import FAMILIES
from goldsmith.guests.family import Access
from goldsmith.guests.machine import Machine
from goldsmith.host import accel, guestfs
from goldsmith.host.domains import NETWORK
from goldsmith.host.process import LocalHost
from goldsmith.plan.stage import Context, Entry, Work
from goldsmith.recipe.steps import Step
from goldsmith.stages.customize import Customize
from goldsmith.stages.guest import Guest
from goldsmith.stages.offline import Offline

pytestmark = pytest.mark.real


@pytest.fixture
def install_layer(demo, shared_state) -> Path:
    """Return the disk of the demo's install: a guest that nobody has logged in to yet."""
    for seal in (shared_state / "store" / "layers").glob("*/entry.json"):
        noted = json.loads(seal.read_text())
        if noted["stage"] == "install" and noted["recipe"] == "demo":
            return seal.parent / "disk.qcow2"
    pytest.fail(f"the demo has no install layer: {demo.err}")


@pytest.fixture
def own_state() -> Iterator[Path]:
    """Give a state folder of its own: a build on the shared one would sweep a machine that no build record holds."""
    state = Path(f"/var/tmp/goldsmith-ways-{uuid.uuid4().hex[:8]}")
    state.mkdir(mode=0o711)
    yield state
    shutil.rmtree(state)


@pytest.fixture
def context(shared_state, own_state, tmp_path) -> Context:
    host = LocalHost(log=tmp_path / "log")
    virt = accel.detect(host, state=shared_state)
    return Context(
        build=f"ways-{tmp_path.name}"[:40],
        state=own_state,
        folder=tmp_path,
        uri="qemu:///system",
        reporter=Silent(),
        acceleration=virt,
        guestfs_env=guestfs.environment(virt, cache=shared_state / "cache"),
        results={},
        host_for=lambda stage: host,
        log_for=lambda stage: lambda line: None,
        announce=lambda work: nullcontext(),
    )


def guest(access: Access) -> Guest:
    machine = Machine(
        name="",
        uri="qemu:///system",
        description="",
        virt_type="",
        memory=1 << 30,
        vcpus=2,
        osinfo="debian11",
        machine_type="q35",
        firmware="bios",
        disk=Path(),
        bus="virtio",
        network=f"network={NETWORK}",
        console=Path(),
    )
    family = replace(FAMILIES["demo"], access=access)
    return Guest(family, machine, boot_timeout=400, step_timeout=200, reveal=str)


@pytest.fixture
def work(shared_state, install_layer) -> Callable[..., Work]:
    """Make works whose folders lie beside the store's layers; among them a build would sweep them as half made."""
    made: list[Path] = []

    def make(stage, name: str, before: Path | None = None) -> Work:
        folder = shared_state / "store" / f"test-{name}"
        folder.mkdir(mode=0o711)
        made.append(folder)
        return Work(stage, name, folder, before or install_layer, lambda: Entry(name, folder))

    yield make
    for folder in made:
        subprocess.run(["rm", "-rf", folder], check=True)


def read(disk: Path, *commands: str, env) -> list[str]:
    script = "".join(f"{one}\n" for one in commands)
    argv = ["--ro", "--format=qcow2", "-a", str(disk), "-i"]
    return LocalHost().run("guestfish", *argv, stdin=script, env=env).stdout.split()


def test_a_root_key_planted_offline_opens_a_guest_without_a_seed_and_is_removed_again(
    context, work, tmp_path
):
    subject = guest(Access.OFFLINE)
    step = Step(run={"script": "id -un > /etc/who; test ! -e /run/cloud-init/nothing"})
    by_agent = Step(via="agent", write={"path": "/etc/by-agent", "content": "agent\n", "mode": "0640"})
    works = [
        work(Customize(name=name, group="g", guest=subject, step=one, said={}), f"{tmp_path.name}-{name}")
        for name, one in (("ssh", step), ("agent", by_agent), ("withdraw", None))
    ]
    works[0].stage.run_together(works, context)
    last = works[-1].disk
    assert qemuimg.check(LocalHost(), last, "qcow2").good
    seen = read(
        last,
        "cat /etc/who",
        "cat /etc/by-agent",
        "is-dir /root/.ssh",
        "glob-expand /etc/ssh/ssh_host_*",
        env=context.guestfs_env,
    )
    assert seen == ["root", "agent", "false"]


def test_an_offline_step_changes_the_disk_without_a_boot(context, work, tmp_path):
    step = Step(via="offline", write={"path": "/etc/quiet/offline", "content": "off\n", "mode": "0600"})
    stage = Offline(name="step-1", guest=guest(Access.SEED), step=step, said={})
    one = work(stage, f"{tmp_path.name}-offline")
    stage.run(one, context)
    seen = read(one.disk, "cat /etc/quiet/offline", "statns /etc/quiet/offline", env=context.guestfs_env)
    assert seen[0] == "off"
    assert "st_mode:" in seen
    assert int(seen[seen.index("st_mode:") + 1]) & 0o777 == 0o600
