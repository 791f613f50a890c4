import pytest

from goldsmith.media.windows_setup.batch import UnsupportedError
from goldsmith.media.windows_setup.system import End

UNATTEND = """<unattend xmlns="urn:schemas-microsoft-com:unattend"><settings pass="generalize">
<component name="Microsoft-Windows-PnpSysprep" processorArchitecture="amd64" publicKeyToken="31bf3856ad364e35"
language="neutral" versionScope="nonSxS"><PersistAllDeviceInstalls>true</PersistAllDeviceInstalls></component>
</settings></unattend>"""
LINE = "C:\\Windows\\System32\\Sysprep\\sysprep.exe /generalize /oobe /shutdown /quiet /unattend:C:\\answers.xml\n"


@pytest.fixture
def errors(system):
    return lambda: (system.c / "Windows/System32/Sysprep/Panther/setuperr.log").read_text()


def test_a_generalized_image_is_off_and_waits_for_its_first_boot(system, batch, errors):
    (system.c / "answers.xml").write_text(UNATTEND)
    with pytest.raises(End) as caught:
        batch(LINE)
    assert caught.value.how == "off"
    assert system.state == "IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE"
    assert "GENERALIZE_RESEAL" in (system.c / "Windows/Setup/State/State.ini").read_text()
    setup = "HKLM\\SYSTEM\\Setup"
    assert system.registry.text(setup, "CmdLine") == "oobe\\windeploy.exe"
    assert system.registry.number(setup, "OOBEInProgress") == 1
    assert errors() == ""
    assert (system.c / "Windows/Panther/unattend.xml").read_text() == UNATTEND


def test_a_store_app_of_one_user_stops_it(system, batch, errors):
    system.fault = "sysprep-appx"
    (system.c / "answers.xml").write_text(UNATTEND)
    assert batch(LINE)[0] == 1
    assert "was installed for a user, but not provisioned for all users" in errors()
    assert "0x80073cf2" in errors()
    assert system.state == "IMAGE_STATE_UNDEPLOYABLE"


@pytest.mark.parametrize(("answers", "words"), [(None, "Unable to find"), ("<unattend>", "is invalid")])
def test_a_bad_answer_file_stops_it_before_it_begins(system, batch, errors, answers, words):
    if answers:
        (system.c / "answers.xml").write_text(answers)
    assert batch(LINE)[0] == 1
    assert words in errors()
    assert system.state == "IMAGE_STATE_COMPLETE"


def test_it_refuses_while_an_update_waits_for_a_restart(system, batch, errors):
    (system.c / "answers.xml").write_text(UNATTEND)
    key = "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\WindowsUpdate\\Auto Update\\RebootRequired"
    batch(f'reg add "{key}" /f\n')
    assert batch(LINE)[0] == 1
    assert "Windows updates that require a reboot" in errors()


def test_without_quiet_it_would_open_a_window(batch):
    with pytest.raises(UnsupportedError, match="opens a window"):
        batch("C:\\Windows\\System32\\Sysprep\\sysprep.exe /generalize /oobe /shutdown\n")
