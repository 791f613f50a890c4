"""Read an answer file as Setup reads it, with Setup's objections.

The checks are of the file's structure, from Microsoft's "Unattended Windows Setup Reference". They are the stand-in's
own and simple: Goldsmith's table of elements is checked elsewhere, so that neither of the two can hide a mistake of
the other.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

NS = "{urn:schemas-microsoft-com:unattend}"
WCM = "{http://schemas.microsoft.com/WMIConfig/2002/State}"
PASSES = (
    "windowsPE", "offlineServicing", "generalize", "specialize", "auditSystem", "auditUser", "oobeSystem",
)  # fmt: skip
# The passes in which a component may stand, for those that answer files of cloud images use.
COMPONENTS = {
    "Microsoft-Windows-International-Core-WinPE": ("windowsPE",),
    "Microsoft-Windows-PnpCustomizationsWinPE": ("windowsPE",),
    "Microsoft-Windows-PnpCustomizationsNonWinPE": ("offlineServicing", "auditSystem"),
    "Microsoft-Windows-Setup": ("windowsPE",),
    "Microsoft-Windows-LUA-Settings": ("offlineServicing",),
    "Microsoft-Windows-Shell-Setup": ("generalize", "specialize", "auditSystem", "auditUser", "oobeSystem"),
    "Microsoft-Windows-Deployment": ("specialize", "auditSystem", "auditUser", "oobeSystem", "generalize"),
    "Microsoft-Windows-International-Core": ("specialize", "oobeSystem"),
    "Microsoft-Windows-TerminalServices-LocalSessionManager": (
        "specialize", "offlineServicing", "generalize",
    ),
    "Microsoft-Windows-TerminalServices-RDP-WinStationExtensions": (
        "specialize", "offlineServicing", "generalize",
    ),
    "Networking-MPSSVC-Svc": ("specialize", "offlineServicing", "generalize"),
    "Microsoft-Windows-SQMApi": ("specialize",),
    "Microsoft-Windows-PnpSysprep": ("generalize",),
    "Microsoft-Windows-Security-SPP": ("generalize",),
    "Microsoft-Windows-Security-SPP-UX": ("specialize", "oobeSystem"),
    "Microsoft-Windows-ServerManager-SvrMgrNc": ("specialize",),
    "Microsoft-Windows-OutOfBoxExperience": ("specialize",),
    "Microsoft-Windows-IE-ESC": ("specialize",),
    "Microsoft-Windows-ErrorReportingCore": ("specialize",),
    "Microsoft-Windows-SystemRestore-Main": ("specialize",),
    "Microsoft-Windows-UnattendedJoin": ("specialize",),
    "Microsoft-Windows-PartitionManager": ("specialize",),
}  # fmt: skip
ATTRIBUTES = {"publicKeyToken": "31bf3856ad364e35", "language": "neutral", "versionScope": "nonSxS"}
ARCHITECTURES = ("amd64", "x86", "arm64", "wow64")
LISTED = (
    "PathAndCredentials", "Disk", "CreatePartition", "ModifyPartition", "MetaData", "RunSynchronousCommand",
    "RunAsynchronousCommand", "SynchronousCommand", "LocalAccount", "FirewallGroup",
)  # fmt: skip


class BadAnswerFile(Exception):
    """Setup's objection, for its dialog and its log."""


@dataclass(frozen=True)
class Answers:
    """An answer file; ``ignored`` are components of another architecture, which Setup passes over silently."""

    root: ET.Element
    ignored: Sequence[str] = ()

    def component(self, phase: str, name: str) -> ET.Element | None:
        for found in _components(self.root, phase):
            if found.get("name") == name and found.get("processorArchitecture") == "amd64":
                return found
        return None

    def has(self, phase: str) -> bool:
        return any(True for _ in _components(self.root, phase))

    def text(self, phase: str, component: str, path: str, default: str = "") -> str:
        found = self.component(phase, component)
        return text_at(found, path, default) if found is not None else default

    def all(self, phase: str, component: str, path: str) -> list[ET.Element]:
        found = self.component(phase, component)
        return list(found.iterfind(_path(path))) if found is not None else []

    def commands(self, phase: str, component: str, path: str, line: str) -> list[tuple[int, str, str]]:
        """Return (order, command, WillReboot) of a list of commands, in their order."""
        found = [
            (int(text_at(one, "Order", "0")), text_at(one, line), text_at(one, "WillReboot", "Never"))
            for one in self.all(phase, component, path)
        ]
        return sorted(found)


def text_at(element: ET.Element, path: str, default: str = "") -> str:
    found = element.find(_path(path))
    return (found.text or "").strip() if found is not None else default


def _path(path: str) -> str:
    return "/".join(f"{NS}{part}" for part in path.split("/"))


def _components(root: ET.Element, phase: str) -> Iterator[ET.Element]:
    for settings in root.iterfind(f"{NS}settings"):
        if settings.get("pass") == phase:
            yield from settings.iterfind(f"{NS}component")


def read_answers(data: bytes) -> Answers:
    """Return the answer file; raises BadAnswerFile where Setup would refuse it."""
    try:
        root = ET.fromstring(data)
    except ET.ParseError as error:
        raise BadAnswerFile(f"The answer file is not well-formed XML: {error}") from None
    if root.tag != f"{NS}unattend":
        raise BadAnswerFile(f"The root element is {root.tag}, not unattend in {NS}")
    ignored: list[str] = []
    seen: set[str] = set()
    for settings in root:
        phase = settings.get("pass", "")
        if settings.tag == f"{NS}servicing":
            continue
        if settings.tag != f"{NS}settings" or phase not in PASSES:
            raise BadAnswerFile(f"There is no configuration pass {phase or settings.tag}")
        if phase in seen:
            raise BadAnswerFile(f"The pass {phase} stands twice in the answer file")
        seen.add(phase)
        for component in settings:
            ignored += _check_component(component, phase)
    return Answers(root, tuple(ignored))


def _check_component(component: ET.Element, phase: str) -> list[str]:
    name = component.get("name", "")
    if component.tag != f"{NS}component":
        raise BadAnswerFile(f"The pass {phase} holds {component.tag}, which is no component")
    if name not in COMPONENTS:
        raise BadAnswerFile(f"The component {name} is unknown in the pass {phase}")
    if phase not in COMPONENTS[name]:
        raise BadAnswerFile(f"The component {name} does not belong in the pass {phase}")
    for key, wanted in ATTRIBUTES.items():
        if component.get(key) != wanted:
            raise BadAnswerFile(f"The component {name} has {key}={component.get(key)}, not {wanted}")
    if component.get("processorArchitecture") not in ARCHITECTURES:
        raise BadAnswerFile(f"The component {name} has no known processorArchitecture")
    for element in component.iter():
        _check_element(element, f"{phase}, {name}")
    if component.get("processorArchitecture") != "amd64":
        return [f"{phase}: {name} ({component.get('processorArchitecture')})"]
    return []


def _check_element(element: ET.Element, where: str) -> None:
    name = element.tag.removeprefix(NS)
    if name in LISTED and element.get(f"{WCM}action") != "add":
        raise BadAnswerFile(f'{where}: {name} lacks wcm:action="add"')
    if name == "PathAndCredentials" and not element.get(f"{WCM}keyValue"):
        raise BadAnswerFile(f"{where}: PathAndCredentials lacks wcm:keyValue")
    orders = [text_at(child, "Order") for child in element if text_at(child, "Order")]
    if orders and sorted(orders, key=_number) != [str(number + 1) for number in range(len(orders))]:
        raise BadAnswerFile(f"{where}: the Order of {name} is {', '.join(orders)}, not 1, 2, ...")
    keys = [child.get(f"{WCM}keyValue") for child in element if child.get(f"{WCM}keyValue")]
    if len(set(keys)) != len(keys):
        raise BadAnswerFile(f"{where}: two entries of {name} have the same wcm:keyValue")


def _number(text: str) -> int:
    return int(text) if text.isdigit() else -1
