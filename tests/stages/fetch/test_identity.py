"""Small ISOs with the labels of real media, made by xorriso and judged by the real libosinfo of this host."""

import subprocess
from pathlib import Path

import pytest

from goldsmith.errors import RecipeError
from goldsmith.events import Warned
from goldsmith.guests.render import expand
from goldsmith.host import osinfo
from goldsmith.host.osinfo import Match
from goldsmith.host.process import LocalHost
from goldsmith.media.identity import Unsure, judge_iso
from goldsmith.recipe.load import load_recipe
from goldsmith.stages.fetch import Fetch
from goldsmith.stages.medium import find_source

MICROSOFT = "MICROSOFT CORPORATION"


@pytest.fixture(autouse=True)
def libosinfo_of_this_host(tool_on_path):
    for name in ("osinfo-detect", "osinfo-query", "xorriso"):
        tool_on_path(name)


@pytest.fixture
def medium(tmp_path):
    """Make a bootable ISO of a few sectors with this label."""

    def make(volume_id: str, *, publisher: str = "", boots: bool = True) -> Path:
        tree = tmp_path / "tree"
        tree.mkdir(exist_ok=True)
        (tree / "boot.img").write_bytes(bytes(2048))
        iso = tmp_path / "given.iso"
        boot = ["-b", "boot.img", "-no-emul-boot"] if boots else []
        system = [] if publisher else ["-sysid", "LINUX"]
        subprocess.run(
            ["xorriso", "-as", "mkisofs", "-R", "-J", *system, "-V", volume_id, "-publisher", publisher,
             *boot, "-o", iso, tree],
            check=True, capture_output=True,
        )  # fmt: skip
        return iso

    return make


@pytest.fixture
def install(tmp_path, context, work):
    """Fetch the medium of a recipe that is a file, so that errors have their places."""

    def go(iso: Path, os: str):
        path = tmp_path / "own.yaml"
        path.write_text(f"name: own\nfamily: demo\nos: {os}\nmedia:\n  iso: {iso}\n")
        recipe = load_recipe(path, families={"demo": {}}, values={}, search=[tmp_path], expand=expand)
        source = find_source(recipe, context.state, media_help="")
        stage = Fetch(source=source, os=recipe.os, arch=recipe.arch, os_at=recipe.at("os"))
        stage.run(work(stage), context)

    return go


@pytest.mark.parametrize(
    ("label", "publisher", "os"),
    [
        ("RHEL-7.9 Server.x86_64", "", "rhel7.9"),
        ("RHEL-7.2 Server.x86_64", "", "rhel7.2"),
        ("RHEL-6.10 Server.x86_64", "", "rhel6.10"),
        ("AlmaLinux-9-4-x86_64-dvd", "", "almalinux9"),
        ("Rocky-9-4-x86_64-dvd", "", "rocky9"),
        ("CentOS-Stream-9-BaseOS-x86_64", "", "centos-stream9"),
        # one label for three releases of Windows Server
        ("SSS_X64FREE_EN-US_DV9", MICROSOFT, "win2k22"),
        ("SSS_X64FREE_EN-US_DV9", MICROSOFT, "win2k16"),
    ],
)
def test_the_medium_of_the_recipe_is_taken_without_a_word(medium, install, notes, label, publisher, os):
    install(medium(label, publisher=publisher), os)
    assert not notes.of(Warned)


@pytest.mark.parametrize(
    ("label", "publisher", "os", "place", "found", "fix"),
    [
        ("RHEL-6.10 Server.i386", "", "rhel6.10", "5:8", "rhel6.10 (i686)", "give the x86_64 medium of rhel6.10"),
        ("RHEL-6.10 Server.x86_64", "", "rhel7.9", "3:5", "rhel6.10 (x86_64)", "say os: rhel6.10, or give"),
        ("RHEL-7.8 Server.x86_64", "", "rhel7.9", "3:5", "rhel7.8 (x86_64)", "say os: rhel7.8, or give"),
        ("AlmaLinux-9-4-x86_64-dvd", "", "rhel9.1", "3:5", "almalinux9 (x86_64)", "say os: almalinux9, or give"),
        ("RHEL-9-4-0-BaseOS-x86_64", "", "rhel7.9", "3:5", "rhel9-unknown (x86_64)", "say os: rhel9-unknown"),
        ("SSS_X64FREE_EN-US_DV9", MICROSOFT, "rhel10.0", "3:5", "win2k22 (x86_64)", "say os: win2k22, or give"),
        ("RHEL-7.9 Server.x86_64", "", "win2k22", "3:5", "rhel7.9 (x86_64)", "say os: rhel7.9, or give"),
    ],
)  # fmt: skip
def test_a_medium_of_another_system_is_refused_at_its_place(
    medium, install, label, publisher, os, place, found, fix
):
    with pytest.raises(RecipeError) as error:
        install(medium(label, publisher=publisher), os)
    shown = error.value.text()
    assert (
        f"own.yaml:{place}: os is {os} (x86_64), but given.iso installs {found} (volume id '{label}')"
        in shown
    )
    assert f"fix: {fix}" in shown
    assert error.value.exit_code == 2


@pytest.mark.parametrize(
    ("label", "publisher", "os", "said"),
    [
        ("RHEL-9-4-0-BaseOS-x86_64", "", "rhel9.4", "libosinfo here takes it for rhel9-unknown"),
        ("RHEL-10-0-BaseOS-x86_64", "", "rhel10.0", "libosinfo here takes it for rhel-unknown"),
        ("SSS_X64FREE_EN-US_DV9", MICROSOFT, "win2k25", "libosinfo here takes it for win2k22"),
        (
            "CentOS 7 x86_64",
            "",
            "centos7.0",
            "libosinfo here does not know it",
        ),  # it goes by the size as well
    ],
)
def test_what_libosinfo_cannot_know_is_no_error_but_said(medium, install, notes, label, publisher, os, said):
    iso = medium(label, publisher=publisher)
    known = [one.os for one in osinfo.identify(LocalHost(), iso).matches]
    if os in known:
        pytest.skip("this host's database is new enough")
    install(iso, os)
    (warned,) = notes.of(Warned)
    assert warned.text == f"given.iso is taken to be {os}: {said}"
    assert f"volume id '{label}'" in warned.fix


def test_a_medium_that_does_not_boot_is_no_error_but_said(medium, install, notes):
    install(medium("RHEL-7.9 Supplementary", boots=False), "rhel7.9")
    assert "not bootable" in notes.of(Warned)[0].fix


def test_a_cut_medium_is_refused_before_libosinfo_sees_it(medium, install):
    iso = medium("RHEL-7.9 Server.x86_64")
    with iso.open("r+b") as file:
        file.truncate(iso.stat().st_size - 4096)
    with pytest.raises(RecipeError, match=r"own\.yaml:5:8: .*given\.iso is truncated"):
        install(iso, "rhel7.9")


def test_all_systems_of_a_label_are_found(medium):
    found = osinfo.identify(LocalHost(), medium("SSS_X64FREE_EN-US_DV9", publisher=MICROSOFT))
    assert Match("win2k16", "x86_64") in found.matches
    assert Match("win2k22", "x86_64") in found.matches


def test_an_older_libosinfo_without_all_is_asked_for_its_first_answer(medium, fake_tool):
    iso = medium("RHEL-7.9 Server.x86_64")
    fake_tool(
        "osinfo-detect",
        'case $1 in --all) echo "Unknown option --all" >&2; exit 1;; esac\nosinfo-detect "$@"',
    )
    assert osinfo.identify(LocalHost(), iso).os == "rhel7.9"


@pytest.mark.parametrize(
    ("found", "wanted", "refused"),
    [
        ("rhel7.8", "rhel7.9", False),
        ("rhel-unknown", "rhel10.0", False),
        ("rhel9-unknown", "rhel10.0", True),
        ("centos7.0", "rhel7.9", True),
        ("centos-stream9", "centos9", True),
        ("winxp", "win2k25", True),
    ],
)
def test_a_name_that_libosinfo_does_not_know_is_judged_by_product_and_release(found, wanted, refused):
    judged = judge_iso([Match(found, "x86_64")], os=wanted, arch="x86_64", known=False)
    assert isinstance(judged, Unsure) != refused
