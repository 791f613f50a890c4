import threading
import time
from pathlib import Path

import pytest

from goldsmith.errors import HostError, ToolError
from goldsmith.host.guestfs import fish
from goldsmith.host.process import LocalHost, stoppable
from goldsmith.host.retry import until


def test_a_listener_that_fails_does_not_stop_the_program_and_its_error_is_raised_after_it(
    fake_tool, tmp_path
):
    fake_tool("talker", f"seq 1 200000; echo done > {tmp_path}/ended")

    def refuse(line: str) -> None:
        raise ValueError(f"cannot take {line}")

    with pytest.raises(ValueError, match="cannot take 1"):
        LocalHost().run("talker", on_line=refuse)
    assert (tmp_path / "ended").exists()


def test_a_log_that_cannot_be_written_costs_the_log_only(fake_tool, tmp_path):
    fake_tool("talker", "echo hello")
    assert LocalHost(log=tmp_path / "no folder" / "log").run("talker").stdout == "hello\n"


def test_a_tool_without_room_is_a_fault_of_the_host_with_a_way_out(fake_tool):
    fake_tool("virt-sysprep", "echo 'write: No space left on device' >&2; exit 1")
    with pytest.raises(HostError, match="no space left for a tool") as caught:
        LocalHost().run("virt-sysprep")
    assert "store prune" in caught.value.fix


@pytest.mark.parametrize(
    "said",
    [
        "Failed to connect socket to '/var/run/libvirt/libvirt-sock': Connection refused",
        "End of file while reading data: Input/output error",
    ],
)
def test_a_tool_that_libvirt_went_away_from_is_a_fault_of_the_host(fake_tool, said):
    fake_tool("virt-install", f'echo "ERROR    {said}" >&2; exit 1')
    with pytest.raises(HostError, match="libvirt went away from a tool") as caught:
        LocalHost().run("virt-install")
    assert caught.value.exit_code == 3
    assert "start it again" in caught.value.fix


def test_a_tool_that_hangs_is_ended_after_its_time(fake_tool):
    fake_tool("sleeper", "exec sleep 60")
    with pytest.raises(ToolError, match="no end after 1 s: sleeper"):
        LocalHost().run("sleeper", timeout=1)


def test_a_tool_is_ended_when_another_thread_says_so(fake_tool):
    fake_tool("sleeper", "exec sleep 60")
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    started = time.monotonic()
    with pytest.raises(ToolError, match="killed by SIGINT: sleeper"):
        stoppable(LocalHost(), stop).run("sleeper")
    assert time.monotonic() - started < 30


def test_a_tool_that_may_be_stopped_still_has_its_time_and_its_end(fake_tool):
    fake_tool("sleeper", "echo here; exec sleep 60")
    with pytest.raises(ToolError, match="no end after 1 s: sleeper"):
        stoppable(LocalHost(), threading.Event()).run("sleeper", timeout=1)
    fake_tool("talker", "echo hello")
    assert stoppable(LocalHost(), threading.Event()).run("talker").stdout == "hello\n"


def test_files_are_given_to_a_tool_by_their_full_names_and_words_as_they_are(
    fake_tool, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    tool = fake_tool("tool")
    LocalHost().run("tool", "info", Path("json:{}"), Path("-o"))
    LocalHost().start("tool", Path("nbd:x")).stop(5)
    assert tool.calls == [["info", f"{tmp_path}/json:{{}}", f"{tmp_path}/-o"], [f"{tmp_path}/nbd:x"]]


def test_an_appliance_gets_the_full_name_of_its_image(fake_tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tool = fake_tool("guestfish")
    fish(LocalHost(), "x", image=Path("nbd:x"), format="raw", read_only=True, inspect=True, env={})
    assert tool.calls == [["--ro", "--format=raw", "-a", f"{tmp_path}/nbd:x", "-i"]]


CLEANS = """trap 'echo cleaned > "$BIN/cleaned"; exit 0' INT
sleep 60 & echo $! > "$BIN/behind"
while :; do sleep 0.1; done"""


def test_a_tool_is_ended_so_that_it_cleans_up_and_with_what_it_left_behind(fake_tool, tmp_path):
    fake_tool("virt-install", CLEANS)
    with pytest.raises(ToolError, match="no end after 1 s: virt-install"):
        LocalHost().run("virt-install", timeout=1)
    assert (tmp_path / "bin" / "cleaned").exists()
    behind = Path("/proc", (tmp_path / "bin" / "behind").read_text().strip(), "stat")
    until(lambda: not behind.exists() or " Z " in behind.read_text() or None, what="end of it", deadline=20)


def test_a_tool_that_was_stopped_has_not_done_its_work_whatever_it_says(fake_tool):
    fake_tool("virt-install", CLEANS)
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    with pytest.raises(ToolError, match="killed by SIGINT: virt-install"):
        stoppable(LocalHost(), stop).run("virt-install")
