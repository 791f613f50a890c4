"""``goldsmith render``; golden files hold what every shipped recipe becomes (GOLDEN=write renews them)."""

import json
import os
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from goldsmith.cli.main import run
from goldsmith.compose import Where, build_machine, load
from goldsmith.guests import machine as machines

TOP = Path(__file__).parents[2]
GOLDEN = TOP / "tests" / "golden" / "recipes"
RECIPES = sorted(path.stem for path in (TOP / "recipes").glob("*.yaml"))


def given(name):
    """Return the values without which a recipe has no medium."""
    return (
        {"iso": f"/media/{name}.iso"} if "{{ iso }}" in (TOP / "recipes" / f"{name}.yaml").read_text() else {}
    )


def words(name):
    return [part for key, value in given(name).items() for part in ("--set", f"{key}={value}")]


def customize_machine(name):
    """Return the command that makes the XML of the machine in which the recipe's steps are done."""
    where = Where(TOP, Path("/state"), "qemu:///system")
    machine = replace(
        build_machine(load(name, where, given(name)), where),
        name="goldsmith-BUILD-customize",
        description="goldsmith build=BUILD state=STATE",
        virt_type="kvm",
        disk=Path("disk.qcow2"),
        console=Path("console-customize.log"),
    )
    return machines.boot(replace(machine, osinfo=f"name={machine.osinfo}"), seed=Path("seed.iso"))


@pytest.fixture(autouse=True)
def as_root(monkeypatch):
    monkeypatch.setenv("GOLDSMITH_LIBVIRT_URI", "qemu:///system")
    monkeypatch.chdir(TOP)


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_recipe_becomes_its_golden_files(name, tmp_path):
    assert run(["render", name, *words(name), "--to", str(tmp_path / "out")]) == 0
    found = {one: (tmp_path / "out" / one).read_text() for one in ("ks.cfg", "virt-install.sh")}
    found["customize.sh"] = shlex.join(customize_machine(name)).replace(" --", " \\\n  --") + "\n"
    for file, text in found.items():
        golden = GOLDEN / name / file
        if os.environ.get("GOLDEN") == "write":
            golden.parent.mkdir(parents=True, exist_ok=True)
            golden.write_text(text)
        assert text == golden.read_text(), f"GOLDEN=write pytest {Path(__file__).name} renews {golden}"


def test_every_golden_folder_belongs_to_a_recipe():
    assert sorted(path.name for path in GOLDEN.iterdir()) == RECIPES


def test_a_program_gets_one_document(capsys):
    assert run(["render", "rhel7", "--iso", "/nowhere.iso", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert set(shown["files"]) == {"ks.cfg", "virt-install.sh", "recipe.json"}
    assert json.loads(shown["files"]["recipe.json"])["media"]["iso"] == "/nowhere.iso"


def test_the_command_is_one_that_a_shell_reads_back(capsys):
    assert run(["render", "rhel7", "--iso", "/a b/it's --x.iso", "--json"]) == 0
    script = json.loads(capsys.readouterr().out)["files"]["virt-install.sh"]
    argv = shlex.split(script.replace("\\\n", " "))
    assert argv[argv.index("--location") + 1] == "/a b/it's --x.iso"


@pytest.fixture
def project(tmp_path, monkeypatch):
    for name in ("recipes", "kickstarts"):
        (tmp_path / "p" / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "p")
    return tmp_path / "p"


def test_secrets_are_neither_needed_nor_shown(project, capsys, monkeypatch):
    (project / "kickstarts" / "s.ks.j2").write_text("rootpw --plaintext {{ variables.password }}\n")
    text = "name: s\nextends: demo\ninstall:\n  kickstart: s.ks.j2\n  variables: {password: !secret env:ROOT_PW}\n"
    (project / "recipes" / "s.yaml").write_text(text)
    monkeypatch.delenv("ROOT_PW", raising=False)
    assert run(["render", "s"]) == 0
    shown = capsys.readouterr().out
    assert "rootpw --plaintext @@GOLDSMITH-SECRET-" in shown
    assert "!secret env:ROOT_PW" in shown
    monkeypatch.setenv("ROOT_PW", "hunter2hunter2")
    assert run(["render", "s"]) == 0
    assert capsys.readouterr().out == shown


def test_a_command_that_the_installer_does_not_know_is_shown_in_the_template(project, capsys):
    (project / "kickstarts" / "s.ks.j2").write_text("# {{ name }}\n\nfrobnicate --now\n")
    (project / "recipes" / "s.yaml").write_text("name: s\nextends: demo\ninstall: {kickstart: s.ks.j2}\n")
    assert run(["render", "s"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(
        "kickstarts/s.ks.j2:3: the kickstart is not accepted: Unknown command: frobnicate"
    )
    assert "fix: mend the line, which became: frobnicate --now" in shown.err


def test_a_variable_that_nobody_gave_is_shown_in_the_template(project, capsys):
    (project / "kickstarts" / "s.ks.j2").write_text("lang {{ variables.nothing }}\n")
    (project / "recipes" / "s.yaml").write_text("name: s\nextends: demo\ninstall: {kickstart: s.ks.j2}\n")
    assert run(["render", "s"]) == 2
    assert capsys.readouterr().err.startswith("kickstarts/s.ks.j2:1: ")


def a_tree(folder: Path) -> Path:
    """Make the least that virt-install takes for an installation tree."""
    boot = folder / "images" / "pxeboot"
    boot.mkdir(parents=True)
    (boot / "vmlinuz").write_text("kernel")
    (boot / "initrd.img").write_text("initrd")
    (folder / ".treeinfo").write_text(
        "[general]\nfamily = Red Hat Enterprise Linux\nname = x\nversion = 7.9\narch = x86_64\nvariant = Server\n"
        "[images-x86_64]\nkernel = images/pxeboot/vmlinuz\ninitrd = images/pxeboot/initrd.img\n"
    )
    return folder


def on_the_test_driver(argv, folder):
    """Return a command as libvirt's test driver takes it: its machines are of one type, and i686."""
    changed = {"--connect": "test:///default", "--virt-type": "test", "--cpu": "mode=maximum"}
    changed["--osinfo"] = "detect=off,require=off"
    found = list(argv)
    for option, value in changed.items():
        found[found.index(option) + 1] = value
    at = found.index("--machine")
    del found[at : at + 2]
    if "--location" in found:
        found[found.index("--location") + 1] = str(a_tree(folder / "tree"))
    return found


@pytest.mark.real
@pytest.mark.skipif(not shutil.which("virt-install"), reason="virt-install is not installed")
@pytest.mark.parametrize("part", ["virt-install.sh", "customize.sh"])
@pytest.mark.parametrize("name", RECIPES)
def test_virt_install_takes_the_command_and_libvirt_its_xml(name, part, tmp_path):
    argv = shlex.split((GOLDEN / name / part).read_text().replace("\\\n", " "))
    argv = on_the_test_driver(argv, tmp_path)
    for file in ("disk.qcow2", "seed.iso", "ks.cfg"):
        (tmp_path / file).write_bytes(b"")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", tmp_path / "disk.qcow2", "1G"], check=True)
    done = subprocess.run(
        [*argv, *(() if "--print-xml" in argv else ("--print-xml",))],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for number, xml in enumerate(done.stdout.split("</domain>")[:-1]):
        file = tmp_path / f"{number}.xml"
        file.write_text(xml + "</domain>")
        told = subprocess.run(
            ["virsh", "-c", "test:///default", "define", file], capture_output=True, text=True, check=False
        )
        assert told.returncode == 0, told.stderr
