"""Which settings an answer file of Windows may have: names, passes and values, as data.

Source: Microsoft's "Unattended Windows Setup Reference"
(learn.microsoft.com/windows-hardware/customize/desktop/unattend/). The components are those that build images
use; of each of them the settings are listed that the reference has for the versions installed here.
"""

from collections.abc import Mapping

from goldsmith.guests.unattend_values import (
    ANY,
    ASYNCHRONOUS,
    BOOLEAN,
    COMMANDS,
    COMPUTER,
    DISK,
    DRIVER_PATHS,
    INSTALL_FROM,
    INSTALL_TO,
    INTERNATIONAL,
    KEY,
    LOCALE,
    ORDER,
    SECRET,
    UI,
    Component,
    Setting,
    items,
    number,
    one_of,
    text,
    zone,
)

_SETUP = {
    "ComplianceCheck": Setting({"DisplayReport": UI}),
    "Diagnostics": Setting({"OptIn": BOOLEAN}),
    "DiskConfiguration": Setting(
        {
            "Disk": Setting(DISK, many=True, required=("DiskID",)),
            "DisableEncryptedDiskProvisioning": BOOLEAN,
            "WillShowUI": UI,
        }
    ),
    "Display": Setting(
        dict.fromkeys(
            ("ColorDepth", "HorizontalResolution", "RefreshRate", "VerticalResolution"), number(1, 65535)
        )
    ),
    "DynamicUpdate": Setting({"Enable": BOOLEAN, "WillShowUI": UI}),
    "EnableFirewall": BOOLEAN,
    "EnableNetwork": BOOLEAN,
    "ImageInstall": Setting(
        {
            "OSImage": Setting(
                {"InstallFrom": INSTALL_FROM, "InstallTo": INSTALL_TO, "InstallToAvailablePartition": BOOLEAN,
                 "Compact": BOOLEAN, "WillShowUI": UI}
            ),
            "DataImage": Setting(
                {"InstallFrom": INSTALL_FROM, "InstallTo": INSTALL_TO, "Order": ORDER}, many=True
            ),
        }
    ),
    "LogPath": text(),
    "PageFile": Setting({"Path": text(), "Size": number(1, 2**31 - 1)}),
    "Restart": one_of("Restart", "Shutdown"),
    "RunAsynchronous": ASYNCHRONOUS,
    "RunSynchronous": COMMANDS,
    "UpgradeData": Setting({"Upgrade": BOOLEAN, "WillShowUI": UI}),
    "UseConfigurationSet": BOOLEAN,
    "UserData": Setting(
        {"AcceptEula": BOOLEAN, "FullName": text(), "Organization": text(),
         "ProductKey": Setting({"Key": KEY, "WillShowUI": UI})},
        required=("AcceptEula",),
    ),
}  # fmt: skip
_OOBE = {
    **dict.fromkeys(
        (
            "HideEULAPage",
            "HideLocalAccountScreen",
            "HideOEMRegistrationScreen",
            "HideOnlineAccountScreens",
            "HideWirelessSetupInOOBE",
            "SkipMachineOOBE",
            "SkipUserOOBE",
            "UnattendEnableRetailDemo",
        ),
        BOOLEAN,
    ),
    "NetworkLocation": one_of("Home", "Work", "Other"),
    "OEMAppId": text(),
    "ProtectYourPC": number(1, 3),
    "VMModeOptimizations": Setting(
        dict.fromkeys(
            ("SkipAdministratorProfileRemoval", "SkipNotifyUILanguageChange", "SkipWinREInitialization"),
            BOOLEAN,
        )
    ),
}
_ACCOUNT = {
    "Description": text(256),
    "DisplayName": text(256),
    "Group": text(),
    "Name": text(20),
    "Password": SECRET,
}
_OOBE_ONLY, _NAMED = ("oobeSystem",), ("specialize", "offlineServicing")
_SHELL = {
    "AutoLogon": Setting(
        {"Domain": ANY, "Enabled": BOOLEAN, "LogonCount": number(0, 9999999), "Password": SECRET,
         "Username": text(256)},
        required=("Username", "LogonCount"), passes=("specialize", "auditSystem", "oobeSystem"),
    ),
    "ComputerName": Setting(check=COMPUTER.check, passes=_NAMED),
    "CopyProfile": Setting(check=BOOLEAN.check, passes=("specialize",)),
    "DisableAutoDaylightTimeSet": BOOLEAN,
    "FirstLogonCommands": Setting(
        {
            "SynchronousCommand": Setting(
                {"CommandLine": text(1024), "Description": text(256), "Order": ORDER, "RequiresUserInput": BOOLEAN},
                many=True, required=("CommandLine", "Order"),
            )
        },
        passes=_OOBE_ONLY,
    ),
    "LogonCommands": Setting(
        {
            "AsynchronousCommand": Setting(
                {"CommandLine": text(1024), "Description": text(256), "Order": ORDER, "RequiresUserInput": BOOLEAN},
                many=True, required=("CommandLine", "Order"),
            )
        },
        passes=_OOBE_ONLY,
    ),
    "OEMName": text(),
    "OEMInformation": Setting(
        dict.fromkeys(
            ("HelpCustomized", "Logo", "Manufacturer", "Model", "SupportHours", "SupportPhone", "SupportProvider",
             "SupportURL"),
            ANY,
        )
    ),
    "OOBE": Setting(_OOBE, passes=_OOBE_ONLY),
    "ProductKey": Setting(check=KEY.check, passes=("specialize",)),
    "RegisteredOrganization": ANY,
    "RegisteredOwner": ANY,
    "ShowPowerButtonOnStartScreen": BOOLEAN,
    "ShowWindowsLive": BOOLEAN,
    "TimeZone": Setting(check=zone, passes=("specialize", "auditSystem", "oobeSystem")),
    "UserAccounts": Setting(
        {
            "AdministratorPassword": SECRET,
            "LocalAccounts": Setting({"LocalAccount": Setting(_ACCOUNT, many=True, required=("Name",))}),
            "DomainAccounts": Setting(
                {"DomainAccountList": Setting(
                    {"Domain": text(), "DomainAccount": Setting({"Group": text(), "Name": text()}, many=True)},
                    many=True)}
            ),
        },
        passes=("auditSystem", "oobeSystem"),
    ),
}  # fmt: skip
_SPECIALIZE = ("specialize",)

COMPONENTS: Mapping[str, Component] = {
    "Microsoft-Windows-International-Core-WinPE": Component(
        ("windowsPE",),
        {**INTERNATIONAL, "LayeredDriver": number(1, 6),
         "SetupUILanguage": Setting({"UILanguage": LOCALE, "WillShowUI": UI}, required=("UILanguage",))},
    ),
    "Microsoft-Windows-PnpCustomizationsWinPE": Component(("windowsPE",), {"DriverPaths": DRIVER_PATHS}),
    "Microsoft-Windows-PnpCustomizationsNonWinPE": Component(
        ("offlineServicing", "auditSystem"), {"DriverPaths": DRIVER_PATHS}
    ),
    "Microsoft-Windows-Setup": Component(("windowsPE",), _SETUP),
    "Microsoft-Windows-LUA-Settings": Component(("offlineServicing",), {"EnableLUA": BOOLEAN}),
    "Microsoft-Windows-PnpSysprep": Component(
        ("generalize",), {"PersistAllDeviceInstalls": BOOLEAN, "DoNotCleanUpNonPresentDevices": BOOLEAN}
    ),
    "Microsoft-Windows-Security-SPP": Component(("generalize",), {"SkipRearm": number(0, 1)}),
    "Microsoft-Windows-Security-SPP-UX": Component(_SPECIALIZE, {"SkipAutoActivation": BOOLEAN}),
    "Microsoft-Windows-Deployment": Component(
        ("specialize", "auditSystem", "auditUser", "oobeSystem", "generalize"),
        {
            "AuditComputerName": Setting({"MustReboot": BOOLEAN, "Name": text(15)}, passes=("auditSystem",)),
            "ExtendOSPartition": Setting({"Extend": BOOLEAN, "Size": number(1, 2**31 - 1)}, passes=_SPECIALIZE),
            "Generalize": Setting(
                {"ForceShutdownNow": BOOLEAN, "Mode": one_of("OOBE", "Audit")}, passes=("auditUser",)
            ),
            "Reseal": Setting(
                {"ForceShutdownNow": BOOLEAN, "Mode": one_of("OOBE", "Audit")},
                passes=("auditSystem", "auditUser", "oobeSystem"),
            ),
            "RunAsynchronous": Setting(ASYNCHRONOUS.children, passes=("specialize", "auditUser")),
            "RunSynchronous": Setting(COMMANDS.children, passes=("specialize", "auditUser")),
        },
    ),
    "Microsoft-Windows-International-Core": Component(("specialize", "oobeSystem"), INTERNATIONAL),
    "Microsoft-Windows-Shell-Setup": Component(
        ("offlineServicing", "generalize", "specialize", "auditSystem", "auditUser", "oobeSystem"), _SHELL
    ),
    "Microsoft-Windows-TerminalServices-LocalSessionManager": Component(
        ("offlineServicing", "generalize", "specialize"), {"fDenyTSConnections": BOOLEAN}
    ),
    "Microsoft-Windows-TerminalServices-RDP-WinStationExtensions": Component(
        ("offlineServicing", "generalize", "specialize"),
        {"SecurityLayer": number(0, 2), "UserAuthentication": number(0, 1)},
    ),
    "Networking-MPSSVC-Svc": Component(
        _SPECIALIZE,
        {
            **{f"{profile}Profile_{what}": ANY for profile in ("Domain", "Private", "Public")
               for what in ("DisableNotifications", "EnableFirewall", "LogDroppedPackets", "LogFile", "LogFileSize",
                            "LogSuccessfulConnections")},
            "DisableStatefulFTP": BOOLEAN,
            "DisableStatefulPPTP": BOOLEAN,
            "FirewallGroups": items(
                "FirewallGroup",
                {"Active": BOOLEAN, "Group": text(), "Profile": one_of("all", "domain", "private", "public")},
                required=("Group",), keyed=True,
            ),
        },
    ),
    "Microsoft-Windows-SQMApi": Component(_SPECIALIZE, {"CEIPEnabled": number(0, 1)}),
    "Microsoft-Windows-ServerManager-SvrMgrNc": Component(
        ("generalize", "specialize"), {"DoNotOpenServerManagerAtLogon": BOOLEAN}
    ),
    "Microsoft-Windows-OutOfBoxExperience": Component(
        ("generalize", "specialize"), {"DoNotOpenInitialConfigurationTasksAtLogon": BOOLEAN}
    ),
    "Microsoft-Windows-IE-ESC": Component(_SPECIALIZE, {"IEHardenAdmin": BOOLEAN, "IEHardenUser": BOOLEAN}),
    "Microsoft-Windows-ErrorReportingCore": Component(_SPECIALIZE, {"DisableWER": number(0, 1)}),
    "Microsoft-Windows-RemoteAssistance-Exe": Component(
        _SPECIALIZE, {"fAllowToGetHelp": BOOLEAN, "CreateEncryptedOnlyTickets": BOOLEAN, "fAllowFullControl": BOOLEAN}
    ),
}  # fmt: skip
