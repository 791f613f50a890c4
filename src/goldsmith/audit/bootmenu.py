"""Reads boot menus as GRUB 2, GRUB legacy and the Boot Loader Specification write them, without running them."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from goldsmith.audit.tree import Tree

GRUB2 = ("/boot/grub2/grub.cfg", "/boot/grub/grub.cfg", "/boot/efi/EFI/*/grub.cfg")
GRUBENV = ("/boot/grub2/grubenv", "/boot/grub/grubenv")
LEGACY = ("/boot/grub/grub.conf", "/boot/grub/menu.lst")
SPEC = ("/boot/loader/entries/*.conf",)
FILES = (*GRUB2, *GRUBENV, *LEGACY, *SPEC)

_KERNEL = re.compile(r"^\s*(?:linux(?:16|efi)?|kernel)\s+(\S+)[ \t]*(.*)$")
_INITRD = re.compile(r"^\s*initrd(?:16|efi)?\s+(.+)$")
_OPEN = re.compile(r"^\s*(menuentry|submenu)\s+(.*)\{\s*$")


@dataclass(frozen=True)
class Item:
    """One entry of a boot menu; ``index`` is its place as GRUB counts, ``1>0`` inside a submenu."""

    title: str
    index: str
    names: frozenset[str] = frozenset()
    kernel: str = ""
    args: tuple[str, ...] = ()
    initrds: tuple[str, ...] = ()

    @property
    def rescue(self) -> bool:
        return "single" in self.args or "-rescue-" in self.kernel or "0-rescue" in self.kernel


@dataclass(frozen=True)
class Menu:
    """What the machine may boot, from which file, and which entry it takes by itself (None: one that is not there)."""

    path: str
    items: tuple[Item, ...]
    default: Item | None

    @property
    def normal(self) -> list[Item]:
        return [item for item in self.items if item.kernel and not item.rescue]


def read_menu(tree: Tree) -> Menu | None:
    """Return the boot menu, or None when the guest has none that is known here."""
    for path in (path for pattern in GRUB2 for path in tree.match(pattern)):
        text = tree.text(path) or ""
        items = list(_grub2(text))
        if "blscfg" in text:
            items += _specified(tree)
        if any(item.kernel for item in items):
            return Menu(path, tuple(items), _default(items, _wanted(text, environment(tree))))
    for path in LEGACY:
        if legacy := tree.text(path):
            items = list(_legacy(legacy))
            number = re.search(r"^default[= ](\d+)", legacy, re.MULTILINE)
            return Menu(path, tuple(items), _default(items, number.group(1) if number else "0"))
    if items := _specified(tree):
        return Menu(
            "/boot/loader/entries", tuple(items), _default(items, environment(tree).get("saved_entry", "0"))
        )
    return None


def environment(tree: Tree) -> dict[str, str]:
    """Return the variables of GRUB's environment block."""
    for path in GRUBENV:
        if text := tree.text(path):
            lines = [line for line in text.splitlines() if "=" in line and not line.startswith("#")]
            return {name: value for name, _, value in (line.partition("=") for line in lines)}
    return {}


def version(kernel: str) -> tuple[int, ...]:
    """Return the numbers of a kernel's name up to its flavour, so that kernels can be put in order."""
    match = re.search(r"vmlinu[zx]-(\d[\d.-]*)", kernel)
    return tuple(int(number) for number in re.findall(r"\d+", match.group(1))) if match else ()


def locate(tree: Tree, path: str) -> str | None:
    """Return the file that a path of the menu names; it is counted from the root of the boot file system."""
    path = re.sub(r"^\(.*?\)", "", path)
    for candidate in (f"/boot{path}", path):
        if tree.at(candidate) is not None:
            return tree.resolve(candidate)
    return None


def _grub2(text: str) -> Iterator[Item]:
    counters, blocks = [0], list[str]()
    body: list[str] = []
    for line in text.splitlines():
        if match := _OPEN.match(line):
            kind, rest = match.groups()
            title, names = _title(rest), frozenset(re.findall(r"['\"]([^'\"]+)['\"]", rest))
            index = ">".join([*(str(number - 1) for number in counters[:-1]), str(counters[-1])])
            counters[-1] += 1
            blocks.append(kind)
            counters += [0] * (kind == "submenu")
            body = []
        elif line.rstrip().endswith("{"):
            blocks.append("")
        elif line.strip() == "}" and blocks:
            closed = blocks.pop()
            if closed == "submenu":
                counters.pop()
            elif closed == "menuentry":
                yield _item(title, index, names, body)
        else:
            body.append(line)


def _item(title: str, index: str, names: frozenset[str], body: Sequence[str]) -> Item:
    kernels = [match.groups() for line in body if (match := _KERNEL.match(line))]
    initrds = [match.group(1) for line in body if (match := _INITRD.match(line))]
    kernel, args = kernels[-1] if kernels else ("", "")
    return Item(title, index, names, kernel, tuple(args.split()), tuple(" ".join(initrds).split()))


def _title(rest: str) -> str:
    match = re.match(r"\s*(?:'([^']*)'|\"([^\"]*)\"|(\S+))", rest)
    return next((part for part in match.groups() if part), "") if match else ""


def _legacy(text: str) -> Iterator[Item]:
    blocks = re.split(r"(?m)^title\b", text)[1:]
    for number, block in enumerate(blocks):
        title, *body = block.splitlines() or [""]
        yield _item(title.strip(), str(number), frozenset(), body)


def _specified(tree: Tree) -> list[Item]:
    shared = environment(tree).get("kernelopts", "")
    items = []
    for path in (path for pattern in SPEC for path in tree.match(pattern)):
        pairs = [line.split(None, 1) for line in (tree.text(path) or "").splitlines()]
        values = {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and not pair[0].startswith("#")}
        name = path.rpartition("/")[2].removesuffix(".conf")
        options = values.get("options", "").replace("$kernelopts", shared)
        initrd = re.sub(r"\$\S+", "", values.get("initrd", ""))
        body = [f"linux {values.get('linux', '')} {options}", f"initrd {initrd}"]
        items.append(_item(values.get("title", name), "", frozenset({name}), body))
    items.sort(key=lambda item: version(item.kernel), reverse=True)
    return [replace(item, index=str(number)) for number, item in enumerate(items)]


def _wanted(text: str, saved: dict[str, str]) -> str:
    """Return what the menu starts by itself: an index, a title or an id."""
    choices = re.findall(r"^\s*set default=\"?([^\"\n]*)\"?\s*$", text, re.MULTILINE)
    if any("saved_entry" in choice for choice in choices) and saved.get("saved_entry"):
        return saved["saved_entry"]
    return next((choice for choice in choices if "$" not in choice), "0")


def _default(items: list[Item], wanted: str) -> Item | None:
    last = wanted.rpartition(">")[2]
    for item in items:
        if item.index == wanted or item.title == last or last in item.names:
            return item
    submenu = f"{wanted}>"
    return next((item for item in items if item.index.startswith(submenu)), None)


def shell_values(text: str) -> dict[str, str]:
    """Return the plain assignments of a shell file such as /etc/default/grub; a later one counts."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        if match := re.match(r"\s*(?:export\s+)?(\w+)=(.*)$", line):
            name, raw = match.groups()
            try:
                words = shlex.split(raw, comments=True)
            except ValueError:
                words = [raw.strip("\"' ")]
            values[name] = _expanded(words[0] if words else "", values)
    return values


def _expanded(word: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\$\{?(\w+)\}?", lambda found: values.get(found.group(1), ""), word)
