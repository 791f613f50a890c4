"""Steps that virt-customize does: its arguments are pure, its files are private and gone afterwards."""

import os
import shutil
import subprocess
import sys
from grp import getgrgid
from pathlib import Path
from pwd import getpwuid

import pytest

from goldsmith.errors import Mark, RecipeError, ToolError
from goldsmith.events import ToolSaid
from goldsmith.guests import FAMILIES
from goldsmith.recipe.secrets import Secret
from goldsmith.recipe.steps import Step
from goldsmith.stages.guest import Guest
from goldsmith.stages.offline import Offline, commands

HERE = Mark("r.yaml", 7, 5)


def argv(tmp_path, step, reveal=str):
    folder = tmp_path / "private"
    folder.mkdir()
    return commands(Step.model_validate({**step, "via": "offline"}), folder, reveal, at=HERE)


def test_a_script_gets_its_interpreter_line_and_its_secrets_in_a_private_file(tmp_path):
    step = {"run": {"script": "echo hello", "environment": {"TOKEN": Secret("env:T"), "A": "b c"}}}
    words = argv(tmp_path, step, lambda value: "it's" if isinstance(value, Secret) else value)
    assert words[0::2] == ["--upload", "--run"]
    file, _, inside = words[1].partition(":")
    assert Path(file).read_text() == "#!/bin/sh\nset -e\necho hello"
    assert (
        Path(words[3])
        .read_text()
        .startswith(f"#!/bin/sh\nexport TOKEN='it'\"'\"'s'\nexport A='b c'\nchmod 0700 {inside}\n{inside}\n")
    )
    assert [Path(one).stat().st_mode & 0o077 for one in (file, words[3])] == [0, 0]


def in_the_guest(words, tmp_path):
    """Do what virt-customize would do with a script, in this machine."""
    script, _, inside = words[1].partition(":") if words[0] == "--upload" else ("", "", "")
    text, here = Path(words[-1]).read_text(), tmp_path / "script"
    if script:
        here.write_bytes(Path(script).read_bytes())
        text = text.replace(inside, str(here))
    ran = subprocess.run(
        ["/bin/sh", "-c", text], env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=False
    )
    assert not here.exists()
    return ran.returncode, ran.stdout.decode()


PYTHON = "import os\nprint(os.environ['A'])\n"


@pytest.mark.parametrize(
    ("run", "told"),
    [
        ({"script": PYTHON, "interpreter": sys.executable, "environment": {"A": "b c"}}, (0, "b c\n")),
        ({"script": PYTHON, "interpreter": f"{sys.executable} -I", "environment": {"A": "b"}}, (0, "b\n")),
        ({"script": f"#!{sys.executable}\n{PYTHON}", "environment": {"A": "b"}}, (0, "b\n")),
        ({"script": "print(1)", "interpreter": sys.executable}, (0, "1\n")),
        ({"script": "echo $A; false; echo no", "environment": {"A": "b"}}, (1, "b\n")),
        ({"script": "exit 3", "allowed_exit_codes": [0, 3]}, (0, "")),
        ({"script": "exit 4", "allowed_exit_codes": [0, 3]}, (4, "")),
        ({"script": "exit 0", "allowed_exit_codes": [3]}, (1, "")),
    ],
)
def test_any_interpreter_gets_the_environment_and_the_exit_codes_count(tmp_path, run, told):
    assert in_the_guest(argv(tmp_path, {"run": run}), tmp_path) == told


@pytest.mark.parametrize("data", [b"a\r\nb\r\n", b"\xff\x00\xfe"])
def test_a_file_is_written_with_the_bytes_that_it_has(tmp_path, data):
    (tmp_path / "file").write_bytes(data)
    words = argv(tmp_path, {"write": {"path": "/etc/x", "file": tmp_path / "file"}})
    assert Path(words[3].partition(":")[0]).read_bytes() == data


def test_a_script_with_its_own_first_line_keeps_it(tmp_path):
    _, file = argv(tmp_path, {"run": "#!/usr/bin/python3\nprint()\n"})
    assert Path(file).read_text().startswith("#!/usr/bin/python3\n")


def test_a_file_is_written_with_mode_and_owner(tmp_path):
    words = argv(tmp_path, {"write": {"path": "/etc/a b", "content": "x", "mode": "0600", "owner": "u:g"}})
    assert words[:2] == ["--mkdir", "/etc"]
    assert words[2] == "--upload"
    assert words[3].endswith(":/etc/a b")
    assert words[4:] == ["--chmod", "0600:/etc/a b", "--run-command", "chown -R u:g '/etc/a b'"]


def test_a_folder_gets_the_name_that_the_recipe_says_and_each_file_its_mode(tmp_path):
    source, dest = tmp_path / "fol", tmp_path / "guest" / "app"
    (source / "deep").mkdir(parents=True)
    (source / "empty").mkdir()
    (source / "deep" / "a b").write_text("one")
    owner = f"{getpwuid(os.getuid()).pw_name}:{getgrgid(os.getgid()).gr_name}"
    upload = {"source": source, "dest": str(dest), "mode": "0604", "owner": owner}
    words = argv(tmp_path, {"upload": upload})
    aside = words[1]
    assert words[:-1] == ["--mkdir", aside, "--copy-in", f"{source}:{aside}", "--run"]
    here = tmp_path / "aside"
    here.mkdir()
    shutil.copytree(source, here / "fol")
    script = Path(words[-1]).read_text().replace(aside, str(here))
    subprocess.run(["/bin/sh", "-c", script], check=True, env={"PATH": "/usr/bin:/bin"})
    found = {str(one.relative_to(dest)): one.stat().st_mode & 0o777 for one in dest.rglob("*")}
    folder = (source / "deep").stat().st_mode & 0o777
    assert found == {"deep": folder, "deep/a b": 0o604, "empty": folder}
    assert not here.exists()


def test_packages_are_removed_before_they_are_updated_and_installed(tmp_path):
    words = argv(tmp_path, {"packages": {"install": ["a", "b"], "remove": ["c"], "update": "all"}})
    assert words == ["--uninstall", "c", "--update", "--install", "a,b"]


def test_services_are_enabled_disabled_and_masked(tmp_path):
    words = argv(tmp_path, {"services": {"enable": ["a"], "disable": ["b"], "mask": ["c"]}})
    assert words[1::2] == ["systemctl enable a", "systemctl disable b", "systemctl mask c"]


def test_what_needs_the_running_guest_says_so_with_its_place(tmp_path):
    with pytest.raises(RecipeError) as caught:
        argv(tmp_path, {"reboot": True})
    assert str(caught.value).startswith(
        "r.yaml:7:5: step 'reboot' cannot be done offline\n  fix: leave out via"
    )


def offline(step, reveal=str):
    guest = Guest(family=FAMILIES["demo"], machine=None, boot_timeout=1, step_timeout=1, reveal=reveal)
    step = Step.model_validate({**step, "via": "offline"})
    return Offline(name="step-1-run", guest=guest, step=step, said={}, at=HERE)


def test_its_files_lie_in_the_state_folder_for_no_one_else_and_are_gone_afterwards(bench, disk, fake_tool):
    look = 'for word; do file=$word; done; ls -ld "$(dirname "$file")" | cut -c1-10; echo "$file"'
    fake_tool("virt-customize", look)
    bench.run(offline({"run": "true"}), disk)
    mode, file = [one.line for one in bench.events if isinstance(one, ToolSaid)]
    assert mode == "drwx------"
    assert file.startswith(str(bench.state / "run" / "b1" / "private-"))
    assert not list((bench.state / "run").iterdir())


def test_a_failure_has_the_place_of_the_step_and_the_words_of_the_tool_but_no_command_line(
    bench, disk, fake_tool
):
    fake_tool("virt-customize", "echo 'mkdir: no room' >&2; exit 1")
    with pytest.raises(ToolError) as caught:
        bench.run(offline({"run": "true"}), disk)
    assert str(caught.value).startswith("r.yaml:7:5: step 'run' failed offline\n  | mkdir: no room\n  fix: ")
    assert not list((bench.state / "run").iterdir())
