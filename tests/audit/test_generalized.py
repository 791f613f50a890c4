"""The verdict over Sysprep, by what it left on the disk."""

from dataclasses import replace

import pytest

from goldsmith.audit.generalized import GENERALIZED, Traces, generalized

INI = "[State]\r\nImageState=IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE\r\n"
GOOD = Traces(image_state=GENERALIZED, state_file=INI, succeeded=True)
APP = "Microsoft.BingWeather_4.25.20211.0_x64__8wekyb3d8bbwe"


def error(text):
    return f"2026-01-05 10:11:12, Error                 SYSPRP {text}"


def test_a_generalized_windows_is_good():
    verdict = generalized(GOOD)
    assert verdict.good
    assert (verdict.image_state, verdict.cause, verdict.notes) == (GENERALIZED, "", ())


def test_without_the_tag_it_is_good_with_a_note():
    verdict = generalized(replace(GOOD, succeeded=False, state_file=""))
    assert verdict.good
    assert verdict.notes == ("Sysprep_succeeded.tag is absent",)


@pytest.mark.parametrize(
    ("traces", "cause"),
    [
        (replace(GOOD, image_state="IMAGE_STATE_COMPLETE"), "Sysprep did not run, or refused to"),
        (replace(GOOD, image_state="IMAGE_STATE_UNDEPLOYABLE"), "Setup or Sysprep stopped half-way"),
        (replace(GOOD, image_state=""), "it has no ImageState"),
        (replace(GOOD, image_state="X"), "(X): a state that Microsoft does not name"),
        (
            replace(GOOD, state_file="imagestate = IMAGE_STATE_COMPLETE"),
            "State.ini says IMAGE_STATE_COMPLETE, the registry IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE",
        ),
        (replace(GOOD, errors=error("something new")), "Sysprep wrote errors into setuperr.log"),
        (Traces(missing="the disk holds no Windows"), "the disk holds no Windows"),
    ],
)
def test_a_power_off_alone_proves_nothing(traces, cause):
    verdict = generalized(traces)
    assert not verdict.good
    assert cause in verdict.cause
    assert verdict.fix


@pytest.mark.parametrize(
    ("line", "cause", "fix"),
    [
        (
            f"Package {APP} was installed for a user, but not provisioned for all users. This package",
            f"the Store app {APP} was installed for one user only (0x80073cf2)",
            f"Remove-AppxPackage -AllUsers -Package {APP}",
        ),
        ("Failed to remove apps for the current user: 0x80073cf2.", "0x80073cf2", "Remove-AppxPackage"),
        (
            "BitLocker-Sysprep: BitLocker is on for the OS volume. Turn BitLocker off. (0x80310039)",
            "BitLocker encrypts the system volume",
            "PreventDeviceEncryption=1",
        ),
        (
            r"spopk.dll:: There are one or more Windows updates that require a reboot. To run Sysprep",
            "updates wait for a reboot",
            "reboots before Sysprep",
        ),
        ("RunExternalDlls: An error occurred while running slc.dll, hr=0xC004D307", "rearmed", "SkipRearm=1"),
        ("Sysprep will not run on an upgraded OS.", "was upgraded", "install from a medium"),
        (
            "RunExternalDlls:Not running DLLs; either the machine is in an invalid state or we couldn't update "
            "the recorded state, dwRet = 31",
            "an earlier Sysprep of this Windows had failed",
            "--from install",
        ),
        ("The provided unattend file is not valid; hrResult = 0x80220001", "the answer file", "Unattend.xml"),
        ("cloudbase-init.exe failed with exit code 2", "Cloudbase-Init failed", "cloudbase-init.log"),
    ],
)
def test_the_log_tells_the_cause(line, cause, fix):
    half = replace(GOOD, image_state="IMAGE_STATE_UNDEPLOYABLE", succeeded=False)
    for traces in (
        replace(half, errors=f"\n{error(line)}\n"),
        replace(half, log=f"x, Info y\n{error(line)}\n"),
    ):
        verdict = generalized(traces)
        assert not verdict.good
        assert verdict.cause.startswith("Windows is not generalized (IMAGE_STATE_UNDEPLOYABLE)")
        assert cause in verdict.cause
        assert fix in verdict.fix
        assert verdict.evidence == (error(line),)


def test_what_the_log_calls_harmless_is_no_cause():
    traces = Traces(
        image_state="IMAGE_STATE_COMPLETE", log="2026, Info  SYSPRP BitLocker 0x80310039 is not on"
    )
    assert generalized(traces).cause.endswith("Sysprep did not run, or refused to")


def test_an_unknown_error_is_shown_as_it_is():
    traces = replace(GOOD, image_state="IMAGE_STATE_UNDEPLOYABLE", log=error("spnew.dll: 0x1234"))
    assert generalized(traces).evidence == (error("spnew.dll: 0x1234"),)
