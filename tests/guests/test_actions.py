import os
import subprocess
from grp import getgrgid
from pathlib import Path
from pwd import getpwuid

import pytest

from goldsmith.errors import GuestError, Mark
from goldsmith.guests.actions import Hand, perform
from goldsmith.guests.family import Packages
from goldsmith.host.commands import Ran
from goldsmith.recipe.secrets import Secret
from goldsmith.recipe.steps import Step

AT = Mark("recipes/x.yaml", 12, 5)
OWNER = f"{getpwuid(os.getuid()).pw_name}:{getgrgid(os.getgid()).gr_name}"


class LocalShell:
    """A guest shell that is this machine's sh, with a folder in place of the guest's /tmp."""

    def __init__(self, folder: Path) -> None:
        self.commands: list[str] = []
        self.folder = folder

    def run(self, command, *, stdin=None, on_line=None, timeout, env=None):
        self.commands.append(command)
        done = subprocess.run(
            ["/bin/sh", "-c", self._here(command)],
            env={"PATH": f"{self.folder}/bin:/usr/bin:/bin"},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        lines = (done.stdout + done.stderr).splitlines()
        for line in lines:
            if on_line:
                on_line(line)
        return Ran(done.returncode, tuple(lines[-20:]))

    def put(self, local, remote, *, mode):
        self.put_bytes(local.read_bytes(), remote, mode=mode)

    def put_bytes(self, data, remote, *, mode):
        path = Path(self._here(remote))
        path.write_bytes(data)
        path.chmod(mode)

    def _here(self, text: str) -> str:
        return text.replace("/tmp/.goldsmith-step", f"{self.folder}/step")


@pytest.fixture
def hand(tmp_path):
    heard: list[str] = []
    made = Hand(
        shell=LocalShell(tmp_path),
        privilege="",
        packages=Packages.APT,
        on_line=heard.append,
        reveal=lambda value: "hush-hush" if isinstance(value, Secret) else value,
        timeout=20,
    )
    object.__setattr__(made, "heard", heard)
    return made


def test_a_script_runs_with_its_environment_and_its_output_is_heard(hand, tmp_path):
    step = Step(
        run={"script": "echo $GREETING; exit 3", "environment": {"GREETING": "hi"}, "allowed_exit_codes": [3]}
    )
    perform(step, hand, at=AT)
    assert hand.heard == ["hi"]
    assert not (tmp_path / "step").exists()
    assert not (tmp_path / "step.env").exists()


def test_a_secret_in_the_environment_is_not_on_a_command_line(hand):
    step = Step(run={"script": "echo ${#KEY}", "environment": {"KEY": Secret("env:X")}})
    perform(step, hand, at=AT)
    assert hand.heard == ["9"]
    assert not any("hush-hush" in command for command in hand.shell.commands)


def test_a_failing_script_shows_its_last_lines_and_its_place_in_the_recipe(hand):
    step = Step(name="harden", run={"script": "seq 1 30; echo broken >&2; exit 7"})
    with pytest.raises(
        GuestError, match=r"recipes/x\.yaml:12:5: step 'harden': the script ended with exit status 7"
    ) as err:
        perform(step, hand, at=AT)
    assert err.value.evidence[-1] == "broken"
    assert len(err.value.evidence) <= 20


def test_a_script_stops_at_its_first_failing_command(hand):
    with pytest.raises(GuestError, match="exit status 1"):
        perform(Step(run={"script": "false\necho never"}), hand, at=AT)
    assert "never" not in hand.heard


def test_another_interpreter_reads_the_script(hand):
    perform(Step(run={"script": "BEGIN { print 6*7 }", "interpreter": "awk -f"}), hand, at=AT)
    assert hand.heard == ["42"]


def test_a_file_is_written_with_mode_and_owner(hand, tmp_path):
    user = subprocess.run(
        ["id", "-un"], capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}
    )
    group = subprocess.run(
        ["id", "-gn"], capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}
    )
    path = tmp_path / "new folder" / "motd"
    owner = f"{user.stdout.strip()}:{group.stdout.strip()}"
    perform(
        Step(write={"path": str(path), "content": "hello\n", "mode": "0640", "owner": owner}), hand, at=AT
    )
    assert path.read_text() == "hello\n"
    assert path.stat().st_mode & 0o777 == 0o640


def test_apt_is_asked_in_the_right_order(hand, tmp_path):
    (tmp_path / "bin").mkdir(exist_ok=True)
    log = tmp_path / "apt.log"
    tool = tmp_path / "bin" / "apt-get"
    tool.write_text(f'#!/bin/sh\necho "$DEBIAN_FRONTEND $@" >> {log}\n')
    tool.chmod(0o755)
    perform(Step(packages={"install": ["a", "b"], "remove": ["c"], "update": "all"}), hand, at=AT)
    calls = log.read_text().splitlines()
    assert [call.split()[-1] for call in calls] == ["update", "c", "dist-upgrade", "b"]
    assert all(call.startswith("noninteractive ") for call in calls)


def test_a_package_that_yum_did_not_install_is_a_failure(hand, tmp_path):
    (tmp_path / "bin").mkdir(exist_ok=True)
    for name, text in (("yum", "exit 0"), ("rpm", "echo 'package nosuch is not installed'; exit 1")):
        tool = tmp_path / "bin" / name
        tool.write_text(f"#!/bin/sh\n{text}\n")
        tool.chmod(0o755)
    object.__setattr__(hand, "packages", Packages.YUM)
    with pytest.raises(GuestError, match="looking for the installed packages") as err:
        perform(Step(packages={"install": ["nosuch"]}), hand, at=AT)
    assert "package nosuch is not installed" in err.value.evidence


def test_a_folder_is_uploaded_with_what_links_lead_to_and_its_empty_folders(hand, tmp_path):
    source, dest = tmp_path / "app", tmp_path / "guest" / "opt"
    (source / "real").mkdir(parents=True)
    (source / "empty").mkdir(mode=0o750)
    (source / "real" / "file").write_text("one")
    (source / "link").symlink_to("real")
    (dest / "real").mkdir(parents=True)
    (dest / "real").chmod(0o711)
    perform(Step(upload={"source": source, "dest": f"{dest}/", "mode": "0640", "owner": OWNER}), hand, at=AT)
    found = {str(one.relative_to(dest)): one.stat().st_mode & 0o777 for one in dest.rglob("*")}
    assert found == {
        "empty": 0o750,
        "link": (source / "real").stat().st_mode & 0o777,
        "link/file": 0o640,
        "real": 0o711,  # was there
        "real/file": 0o640,
    }
