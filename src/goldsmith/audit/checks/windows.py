"""Whether a Windows is what the recipe says, was really generalized, and starts in a cloud."""

import re

from goldsmith.audit.check import Finding, Profile, Severity, bad, check, good, moot, some
from goldsmith.audit.facts import Facts
from goldsmith.audit.generalized import GENERALIZED

WINDOWS = frozenset({Profile.WINDOWS})
_STATE = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State"
_SETUP = r"SYSTEM\Setup"
_PANTHER = "/Windows/System32/Sysprep/Panther/setuperr.log"
_TAG = "/Windows/System32/Sysprep/Sysprep_succeeded.tag"
_VERSION = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
_PENDING = (
    r"SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending",
    r"SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired",
)
_BITLOCKER = r"SYSTEM\CurrentControlSet\Control\BitLocker"
_TEST_SIGNING = r"BCD\Objects\*\Elements\16000049"  # BcdLibraryBoolean_AllowPrereleaseSignatures
_NO_INTEGRITY = r"BCD\Objects\*\Elements\16000048"  # BcdLibraryBoolean_DisableIntegrityChecks
_ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
_MSR = "E3C9E316-0B5C-4DB8-817D-F92DF00215AE"


@check(
    "O-W1",
    "Sysprep generalized it",
    why="a power-off alone proves nothing; clones of what was not generalized share SID and name",
    source="Microsoft, Windows Setup States",
    expected=GENERALIZED,
    fix="look into setuperr.log of Sysprep among the build's logs; sysprep /generalize /oobe /shutdown",
    profiles=WINDOWS,
    keys=[f"{_STATE}:ImageState"],
)
def image_state(facts: Facts) -> Finding:
    state = facts.registry.text(_STATE, "ImageState")
    return good(state) if state == GENERALIZED else bad(state or "no ImageState")


@check(
    "O-W2",
    "its next start is the out-of-box phase",
    why="without these values Windows starts as the machine it was built on",
    source="public reports on SYSTEM\\Setup after Sysprep; unverified: to be learned from the first good build",
    expected="CmdLine oobe\\windeploy.exe, OOBEInProgress 1, SystemSetupInProgress 1",
    fix="sysprep /generalize /oobe /shutdown",
    severity=Severity.WARNING,
    profiles=WINDOWS,
    keys=[f"{_SETUP}:CmdLine,OOBEInProgress,SystemSetupInProgress"],
)
def next_start(facts: Facts) -> Finding:
    line = facts.registry.text(_SETUP, "CmdLine")
    numbers = [facts.registry.number(_SETUP, name) for name in ("OOBEInProgress", "SystemSetupInProgress")]
    found = f"CmdLine {line or 'absent'}, OOBEInProgress {numbers[0]}, SystemSetupInProgress {numbers[1]}"
    return good(found) if line.lower() == r"oobe\windeploy.exe" and numbers == [1, 1] else bad(found)


@check(
    "O-W3",
    "Sysprep wrote no errors",
    why="Sysprep can end with a power-off and still have failed in a part",
    source="Microsoft, Sysprep log files",
    expected="setuperr.log empty or absent",
    fix="goldsmith logs BUILD; the line names the step that failed",
    profiles=WINDOWS,
    reads=[_PANTHER],
)
def no_errors(facts: Facts) -> Finding:
    text = facts.files.text(_PANTHER)
    if text is None:
        return good("absent")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return bad(some(lines, at_most=2)) if lines else good("empty")


@check(
    "O-W4",
    "Sysprep left its mark",
    why="it is the last thing that a Sysprep which worked does",
    source="public reports on Sysprep_succeeded.tag; unverified",
    expected=_TAG,
    fix="look at O-W1 and O-W3; if both are good, tell us the version of Windows",
    severity=Severity.WARNING,
    profiles=WINDOWS,
    sees=[_TAG],
)
def tag(facts: Facts) -> Finding:
    return good("present") if facts.files.at(_TAG) else bad("absent")


@check(
    "O-W20",
    "only signed drivers may start",
    why="test signing was switched on to install an unsigned driver, and every instance would accept any",
    source="virtio-win; Microsoft, TESTSIGNING boot configuration option",
    expected="testsigning and nointegritychecks off",
    fix="bcdedit /set testsigning off; take the virtio-win ISO whose drivers this Windows accepts",
    profiles=WINDOWS,
    keys=[f"{_TEST_SIGNING}:Element", f"{_NO_INTEGRITY}:Element"],
)
def signed_drivers(facts: Facts) -> Finding:
    on = [
        name
        for name, pattern in (("testsigning", _TEST_SIGNING), ("nointegritychecks", _NO_INTEGRITY))
        for key in facts.registry.match(pattern)
        if "element" in key.values and key.values["element"].number
    ]
    return bad(f"{some(on)} on") if on else good("off")


@check(
    "O-W21",
    "the system partition is the last one, and the firmware finds its boot partition",
    why="Cloudbase-Init can grow only the last partition; Setup itself puts a recovery partition behind C:",
    source="Cloudbase-Init, ExtendVolumesPlugin; Microsoft, UEFI/GPT-based partitions",
    expected="C: last; with GPT an EFI system and a reserved partition, with MBR an active one",
    fix="give the partitions in the answer file, C: as the last one with Extend",
    profiles=WINDOWS,
)
def system_is_last(facts: Facts) -> Finding:
    root, parts, kinds = facts.system.root, facts.look.partitions, facts.look.partition_kinds
    own = next((part for part in parts if part.device == root), None)
    if own is None:
        return bad(f"{root} is no partition")
    if behind := [part.device for part in parts if part.start > own.start]:
        return bad(f"{some(behind)} behind {root}")
    found = set(kinds.values())
    if any(len(kind) == len(_ESP) for kind in found):
        names = {_ESP: "EFI system partition", _MSR: "Microsoft reserved partition"}
        missing = [name for kind, name in names.items() if kind not in found]
        return bad(f"no {some(missing)}") if missing else good(f"{root}, with EFI system partition")
    return good(f"{root}, with an active partition") if "active" in found else bad("no active partition")


@check(
    "O-W22",
    "it is the edition that the recipe says",
    why="another image of the same medium, or a key of another edition, gives another Windows",
    source="Microsoft, registry CurrentVersion",
    expected="ProductName, EditionID, CurrentBuildNumber and InstallationType",
    fix="windows.edition, windows.core or windows.image_name in the recipe; wiminfo install.wim shows the names",
    profiles=WINDOWS,
    keys=[f"{_VERSION}:ProductName,EditionID,CurrentBuildNumber,InstallationType"],
)
def edition(facts: Facts) -> Finding:
    names = ("ProductName", "EditionID", "CurrentBuildNumber", "InstallationType")
    product, ident, build, kind = (facts.registry.text(_VERSION, name) for name in names)
    wanted = facts.windows
    found = f"{product or 'no ProductName'}, {ident or 'no EditionID'}, build {build or 'unknown'}, {kind or 'no type'}"
    if not all((product, ident, build, kind)):
        return bad(found)
    if wanted.edition is not None and re.sub(r"Eval$", "", ident) != wanted.edition:
        return bad(found, expected=wanted.edition)
    first, last = wanted.builds or (0, 1 << 31)
    if not (build.isdigit() and first <= int(build) <= last):
        return bad(found, expected=f"build {first}" if first == last else f"build {first} to {last}")
    if wanted.core is not None and (kind == "Server Core") != wanted.core:
        return bad(found, expected="Server Core" if wanted.core else "a desktop")
    return good(found)


@check(
    "O-W26",
    "no update waits for a reboot",
    why="Sysprep refuses or half-does its work while updates are pending, and the first start takes long",
    source="Microsoft, Sysprep preconditions",
    expected="no RebootPending, no RebootRequired",
    fix="a reboot step after the updates, or windows.update_rounds: 2",
    severity=Severity.WARNING,
    profiles=WINDOWS,
    keys=_PENDING,
)
def no_reboot_pending(facts: Facts) -> Finding:
    found = [path.rpartition("\\")[2] for path in _PENDING if facts.registry.key(path)]
    return bad(some(found)) if found else good("none")


@check(
    "O-W27",
    "a client does not encrypt itself",
    why="Windows 10 and 11 encrypt the disk by themselves where they can; Sysprep then fails, and clones share a key",
    source="Microsoft, BitLocker device encryption; the error 0x80310039 is from public reports, unverified",
    expected="PreventDeviceEncryption 1, no BitLocker volume",
    fix="reg add HKLM\\SYSTEM\\CurrentControlSet\\Control\\BitLocker /v PreventDeviceEncryption /t REG_DWORD /d 1",
    severity=Severity.WARNING,
    profiles=WINDOWS,
    keys=[f"{_BITLOCKER}:PreventDeviceEncryption", f"{_VERSION}:InstallationType"],
)
def not_encrypted(facts: Facts) -> Finding:
    locked = [one.device for one in facts.look.filesystems if one.kind.lower() == "bitlocker"]
    if locked:
        return bad(f"BitLocker on {some(locked)}")
    if facts.registry.text(_VERSION, "InstallationType") != "Client":
        return moot("a server does not encrypt itself")
    value = facts.registry.number(_BITLOCKER, "PreventDeviceEncryption")
    found = f"PreventDeviceEncryption {'absent' if value is None else value}"
    return good(found) if value == 1 else bad(found)


CHECKS = (
    image_state,
    next_start,
    no_errors,
    tag,
    signed_drivers,
    system_is_last,
    edition,
    no_reboot_pending,
    not_encrypted,
)
