"""Each check of a Windows both ways: content with a good one, and finds the one thing that was spoiled."""

from dataclasses import replace

import pytest

from goldsmith.audit.check import Profile
from goldsmith.audit.checks import BY_ID, CHECKS
from goldsmith.audit.checks.windows_leftovers import passwords
from goldsmith.audit.facts import ExpectedWindows, FileSystem, Partition
from goldsmith.audit.registry import Registry
from goldsmith.audit.report import Status
from goldsmith.audit.run import answers
from goldsmith.media.windows_hives import Raw

from .windows_sample import (
    ANSWERS,
    CLOUDBASE,
    CONF,
    CONTROL,
    FILES,
    LOADER,
    NAMES,
    SCRIPT,
    SERVICES,
    STATE,
    UNATTEND_CONF,
    VERSION,
    WINLOGON,
    WindowsSample,
)

MIB = 1 << 20
GOOD = WindowsSample()
CLIENT = GOOD.with_key(VERSION, {"InstallationType": "Client"}).with_key(
    rf"{CONTROL}\BitLocker", {"PreventDeviceEncryption": 1}
)
SETUP = r"SYSTEM\Setup"
ERRORS = "/Windows/System32/Sysprep/Panther/setuperr.log"
SECRET = "<x:AdministratorPassword><x:PlainText>true</x:PlainText><x:Value>S3cret</x:Value></x:AdministratorPassword>"


def key(path, **values):
    return lambda guest: guest.with_key(path, values)


def no_key(path):
    return lambda guest: guest.with_key(path, None)


def files(paths):
    return lambda guest: guest.with_files(paths)


def edit(path, old, new):
    assert old in FILES[path]
    return files({path: FILES[path].replace(old, new)})


def but(**changes):
    return lambda guest: guest.but(**changes)


def wanted(**changes):
    return lambda guest: guest.but(expected=replace(guest.expected, **changes))


# check, good guest, what is spoiled, words of the finding
SPOILED = [
    (
        "O-C9",
        GOOD,
        but(filesystems=(FileSystem("/dev/sda3", "ntfs", faults=("it is hibernated",)),)),
        "hibernated",
    ),
    (
        "O-W1",
        GOOD,
        key(STATE, ImageState="IMAGE_STATE_COMPLETE"),
        "IMAGE_STATE_COMPLETE; expected IMAGE_STATE_GEN",
    ),
    ("O-W1", GOOD, no_key(STATE), "no ImageState"),
    ("O-W2", GOOD, key(SETUP, CmdLine=None), "CmdLine absent"),
    ("O-W2", GOOD, key(SETUP, OOBEInProgress=0), "OOBEInProgress 0"),
    ("O-W3", GOOD, files({ERRORS: "2026, Error SYSPRP failed 0x80073cf2\r\n"}), "0x80073cf2"),
    ("O-W4", GOOD, files({"/Windows/System32/Sysprep/Sysprep_succeeded.tag": None}), "absent"),
    ("O-W5", GOOD, key(rf"{SERVICES}\viostor", Start=3), "Start 3 (on demand)"),
    ("O-W5", GOOD, files({"/Windows/System32/drivers/viostor.sys": None}), "viostor.sys is absent"),
    ("O-W6", GOOD, no_key(rf"{SERVICES}\vioscsi"), "not installed"),
    ("O-W7", GOOD, key(rf"{SERVICES}\netkvm", Start=4), "Start 4 (disabled)"),
    ("O-W7", GOOD, files({"/Windows/System32/drivers/NETKVM.SYS": ""}), "netkvm.sys is absent"),
    ("O-W8", GOOD, no_key(rf"{SERVICES}\VirtRng"), "VirtRng missing"),
    ("O-W9", GOOD, key(rf"{SERVICES}\QEMU-GA", Start=3), "Start 3"),
    ("O-W9", GOOD, no_key(rf"{SERVICES}\QEMU-GA"), "not installed"),
    ("O-W10", GOOD, key(rf"{SERVICES}\cloudbase-init", Start=2), "Start 2 (automatic)"),
    ("O-W10", GOOD, files({SCRIPT: None}), "SetupComplete.cmd is absent"),
    ("O-W10", GOOD, files({SCRIPT: "rem " + FILES[SCRIPT]}), "does not start it"),
    ("O-W11", GOOD, files({CONF: None}), "cloudbase-init.conf: is absent"),
    ("O-W11", GOOD, files({CONF: "username=Admin\n"}), "no section headers"),
    ("O-W11", GOOD, edit(CONF, "configdrive.ConfigDriveService,", "x.MaaSHttpService,"), None),
    ("O-W11", GOOD, edit(CONF, "san_policy=OnlineAll", "san_policy=Online"), "san_policy is none of"),
    ("O-W11", GOOD, edit(CONF, "SANPolicyPlugin", "OtherPlugin"), "only with SANPolicyPlugin"),
    ("O-W11", GOOD, edit(CONF, "ExtendVolumesPlugin", "OtherPlugin"), "C: would not grow"),
    ("O-W11", GOOD, edit(CONF, "username=Admin", "first_logon_behaviour=never"), "username is not given"),
    ("O-W11", GOOD, edit(CONF, "username=Admin", "username=a\nfirst_logon_behaviour=never"), "first_logon"),
    ("O-W11", GOOD, edit(CONF, "raw_hdd=true", "cdrom=false"), "config drives of some kind"),
    (
        "O-W11",
        GOOD,
        edit(CONF, "raw_hdd=true", "[DEFAULT]\nconfig_drive_raw_hhd=no"),
        "config drives of some",
    ),
    ("O-W11", GOOD, edit(CONF, "stop_service_on_exit=false", ""), "stop_service_on_exit"),
    ("O-W11", GOOD, edit(UNATTEND_CONF, "allow_reboot=false", ""), "unattend.conf: allow_reboot"),
    ("O-W11", GOOD, edit(UNATTEND_CONF, "mtu.MTUPlugin", "userdata.UserDataPlugin"), "repeat for ever"),
    (
        "O-W11",
        GOOD,
        edit(UNATTEND_CONF, "configdrive.ConfigDriveService", "gce.GCEService"),
        "none of OpenStack's",
    ),
    (
        "O-W12",
        GOOD,
        key(r"SOFTWARE\Cloudbase Solutions\Cloudbase-Init\i-1\Plugins", a=1),
        r"Cloudbase-Init\i-1",
    ),
    ("O-W13", GOOD, files({f"{CLOUDBASE}/log/cloudbase-init.log": "x"}), "/log/cloudbase-init.log"),
    ("O-W14", GOOD, key(WINLOGON, AutoAdminLogon="1"), "AutoAdminLogon=1"),
    ("O-W14", GOOD, key(WINLOGON, AutoLogonCount=3), "AutoLogonCount=3"),
    ("O-W14", GOOD, key(WINLOGON, DefaultPassword="S3cret"), "DefaultPassword;"),
    ("O-W15", GOOD, files({ANSWERS: SECRET}), "AdministratorPassword in /windows/panther/unattend.xml"),
    (
        "O-W15",
        GOOD,
        files({"/old-Unattend.xml": "<Password>S3cret</Password>"}),
        "Password in /old-unattend.xml",
    ),
    ("O-W16", GOOD, key(rf"{CONTROL}\Terminal Server", fDenyTSConnections=1), "off; expected on"),
    ("O-W16", GOOD, wanted(rdp=False), "on; expected off"),
    ("O-W17", GOOD, key(rf"{CONTROL}\TimeZoneInformation", RealTimeIsUniversal=1), "RealTimeIsUniversal 1"),
    ("O-W17", GOOD, edit(CONF, "username=Admin", "real_time_clock_utc=true"), "real_time_clock_utc=true"),
    ("O-W17", GOOD, wanted(clock_utc=True), "RealTimeIsUniversal absent; expected 1"),
    ("O-W18", GOOD, edit(CONF, "san_policy=OnlineAll\r\n", ""), "SanPolicy absent"),
    ("O-W19", GOOD, files({"/hiberfil.sys": "hibr"}), "/hiberfil.sys"),
    ("O-W20", GOOD, key(rf"{LOADER}\Elements\16000049", Element=b"\1"), "testsigning on"),
    ("O-W20", GOOD, key(rf"{LOADER}\Elements\16000048", Element=b"\1"), "nointegritychecks on"),
    (
        "O-W20",
        GOOD,
        but(registry=Registry({}, (), {"BCD": "no partition holds a BCD"})),
        "no partition holds a BCD",
    ),
    (
        "O-W21",
        GOOD,
        but(partitions=(Partition("/dev/sda3", 1, 2), Partition("/dev/sda4", 3, 4))),
        "/dev/sda4 behind",
    ),
    ("O-W21", GOOD, but(partitions=()), "/dev/sda3 is no partition"),
    ("O-W21", GOOD, but(partition_kinds={"/dev/sda1": "active", "/dev/sda3": ""}), None),
    ("O-W21", GOOD, but(partition_kinds={"/dev/sda3": ""}), "no active partition"),
    (
        "O-W21",
        GOOD,
        but(partition_kinds={"/dev/sda3": "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"}),
        "no EFI system partition, Microsoft reserved partition",
    ),
    ("O-W22", GOOD, key(VERSION, EditionID="ServerDatacenter"), "expected ServerStandard"),
    ("O-W22", GOOD, key(VERSION, CurrentBuildNumber="14393"), "build 14393, Server; expected build 20348"),
    ("O-W22", GOOD, key(VERSION, InstallationType="Server Core"), "Server Core; expected a desktop"),
    ("O-W22", GOOD, key(VERSION, ProductName=None), "no ProductName"),
    ("O-W22", GOOD, wanted(builds=(10240, 19999)), "expected build 10240 to 19999"),
    ("O-W23", GOOD, key(rf"{NAMES}\builder", **{"": Raw(1001)}), "builder (1001)"),
    ("O-W23", GOOD, but(registry=Registry({}, BY_ID["O-W23"].keys)), "no accounts at all"),
    ("O-W24", GOOD, files({"/goldsmith/build.cmd": "x"}), "/goldsmith;"),
    ("O-W24", GOOD, files({"/$Windows.~BT/Sources/x": "x"}), "/$windows.~bt"),
    ("O-W24", GOOD, files({"/Windows/Temp/vmware.log": "x"}), "/windows/temp/vmware.log"),
    (
        "O-W25",
        GOOD,
        but(sizes={"/windows/system32/winevt/logs/system.evtx": 99 * MIB}),
        "99.0 MiB in 1 files",
    ),
    (
        "O-W26",
        GOOD,
        key(r"SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending"),
        "RebootPending",
    ),
    ("O-W27", CLIENT, key(rf"{CONTROL}\BitLocker", PreventDeviceEncryption=0), "PreventDeviceEncryption 0"),
    ("O-W27", CLIENT, but(filesystems=(FileSystem("/dev/sda3", "BitLocker"),)), "BitLocker on /dev/sda3"),
    ("O-W29", GOOD, edit(ANSWERS, ">*</ComputerName>", ">WIN7</ComputerName>"), "WIN7 in /windows/panther"),
]


def result(guest, ident):
    (found,) = answers(guest.facts(), {}, [BY_ID[ident]])
    return found


def test_every_windows_check_is_spoiled_at_least_once():
    own = {check.id for check in CHECKS if check.profiles == {Profile.WINDOWS}}
    assert own <= {ident for ident, *_ in SPOILED}
    assert {f"O-W{number}" for number in range(1, 28)} <= own


def test_a_good_windows_passes_every_check_of_its_profile():
    found = list(answers(GOOD.facts(), {}))
    assert [(one.id, one.detail) for one in found if one.status not in (Status.OK, Status.SKIPPED)] == []
    assert {one.id for one in found if one.status == Status.SKIPPED} == {"O-W27"}


@pytest.mark.parametrize(("ident", "guest", "spoil", "words"), SPOILED)
def test_a_spoiled_windows_is_found_out(ident, guest, spoil, words):
    assert result(guest, ident).status == Status.OK, result(guest, ident).detail
    found = result(spoil(guest), ident)
    if words is None:  # another good way
        assert found.status == Status.OK, found.detail
        return
    assert found.status == (Status.FAILED if BY_ID[ident].severity == "error" else Status.WARNING)
    assert words in found.detail
    assert found.fix
    assert found.why


@pytest.mark.parametrize(
    ("ident", "change", "words"),
    [
        ("O-W3", files({ERRORS: None}), "absent"),
        ("O-W16", but(expected=ExpectedWindows()), "on"),
        (
            "O-W17",
            lambda one: wanted(clock_utc=True)(
                edit(CONF, "username", "real_time_clock_utc=1\nusername")(one)
            ),
            "",
        ),
        (
            "O-W18",
            lambda one: key(rf"{SERVICES}\partmgr\Parameters", SanPolicy=1)(files({CONF: None})(one)),
            "1",
        ),
        ("O-W22", key(VERSION, EditionID="ServerStandardEval"), "ServerStandardEval"),
        (
            "O-W22",
            lambda one: wanted(core=True)(key(VERSION, InstallationType="Server Core")(one)),
            "Server Core",
        ),
        (
            "O-W23",
            lambda one: wanted(users=("Builder",))(key(rf"{NAMES}\builder", **{"": Raw(1001)})(one)),
            "builder",
        ),
        (
            "O-W23",
            lambda one: key(rf"{SERVICES}\cloudbase-init", ObjectName=r".\cloudbase-init")(
                key(rf"{NAMES}\cloudbase-init", **{"": Raw(1000)})(one)
            ),
            "cloudbase-init",
        ),
    ],
)
def test_other_good_ways_pass_too(ident, change, words):
    found = result(change(GOOD), ident)
    assert found.status == Status.OK, found.detail
    assert words in found.detail


def test_what_nobody_verified_is_a_warning_and_says_so():
    for ident in ("O-W2", "O-W4", "O-W8", "O-W18", "O-W27"):
        assert BY_ID[ident].severity == "warning"
        assert "unverified" in BY_ID[ident].source


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("<Password><Value></Value></Password>", []),
        ("<Password/><Value>Windows Server 2022 SERVERSTANDARD</Value>", []),
        ("<MetaData><Key>/IMAGE/NAME</Key><Value>x</Value></MetaData>", []),
        ("<Password><PlainText>false</PlainText></Password>", []),
        ('<LocalAccount a="b"><Password ><Value> aGk= </Value></Password ></LocalAccount>', ["Password"]),
        (SECRET, ["AdministratorPassword"]),
    ],
)
def test_passwords_are_told_from_other_values(text, names):
    assert list(passwords(text)) == names
