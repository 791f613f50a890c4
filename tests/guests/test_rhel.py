"""The recipes and kickstarts of Red Hat's families: what each choice becomes."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from goldsmith.cli.main import run
from goldsmith.compose import Where, load, rendered, secrets_of
from goldsmith.guests import FAMILIES
from goldsmith.guests.kickstart import report_kickstart
from goldsmith.host.process import LocalHost
from goldsmith.recipe.secrets import References

TOP = Path(__file__).parents[2]
WHERE = Where(TOP, Path("/state"), "qemu:///system")
ISO = {"iso": "/media/x.iso"}
RHEL = ["rhel6", "rhel7", "rhel8", "rhel9", "rhel10"]
FIVE = "TYPE=Ethernet\nDEVICE=eth0\nONBOOT=yes\nBOOTPROTO=dhcp\nNM_CONTROLLED=no\n"
PAIR = "console=tty0 console=ttyS0,115200n8"


def kickstart(name, **values):
    """Return the kickstart of a shipped recipe, accepted by the parser of its family."""
    recipe = load(name, WHERE, {**({} if name in ("centos6", "centos7", "almalinux9") else ISO), **values})
    made = rendered(recipe, WHERE, References())
    report = report_kickstart(made, version=FAMILIES[recipe.family].kickstart_version, host=LocalHost())
    assert (report.errors, report.warnings) == ((), ())
    return made.text


def section(text, start):
    """Return the body of the first section whose head begins so."""
    return re.search(rf"^{re.escape(start)}.*?\n(.*?)^%end$", text, re.DOTALL | re.MULTILINE)[1]


def packages(text):
    return section(text, "%packages").split("\n")


def scripts(text):
    return [match[0] for match in re.finditer(r"^%post.*?^%end$", text, re.DOTALL | re.MULTILINE)]


@pytest.mark.parametrize("name", RHEL)
def test_registered_content_comes_before_all_other_scripts_and_never_lies_on_the_disk(name):
    first, second, last = scripts(kickstart(name))
    assert first.startswith("%post --nochroot --erroronfail\n")
    assert 'chroot "$root" /bin/sh -c "$script" </dev/null\n' in first
    assert "export CONTENT_PACKAGES='cloud-init cloud-utils-growpart'\n" in first
    assert re.search(r"export RHSM_ACTIVATION_KEY=@@GOLDSMITH-SECRET-\w+@@\n", first)
    assert "SECRET" not in second + last
    assert "set -x" not in first + second + last


@pytest.mark.parametrize("name", RHEL)
@pytest.mark.parametrize("origin", ["medium", "system", "rhsm"])
def test_packages_come_from_where_the_recipe_says(name, origin):
    text = kickstart(name, content=origin)
    assert ("cloud-init" in packages(text)) == (origin == "medium")
    assert ("subscription-manager" in packages(text)) == (origin == "rhsm")
    assert ("GOLDSMITH-STEP" in text) == (origin != "medium")


def test_another_origin_needs_no_secrets_of_the_registration():
    assert secrets_of(load("rhel7", WHERE, {**ISO, "content": "medium"})) == ()
    names = [one.reference for one in secrets_of(load("rhel7", WHERE, ISO))]
    assert names == ["env:RHSM_ORG", "env:RHSM_KEY"]


@pytest.mark.parametrize("name", ["centos6", "centos7", "almalinux9"])
def test_a_clone_is_installed_from_its_tree_and_its_repositories(name):
    text = kickstart(name)
    assert re.search(r"^url --url=https://\S+$", text, re.MULTILINE)
    assert re.search(r"^repo --name=\S+ --baseurl=https://\S+$", text, re.MULTILINE)
    assert "cloud-init" in packages(text)
    assert "RHSM" not in text
    assert kickstart(name, mirror="http://mirror.example").count("http://mirror.example/") >= 2


@pytest.mark.parametrize("name", ["rhel6", "rhel7"])
def test_the_network_file_has_five_lines_and_no_others(name):
    script = scripts(kickstart(name))[1]
    assert f"cat > /etc/sysconfig/network-scripts/ifcfg-eth0 <<'CFG'\n{FIVE}CFG\n" in script
    assert "NOZEROCONF=yes" in script
    assert (
        "rm -f /etc/sysconfig/network-scripts/ifcfg-e* /etc/udev/rules.d/70-persistent-net.rules\n" in script
    )


def test_rhel6_makes_no_rules_for_network_names():
    assert (
        "echo '#' > /etc/udev/rules.d/75-persistent-net-generator.rules\n" in scripts(kickstart("rhel6"))[1]
    )


@pytest.mark.parametrize("name", RHEL)
def test_root_is_locked_and_labels_are_restored_last(name):
    script = scripts(kickstart(name))[1]
    assert "usermod -p '!!' root\n" in script
    assert script.index("usermod") < script.index("restorecon -R /etc /boot /root /usr /var")
    assert ": > /etc/resolv.conf\n" in script


def edited(script, marker, text, tmp_path):
    """Run the lines of a script that edit one file, on a file with ``text``."""
    file = tmp_path / "edited"
    file.write_text(text)
    lines = script.replace("\\\n", " ").split("\n")
    chosen = [line for line in lines if marker in line and line.startswith(("sed", "echo"))]
    assert chosen
    body = "\n".join(chosen).replace(marker, str(file))
    subprocess.run(["/bin/sh", "-euc", body], check=True, env={"PATH": "/usr/bin:/bin"})
    return file.read_text()


def test_rhel7_has_one_pair_of_consoles_however_anaconda_wrote_its_own(tmp_path):
    before = (
        'GRUB_TIMEOUT=1\nGRUB_CMDLINE_LINUX_DEFAULT="x"\n'
        'GRUB_CMDLINE_LINUX="crashkernel=auto net.ifnames=0 biosdevname=0 rhgb quiet console=ttyS0,115200"\n'
    )
    after = edited(scripts(kickstart("rhel7"))[1], "/etc/default/grub", before, tmp_path)
    assert after == (
        'GRUB_TIMEOUT=1\nGRUB_CMDLINE_LINUX=" net.ifnames=0 biosdevname=0"\n'
        f'GRUB_CMDLINE_LINUX_DEFAULT="{PAIR}"\n'
    )


def test_rhel6_has_one_pair_of_consoles_in_every_kernel_line(tmp_path):
    before = (
        "default=0\n\tkernel /boot/vmlinuz-2 ro root=UUID=1 rhgb quiet console=ttyS0,115200 \n"
        f"\tinitrd /boot/x\n  kernel /boot/vmlinuz-1 ro crashkernel=auto {PAIR}\n"
    )
    script = scripts(kickstart("rhel6"))[1].replace('"$g"', "/boot/grub/grub.conf")
    script = "\n".join(line for line in script.split("\n") if line.startswith("sed"))
    after = edited(script, "/boot/grub/grub.conf", before, tmp_path)
    assert after == (
        f"default=0\n\tkernel /boot/vmlinuz-2 ro root=UUID=1 {PAIR}\n"
        f"\tinitrd /boot/x\n  kernel /boot/vmlinuz-1 ro {PAIR}\n"
    )


@pytest.mark.parametrize("name", ["rhel8", "rhel9", "rhel10"])
def test_later_ones_have_the_pair_for_kernels_that_are_there_and_for_those_to_come(name, tmp_path):
    text = kickstart(name)
    assert f'--append="net.ifnames=0 {PAIR}"\n' in text
    script = scripts(text)[1]
    before = 'GRUB_CMDLINE_LINUX="crashkernel=1G net.ifnames=0 console=tty0 console=ttyS0,115200n8"\n'
    after = edited(script, "/etc/default/grub", before, tmp_path)
    assert after == f'GRUB_CMDLINE_LINUX=" net.ifnames=0 {PAIR}"\n'


@pytest.mark.parametrize(
    ("growth", "has", "lacks"),
    [
        ("first-boot", "chkconfig --add goldsmith-growroot\n", "dracut -f"),
        ("growroot", 'dracut -f "$image" "${kernel##*/}"\n', "goldsmith-growroot"),
        ("none", "usermod", "growroot"),
    ],
)
def test_rhel6_grows_its_root_in_one_of_three_ways(growth, has, lacks):
    text = kickstart("centos6", growth=growth)
    assert has in text
    assert lacks not in text
    assert ("dracut-modules-growroot" in packages(text)) == (growth == "growroot")


@pytest.mark.parametrize(
    ("distribution", "os"),
    [("rhel", "rhel9.6"), ("centos", "centos-stream9"), ("almalinux", "almalinux9"), ("rocky", "rocky9")],
)
def test_the_distribution_is_a_variable(distribution, os):
    recipe = load("rhel9", WHERE, {**ISO, "distribution": distribution})
    assert (recipe.os, FAMILIES["rhel9"].distro(os)) == (os, distribution)
    assert recipe.catalog.properties["os_distro"] == distribution
    assert recipe.entry_name("1").startswith(f"{distribution}-9")
    assert (recipe.install.subscription is None) == (distribution != "rhel")


@pytest.mark.parametrize(("name", "release"), [("rhel7", "7.2"), ("rhel6", "6.8"), ("rhel8", "8.4")])
def test_the_release_is_a_variable(name, release):
    recipe = load(name, WHERE, {**ISO, "release": release})
    assert (recipe.os, recipe.catalog.properties["os_version"]) == (f"rhel{release}", release)
    assert release in recipe.entry_name("1")


@pytest.mark.parametrize("name", RHEL)
def test_each_family_has_the_boot_arguments_that_its_installer_reads(name):
    family = FAMILIES[name]
    first = "ks=file:/ks.cfg" if name == "rhel6" else "inst.ks=file:/ks.cfg"
    assert family.boot_arguments[0] == first
    assert family.boot_arguments[-2:] == ("console=tty0", "console=ttyS0,115200n8")
    assert any(one.startswith("inst.") for one in family.boot_arguments) == (name != "rhel6")
    assert (family.machine_type, family.anaconda_log) == (("pc", False) if name == "rhel6" else ("q35", True))


def test_the_vendors_image_is_changed_in_the_order_of_the_manual():
    recipe = load("rhel7-image", WHERE, {"image": "/media/x.qcow2"})
    assert rendered(recipe, WHERE, References()) is None
    first = recipe.customize[0].run
    assert first.file == TOP / "kickstarts/parts/content.sh"
    assert [one.reference for one in secrets_of(recipe)] == ["env:RHSM_ORG", "env:RHSM_KEY"]
    assert any(step.write and step.write.content == FIVE for step in recipe.customize)
    assert [step.kind for step in recipe.customize] == [
        "run",
        "write",
        "write",
        "cloud_init",
        "services",
        "run",
    ]


def test_the_medium_alone_is_doubted_with_the_other_choices_named(capsys, monkeypatch):
    monkeypatch.chdir(TOP)
    assert run(["validate", "rhel7", "--set", "content=medium"]) == 0
    said = capsys.readouterr()
    assert said.out == "recipes/rhel7.yaml: ok\n"
    assert (
        "warning: recipes/rhel7.yaml:19:13: content comes from the medium alone, and cloud-init and "
        in said.err
    )
    assert "fix: say content: rhsm (registered while it is built) or repos (your mirror)" in said.err
    assert run(["validate", *RHEL, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["warnings"] == []


@pytest.mark.parametrize("name", sorted(path.stem for path in (TOP / "recipes").glob("*.yaml")))
def test_every_shipped_recipe_is_accepted_without_values(name, capsys, monkeypatch):
    monkeypatch.chdir(TOP)
    assert run(["validate", name]) == 0
    assert capsys.readouterr() == (f"recipes/{name}.yaml: ok\n", "")


def test_a_product_that_is_none_of_the_choices_is_told(capsys, monkeypatch):
    monkeypatch.chdir(TOP)
    assert run(["validate", "rhel9", "--set", "distribution=alma"]) == 2
    assert "recipes/rhel9.yaml:6:5: 'alma' is none of the choices here" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("family", "os", "release"),
    [
        ("rhel7", "rhel7.9", 7),
        ("rhel6", "rhel6.10", 6),
        ("rhel9", "centos-stream9", 9),
        ("demo", "debian11", None),
        ("rhel7", "rhel-unknown", None),
        ("windows", "win2k16", None),
    ],
)
def test_the_release_that_the_audit_expects_is_that_of_the_system(family, os, release):
    assert FAMILIES[family].release(os) == release


@pytest.mark.parametrize(
    ("recipe", "problem"),
    [
        (
            "extends: rhel6\nmachine: {firmware: uefi}\n",
            "3:21: the kickstart of rhel6 is for BIOS: its boot loader there is GRUB legacy",
        ),
        (
            "extends: rhel7\ninstall: {root_growth: none}\n",
            "3:24: root_growth is for rhel6: in rhel7 cloud-init grows the root partition",
        ),
    ],
)
def test_what_does_not_go_with_the_family_is_told_before_a_build(
    recipe, problem, tmp_path, monkeypatch, capsys
):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "own.yaml").write_text("name: own\n" + recipe)
    monkeypatch.chdir(tmp_path)
    for command in (["validate", "own"], ["render", "own", "--iso", "/x.iso"]):
        assert run(command) == 2
        assert f"recipes/own.yaml:{problem}\n" in capsys.readouterr().err
