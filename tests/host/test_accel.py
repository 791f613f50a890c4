import json
import re
from pathlib import Path

import pytest

from goldsmith.errors import HostError
from goldsmith.host.accel import Acceleration, Machine, detect, newest_kernel
from goldsmith.host.process import LocalHost

HOST = LocalHost()
PANIC = 'echo "Kernel panic - not syncing: VFS: Unable to mount root fs"'


def qemu(*, kvm: str, tcg: str) -> str:
    return (
        'case "$*" in *--version*) echo "QEMU emulator version 7.2"; exit;;'
        f' *"-accel kvm"*) {kvm} ;; *"-accel tcg"*) {tcg} ;; esac'
    )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    for name in ("kvm", "boot_id"):
        (tmp_path / name).write_text("this boot\n")
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot/vmlinuz-6.1.0").touch()
    return Machine(tmp_path / "kvm", tmp_path / "boot", tmp_path / "boot_id")


def test_a_kvm_that_boots_a_kernel_faster_is_used(fake_tool, machine, tmp_path):
    tool = fake_tool("qemu-system-x86_64", qemu(kvm=PANIC, tcg=f"sleep 0.3; {PANIC}"))
    found = detect(HOST, state=tmp_path, machine=machine)
    assert found.virt_type == "kvm"
    assert found.kvm_seconds is not None
    assert found.tcg_seconds is not None
    assert found.kvm_seconds < found.tcg_seconds
    assert str(machine.kernels / "vmlinuz-6.1.0") in tool.calls[-1]


@pytest.mark.parametrize(
    ("kvm", "reason"),
    [
        (
            "echo 'kvm_buf_set_msrs: Assertion failed' >&2; kill -ABRT $$",
            r"killed by SIGABRT \(kvm_buf_set_ms",
        ),
        ("exec sleep 60", r"KVM does not run a kernel here: no end after 1 s"),
        ("echo 'failed to initialize kvm' >&2; exit 1", r"exit status 1 from \(failed to initialize kvm\)"),
        ("exit 0", "ended without a word"),
        (f"sleep 0.5; {PANIC}", r"KVM takes 0\.\d s to boot a kernel, TCG 0\.\d s"),
    ],
    ids=["aborts", "hangs", "fails", "says nothing", "is slower"],
)
def test_a_kvm_that_only_seems_to_work_is_refused(fake_tool, machine, tmp_path, kvm, reason):
    fake_tool("qemu-system-x86_64", qemu(kvm=kvm, tcg=PANIC))
    found = detect(HOST, state=tmp_path, machine=machine)
    assert found.virt_type == "qemu"
    assert re.search(reason, found.reason), found.reason


def test_without_a_device_nothing_is_booted(fake_tool, machine, tmp_path):
    tool = fake_tool("qemu-system-x86_64", qemu(kvm=PANIC, tcg=PANIC))
    machine.kvm.unlink()
    found = detect(HOST, state=tmp_path, machine=machine)
    assert found == Acceleration("qemu", f"{machine.kvm}: No such file or directory")
    assert tool.calls == []


def test_without_a_kernel_kvm_is_not_believed(fake_tool, machine, tmp_path):
    fake_tool("qemu-system-x86_64", qemu(kvm=PANIC, tcg=PANIC))
    (machine.kernels / "vmlinuz-6.1.0").unlink()
    assert "no readable kernel" in detect(HOST, state=tmp_path, machine=machine).reason


def test_the_answer_is_remembered_until_the_host_changes(fake_tool, machine, tmp_path):
    tool = fake_tool("qemu-system-x86_64", qemu(kvm=PANIC, tcg=f"sleep 0.2; {PANIC}"))

    def boots() -> int:
        detect(HOST, state=tmp_path / "state", machine=machine)
        return len([call for call in tool.calls if "-kernel" in call])

    assert (boots(), boots()) == (2, 2)
    machine.boot_id.write_text("next boot\n")
    assert boots() == 4
    (machine.kernels / "vmlinuz-6.2.0").touch()
    assert boots() == 6
    (tmp_path / "state/accel.json").write_text(json.dumps({"key": 1}))
    assert boots() == 8
    detect(HOST, state=tmp_path / "state", machine=machine, fresh=True)
    assert boots() == 10
    fake_tool("qemu-system-x86_64", qemu(kvm=PANIC, tcg=PANIC) + "  # another QEMU")
    assert boots() == 12


def test_the_user_may_decide(monkeypatch, tmp_path):
    monkeypatch.setenv("GOLDSMITH_ACCEL", "tcg")
    assert detect(HOST, state=tmp_path) == Acceleration("qemu", "GOLDSMITH_ACCEL=tcg")
    monkeypatch.setenv("GOLDSMITH_ACCEL", "xen")
    with pytest.raises(HostError, match="GOLDSMITH_ACCEL is 'xen'\n  fix: unset it, or set it to kvm or tcg"):
        detect(HOST, state=tmp_path)


def test_a_host_without_qemu_is_told_the_package(machine, tmp_path):
    with pytest.raises(HostError, match=r"is not installed\n  fix: apt install qemu-system-x86"):
        detect(HOST, state=tmp_path, machine=machine)


def test_the_newest_kernel_is_found_by_number(tmp_path):
    for name in ("vmlinuz-6.1.9", "vmlinuz-6.1.10", "vmlinuz-0-rescue-99", "initrd.img-9"):
        (tmp_path / name).touch()
    assert newest_kernel(tmp_path) == tmp_path / "vmlinuz-6.1.10"
    assert newest_kernel(tmp_path / "none") is None
