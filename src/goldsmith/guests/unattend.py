"""Checks an answer file of Windows against Microsoft's reference, before Windows says nothing and waits for a person.

Setup skips what it does not know without a word, and stops at a page on the screen where an answer is missing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from goldsmith.errors import RecipeError
from goldsmith.guests.unattend_table import COMPONENTS
from goldsmith.guests.unattend_values import PASSES, Component, Setting
from goldsmith.guests.writing import Rendered
from goldsmith.recipe.chain import suggest

NAMESPACE = "urn:schemas-microsoft-com:unattend"
WCM = "http://schemas.microsoft.com/WMIConfig/2002/State"
_ATTRIBUTES = {
    "processorArchitecture": "amd64",  # with another one Setup leaves the component out
    "publicKeyToken": "31bf3856ad364e35",
    "language": "neutral",
    "versionScope": "nonSxS",
}
_PLACEHOLDER = "@@GOLDSMITH-SECRET-"


@dataclass
class Node:
    """An element with the line it begins on; names are without their namespace."""

    name: str
    namespace: str
    attributes: Mapping[str, str]
    line: int
    text: str = ""
    children: "list[Node]" = field(default_factory=list)

    def first(self, *path: str) -> "Node | None":
        node: Node | None = self
        for name in path:
            node = next((one for one in node.children if one.name == name), None) if node else None
        return node

    def all(self, name: str) -> "list[Node]":
        return [one for one in self.children if one.name == name]

    def value(self, *path: str) -> str:
        node = self.first(*path)
        return node.text.strip() if node else ""


def read_xml(text: str) -> Node:
    """Return the root element. Raises expat.ExpatError."""
    parser = expat.ParserCreate(namespace_separator=" ")
    top = Node("", "", {}, 0)
    open_nodes = [top]

    def begin(name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        node = Node(local, namespace, attributes, parser.CurrentLineNumber)
        open_nodes[-1].children.append(node)
        open_nodes.append(node)

    def end(_: str) -> None:
        open_nodes.pop()

    def data(text: str) -> None:
        open_nodes[-1].text += text

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = begin, end, data
    parser.Parse(text.encode("utf-8"), True)  # noqa: FBT003 - expat takes it by position only
    return top.children[0]


def check_unattend(rendered: Rendered) -> list[RecipeError]:
    """Return what Windows would refuse or silently leave out, each at its template's line."""
    try:
        root = read_xml(rendered.text)
    except expat.ExpatError as error:
        return [
            RecipeError(f"the file is no XML: {error}", at=rendered.at(error.lineno), fix="mend the template")
        ]
    return [
        RecipeError(one.problem, at=rendered.at(one.line), fix=one.fix)
        for one in sorted(_root(root), key=lambda one: one.line)
    ]


@dataclass(frozen=True)
class _Found:
    line: int
    problem: str
    fix: str


def _root(root: Node) -> Iterator[_Found]:
    if (root.name, root.namespace) != ("unattend", NAMESPACE):
        yield _Found(root.line, "this is no answer file", f'begin with <unattend xmlns="{NAMESPACE}">')
        return
    latest = -1
    seen: set[str] = set()
    for node in root.children:
        name = node.attributes.get("pass", "")
        if node.name != "settings":
            yield _Found(
                node.line, f"<{node.name}> is nothing that Setup reads here", "use <settings pass=...>"
            )
        elif name not in PASSES:
            yield _Found(node.line, f"there is no pass {name!r}", suggest(name, list(PASSES)))
        elif name in seen:
            yield _Found(node.line, f"the pass {name} is given twice", "put its components together")
        else:
            if PASSES.index(name) < latest:
                yield _Found(node.line, f"the pass {name} stands after {PASSES[latest]}, but runs before it",
                             f"put the passes in their order: {', '.join(PASSES)}")  # fmt: skip
            latest = max(latest, PASSES.index(name))
            yield from _pass(name, node)
        seen.add(name)


def _pass(name: str, settings: Node) -> Iterator[_Found]:
    seen: set[str] = set()
    for node in settings.children:
        called = node.attributes.get("name", "")
        known = COMPONENTS.get(called)
        if node.name != "component":
            yield _Found(node.line, f"<{node.name}> is no component", "use <component name=...>")
        elif known is None:
            yield _Found(node.line, f"there is no component {called!r}", suggest(called, list(COMPONENTS)))
        elif name not in known.passes:
            yield _Found(node.line, f"{called} does nothing in the pass {name}",
                         f"put it into {' or '.join(known.passes)}")  # fmt: skip
        elif called in seen:
            yield _Found(node.line, f"{called} is given twice in {name}", "put its settings together")
        else:
            yield from _attributes(node)
            yield from _component(name, called, known, node)
        seen.add(called)


def _attributes(node: Node) -> Iterator[_Found]:
    for name, wanted in _ATTRIBUTES.items():
        if (found := node.attributes.get(name)) != wanted:
            said = f"is {found}" if found else "is missing"
            yield _Found(
                node.line, f"{name} {said}: Setup would leave this component out", f'write {name}="{wanted}"'
            )


def _component(name: str, called: str, known: Component, node: Node) -> Iterator[_Found]:
    for child in node.children:
        setting = known.settings.get(child.name)
        if setting is not None and setting.passes and name not in setting.passes:
            yield _Found(child.line, f"{called}/{child.name} does nothing in the pass {name}",
                         f"put it into {' or '.join(setting.passes)}")  # fmt: skip
    yield from _children(called, Setting(known.settings), node)
    if called == "Microsoft-Windows-Setup":
        yield from _partitions(node)


def _children(path: str, setting: Setting, node: Node) -> Iterator[_Found]:
    names = [one.name for one in node.children]
    for child in node.children:
        known = setting.children.get(child.name)
        here = f"{path}/{child.name}"
        if known is None or child.namespace != NAMESPACE:
            near = suggest(child.name, list(setting.children)) if setting.children else "remove it"
            yield _Found(child.line, f"{path} has no setting {child.name}", near)
            continue
        if names.count(child.name) > 1 and not known.many and child is not node.first(child.name):
            yield _Found(child.line, f"{here} is given twice", "keep one of them")
        yield from _setting(here, known, child)
    for name in setting.required:
        if name not in names:
            yield _Found(node.line, f"{path} has no {name}", f"add <{name}>")
    yield from _lists(path, setting, node)


def _setting(path: str, setting: Setting, node: Node) -> Iterator[_Found]:
    if setting.many and node.attributes.get(f"{WCM} action") != "add":
        yield _Found(node.line, f"{path} is an item of a list and does not say so", 'write wcm:action="add"')
    if setting.keyed and not node.attributes.get(f"{WCM} keyValue"):
        yield _Found(node.line, f"{path} has no key", 'write wcm:keyValue="1", another one for each item')
    if setting.children:
        if node.text.strip():
            yield _Found(node.line, f"{path} holds text, where only settings belong", "remove the text")
        yield from _children(path, setting, node)
        return
    if node.children:
        yield _Found(node.line, f"{path} holds elements, where a value belongs", "write the value alone")
        return
    value = node.text.strip()
    if setting.check and not value.startswith(_PLACEHOLDER) and (wrong := setting.check(value)):
        shown = f" ({value[:40]})" if value else ""
        yield _Found(node.line, f"{path}{shown} {wrong}", "mend the value")


def _lists(path: str, setting: Setting, node: Node) -> Iterator[_Found]:
    """Look whether items of a list have different keys, and orders that grow as they stand."""
    for name, known in setting.children.items():
        if not known.many:
            continue
        keys: set[str] = set()
        latest = 0
        for item in node.all(name):
            key = item.attributes.get(f"{WCM} keyValue", "")
            if key and key in keys:
                yield _Found(
                    item.line, f"{path}/{name}: the key {key} is used twice", "give each item its own"
                )
            keys.add(key)
            order = item.value("Order")
            if order.isdecimal() and int(order) <= latest:
                yield _Found(item.line, f"{path}/{name}: Order {order} stands after {latest}",
                             "count up from 1 in the order in which they stand")  # fmt: skip
            latest = max(latest, int(order)) if order.isdecimal() else latest


def _partitions(setup: Node) -> Iterator[_Found]:
    """Look whether the disk's layout fits together, with Windows last, so that it can grow into a larger disk."""
    for disk in (one for found in setup.all("DiskConfiguration") for one in found.all("Disk")):
        created = [one for parent in disk.all("CreatePartitions") for one in parent.all("CreatePartition")]
        kinds = [one.value("Type") for one in created]
        for number, one in enumerate(created, start=1):
            extends = one.value("Extend").lower() == "true"
            if extends == bool(one.value("Size")):
                yield _Found(one.line, f"partition {number} must have a Size, or Extend=true, and not both",
                             "give one of the two")  # fmt: skip
            if extends and number < len(created):
                yield _Found(one.line, f"partition {number} takes the whole disk, and others come after it",
                             "let only the last one Extend")  # fmt: skip
        for one in (one for parent in disk.all("ModifyPartitions") for one in parent.all("ModifyPartition")):
            yield from _modified(one, kinds)
        yield from _target(setup, disk, kinds)


def _modified(one: Node, kinds: list[str]) -> Iterator[_Found]:
    number = one.value("PartitionID")
    if not number.isdecimal() or not kinds:
        return
    if int(number) > len(kinds):
        yield _Found(one.line, f"partition {number} is modified, but {len(kinds)} are created",
                     "count the partitions as they are created")  # fmt: skip
        return
    kind = kinds[int(number) - 1]
    extra = {child.name for child in one.children} - {"Order", "PartitionID"}
    forbidden = {"MSR": extra, "EFI": extra & {"Active", "Extend", "TypeID"}}.get(kind, set())
    if forbidden:
        names = ", ".join(sorted(forbidden))
        yield _Found(one.line, f"a partition of type {kind} takes no {names}", f"remove {names}")


def _target(setup: Node, disk: Node, kinds: list[str]) -> Iterator[_Found]:
    target = setup.first("ImageInstall", "OSImage", "InstallTo")
    if target is None or target.value("DiskID") != disk.value("DiskID") or not kinds:
        return
    number = target.value("PartitionID")
    if number.isdecimal() and int(number) != len(kinds):
        yield _Found(target.line, f"Windows goes to partition {number} of {len(kinds)}, so it could never grow",
                     "make its partition the last one")  # fmt: skip
