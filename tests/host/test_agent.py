"""The agent as a shell, over a double that acts on this host and over the real qemu-ga where there is one."""

import base64
import json
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from goldsmith.errors import GuestError
from goldsmith.host.agent import AgentShell
from goldsmith.host.commands import GuestCommands
from goldsmith.host.retry import until

QEMU_GA = shutil.which("qemu-ga", path="/usr/sbin:/usr/bin:/usr/libexec")


class Double:
    """Answers as qemu-ga does, in this process."""

    def __init__(self) -> None:
        self.processes: dict[int, subprocess.Popen[bytes]] = {}
        self.files: dict[int, Any] = {}
        self.dead = False

    def agent(
        self, name: str, command: str, arguments: Mapping[str, Any] | None = None, *, timeout: int = 10
    ) -> object:
        if self.dead:
            raise GuestError(f"the agent of the guest {name} does not answer")
        return getattr(self, command.replace("-", "_"))(
            **{k.replace("-", "_"): v for k, v in arguments.items()}
        )

    def guest_exec(self, path: str, arg: list[str], capture_output: bool, input_data: str) -> object:
        process = subprocess.Popen([path, *arg], stdin=-1, stdout=-1, stderr=-1)
        process.stdin.write(base64.b64decode(input_data))
        process.stdin.close()
        self.processes[process.pid] = process
        return {"pid": process.pid}

    def guest_exec_status(self, pid: int) -> object:
        code = self.processes[pid].poll()
        if code is None:
            return {"exited": False}
        output = {"out-data": base64.b64encode(self.processes[pid].stdout.read()).decode()}
        return {"exited": True, **output, **({"signal": -code} if code < 0 else {"exitcode": code})}

    def guest_file_open(self, path: str, mode: str) -> object:
        self.files[1] = Path(path).open(mode + "b")  # noqa: SIM115
        return 1

    def guest_file_write(self, handle: int, buf_b64: str) -> object:
        return {"count": self.files[handle].write(base64.b64decode(buf_b64)[:100_000])}

    def guest_file_close(self, handle: int) -> object:
        self.files.pop(handle).close()
        return {}


class QemuGa:
    """Talks to a qemu-ga on a socket."""

    def __init__(self, path: Path) -> None:
        self.line = socket.socket(socket.AF_UNIX)
        self.line.connect(str(path))
        self.answers = self.line.makefile()

    def agent(
        self, name: str, command: str, arguments: Mapping[str, Any] | None = None, *, timeout: int = 10
    ) -> object:
        self.line.sendall(json.dumps({"execute": command, "arguments": arguments or {}}).encode() + b"\n")
        answer = json.loads(self.answers.readline())
        if "error" in answer:
            raise GuestError(answer["error"]["desc"])
        return answer["return"]


@pytest.fixture(params=["double", *(["qemu-ga"] if QEMU_GA else [])])
def guest(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AgentShell]:
    if request.param == "double":
        yield AgentShell(Double(), "vm")
        return
    assert QEMU_GA
    path = tmp_path / "qga.sock"
    blocked = "--block-rpcs=guest-shutdown,guest-suspend-disk,guest-suspend-ram,guest-set-time"
    command = [QEMU_GA, "--method=unix-listen", f"--path={path}", f"--statedir={tmp_path}", blocked]
    process = subprocess.Popen(command, env={**os.environ, "PATH": "/usr/bin:/bin"})
    try:
        yield AgentShell(until(lambda: dial(path), what="qemu-ga", deadline=10, every=0.05), "vm")
    finally:
        process.terminate()
        process.wait()


def dial(path: Path) -> QemuGa | None:
    try:
        return QemuGa(path)
    except OSError:
        return None


def test_a_command_gives_its_output_and_exit_status(guest):
    heard: list[str] = []
    ran = guest.run("echo one; echo two >&2; exit 3", on_line=heard.append, timeout=20)
    assert (ran.code, ran.tail) == (3, ("one", "two"))
    assert heard == ["one", "two"]


def test_a_command_reads_its_input_and_sees_its_variables(guest):
    assert (
        guest.run('/bin/cat; echo "$WHO"', stdin="in\n", env={"WHO": "it's me"}, timeout=20).text
        == "in\nit's me"
    )


def test_a_command_killed_by_a_signal_has_no_exit_status(guest):
    assert guest.run("kill -9 $$", timeout=20).code == -1


def test_a_command_that_never_ends_is_left(guest):
    with pytest.raises(
        GuestError, match=r"no end of: /bin/sleep 5 after 0\.2 s\n  fix: give the step a longer"
    ):
        guest.run("/bin/sleep 5", timeout=0.2)


def test_a_file_arrives_with_its_mode(guest, tmp_path, tool_on_path):
    tool_on_path("chmod")
    local, remote = tmp_path / "from", tmp_path / "to a 'place'"
    local.write_bytes(os.urandom(600_000))
    guest.put(local, str(remote), mode=0o750)
    assert remote.read_bytes() == local.read_bytes()
    assert stat.S_IMODE(remote.stat().st_mode) == 0o750
    guest.put_bytes(b"short", str(remote), mode=0o400)
    assert remote.read_bytes() == b"short"


def test_a_file_that_cannot_be_written_is_named(guest, tmp_path):
    with pytest.raises(GuestError, match=r"none/x in the guest: .*(No such file|nonexistent)"):
        guest.put_bytes(b"", f"{tmp_path}/none/x", mode=0o644)


def test_an_agent_that_does_not_answer_is_no_way_in():
    double = Double()
    double.dead = True
    way: GuestCommands = AgentShell(double, "vm")
    assert not AgentShell(double, "vm").ping()
    with pytest.raises(GuestError, match="agent of the guest vm does not answer"):
        way.run("true", timeout=5)
