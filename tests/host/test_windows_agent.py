"""The agent of a Windows guest, over a double that remembers what it was asked."""

import base64

import pytest

from goldsmith.errors import GuestError
from goldsmith.host.windows_agent import BOOTSTRAP, WindowsShell


class Double:
    """Answers as qemu-ga does; every program ends at its second question with ``code`` and ``said``."""

    def __init__(self):
        self.execs, self.files, self.code, self.said = [], {}, 0, "done\r\n"
        self._open, self._asked = "", 0

    def agent(self, name, command, arguments=None, *, timeout=10):
        return getattr(self, command.replace("-", "_"))(
            **{k.replace("-", "_"): v for k, v in arguments.items()}
        )

    def guest_exec(self, path, arg, capture_output, input_data=""):
        self.execs.append((path, arg, base64.b64decode(input_data).decode()))
        self._asked = 0
        return {"pid": 4}

    def guest_exec_status(self, pid):
        self._asked += 1
        if self._asked < 2:
            return {"exited": False}
        return {
            "exited": True,
            "exitcode": self.code,
            "out-data": base64.b64encode(self.said.encode()).decode(),
        }

    def guest_file_open(self, path, mode):
        assert mode == "wb"
        self._open = path
        self.files[path] = b""
        return 1

    def guest_file_write(self, handle, buf_b64):
        part = base64.b64decode(buf_b64)[:1000]
        self.files[self._open] += part
        return {"count": len(part)}

    def guest_file_close(self, handle):
        return {}


@pytest.fixture
def double():
    return Double()


@pytest.fixture
def shell(double):
    return WindowsShell(double, "guest")


def test_a_script_and_its_secrets_come_by_the_standard_input_alone(shell, double):
    heard = []
    ran = shell.powershell("Write-Output $env:KEY", env={"KEY": "s3cret=ü"}, on_line=heard.append, timeout=5)
    (path, words, stdin) = double.execs[0]
    assert (ran.code, ran.tail, heard) == (0, ("done",), ["done"])
    assert path == "powershell.exe"
    assert base64.b64decode(words[-1]).decode("utf-16-le") == BOOTSTRAP
    head, _, script = stdin.partition("\n\n")
    assert script == "Write-Output $env:KEY"
    assert head == "KEY=" + base64.b64encode("s3cret=ü".encode()).decode()
    assert not any("s3cret" in word for word in words)


def test_any_exit_status_is_an_answer(shell, double):
    double.code = 3010
    assert shell.powershell("exit 3010", timeout=5).code == 3010


def test_a_command_of_cmd_is_words_which_cmd_itself_cannot_read_otherwise(shell, double):
    shell.folder("C:\\a b\\c")
    assert double.execs == [
        ("cmd.exe", ["/d", "/c", "if", "not", "exist", "C:\\a b\\c", "mkdir", "C:\\a b\\c"], "")
    ]
    with pytest.raises(GuestError, match="it holds &"):
        shell.folder("C:\\a&calc")


def test_a_command_that_must_succeed_is_told_with_its_last_lines(shell, double):
    double.code, double.said = 5, "Access is denied.\r\n"
    with pytest.raises(GuestError, match="sc config x start= auto ended with exit status 5") as error:
        shell.must("sc", "config", "x", "start=", "auto")
    assert error.value.evidence == ("Access is denied.",)


def test_a_file_is_written_whole_however_little_the_agent_takes(shell, double, tmp_path):
    data = bytes(range(256)) * 20
    shell.put_bytes(data, "C:\\x.bin")
    (tmp_path / "x").write_bytes(data)
    shell.put(tmp_path / "x", "C:\\y.bin")
    assert double.files == {"C:\\x.bin": data, "C:\\y.bin": data}
