import os
from pathlib import Path

import pytest

from goldsmith.errors import HostError, ToolError
from goldsmith.host.accel import Acceleration
from goldsmith.host.guestfs import (
    TOOLS,
    drop_changed_appliance,
    environment,
    fish,
    keep_appliance,
    note_appliance,
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


@pytest.fixture
def appliance(tmp_path) -> Path:
    """Give a cache with an appliance that has done its work, one file of it sparse."""
    folder = tmp_path / ".guestfs-0" / "appliance.d"
    folder.mkdir(parents=True)
    (folder / "kernel").write_bytes(b"kernel")
    with (folder / "root").open("wb") as root:
        root.write(b"r" * 4096)
        root.truncate(64 << 20)
    note_appliance(tmp_path)
    return tmp_path


def test_an_appliance_stays_although_each_launch_touches_its_files(appliance):
    for one in (appliance / ".guestfs-0" / "appliance.d").iterdir():
        os.utime(one)
    assert not drop_changed_appliance(appliance)
    assert (appliance / ".guestfs-0" / "appliance.d" / "kernel").exists()


@pytest.mark.parametrize(("name", "at"), [("kernel", 3), ("root", 5), ("root", 1 << 20)])
def test_an_appliance_with_another_byte_is_made_again(appliance, name, at):
    path = appliance / ".guestfs-0" / "appliance.d" / name
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"x")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert drop_changed_appliance(appliance)
    assert not path.exists()
    assert not drop_changed_appliance(appliance)


@pytest.mark.parametrize(
    ("virt", "version", "kept"),
    [("qemu", "7.2.22", "unpacked"), ("qemu", "3.1.0", "packed"), ("kvm", "7.2.22", "packed")],
)
def test_without_kvm_an_appliance_is_kept_with_an_unpacked_kernel(
    appliance, fake_tool, monkeypatch, virt, version, kept
):
    fake_tool("guestfish", "echo hypervisor")
    fake_tool("hypervisor", f"echo QEMU emulator version {version}")
    monkeypatch.setattr("goldsmith.host.guestfs.unpacked", lambda packed: b"unpacked")
    kernel = appliance / ".guestfs-0" / "appliance.d" / "kernel"
    kernel.write_bytes(b"packed")
    os.utime(kernel, ns=(1, 2))
    (appliance / "appliance.json").unlink()
    keep_appliance(HOST, Acceleration(virt, "test"), cache=appliance)
    assert kernel.read_bytes() == kept.encode()
    assert kernel.stat().st_mtime_ns == 2, "libguestfs makes an appliance anew that is newer than it was"
    assert not drop_changed_appliance(appliance)
    kernel.write_bytes(b"packed")
    keep_appliance(HOST, Acceleration(virt, "test"), cache=appliance)
    assert kernel.read_bytes() == b"packed", "once"


def test_a_kernel_that_cannot_be_unpacked_fails_no_build(appliance, fake_tool):
    fake_tool("guestfish", "echo broken >&2; exit 1")
    (appliance / "appliance.json").unlink()
    keep_appliance(HOST, Acceleration("qemu", "test"), cache=appliance)
    assert not drop_changed_appliance(appliance), "it is kept as it is"
    assert (appliance / "appliance.json").exists()


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
