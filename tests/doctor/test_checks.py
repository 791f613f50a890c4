import os
import pwd
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from goldsmith.doctor import Status, checks, mend
from goldsmith.doctor.check import Question
from goldsmith.doctor.guests import _xfs
from goldsmith.doctor.interpreter import _clock, _wrong_modules
from goldsmith.doctor.packages import Package
from goldsmith.doctor.room import _closed_to, _disk, _memory, _state
from goldsmith.errors import HostError
from goldsmith.host.domains import SYSTEM
from goldsmith.host.process import LocalHost

SUDO = "" if os.geteuid() == 0 else "sudo "


def ask(state, *, quick=True, uri="test:///default"):
    return {one.id: one for one in checks(LocalHost(), state=state, uri=uri, quick=quick)}


def test_a_fit_host_has_only_good_answers(all_tools, tmp_path):
    answers = ask(tmp_path / "state")
    bad = {one.id: one.detail for one in answers.values() if one.status is Status.FAIL}
    assert not {name: detail for name, detail in bad.items() if name != "libguestfs-xfs"}
    assert answers["virt-install"].detail == "4.1.0"
    assert answers["libvirt"].detail.endswith("at test:///default")
    assert not answers["qemu-img"].fix
    assert not (tmp_path / "state").exists(), "a quick look leaves nothing behind"


def test_a_missing_tool_fails_and_names_the_command_that_installs_it(all_tools, tmp_path):
    all_tools["virt-install"].path.unlink()
    one = ask(tmp_path)["virt-install"]
    assert one.status is Status.FAIL
    assert one.detail == "not installed"
    assert one.fix == f"{SUDO}apt-get install -y --no-install-recommends virtinst"


def test_a_tool_that_only_the_demo_needs_is_a_warning(all_tools, tmp_path):
    all_tools["mmdebstrap"].path.unlink()
    one = ask(tmp_path)["mmdebstrap"]
    assert one.status is Status.WARNING
    assert one.detail == "not installed; without it: no demo medium"


def test_a_tool_that_is_too_old_says_what_is_needed(all_tools, fake_tool, tmp_path):
    fake_tool("virt-install", "echo 3.2.0")
    one = ask(tmp_path)["virt-install"]
    assert (one.status, one.detail) == (Status.FAIL, "3.2.0 is too old, 4 is needed")


def test_a_tool_that_does_not_start_shows_its_last_words(all_tools, fake_tool, tmp_path):
    fake_tool("virt-install", "echo 'ImportError: No module named gi' >&2; exit 1")
    one = ask(tmp_path)["virt-install"]
    assert one.status is Status.FAIL
    assert "does not tell its version: ImportError: No module named gi" in one.detail


def test_hosts_with_dnf_get_a_dnf_command(fake_tool):
    fake_tool("dnf")
    assert Package("virtinst", "virt-install").install() == f"{SUDO}dnf install -y virt-install"


def test_hosts_with_neither_are_told_the_package(tmp_path):
    assert Package("virtinst", "virt-install").install() == (
        "install the package virtinst with this host's package manager"
    )


def test_the_appliance_is_started_once_for_each_boot(all_tools, tmp_path):
    state = tmp_path / "state"
    assert ask(state, quick=False)["appliance"].detail == "guestfish 1.48.6 starts its appliance"
    again = ask(state, quick=False)["appliance"]
    assert again.detail == "guestfish 1.48.6 started its appliance since this host booted"
    launches = [call for call in all_tools["guestfish"].calls if "run" in call]
    assert launches == [["-a", "/dev/null", "run"]]


def test_an_appliance_that_does_not_start_is_a_failure_each_time(all_tools, fake_tool, tmp_path):
    script = '[ "$1" = --version ] && echo "guestfish 1.48.6" && exit; echo "no kernel found" >&2; exit 1'
    fake_tool("guestfish", script)
    for _ in range(2):
        one = ask(tmp_path / "state", quick=False)["appliance"]
        assert one.status is Status.FAIL
        assert one.detail.endswith("guestfish -a /dev/null run; no kernel found")
        assert one.fix


def test_a_host_without_kvm_is_a_warning_that_says_what_it_costs(all_tools, tmp_path):
    one = ask(tmp_path / "state", quick=False)["kvm"]
    assert one.status is Status.WARNING
    assert one.detail.startswith("GOLDSMITH_ACCEL=tcg; guests run all the same, by emulation (TCG)")


def test_an_unreachable_libvirt_fails_with_a_fix(all_tools, tmp_path):
    one = ask(tmp_path, uri="qemu+unix:///system?socket=/nowhere")["libvirt"]
    assert one.status is Status.FAIL
    assert one.detail.startswith("libvirt at qemu+unix:///system?socket=/nowhere cannot be reached")
    assert one.fix


def test_an_error_of_the_host_is_an_answer_too():
    def broken():
        raise HostError("no room", fix="make some", evidence=["last line"])

    one = Question("x", broken).answer()
    assert (one.status, one.detail, one.fix) == (Status.FAIL, "no room; last line", "make some")


def test_a_state_folder_that_qemu_cannot_reach_names_what_is_closed(fake_tool, tmp_path):
    closed = tmp_path / "closed"
    (closed / "state").mkdir(parents=True)
    fake_tool("setpriv", f'echo "{closed}"')
    nobody = pwd.getpwnam("nobody")
    assert _closed_to(LocalHost(), nobody, closed / "state") == [closed]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can ask as another user")
def test_the_kernel_is_asked_whether_another_user_may_pass(tool_on_path, tmp_path):
    for name in ("setpriv", "sh"):
        tool_on_path(name)
    open_folder = Path("/var/tmp")
    nobody = pwd.getpwnam("nobody")
    assert _closed_to(LocalHost(), nobody, open_folder) == []
    tmp_path.chmod(0o700)
    assert tmp_path in _closed_to(LocalHost(), nobody, tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_state_folder_that_cannot_be_written_fails(tmp_path):
    one = _state(LocalHost(), Path("/proc/goldsmith"), "qemu:///session")
    assert (one.status, one.detail) == (Status.FAIL, "/proc cannot be written by this user")


def test_a_session_guest_runs_as_the_user_and_needs_no_check(tmp_path):
    one = _state(LocalHost(), tmp_path / "new", "qemu:///session")
    assert (one.status, one.detail) == (Status.OK, f"{tmp_path}/new, made when it is needed")


def test_little_memory_fails_with_figures(tmp_path):
    meminfo = tmp_path / "meminfo"
    for available, status in ((1 << 20, Status.FAIL), (2 << 20, Status.WARNING), (8 << 20, Status.OK)):
        meminfo.write_text(f"MemTotal: 9 kB\nMemAvailable:   {available} kB\n")
        assert _memory(meminfo).status is status
    assert _memory(meminfo).detail == "8 GiB available"


def test_disk_space_is_that_of_the_state_folder(tmp_path):
    assert f"free for {tmp_path}" in _disk(tmp_path).detail


def test_xfs_support_is_looked_for_where_distributions_put_it(tmp_path):
    assert _xfs(tmp_path).status is Status.FAIL
    folder = tmp_path / "usr/lib64/guestfs/supermin.d"
    folder.mkdir(parents=True)
    (folder / "zz-packages-xfs").touch()
    assert _xfs(tmp_path).status is Status.OK


def test_a_clock_from_before_our_own_files_fails():
    one = _clock(datetime(2001, 1, 1, tzinfo=UTC))
    assert one.status is Status.FAIL
    assert "2001-01-01 00:00:00 UTC is before Goldsmith's own files" in one.detail
    assert _clock().status is Status.OK


def test_modules_of_the_wrong_version_are_named():
    wanted = ["pytest>=8", "pytest<2,>=1", "never-heard-of>=1", 'ruff; extra == "test"']
    wrong = _wrong_modules(wanted)
    assert wrong == [f"pytest<2,>=1 (it has {pytest.__version__})", "never-heard-of"]


def test_fix_makes_the_state_folder_passable_for_qemu(tmp_path):
    state = tmp_path / "deep" / "state"
    old = os.umask(0o077)
    try:
        done = list(mend(LocalHost(), state=state, uri="test:///default"))
    finally:
        os.umask(old)
    assert done == [f"made {state}"]
    assert state.stat().st_mode & 0o777 == 0o711
    assert list(mend(LocalHost(), state=state, uri="test:///default")) == []


def test_fix_says_what_it_could_not_do(tmp_path):
    (tmp_path / "file").touch()
    done = list(mend(LocalHost(), state=tmp_path / "file" / "state", uri="test:///default"))
    assert len(done) == 1
    assert done[0].startswith(f"{tmp_path}/file/state cannot be made: Not a directory\n  fix: ")


@pytest.mark.real
@pytest.mark.skipif(os.geteuid() != 0, reason="the system's libvirt is root's")
def test_this_host_is_fit(tmp_path):
    state = Path(os.environ["GOLDSMITH_STATE"])
    list(mend(LocalHost(), state=state, uri=SYSTEM))
    answers = ask(state, quick=False, uri=SYSTEM)
    assert not [one for one in answers.values() if one.status is Status.FAIL]
    assert answers["python"].detail.startswith(sys.version.split()[0])
