import json
import os
import re
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import pytest

from goldsmith import __version__
from goldsmith.cli import main as cli
from goldsmith.cli.main import COMMANDS, run

TOP = Path(__file__).parents[1]


def goldsmith(*argv: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a process of its own, with the environment of this test."""
    return subprocess.run(
        [sys.executable, "-m", "goldsmith", *argv],
        env={**os.environ, "PYTHONPATH": str(TOP / "src"), **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_lists_every_command_with_a_sentence(capsys):
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    for name, (_, _, text) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(text.split()[0])}", shown, re.MULTILINE), name


def test_no_command_at_all_shows_the_help(capsys):
    assert run([]) == 2
    assert "Usage: goldsmith" in "".join(capsys.readouterr())


@pytest.mark.parametrize("name", [name for name, (module, *_) in COMMANDS.items() if find_spec(module)])
def test_every_command_has_its_own_help_and_takes_the_global_options(name, capsys):
    assert run([name, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"Usage: goldsmith {name}" in shown
    for option in ("--project", "--state", "--json", "--quiet", "--verbose", "--no-color"):
        assert option in shown


def test_every_command_in_the_table_exists():
    missing = [name for name, (module, *_) in COMMANDS.items() if not find_spec(module)]
    assert not missing


def test_an_unknown_command_is_wrong_usage(capsys):
    assert run(["bulid"]) == 2
    assert "No such command 'bulid'" in capsys.readouterr().err


def test_an_unknown_option_is_wrong_usage(capsys):
    assert run(["doctor", "--frobnicate"]) == 2
    assert "No such option '--frobnicate'" in capsys.readouterr().err


def test_version(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"goldsmith, version {__version__}\n"


def test_global_options_may_stand_before_or_after_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("GOLDSMITH_LIBVIRT_URI", "test:///default")
    seen = []
    for argv in (
        ["--json", "--state", str(tmp_path / "s"), "doctor", "--quick"],
        ["doctor", "--quick", "--json", "--state", str(tmp_path / "s")],
    ):
        run(argv)
        checks = {one["id"]: one for one in json.loads(capsys.readouterr().out)["checks"]}
        assert str(tmp_path / "s") in checks["state"]["detail"]
        seen.append(list(checks))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("named", ["option", "environment"])
def test_a_state_folder_has_one_name_however_it_is_given(tmp_path, capsys, monkeypatch, named):
    monkeypatch.setenv("GOLDSMITH_LIBVIRT_URI", "test:///default")
    monkeypatch.chdir(tmp_path)
    Path("link").symlink_to("s")
    spelled = f"../{tmp_path.name}/link"
    monkeypatch.setenv("GOLDSMITH_STATE", spelled if named == "environment" else "elsewhere")
    run(["doctor", "--quick", "--json", *(["--state", spelled] if named == "option" else [])])
    (state,) = (one for one in json.loads(capsys.readouterr().out)["checks"] if one["id"] == "state")
    assert state["detail"].startswith(str(tmp_path / "s"))


def test_a_state_folder_that_is_a_link_to_itself_is_told(tmp_path, capsys):
    (tmp_path / "loop").symlink_to("loop")
    assert run(["--state", str(tmp_path / "loop"), "builds"]) == 3
    assert "Too many levels of symbolic links" in capsys.readouterr().err


def test_a_project_that_is_none_is_named_with_a_fix(tmp_path, capsys):
    assert run(["recipes", "--project", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert f"{tmp_path} is no project" in said
    assert "\n  fix: " in said


def test_a_bug_ends_with_70_and_a_file_that_holds_the_traceback(tmp_path, monkeypatch, capsys):
    (tmp_path / "broken_command.py").write_text("raise RuntimeError('nobody expected this')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(cli.COMMANDS, "broken", ("broken_command", "broken", "Break."))
    assert run(["broken"]) == 70
    said = capsys.readouterr().err
    assert "a bug in Goldsmith: RuntimeError('nobody expected this')" in said
    report = Path(re.search(r"fix: .* (/\S+)$", said.strip()).group(1)).read_text()
    assert report.startswith("Traceback")
    assert "nobody expected this" in report


def test_ctrl_c_ends_with_130(tmp_path, monkeypatch, capsys):
    (tmp_path / "stopped_command.py").write_text("raise KeyboardInterrupt\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(cli.COMMANDS, "stopped", ("stopped_command", "stopped", "Stop."))
    assert run(["stopped"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_bug():
    command = f"{sys.executable} -m goldsmith --help"
    shell = ["/bin/bash", "-c", f"set -o pipefail; {command} | /usr/bin/head -c 1 >/dev/null"]
    env = {**os.environ, "PYTHONPATH": str(TOP / "src")}
    done = subprocess.run(shell, env=env, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    assert "bug" not in done.stderr


def loaded(argv: list[str], heavy: str) -> str:
    """Return which of these modules a command loads."""
    code = (
        f"import sys; from goldsmith.cli.main import run; run({argv!r}); "
        f"print(*[name for name in '{heavy}'.split() if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(TOP / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr.splitlines()[-1]


def test_a_push_of_a_file_loads_only_what_it_needs(tmp_path, monkeypatch):
    (tmp_path / "clouds.yaml").write_text(
        "clouds: {lab: {auth_type: none, auth: {endpoint: 'http://127.0.0.1:9'}}}"
    )
    (tmp_path / "goldsmith.yaml").write_text("catalogs: {lab: {cloud: lab, timeouts: {answer: 1}}}")
    (tmp_path / "disk.raw").write_bytes(bytes(1 << 20))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(tmp_path / "clouds.yaml"))
    argv = ["push", str(tmp_path / "disk.raw"), "--catalog", "lab", "--project", str(tmp_path)]
    argv += ["--state", str(tmp_path / "state")]
    assert "openstack" in loaded(argv, "openstack")
    assert (
        loaded(argv, "rich jinja2 libvirt paramiko cryptography.x509 goldsmith.record goldsmith.recipe.model")
        == ""
    )


def test_help_needs_no_heavy_library_and_is_quick():
    assert loaded(["--help"], "libvirt paramiko rich pydantic jinja2 yaml tenacity") == ""
    start = time.monotonic()
    assert goldsmith("--help").returncode == 0
    assert time.monotonic() - start < 2, "0.3 s on an idle machine"
