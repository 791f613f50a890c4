"""``goldsmith render``; golden files hold what every shipped recipe becomes (GOLDEN=write renews them)."""

import json
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from goldsmith.cli.main import run
from goldsmith.compose import Where, build_machine, load
from goldsmith.guests import machine as machines
from goldsmith.guests.domain_xml import Capabilities, domain_xml
from goldsmith.host.process import LocalHost

TOP = Path(__file__).parents[2]
GOLDEN = TOP / "tests" / "golden" / "recipes"
RECIPES = sorted(path.stem for path in (TOP / "recipes").glob("*.yaml"))


def whole_text(name):
    """Return the text of a recipe with those that it extends."""
    text = (TOP / "recipes" / f"{name}.yaml").read_text()
    parent = re.search(r"^extends: (\S+)", text, re.MULTILINE)
    return text + (whole_text(parent[1]) if parent else "")


def given(name):
    """Return the values without which a recipe has no medium."""
    text = whole_text(name)
    other = re.search(r"^media:.*?(tree|image):", text, re.MULTILINE | re.DOTALL)
    if "{{ image }}" in text:
        return {"image": f"/media/{name}.qcow2"}
    return {"iso": f"/media/{name}.iso"} if "{{ iso }}" in text and not other else {}


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
    machine = replace(machine, osinfo=f"name={machine.osinfo}")
    if load(name, where, given(name)).family == "windows":
        return machines.windows(machine, discs=())
    return machines.boot(machine, seed=Path("seed.iso"))


@pytest.fixture(autouse=True)
def as_root(monkeypatch):
    monkeypatch.setenv("GOLDSMITH_LIBVIRT_URI", "qemu:///system")
    monkeypatch.chdir(TOP)


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_recipe_becomes_its_golden_files(name, tmp_path):
    assert run(["render", name, *words(name), "--to", str(tmp_path / "out")]) == 0
    files = [one for one in (tmp_path / "out").rglob("*") if one.is_file() and one.name != "recipe.json"]
    found = {str(one.relative_to(tmp_path / "out")): one.read_text() for one in files}
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


@pytest.mark.parametrize("name", ["rhel6", "rhel7", "windows2022", "rhel7-image"])
def test_no_medium_need_be_named(name, capsys):
    assert run(["render", name, "--json"]) == 0
    said = json.loads(json.loads(capsys.readouterr().out)["files"]["recipe.json"])["media"]
    assert {said["iso"], said["image"]} == {"base.qcow2" if "image" in name else "medium.iso", None}


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


def test_the_xml_of_this_host_is_shown_when_it_is_asked_for(capsys, fake_tool):
    fake_tool("osinfo-query", "printf 'Short ID\\n---\\n rhel7.9\\n'")
    asked = fake_tool("virsh", "echo '<capabilities/>'")
    made = fake_tool(
        "virt-install",
        'for word; do case $word in *,caps=*) cat "${word##*domcaps=}" > "$BIN/seen";; esac; done\n'
        'echo "<domain><kernel>/x/virtinst-a_b1-vmlinuz</kernel><disk>$PWD/disk.qcow2</disk></domain>"\n'
        "ls -a | tr '\\n' ' '; echo '<domain/>'",
    )
    assert run(["render", "rhel7", "--iso", "/nowhere.iso", "--xml", "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    assert files["domain-install.xml"] == "<domain><kernel>vmlinuz</kernel><disk>disk.qcow2</disk></domain>\n"
    assert (
        ".treeinfo capabilities disk.qcow2 domcapabilities initrd.img ks.cfg vmlinuz" in files["domain.xml"]
    )
    assert [one[-1] for one in asked.calls] == ["x86_64", "capabilities"]
    (argv,) = made.calls
    assert argv[argv.index("--connect") + 1].startswith(
        "__virtinst_test__test:///default,fakeuri=qemu:///system,"
    )
    assert "/nowhere.iso" not in argv, "a medium need not be there"


def test_without_libvirt_the_xml_is_no_bug(capsys, fake_tool):
    fake_tool("virsh", "echo 'error: failed to connect to the hypervisor' >&2; exit 1")
    assert run(["render", "rhel7", "--iso", "/nowhere.iso", "--xml"]) == 3
    assert "failed to connect" in capsys.readouterr().err


# What the golden domain XML was made with: other versions may write the same machine in another way.
MADE_WITH = ("4.1.0", "20221203")
CAPABILITIES = Capabilities(
    *(
        (TOP / "tests/golden/libvirt" / f"{one}.xml").read_text()
        for one in ("capabilities", "domcapabilities")
    )
)


def versions():
    """Return the versions of virt-install and of libosinfo's database here."""
    virt_install = LocalHost().run("virt-install", "--version").stdout.strip()
    database = Path("/usr/share/osinfo/VERSION")
    return virt_install, database.read_text().strip() if database.exists() else ""


def for_the_test_driver(text: str) -> str:
    """Return domain XML as libvirt's test driver takes it: its machines have one type, CPU and firmware."""
    domain = ElementTree.fromstring(text)
    domain.set("type", "test")
    kind = domain.find("os/type")
    kind.attrib = {"arch": "i686"}
    for path, name in ((".", "cpu"), ("os", "loader"), ("os", "nvram"), ("devices", "emulator")):
        for one in domain.findall(f"{path}/{name}"):
            domain.find(path).remove(one)
    return ElementTree.tostring(domain, encoding="unicode")


@pytest.mark.real
@pytest.mark.skipif(not shutil.which("virt-install"), reason="virt-install is not installed")
@pytest.mark.parametrize("name", RECIPES)
def test_virt_install_takes_the_commands_and_libvirt_their_xml(name, tmp_path):
    found = {}
    for script, kind in (("virt-install.sh", "install"), ("customize.sh", "customize")):
        if (GOLDEN / name / script).exists():
            argv = shlex.split((GOLDEN / name / script).read_text().replace("\\\n", " "))
            made = domain_xml(LocalHost(), argv, CAPABILITIES)
            found |= {file if kind == "install" else f"{kind}.xml": text for file, text in made.items()}
    assert "domain.xml" in found
    for file, text in found.items():
        (tmp_path / file).write_text(for_the_test_driver(text))
        told = subprocess.run(
            ["virsh", "-c", "test:///default", "define", tmp_path / file],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert told.returncode == 0, f"{file}: {told.stderr}"
        golden = GOLDEN / name / file
        if os.environ.get("GOLDEN") == "write":
            golden.write_text(text)
        if versions() == MADE_WITH:
            assert text == golden.read_text(), f"GOLDEN=write pytest {Path(__file__).name} renews {golden}"
