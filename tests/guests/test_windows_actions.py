"""Steps in Windows, over a shell that remembers what it was asked."""

from pathlib import Path

import pytest

from goldsmith.errors import GuestError, Mark
from goldsmith.guests.windows_actions import WindowsHand, perform
from goldsmith.host.commands import Ran
from goldsmith.recipe.secrets import Secret
from goldsmith.recipe.steps import Step


class Shell:
    """Notes every call; programs end with ``code``."""

    def __init__(self):
        self.calls, self.code = [], 0

    def powershell(self, script, *, env=None, on_line=None, timeout):
        self.calls.append(("powershell", script, dict(env or {})))
        return Ran(self.code, ("last line",))

    def cmd(self, *words, on_line=None, timeout=0):
        self.calls.append(("cmd", *words))
        return Ran(self.code, ("last line",))

    def must(self, *words):
        self.calls.append(("must", *words))

    def folder(self, path):
        self.calls.append(("folder", path))

    def delete(self, path):
        self.calls.append(("delete", path))

    def put(self, local, remote):
        self.calls.append(("put", Path(local).name, remote))

    def put_bytes(self, data, remote):
        self.calls.append(("put_bytes", data, remote))


@pytest.fixture
def shell():
    return Shell()


@pytest.fixture
def do(shell):
    def perform_one(at=None, **said):
        hand = WindowsHand(
            shell=shell,
            on_line=lambda line: None,
            reveal=lambda value: "s3cret" if isinstance(value, Secret) else value,
            timeout=5,
        )
        perform(Step.model_validate(said), hand, at=at)

    return perform_one


def test_a_script_is_read_by_powershell_unless_it_is_a_batch_file(shell, do, tmp_path):
    do(run="Get-Date")
    (tmp_path / "a.cmd").write_text("echo a\necho b\n")
    do(run={"file": str(tmp_path / "a.cmd")})
    assert shell.calls == [
        ("powershell", "Get-Date", {}),
        ("folder", "C:\\goldsmith"),
        ("put_bytes", b"echo a\r\necho b\r\n", "C:\\goldsmith\\step.cmd"),
        ("cmd", "C:\\goldsmith\\step.cmd"),
        ("delete", "C:\\goldsmith\\step.cmd"),
    ]


def test_a_script_is_read_in_the_encoding_that_its_editor_saved(shell, do, tmp_path):
    (tmp_path / "a.ps1").write_bytes("'Gruß'\r\n".encode("utf-16"))
    do(run={"file": str(tmp_path / "a.ps1")})
    (tmp_path / "a.cmd").write_bytes("echo a\r\necho \x0cb\u2028c".encode("utf-16"))
    do(run={"file": str(tmp_path / "a.cmd")})
    assert shell.calls[0] == ("powershell", "'Gruß'\n", {})
    assert shell.calls[2][1] == "echo a\r\necho \x0cb\u2028c\r\n".encode()


def test_secrets_of_a_batch_file_come_by_its_environment_and_not_by_the_disk(shell, do):
    environment = {"KEY": Secret("env:KEY")}
    do(run={"script": "echo %KEY%", "interpreter": "cmd", "environment": environment})
    assert ("put_bytes", b"echo %KEY%\r\n", "C:\\goldsmith\\step.cmd") in shell.calls
    assert (
        "powershell",
        "cmd.exe /d /c C:\\goldsmith\\step.cmd\nexit $LASTEXITCODE\n",
        {"KEY": "s3cret"},
    ) in shell.calls


def test_a_batch_file_goes_again_when_it_fails(shell, do):
    shell.code = 9
    with pytest.raises(GuestError, match="step 'bad': the script ended with exit status 9") as error:
        do(at=Mark("w.yaml", 7, 3), name="bad", run={"script": "exit 9", "interpreter": "cmd"})
    assert shell.calls[-1] == ("delete", "C:\\goldsmith\\step.cmd")
    assert (str(error.value.at), error.value.evidence) == ("w.yaml:7:3", ("last line",))


def test_exit_codes_can_be_allowed(shell, do):
    shell.code = 3010
    do(run={"script": "x", "allowed_exit_codes": [0, 3010]})


def test_a_file_is_written_with_its_folder(shell, do):
    do(write={"path": "C:\\Tools\\motd.txt", "content": "hi"})
    assert shell.calls == [("folder", "C:\\Tools"), ("put_bytes", b"hi", "C:\\Tools\\motd.txt")]


def test_a_folder_is_uploaded_with_all_that_is_below_it(shell, do, tmp_path):
    (tmp_path / "site" / "sub").mkdir(parents=True)
    (tmp_path / "site" / "a").write_text("a")
    (tmp_path / "site" / "sub" / "b").write_text("b")
    do(upload={"source": str(tmp_path / "site"), "dest": "C:\\www"})
    assert shell.calls == [
        ("folder", "C:\\www"),
        ("put", "a", "C:\\www\\a"),
        ("folder", "C:\\www\\sub"),
        ("put", "b", "C:\\www\\sub\\b"),
    ]


def test_services_start_by_themselves_or_not_at_all(shell, do):
    do(services={"enable": ["sshd"], "disable": ["Spooler"], "mask": ["Fax"]})
    assert shell.calls == [
        ("must", "sc", "config", "sshd", "start=", "auto"),
        ("must", "sc", "config", "Spooler", "start=", "disabled"),
        ("must", "sc", "config", "Fax", "start=", "disabled"),
    ]
