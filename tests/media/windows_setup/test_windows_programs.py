import pytest

from goldsmith.media.windows_setup import accounts
from goldsmith.media.windows_setup.batch import UnsupportedError
from goldsmith.media.windows_setup.system import SERVICES, Dialog, End

TRUST = "certutil -f -addstore TrustedPublisher E:\\cert\\Virtio_Win_Red_Hat_CA.cer\n"


def test_reg_adds_queries_and_deletes(system, batch):
    key = "HKLM\\SOFTWARE\\Try\\Deep"
    assert (
        batch(f"reg add {key} /v Number /t REG_DWORD /d 0x10 /f\nreg add {key} /v Text /d words /f\n")[0] == 0
    )
    assert system.registry.number(key, "number") == 16
    assert "Text    REG_SZ    words" in batch(f"reg query {key} /v Text\n")[1]
    assert batch(f"reg delete {key} /v Text /f\n")[0] == 0
    code, said = batch(f"reg delete {key} /v Text /f\n")
    assert (code, said) == (1, "ERROR: The system was unable to find the specified registry key or value.\n")
    assert batch("reg delete HKLM\\SOFTWARE\\Try /f\nreg query HKLM\\SOFTWARE\\Try\n")[0] == 1


def test_currentcontrolset_is_the_first_one(system, batch):
    batch("reg add HKLM\\SYSTEM\\CurrentControlSet\\Control\\Try /v A /t REG_DWORD /d 1 /f\n")
    assert system.registry.hive("SYSTEM").number("ControlSet001\\Control\\Try", "A") == 1


def test_services_are_configured_and_what_is_missing_is_1060(system, batch):
    assert batch("sc config wuauserv start= disabled\n")[0] == 0
    assert system.registry.number(f"{SERVICES}\\wuauserv", "Start") == 4
    assert batch("sc config none start= auto\n")[0] == 1060
    assert batch("net start wuauserv\n")[0] == 2
    assert batch("net stop none\n")[0] == 2


def test_users_are_those_of_the_sam(system, batch):
    assert batch("net user Administrator /active:no\n")[0] == 0
    assert batch("net user Bob secret /add\n")[0] == 0
    assert list(accounts.names(system.registry)) == [
        "Administrator", "Bob", "DefaultAccount", "Guest", "WDAGUtilityAccount",
    ]  # fmt: skip
    assert accounts.find(system.registry, "administrator") == 500
    assert batch("net user Nobody /delete\n")[0] == 2


def test_a_driver_is_a_service_a_file_and_a_published_inf(system, batch):
    code, said = batch(TRUST + "pnputil /add-driver E:\\viostor\\2k22\\amd64\\viostor.inf /install\n")
    assert code == 0
    assert "Published Name: oem0.inf" in said
    assert system.registry.number(f"{SERVICES}\\viostor", "Start") == 0
    assert (system.c / "Windows/System32/drivers/viostor.sys").is_file()
    assert (system.c / "Windows/INF/oem0.inf").is_file()


def test_a_publisher_that_is_not_trusted_opens_a_window(batch):
    with pytest.raises(Dialog, match=r"Red Hat, Inc\."):
        batch("pnputil /add-driver E:\\viostor\\2k22\\amd64\\viostor.inf /install\n")


def test_a_driver_that_is_not_there_or_not_whole_is_refused(system, batch):
    assert batch(TRUST + "pnputil /add-driver E:\\qxldod\\2k22\\amd64\\qxldod.inf\n")[0] == 2
    (system.drives.roots["E"] / "viostor/2k22/amd64/viostor.cat").unlink()
    code, said = batch(TRUST + "pnputil /add-driver E:\\viostor\\2k22\\amd64\\viostor.inf\n")
    assert code == 2
    assert "digital signature" in said


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("start /wait msiexec /i F:\\goldsmith\\qemu-ga.msi /qn /norestart", 0),
        ("msiexec /i F:\\none.msi /qn", 1619),
        ("msiexec /i C:\\Windows\\explorer.exe /qn", 1620),
        ("msiexec /i F:\\goldsmith\\qemu-ga.msi /qn /passive", 1639),
        ("msiexec /i F:\\goldsmith\\qemu-ga.msi /qn /l*v C:\\none\\log.txt", 1622),
    ],
)
def test_windows_installer_gives_its_own_codes(batch, line, code):
    assert batch(f"{line}\n")[0] == code


def test_the_agents_msi_makes_a_service_that_starts_by_itself(system, batch):
    batch("msiexec /i F:\\goldsmith\\qemu-ga.msi /qn\n")
    assert system.registry.number(f"{SERVICES}\\QEMU-GA", "Start") == 2
    assert (system.c / "Program Files/Qemu-ga/qemu-ga.exe").is_file()


def test_an_installer_without_quiet_asks(batch):
    with pytest.raises(Dialog, match="first question"):
        batch("msiexec /i F:\\goldsmith\\qemu-ga.msi\n")


def test_cloudbase_init_starts_by_itself_until_setsetupcomplete(system, batch):
    batch("msiexec /i F:\\goldsmith\\CloudbaseInitSetup.msi /qn USERNAME=Ann LOGGINGSERIALPORTNAME=COM1\n")
    assert system.registry.number(f"{SERVICES}\\cloudbase-init", "Start") == 2
    home = system.c / "Program Files/Cloudbase Solutions/Cloudbase-Init"
    assert "username=Ann" in (home / "conf/cloudbase-init.conf").read_text()
    assert (
        batch('call "C:\\Program Files\\Cloudbase Solutions\\Cloudbase-Init\\bin\\SetSetupComplete.cmd"\n')[0]
        == 0
    )
    assert system.registry.number(f"{SERVICES}\\cloudbase-init", "Start") == 3
    script = (system.c / "Windows/Setup/Scripts/SetupComplete.cmd").read_text()
    assert script == "sc config cloudbase-init start= auto && net start cloudbase-init\n"


def test_hibernation_leaves_its_file_only_while_it_is_on(system, batch):
    batch("powercfg -h on\n")
    assert (system.c / "hiberfil.sys").exists()
    batch("powercfg -h off\n")
    assert not (system.c / "hiberfil.sys").exists()


def test_a_shutdown_at_once_ends_the_script_and_a_later_one_does_not(system, batch):
    with pytest.raises(End) as caught:
        batch("shutdown /s /t 0\necho never\n")
    assert caught.value.how == "off"
    assert batch("shutdown /r /t 5\necho goes on\n") == (0, "goes on\n")
    assert system.pending == "reboot"


def test_an_unknown_option_of_a_known_program_fails(batch):
    for line in ("net share", "powercfg /energy", "sc lock", "reg export HKLM\\SOFTWARE x", "shutdown /h"):
        with pytest.raises(UnsupportedError):
            batch(f"{line}\n")
