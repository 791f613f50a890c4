"""``goldsmith validate`` and ``render`` of Windows recipes."""

import json
import shutil
from pathlib import Path

import pytest

from goldsmith.cli.main import run

TOP = Path(__file__).parents[2]
MINE = "name: mine\nextends: windows2022\nmedia: {iso: mine.iso}\n"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return a project with a Windows recipe of its own."""
    folder = tmp_path / "p"
    for name in ("recipes", "templates/windows"):
        (folder / name).mkdir(parents=True)
    (folder / "recipes" / "mine.yaml").write_text(MINE)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("GOLDSMITH_LIBVIRT_URI", "qemu:///system")
    return folder


def own_template(project, name, old, new):
    text = (TOP / "templates" / name).read_text()
    assert old in text
    (project / "templates" / name).write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


@pytest.mark.parametrize("command", [["validate", "mine"], ["render", "mine"]])
@pytest.mark.parametrize(
    ("name", "old", "new", "problem"),
    [
        ("autounattend.xml.j2", "<HideEULAPage>", "<HideLicencePage>true</HideLicencePage><HideEULAPage>",
         "Microsoft-Windows-Shell-Setup/OOBE has no setting HideLicencePage"),
        ("windows/unattend.xml.j2", '<settings pass="generalize">', '<settings pass="windowsPE">',
         "Microsoft-Windows-PnpSysprep does nothing in the pass windowsPE"),
        ("windows/disk-bios.xml.j2", "<Order>2</Order>", "<Order>1</Order>", "Order 1 stands after 1"),
    ],
)  # fmt: skip
def test_a_template_of_ones_own_is_held_to_microsofts_table(
    project, capsys, command, name, old, new, problem
):
    line = own_template(project, name, old, new)
    assert run(command) == 2
    told = capsys.readouterr().err
    assert problem in told
    assert any(f"templates/{name}:{number}: " in told for number in (line - 1, line, line + 1)), told


def test_all_that_is_wrong_in_a_recipe_is_told_at_its_lines(project, capsys):
    bad = "machine: {memory: 1 GiB}\ndisk: {size: 10 GiB}\nwindows: {product_key: short}\n"
    bad += "customize:\n  - packages: {update: all}\n"
    (project / "recipes" / "mine.yaml").write_text(MINE + bad)
    assert run(["validate", "mine"]) == 2
    told = capsys.readouterr().err
    assert "mine.yaml:4:19: Windows Server 2022 does not install with 1 GiB of memory" in told
    assert "mine.yaml:5:14: Windows Server 2022 does not install on 10 GiB" in told
    assert "mine.yaml:6:24: this is no product key" in told
    assert "mine.yaml:8:15: packages is no step for Windows" in told


def test_render_shows_every_file_and_no_password(project, capsys):
    assert run(["render", "mine", "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert sorted(files) == [
        "Autounattend.xml",
        "goldsmith/Unattend.xml",
        "goldsmith/build.cmd",
        "goldsmith/cloudbase-init-unattend.conf",
        "goldsmith/cloudbase-init.conf",
        "goldsmith/generalize.cmd",
        "goldsmith/update.ps1",
        "recipe.json",
        "virt-install.sh",
    ]
    assert files["Autounattend.xml"].count("@@GOLDSMITH-SECRET-") == 2


def test_files_are_written_into_their_folders(project):
    assert run(["render", "mine", "--to", "out"]) == 0
    assert (project / "out" / "goldsmith" / "build.cmd").read_text().startswith("@echo off\n")


def test_a_part_of_windows_in_a_recipe_of_linux_is_told(project, capsys):
    (project / "recipes" / "mine.yaml").write_text("name: mine\nextends: demo\nwindows: {core: true}\n")
    shutil.rmtree(project / "templates")
    assert run(["render", "mine"]) == 2
    assert "mine.yaml:3:" in capsys.readouterr().err
