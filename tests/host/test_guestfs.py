import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

import goldsmith
from goldsmith.errors import HostError, ToolError
from goldsmith.host.accel import Acceleration
from goldsmith.host.aside import remove_scratch
from goldsmith.host.guestfs import (
    TOOLS,
    environment,
    fish,
    require_tools,
)
from goldsmith.host.process import LocalHost

HOST = LocalHost()
TCG = Acceleration("qemu", "test")


def test_the_appliance_follows_the_acceleration_whatever_the_shell_holds(tmp_path, monkeypatch):
    monkeypatch.setenv("LIBGUESTFS_BACKEND_SETTINGS", "gdb")
    assert environment(TCG, cache=tmp_path / "a")["LIBGUESTFS_BACKEND_SETTINGS"] == "force_tcg"
    assert environment(Acceleration("kvm", ""), cache=tmp_path / "a")["LIBGUESTFS_BACKEND_SETTINGS"] == ""
    assert (tmp_path / "a").is_dir()


LEAVES = """
import os, sys
from pathlib import Path
from goldsmith.host.accel import Acceleration
from goldsmith.host.guestfs import environment
place = Path(environment(Acceleration("qemu", "test"), cache=Path(sys.argv[1]))["LIBGUESTFS_TMPDIR"])
(place / "overlay1.qcow2").write_bytes(b"left")
print(place, flush=True)
if sys.argv[2] == "killed":
    os._exit(1)
"""


@pytest.mark.parametrize("how", ["ends", "killed"])
def test_what_a_killed_tool_leaves_goes_at_the_end_or_at_the_next_start(tmp_path, monkeypatch, how):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    env = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(Path(goldsmith.__file__).parents[1])}
    env.pop("LIBGUESTFS_TMPDIR", None)
    ran = subprocess.run(
        [sys.executable, "-c", LEAVES, str(tmp_path / "cache"), how],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    )
    place = Path(ran.stdout.strip())
    assert place.is_relative_to(tmp_path)
    assert place.exists() is (how == "killed")
    assert remove_scratch() == ([place.parent] if how == "killed" else [])
    assert not place.exists()


def test_a_script_is_read_by_one_guestfish(fake_tool, tmp_path):
    tool = fake_tool("guestfish", 'echo "$LIBGUESTFS_BACKEND"; cat')
    image = tmp_path / "disk.qcow2"
    env = environment(TCG, cache=tmp_path / "cache")
    said = fish(HOST, "cat /etc/hosts", image=image, format="qcow2", read_only=True, inspect=True, env=env)
    assert said == "direct\ncat /etc/hosts\n"
    said = fish(
        HOST, "list-filesystems\n", image=image, format="raw", read_only=False, inspect=False, env=env
    )
    assert said == "direct\nrun\nlist-filesystems\n"
    assert tool.calls == [
        ["--ro", "--format=qcow2", "-a", str(image), "-i"],
        ["--rw", "--format=raw", "-a", str(image)],
    ]


def test_missing_tools_are_named_all_at_once(fake_tool):
    fake_tool("guestfish")
    with pytest.raises(
        HostError, match="not installed: virt-customize, virt-inspector, virt-sparsify, virt-sysp"
    ):
        require_tools(HOST)
    for tool in TOOLS:
        fake_tool(tool)
    require_tools(HOST)


@pytest.mark.real
def test_a_real_appliance_makes_a_file_system_and_reads_it_back():
    state = Path(os.environ["GOLDSMITH_STATE"])
    image = state / "disk.raw"
    image.touch()
    os.truncate(image, 16 << 20)
    env = environment(TCG, cache=state / "appliance")
    script = (
        "mkfs ext4 /dev/sda\nmount /dev/sda /\nwrite /hello there\ncat /hello\n-cat /none\ncat /none\necho no"
    )
    with pytest.raises(ToolError, match="/none") as caught:
        fish(HOST, script, image=image, format="raw", read_only=False, inspect=False, env=env)
    assert "there" in caught.value.evidence
    assert "no" not in caught.value.evidence
