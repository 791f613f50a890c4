import configparser
import re
from pathlib import Path

import pytest

from goldsmith.errors import RecipeError
from goldsmith.guests.render import render
from goldsmith.guests.timezones import windows_zone
from goldsmith.guests.windows_answers import as_written, render_answers
from goldsmith.guests.windows_needs import check_digests, check_windows
from goldsmith.guests.windows_versions import VERSIONS
from goldsmith.host.process import LocalHost
from goldsmith.recipe.model import Recipe
from goldsmith.recipe.secrets import References, Secret, Vault

TEMPLATES = Path(__file__).parents[2] / "templates"


def recipe_of(os="win2k22", **parts):
    base = {"name": "w", "family": "windows", "os": os, "media": {"iso": "x.iso"}, "windows": {}}
    machine = {"memory": "4 GiB", "vcpus": 2, "firmware": "uefi" if os == "win11" else "bios"}
    return Recipe.model_validate({**base, "machine": machine, "disk": {"size": "64 GiB"}, **parts})


def answers(recipe, secrets=None):
    return render_answers(recipe, folders=[TEMPLATES], secrets=secrets or References())


def text(recipe, name):
    return answers(recipe)[name].text


@pytest.mark.parametrize(
    ("os", "image", "key", "folder"),
    [
        ("win2k12r2", "Windows Server 2012 R2 SERVERSTANDARD", "D2N9P-3P6X9-2R39C-7RTCD-MDVJX", "2k12R2"),
        ("win2k16", "Windows Server 2016 SERVERSTANDARD", "WC2BQ-8NRM3-FDDYY-2BFGV-KHKQY", "2k16"),
        ("win2k19", "Windows Server 2019 SERVERSTANDARD", "N69G4-B89J2-4G8F4-WWYCC-J464C", "2k19"),
        ("win2k22", "Windows Server 2022 SERVERSTANDARD", "VDYBN-27WPP-V4HQT-9VMD4-VMK7H", "2k22"),
        ("win2k25", "Windows Server 2025 SERVERSTANDARD", "TVRH6-WHNXV-R9WG3-9XRFY-MY832", "2k25"),
        ("win10", "Windows 10 Pro", "W269N-WFGWX-YVC9B-4J6C9-T83GX", "w10"),
        ("win11", "Windows 11 Pro", "W269N-WFGWX-YVC9B-4J6C9-T83GX", "w11"),
    ],
)
def test_each_version_has_its_image_its_key_and_its_drivers(os, image, key, folder):
    told = text(recipe_of(os), "Autounattend.xml")
    assert f"<Value>{image}</Value>" in told
    assert f"<Key>{key}</Key>" in told
    assert re.findall(r"<Path>(E:.*?)</Path>", told) == [
        rf"E:\{driver}\{folder}\amd64" for driver in ("viostor", "vioscsi", "NetKVM")
    ]
    assert rf"%DRIVERS%\vioserial\{folder}\amd64\vioser.inf" in text(recipe_of(os), "goldsmith/build.cmd")


def test_an_image_is_chosen_by_edition_name_or_number():
    said = {"edition": "datacenter", "core": True}
    assert "<Value>Windows Server 2022 SERVERDATACENTERCORE</Value>" in text(
        recipe_of(windows=said), "Autounattend.xml"
    )
    named = text(recipe_of(windows={"image_name": "Windows Server 2022 <mine>"}), "Autounattend.xml")
    assert "<Value>Windows Server 2022 &lt;mine&gt;</Value>" in named
    assert "<Key>/IMAGE/INDEX</Key>" in text(recipe_of(windows={"image_index": 4}), "Autounattend.xml")


def test_no_key_leaves_the_element_out():
    told = text(recipe_of(windows={"product_key": "none"}), "Autounattend.xml")
    assert "<ProductKey>\n          <WillShowUI>" in told


def test_a_secret_key_is_a_placeholder_until_the_build(tmp_path, monkeypatch):
    monkeypatch.setenv("WINDOWS_KEY", "AAAAA-BBBBB-CCCCC-DDDDD-EEEEE")
    recipe = recipe_of(windows={"product_key": Secret("env:WINDOWS_KEY")})
    vault = Vault(state=tmp_path, host=LocalHost())
    one = answers(recipe, vault)["Autounattend.xml"]
    assert "AAAAA-BBBBB" not in one.text
    assert "<Key>AAAAA-BBBBB-CCCCC-DDDDD-EEEEE</Key>" in one.reveal()


def test_the_password_of_the_build_is_in_no_text_that_is_shown(tmp_path):
    vault = Vault(state=tmp_path, host=LocalHost())
    files = answers(recipe_of(), vault)
    password = vault.reveal(Secret("build:administrator"))
    assert [name for name, one in files.items() if password in one.text] == []
    assert [name for name, one in files.items() if password in one.reveal()] == ["Autounattend.xml"]
    assert vault.redactor(f"x {password} x") == "x ******** x"


def test_clients_get_an_account_of_their_own_and_servers_lock_the_administrator():
    client, server = answers(recipe_of("win11")), answers(recipe_of())
    assert "<Name>Admin</Name>" in client["Autounattend.xml"].text
    assert "<AdministratorPassword>" not in client["Autounattend.xml"].text
    assert "net user Administrator /active:no" not in client["goldsmith/generalize.cmd"].text
    assert "PreventDeviceEncryption" in client["goldsmith/build.cmd"].text
    assert "<AdministratorPassword>" in server["Autounattend.xml"].text
    assert "net user Administrator /active:no" in server["goldsmith/generalize.cmd"].text
    assert "PreventDeviceEncryption" not in server["goldsmith/build.cmd"].text


def test_an_instance_whose_user_is_the_administrator_keeps_it():
    told = text(recipe_of(windows={"admin_user": "Administrator"}), "goldsmith/generalize.cmd")
    assert "/active:no" not in told


def test_windows_11_gets_a_real_tpm_and_is_told_not_to_ask_only_by_choice():
    assert "LabConfig" not in text(recipe_of("win11"), "Autounattend.xml")
    told = text(recipe_of("win11", windows={"requirements": "bypass"}), "Autounattend.xml")
    assert told.count("reg.exe add HKLM\\SYSTEM\\Setup\\LabConfig") == 3


def test_remote_desktop_is_opened_or_denied():
    assert "<fDenyTSConnections>false<" in text(recipe_of(), "Autounattend.xml")
    denied = text(recipe_of(windows={"rdp": False}), "Autounattend.xml")
    assert "<fDenyTSConnections>true<" in denied
    assert "FirewallGroup" not in denied


def test_only_2012_r2_installs_drivers_without_the_package():
    old, new = (text(recipe_of(os), "goldsmith/build.cmd") for os in ("win2k12r2", "win2k16"))
    assert "pnputil -i -a %DRIVERS%\\viostor\\2k12R2\\amd64\\viostor.inf" in old
    assert "virtio-win-gt-x64.msi" not in old
    assert "start /wait msiexec /i %DRIVERS%\\virtio-win-gt-x64.msi /qn /norestart" in new
    for told in (old, new):
        assert "sc config viostor start= boot" in told
        assert "sc config vioscsi start= boot" in told


def test_a_disk_driver_without_a_device_has_no_service_to_set():
    told = text(recipe_of(disk={"size": "64 GiB", "bus": "scsi"}), "goldsmith/build.cmd")
    assert "sc config vioscsi" in told
    assert "sc config viostor" not in told


@pytest.mark.parametrize("os", VERSIONS)
@pytest.mark.parametrize("name", ["build.cmd", "generalize.cmd"])
def test_every_command_of_a_script_is_followed_by_a_look_at_its_exit_code(os, name):
    lines = text(recipe_of(os), f"goldsmith/{name}").splitlines()
    may_fail = (
        "reg delete",
        "del ",
        "rd ",
        "net stop",
        "if exist",
        "if not exist",
        "cd ",
        "shutdown",
        "exit",
    )
    commands = ("copy", "certutil", "start", "pnputil", "sc", "reg", "net", "call", "mkdir")
    for at, line in enumerate(lines):
        if line.startswith(may_fail) or line.split(" ")[0] not in commands:
            continue
        assert lines[at + 1] == "set CODE=%ERRORLEVEL%", line
        assert lines[at + 2].startswith('if not "%CODE%"=="0"'), line
        assert lines[at + 2].endswith("goto failed"), line
    assert "> COM1 echo GOLDSMITH-FAILED %STEP% exit %CODE%" in lines
    off = lines.index("powercfg -h off")
    assert lines[off + 1 : off + 3] == ["set CODE=1", "if exist C:\\hiberfil.sys goto failed"]


def test_sysprep_gets_the_answer_file_from_its_own_folder():
    told = text(recipe_of(), "goldsmith/generalize.cmd")
    order = [
        'call "%CLOUDBASE%\\bin\\SetSetupComplete.cmd"',
        "powercfg -h off",
        "del /f /q C:\\Windows\\Panther\\unattend.xml",
        'cd /d "%CLOUDBASE%\\conf"',
        "sysprep.exe /generalize /oobe /shutdown /quiet /unattend:Unattend.xml",
    ]
    places = [told.index(one) for one in order]
    assert places == sorted(places)


def test_cloudbase_init_is_configured_as_the_recipe_says():
    said = {
        "admin_user": "cloud",
        "cloudbase": {"metadata_services": ["cloudbaseinit.metadata.services.ec2service.EC2Service"],
                      "first_logon_behaviour": "always", "inject_user_password": False},
    }  # fmt: skip
    files = answers(recipe_of(windows=said))
    read = configparser.RawConfigParser()
    read.read_string(files["goldsmith/cloudbase-init.conf"].text)
    found = dict(read["DEFAULT"])
    assert found["username"] == "cloud"
    assert found["metadata_services"] == "cloudbaseinit.metadata.services.ec2service.EC2Service"
    assert found["first_logon_behaviour"] == "always"
    assert found["inject_user_password"] == "false"
    assert found["real_time_clock_utc"] == "false"
    assert "SANPolicyPlugin" in found["plugins"]
    assert read["config_drive"]["raw_hdd"] == "true"
    assert "USERNAME=cloud" in files["goldsmith/build.cmd"].text


def test_an_instance_is_not_caught_in_a_loop_of_reboots_by_cloudbase_init():
    told = text(recipe_of(), "goldsmith/Unattend.xml")
    assert "&amp;&amp; exit 1 || exit 0" in told
    assert "exit 2" not in told


def test_files_are_written_with_the_line_ends_of_windows():
    assert as_written("goldsmith/build.cmd", "a\nb\r\n") == b"a\r\nb\r\n"
    assert as_written("Autounattend.xml", "<a>\u00fc</a>\n") == "<a>\u00fc</a>\n".encode()


@pytest.mark.parametrize(
    "value", ["a%PATH%", 'a"b', "a&b", "a|b", "a<b", "a>b", "a^b", "a!b", "a\nb", "a(b)", "\u00fc"]
)
def test_no_value_can_become_a_command_of_batch(tmp_path, value):
    (tmp_path / "x.cmd.j2").write_text("echo one\necho {{ value }}\n")
    with pytest.raises(RecipeError, match=r"x\.cmd\.j2:2: the value that stands here "):
        render("x.cmd.j2", {"value": value}, folders=[tmp_path], target="cmd", secrets=References())


@pytest.mark.parametrize("value", ["a\nplugins=x", "a$b", " a", "a\r"])
def test_no_value_can_add_an_option_to_an_ini_file(tmp_path, value):
    (tmp_path / "x.conf.j2").write_text("[DEFAULT]\nname={{ value }}\n")
    with pytest.raises(RecipeError, match=r"x\.conf\.j2:2: the value that stands here "):
        render("x.conf.j2", {"value": value}, folders=[tmp_path], target="ini", secrets=References())


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("UTC", "UTC"),
        ("Etc/UTC", "UTC"),
        ("Europe/Berlin", "W. Europe Standard Time"),
        ("Asia/Tokyo", "Tokyo Standard Time"),
        ("America/New_York", "Eastern Standard Time"),
        ("Tokyo Standard Time", "Tokyo Standard Time"),
    ],
)
def test_time_zones_have_their_names_in_windows(name, zone):
    assert windows_zone(name) == zone


def test_a_time_zone_that_windows_does_not_know_is_told():
    with pytest.raises(RecipeError, match=r"(?s)Windows has no time zone for 'Europe/Berlim'.*Europe/Berlin"):
        answers(recipe_of(install={"timezone": "Europe/Berlim"}))


@pytest.mark.parametrize(
    ("os", "parts", "problem"),
    [
        ("win2k22", {"disk": {"size": "20 GiB"}}, "does not install on 20 GiB"),
        ("win11", {"disk": {"size": "40 GiB"}}, "say disk.size: 64 GiB or more"),
        ("win2k22", {"machine": {"memory": "1 GiB"}}, "does not install with 1 GiB of memory"),
        ("win11", {"machine": {"memory": "4 GiB"}}, "Windows 11 starts with UEFI only"),
        (
            "win11",
            {"machine": {"memory": "4 GiB", "firmware": "uefi", "vcpus": 1}},
            "does not install on one CPU",
        ),
        ("win2k22", {"windows": {"edition": "pro"}}, "Windows Server 2022 has no edition pro"),
        ("win10", {"windows": {"core": True}}, "Windows 10 has no Server Core"),
        ("win2k22", {"windows": {"product_key": "12345"}}, "this is no product key"),
        ("win2k22", {"windows": {"requirements": "bypass"}}, "asks for no TPM"),
        ("win2k22", {"disk": {"size": "64 GiB", "bus": "ide"}}, "not built on an IDE disk"),
        ("win2k03", {}, "win2k03 is no Windows that Goldsmith installs"),
    ],
)
def test_what_setup_would_stop_at_is_told_before(os, parts, problem):
    (told,) = check_windows(recipe_of(os, **parts))
    assert problem in told.text()


@pytest.mark.parametrize("os", VERSIONS)
def test_a_recipe_that_keeps_to_the_rules_is_left_alone(os):
    assert check_windows(recipe_of(os)) == []


def test_a_download_whose_digest_nobody_knows_is_asked_for():
    (told,) = check_digests(recipe_of("win2k12r2"))
    assert "nobody says what the sha256 of https://fedorapeople.org/" in told.text()
    assert "goldsmith media add virtio-win-0.1.215.iso" in told.text()
    assert check_digests(recipe_of()) == []
    (told,) = check_digests(recipe_of(windows={"guest_agent": {"msi": "https://example.org/a.msi"}}))
    assert "windows.guest_agent: {msi: https://example.org/a.msi, sha256: ...}" in told.text()


@pytest.mark.parametrize("os", VERSIONS)
def test_digests_that_are_pinned_name_who_published_them(os):
    pin = VERSIONS[os].virtio_win
    assert bool(pin.sha256) == bool(pin.source)
    assert pin.sha256 == "" or re.fullmatch("[0-9a-f]{64}", pin.sha256)
    assert pin.version in pin.url


def test_a_path_alone_is_a_medium():
    said = recipe_of(
        windows={"drivers": "a.iso", "cloudbase_init": "b.msi", "guest_agent": {"msi": "c.msi"}}
    ).windows
    assert (said.drivers.iso, said.cloudbase_init.msi, said.guest_agent.msi) == ("a.iso", "b.msi", "c.msi")
