"""The set-up script, in a clone of its own whose Python, pip and goldsmith are fake programs."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
SHELL_TOOLS = ("bash", "cat", "dirname", "flock", "mktemp", "rm", "sed", "sh", "sha256sum", "sleep", "tail")


class Clone:
    def __init__(self, folder, fake_tool):
        self.folder = folder
        self.log = folder.parent / "log"
        (folder / ".ci").mkdir(parents=True)
        for name in ("setup.sh", "python.sh"):
            shutil.copy(TOP / ".ci" / name, folder / ".ci")
        self.script(".ci/packages.sh", f"echo packages >> '{self.log}'")
        (folder / "pyproject.toml").write_text("[project]\n")
        base = folder.parent / "bin" / "python3"
        inside = f'case "$1" in -c) echo "{base}" ;; -m) echo "pip ${{!#}}" >> "{self.log}"; eval "${{PIP:-}}" ;; esac'
        self.script("python", inside)
        self.script("goldsmith", f'echo "goldsmith $*" >> "{self.log}"; eval "${{DOCTOR:-}}"')
        venv = f'rm -rf .venv; mkdir -p .venv/bin; cp "{folder}/python" "{folder}/goldsmith" .venv/bin/'
        fake_tool("python3", f'[ "$1" = -c ] && echo "$0" && exit; echo venv >> "{self.log}"; {venv}')

    def script(self, name, text):
        path = self.folder / name
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)

    def run(self, *argv, **env):
        """Run the script and return how it ended, with what it did since the last time."""
        self.log.write_text("")
        done = subprocess.run(
            [str(self.folder / ".ci/setup.sh"), *argv],
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            check=False,
        )
        return done, self.log.read_text().splitlines()


@pytest.fixture
def clone(tmp_path, fake_tool, tool_on_path):
    for name in SHELL_TOOLS:
        tool_on_path(name)
    return Clone(tmp_path / "a clone with spaces", fake_tool)


DOCTOR = "goldsmith doctor --fix --quick --quiet"


def test_the_first_run_does_everything_and_the_second_nothing(clone):
    done, log = clone.run()
    assert done.returncode == 0, done.stderr
    assert log == ["packages", "venv", "pip .[test]", DOCTOR]
    assert done.stdout.splitlines()[-1] == "set-up: libvirt, its network, the state folder"
    done, log = clone.run()
    assert (done.returncode, done.stdout, done.stderr, log) == (0, "", "", [])


def test_linters_and_fast_tests_need_no_libvirt(clone):
    assert clone.run("python")[1] == ["packages", "venv", "pip .[test]"]
    assert clone.run("python")[1] == []
    assert clone.run()[1] == [DOCTOR]


def test_a_changed_dependency_is_installed_into_the_same_environment(clone):
    clone.run()
    (clone.folder / "pyproject.toml").write_text("[project]\ndependencies = []\n")
    assert clone.run()[1] == ["packages", "pip .[test]", DOCTOR]


def test_services_are_seen_to_again_after_a_boot(clone):
    clone.run()
    (clone.folder / ".venv/.services").write_text("another boot\n")
    assert clone.run()[1] == [DOCTOR]


def test_a_failing_pip_shows_its_last_lines_and_is_not_taken_for_done(clone):
    done, _ = clone.run(PIP='echo "error: no libvirt.pc"; exit 1')
    assert done.returncode == 1
    assert "  | error: no libvirt.pc\nset-up: pip install failed; all output is in /" in done.stderr
    assert "\n  fix: " in done.stderr
    done, log = clone.run()
    assert done.returncode == 0, done.stderr
    assert log == ["packages", "pip .[test]", DOCTOR]


def test_a_host_that_is_not_fit_stops_with_the_doctors_exit_code(clone):
    done, _ = clone.run(DOCTOR="exit 3")
    assert done.returncode == 3
    assert clone.run()[1] == [DOCTOR]


def test_packages_that_cannot_be_installed_stop_before_anything_is_made(clone):
    clone.script(".ci/packages.sh", "exit 3")
    done, log = clone.run()
    assert (done.returncode, log) == (3, [])
    assert not (clone.folder / ".venv").exists()


def test_a_host_without_a_new_python_is_told_so(clone, fake_tool):
    fake_tool("python3", "exit 1")
    done, log = clone.run()
    assert (done.returncode, log) == (3, ["packages"])
    assert done.stderr.startswith("Python 3.11 or newer is needed")
    assert "\n  fix: " in done.stderr


def test_a_daemon_that_outlives_the_set_up_does_not_hold_its_lock(clone):
    clone.run(DOCTOR="sleep 30 >/dev/null 2>&1 & echo $! > daemon")
    daemon = int((clone.folder / "daemon").read_text())
    try:
        (clone.folder / ".venv/.services").unlink()
        assert clone.run()[0].returncode == 0
    finally:
        os.kill(daemon, 9)
