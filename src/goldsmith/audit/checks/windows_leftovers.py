"""What building a Windows leaves behind: passwords, accounts, page files, folders, logs."""

import re
from collections.abc import Iterator

from goldsmith.audit.check import Finding, Profile, Severity, absent, bad, check, good, none_of, some
from goldsmith.audit.facts import Facts

WINDOWS = frozenset({Profile.WINDOWS})
MIB = 1 << 20
_LOGON = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion\Winlogon"
_ANSWERS = (
    "/Windows/Panther/*unattend*.xml",
    "/Windows/Panther/Unattend/*.xml",
    "/Windows/System32/Sysprep/*.xml",
    "/Windows/System32/Sysprep/Panther/*unattend*.xml",
    "/Program Files/Cloudbase Solutions/Cloudbase-Init/conf/*.xml",
    "/*unattend*.xml",
)
_PASSWORD = re.compile(r"<(?:\w+:)?(\w*Password)\b[^>]*?(?<!/)>(.*?)</(?:\w+:)?\1\s*>", re.DOTALL)
_VALUE = re.compile(r"<(?:\w+:)?Value\b[^>]*>(.*?)</", re.DOTALL)
_NAME = re.compile(r"<(?:\w+:)?ComputerName\b[^>]*>\s*([^<\s]+)")
_REMOVED = "*SENSITIVE*DATA*DELETED*"
_USERS = r"SAM\SAM\Domains\Account\Users\Names\*"
_CLOUDBASE = r"SYSTEM\CurrentControlSet\Services\cloudbase-init"
_FIRST_RID = 1000  # those below are Windows's own: Administrator 500, Guest 501, DefaultAccount 503 ...
_SWAP = ("/hiberfil.sys", "/pagefile.sys", "/swapfile.sys")
_EVENTS = "/Windows/System32/winevt/Logs/*.evtx"
_MOST_EVENTS = 64 * MIB  # bytes; a fresh server has about 100 channels, most of 68 KiB


@check(
    "O-W14",
    "nobody is logged on automatically",
    why="the password of the build stands there in plain text, and opens every instance",
    source="Microsoft, automatic logon; cloudbase/windows-openstack-imaging-tools",
    expected="AutoAdminLogon, DefaultPassword and AutoLogonCount absent or 0",
    fix="reg delete the three values of Winlogon before Sysprep",
    profiles=WINDOWS,
    keys=[f"{_LOGON}:AutoAdminLogon,DefaultPassword,AutoLogonCount"],
)
def no_automatic_logon(facts: Facts) -> Finding:
    found = []
    for name in ("AutoAdminLogon", "DefaultPassword", "AutoLogonCount"):
        value = facts.registry.value(_LOGON, name)
        if value is not None and value.text not in ("", "0"):
            found.append(name if name == "DefaultPassword" else f"{name}={value.text}")
    return bad(some(found)) if found else good("none")


@check(
    "O-W15",
    "no answer file holds a password",
    why="Setup and Sysprep keep copies of answer files, which everybody in an instance may read",
    source=f"Microsoft, answer files; the text that Setup puts instead, {_REMOVED}, is unverified",
    expected="no password in an unattend.xml",
    fix="delete \\Windows\\Panther\\unattend.xml and \\Windows\\Panther\\Unattend before Sysprep",
    profiles=WINDOWS,
    reads=_ANSWERS,
)
def no_passwords(facts: Facts) -> Finding:
    found = [
        f"{name} in {path}"
        for path in _answer_files(facts)
        for name in passwords(facts.files.text(path) or "")
    ]
    return bad(some(found)) if found else good("none")


def passwords(text: str) -> Iterator[str]:
    """Yield the names of elements with a password. The text is the guest's, so no XML reader is let loose on it."""
    for name, content in _PASSWORD.findall(text):
        value = _VALUE.search(content)
        word = (value[1] if value else re.sub(r"<[^>]*>.*?</[^>]*>", "", content, flags=re.DOTALL)).strip()
        if word and word != _REMOVED:
            yield name


def _answer_files(facts: Facts) -> list[str]:
    return sorted({path for pattern in _ANSWERS for path in facts.files.match(pattern)})


@check(
    "O-W29",
    "no answer file gives all instances one name",
    why="Windows reads the cached answer file on an instance's first start",
    source="Microsoft, ComputerName; * is a random name",
    expected="ComputerName * or none",
    fix="<ComputerName>*</ComputerName>, or none, in the pass specialize",
    severity=Severity.WARNING,
    profiles=WINDOWS,
    reads=_ANSWERS,
)
def no_fixed_name(facts: Facts) -> Finding:
    found = [
        f"{name} in {path}"
        for path in _answer_files(facts)
        for name in _NAME.findall(facts.files.text(path) or "")
        if name != "*"
    ]
    return bad(some(found)) if found else good("none")


absent_swap = absent(
    "O-W19",
    "no page file and no hibernation file",
    *_SWAP,
    why="they hold the memory of the build, and a hibernated disk cannot be changed safely",
    source="guestfs(3), Windows hibernation; Microsoft, powercfg -h off",
    expected="none of them",
    fix="powercfg -h off before Sysprep; virt-sparsify or an offline delete for pagefile.sys and swapfile.sys",
    severity=Severity.WARNING,
    profiles=WINDOWS,
)


@check(
    "O-W23",
    "no accounts of the build",
    why="an account with a known password opens every instance",
    source="Microsoft, well-known relative identifiers",
    expected="only accounts of Windows itself, and those that the recipe names",
    fix="net user NAME /delete before Sysprep",
    profiles=WINDOWS,
    keys=[f"{_USERS}:@", f"{_CLOUDBASE}:ObjectName"],
)
def no_accounts(facts: Facts) -> Finding:
    allowed = {name.lower() for name in facts.windows.users}
    runs_as = facts.registry.text(_CLOUDBASE, "ObjectName").lower()
    if runs_as.startswith(".\\"):
        allowed.add(runs_as[2:])  # the MSI makes an account for its service unless it is told LocalSystem
    names = facts.registry.match(_USERS)
    if not names:
        return bad("SAM holds no accounts at all")
    found = []
    for key in names:
        name = key.path.rpartition("\\")[2]
        number = key.values["@"].kind if "@" in key.values else _FIRST_RID  # the type is the number
        if number >= _FIRST_RID and name.lower() not in allowed:
            found.append(f"{name} ({number})")
    return bad(some(found)) if found else good(some([key.path.rpartition("\\")[2] for key in names]))


_BUILD = (
    "/factory*",
    "/goldsmith*",
    "/UnattendResources",
    "/$WINDOWS.~BT",
    "/$Windows.~WS",
    "/Windows.old",
    "/Windows/Temp/*",
    "/Windows/SoftwareDistribution/Download/*",
)


@check(
    "O-W24",
    "no folders of the build",
    why="scripts, installers and downloads cost room in every instance and may hold passwords",
    source="Microsoft, Windows Setup log files; cloudbase/windows-openstack-imaging-tools",
    expected="none of them",
    fix="delete them in the last script before Sysprep",
    severity=Severity.WARNING,
    profiles=WINDOWS,
    sees=_BUILD,
)
def no_build_folders(facts: Facts) -> Finding:
    return none_of(facts, *_BUILD)


@check(
    "O-W25",
    "event logs are small",
    why="they tell of the build, and are copied with every instance",
    source="Microsoft, wevtutil",
    expected=f"at most {_MOST_EVENTS // MIB} MiB together",
    fix="wevtutil cl System, Application, Security ... before Sysprep",
    severity=Severity.WARNING,
    profiles=WINDOWS,
    sees=[_EVENTS],
)
def small_events(facts: Facts) -> Finding:
    entries = [facts.files.at(path) for path in facts.files.match(_EVENTS)]
    total = sum(entry.size for entry in entries if entry)
    found = f"{total / MIB:.1f} MiB in {len(entries)} files"
    return bad(found) if total > _MOST_EVENTS else good(found)


CHECKS = (
    no_automatic_logon,
    no_passwords,
    no_fixed_name,
    absent_swap,
    no_accounts,
    no_build_folders,
    small_events,
)
