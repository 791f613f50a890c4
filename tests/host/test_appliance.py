"""The appliance is known by its content, and made faster only in ways that leave it whole."""

import os
from pathlib import Path

import pytest

from goldsmith.host.accel import Acceleration
from goldsmith.host.appliance import drop_changed, keep, note, remove_half_made
from goldsmith.host.locks import locked
from goldsmith.host.process import LocalHost

HOST = LocalHost()
TCG = Acceleration("qemu", "test")


@pytest.fixture
def appliance(tmp_path) -> Path:
    """Give a cache with an appliance that has done its work, one file of it sparse."""
    folder = tmp_path / ".guestfs-0" / "appliance.d"
    folder.mkdir(parents=True)
    (folder / "kernel").write_bytes(b"kernel")
    with (folder / "root").open("wb") as root:
        root.write(b"r" * 4096)
        root.truncate(64 << 20)
    note(tmp_path)
    return tmp_path


def test_an_appliance_stays_although_each_launch_touches_its_files(appliance):
    for one in (appliance / ".guestfs-0" / "appliance.d").iterdir():
        os.utime(one)
    assert not drop_changed(appliance)
    assert (appliance / ".guestfs-0" / "appliance.d" / "kernel").exists()


def test_what_supermin_left_half_made_goes_unless_it_is_being_made(appliance):
    half = appliance / ".guestfs-0" / "appliance.d.x1y2z3ab"
    half.mkdir()
    (half / "root").write_bytes(b"r")
    with locked(half.with_name("lock")):
        assert remove_half_made(appliance) == []
    assert remove_half_made(appliance) == [half]
    assert not half.exists()
    assert not drop_changed(appliance)


@pytest.mark.parametrize(("name", "at"), [("kernel", 3), ("root", 5), ("root", 1 << 20)])
def test_an_appliance_with_another_byte_is_made_again(appliance, name, at):
    path = appliance / ".guestfs-0" / "appliance.d" / name
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(at)
        file.write(b"x")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert drop_changed(appliance)
    assert not path.exists()
    assert not drop_changed(appliance)


@pytest.mark.parametrize(
    ("virt", "version", "kept"),
    [("qemu", "7.2.22", "unpacked"), ("qemu", "3.1.0", "packed"), ("kvm", "7.2.22", "packed")],
)
def test_without_kvm_an_appliance_is_kept_with_an_unpacked_kernel(
    appliance, fake_tool, monkeypatch, virt, version, kept
):
    fake_tool("guestfish", "echo hypervisor")
    fake_tool("hypervisor", f"echo QEMU emulator version {version}")
    monkeypatch.setattr("goldsmith.host.appliance.unpacked", lambda packed: b"unpacked")
    kernel = appliance / ".guestfs-0" / "appliance.d" / "kernel"
    kernel.write_bytes(b"packed")
    os.utime(kernel, ns=(1, 2))
    (appliance / "appliance.json").unlink()
    keep(HOST, Acceleration(virt, "test"), cache=appliance)
    assert kernel.read_bytes() == kept.encode()
    assert kernel.stat().st_mtime_ns == 2, "libguestfs makes an appliance anew that is newer than it was"
    assert not drop_changed(appliance)
    kernel.write_bytes(b"packed")
    keep(HOST, Acceleration(virt, "test"), cache=appliance)
    assert kernel.read_bytes() == b"packed", "once"


def test_a_kernel_that_cannot_be_unpacked_fails_no_build(appliance, fake_tool):
    fake_tool("guestfish", "echo broken >&2; exit 1")
    (appliance / "appliance.json").unlink()
    keep(HOST, Acceleration("qemu", "test"), cache=appliance)
    assert not drop_changed(appliance), "it is kept as it is"
    assert (appliance / "appliance.json").exists()


LENSES = "usr/share/augeas/lenses/dist"
ASKED = ["fstab", "mdadm_conf", "shellvars", "sysconfig", "hostname", "hosts", "login_defs"]
ASKED += ["passwd", "group", "shadow", "gshadow"]


@pytest.fixture
def make_root(tmp_path, appliance):
    """Give the appliance a root file system with these lenses, each a name and a text, and return its file."""

    def make(lenses: dict[str, str]) -> Path:
        folder = tmp_path / "tree"
        (folder / LENSES / "tests").mkdir(parents=True)
        for name, text in lenses.items():
            (folder / LENSES / f"{name}.aug").write_text(text)
        root = appliance / ".guestfs-0" / "appliance.d" / "root"
        root.unlink()
        root.touch(0o644)
        os.truncate(root, 8 << 20)
        HOST.run("/usr/sbin/mke2fs", "-q", "-t", "ext2", "-d", str(folder), str(root), fix="")
        os.utime(root, ns=(1, 2))
        (appliance / "appliance.json").unlink()
        return root

    return make


def lenses_of(root: Path) -> list[str]:
    listed = HOST.run("/usr/sbin/debugfs", "-R", f"ls -p /{LENSES}", str(root), fix="").stdout
    names = [line.split("/")[5] for line in listed.splitlines() if line.startswith("/")]
    return sorted(name.removesuffix(".aug") for name in names if name.endswith(".aug"))


def asked(**more: str) -> dict[str, str]:
    return {
        **dict.fromkeys(ASKED, "let lns = Util.eol"),
        "util": "let eol = Rx.eol",
        "rx": "let eol = /a/",
        **more,
    }


def test_without_kvm_an_appliance_is_kept_with_the_lenses_that_are_asked_for(make_root, appliance):
    root = make_root(
        asked(
            fstab="(* not Openvpn.lns *) let lns = Sep.space . Util.eol", sep="let space = /b/",
            openvpn="let lns = Util.eol", squid="let lns = Openvpn.lns",
        )
    )  # fmt: skip
    before = root.stat()
    keep(HOST, TCG, cache=appliance)
    assert lenses_of(root) == sorted([*ASKED, "rx", "sep", "util"])
    HOST.run("/usr/sbin/e2fsck", "-f", "-n", str(root), fix="")
    after = root.stat()
    assert after.st_mtime_ns == 2, "libguestfs makes an appliance anew that is newer than it was"
    assert (after.st_mode, after.st_size) == (before.st_mode, before.st_size)
    assert after.st_ino != before.st_ino, "a QEMU may be reading the old one"
    assert not drop_changed(appliance)
    assert [one.name for one in appliance.iterdir() if one.name.startswith(".goldsmith")] == []


@pytest.mark.parametrize("virt", ["kvm", "qemu"])
def test_an_appliance_with_an_augeas_that_is_not_known_keeps_its_lenses(make_root, appliance, virt):
    lenses = asked(openvpn="")
    if virt == "qemu":
        del lenses["mdadm_conf"]
    root = make_root(lenses)
    before = root.read_bytes()
    keep(HOST, Acceleration(virt, "test"), cache=appliance)
    assert root.read_bytes() == before
    assert not drop_changed(appliance)


@pytest.mark.parametrize(("tool", "does"), [("e2fsck", "echo damaged; exit 4"), ("debugfs", "exit 1")])
def test_an_appliance_that_cannot_be_changed_stays_as_it_is(make_root, appliance, fake_tool, tool, does):
    root = make_root(asked(openvpn=""))
    before = root.read_bytes()
    fake_tool(tool, does)
    keep(HOST, TCG, cache=appliance)
    assert root.read_bytes() == before
    assert (appliance / "appliance.json").exists()
    assert [one.name for one in appliance.iterdir() if one.name.startswith(".goldsmith")] == []
