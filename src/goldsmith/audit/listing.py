"""Lists and reads those files of a mounted guest that the checks declare, with limits on everything."""

import base64
import binascii
import codecs
import posixpath
import re
import stat
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from goldsmith.audit.appliance import Appliance
from goldsmith.audit.tree import Entry, Kind, Tree, Unseen, covers, fixed_part
from goldsmith.errors import ToolError

MOST_TEXT = 1 << 20  # bytes of one file
MOST_FILES = 500
MOST_LISTING = 64 << 20  # bytes

ROOT = "/sysroot"  # where the appliance mounts the guest
PACK = "gzip -1 | base64 -w0"
_FIND = r'find {folders} -maxdepth {depth} -printf "%y %s %m %U\0%p\0%l\0" 2>/dev/null'


def list_tree(appliance: Appliance, patterns: Iterable[str]) -> Tree:
    """List all folders in which the patterns may find something, with few programs, as each costs time in there.

    Folders behind a link are left out, since the appliance would follow it into its own files.
    Raises ToolError when the guest holds more files there than can be taken in.
    """
    wanted = depths(patterns)
    straight = straight_folders(
        appliance, {folder for one in wanted for folder in (one, posixpath.dirname(one))}
    )
    by_depth: dict[int, list[str]] = {}
    for folder, depth in wanted.items():
        if folder in straight:
            by_depth.setdefault(depth, []).append(folder)
        elif posixpath.dirname(folder) in straight:
            by_depth.setdefault(0, []).append(folder)  # the link itself is worth knowing
    finds = [
        _FIND.format(folders=" ".join(_word(f".{folder}") for folder in folders), depth=depth)
        for depth, folders in sorted(by_depth.items())
    ]
    raw = unpacked(appliance.shell(f"cd {ROOT}; {{ {'; '.join(finds)}; }} | {PACK}"))
    seen = {folder: depth for folder, depth in wanted.items() if folder in straight}
    return Tree(_entries(raw), seen=seen, hidden=frozenset(wanted.keys() - straight))


def straight_folders(appliance: Appliance, folders: Iterable[str]) -> set[str]:
    """Return those folders whose path in the guest has no link in it."""
    places = {folder: posixpath.normpath(f"{ROOT}/{folder}") for folder in sorted(folders)}
    raw = unpacked(appliance.shell(f"readlink -z -m {' '.join(map(_word, places.values()))} | {PACK}"))
    found = raw.decode("utf-8", "replace").split("\0")
    return {folder for (folder, place), real in zip(places.items(), found, strict=False) if place == real}


def _word(path: str) -> str:
    """Return a declared path for the appliance's shell; Windows has spaces and dollars in its names."""
    return '"' + re.sub(r'([$`"\\])', r"\\\1", path) + '"'


def unpacked(packed: str) -> bytes:
    unpack = zlib.decompressobj(wbits=31)
    try:
        raw = unpack.decompress(base64.b64decode(packed), MOST_LISTING)
    except (binascii.Error, zlib.error):
        raw = b""
    if not raw or not unpack.eof:
        raise ToolError(
            "the list of the guest's files is too long to be read",
            fix="empty /tmp, /var/log, /root and /home of the guest before it is audited",
        )
    return raw


def depths(patterns: Iterable[str]) -> dict[str, int]:
    """Return the folders to list and how deep, so that each pattern can be answered."""
    wanted = {"/": 1}
    for pattern in patterns:
        folder, depth = fixed_part(pattern)
        wanted[folder] = max(depth, wanted.get(folder, 0))
    return {
        folder: depth
        for folder, depth in wanted.items()
        if not any(covers(other, deep, folder, depth) for other, deep in wanted.items() if other != folder)
    }


def read_texts(appliance: Appliance, tree: Tree, patterns: Sequence[str]) -> Tree:
    """Return the tree with the text of each file that a pattern matches and that is a plain file of bearable size."""
    texts: dict[str, str] = {}
    unread: dict[str, str] = {}
    for path in sorted({path for pattern in patterns for path in _matches(tree, pattern)}):
        real = tree.resolve(path)
        if not path.isprintable():
            unread[path] = "was not read: its name holds control characters"
        elif len(texts) >= MOST_FILES:
            unread[path] = f"was not read: there are more than {MOST_FILES} files to read"
        elif real in texts or real in unread:
            continue
        elif refusal := _unreadable(appliance, tree, path):
            if refusal != "is absent":
                unread[real] = refusal
        else:
            texts[real] = decoded(appliance.ask("pread", path, str(MOST_TEXT), "0"))
    return replace(tree, texts=texts, unread=unread)


def decoded(data: bytes) -> str:
    """Return a file's text: UTF-8, or what its byte order mark says; Windows writes many logs as UTF-16."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    return data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")


def _matches(tree: Tree, pattern: str) -> list[str]:
    try:
        return tree.match(pattern)
    except Unseen:  # the check that needs it will hear the same
        return []


def _unreadable(appliance: Appliance, tree: Tree, path: str) -> str:
    """Return why a file is not to be read; opening a FIFO, for one, would wait for ever."""
    entry = tree.at(path) or _asked(appliance, path)
    if entry is None:
        return "is absent"
    if entry.kind == Kind.FOLDER:
        return "is a folder"
    if entry.kind != Kind.FILE:
        return "was not read: it is no plain file"
    if entry.size > MOST_TEXT:
        return f"was not read: it has {entry.size} bytes, the limit is {MOST_TEXT}"
    return ""


def _asked(appliance: Appliance, path: str) -> Entry | None:
    """Return what a link leads to in folders that were not listed; the guest's root is the root for it too."""
    numbers = {name: int(value) for name, value in re.findall(r"(\w+): (\d+)", appliance.text("stat", path))}
    if "mode" not in numbers:
        return None
    kind = {stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.FOLDER}.get(stat.S_IFMT(numbers["mode"]), Kind.OTHER)
    return Entry(kind, numbers.get("size", 0), stat.S_IMODE(numbers["mode"]), numbers.get("uid", 0))


def _entries(raw: bytes) -> dict[str, Entry]:
    words = raw.decode("utf-8", "replace").split("\0")
    entries: dict[str, Entry] = {}
    for numbers, path, target in zip(words[0::3], words[1::3], words[2::3], strict=False):
        kind, size, mode, owner = numbers.split(" ")
        known = Kind(kind) if kind in tuple(Kind) else Kind.OTHER
        entries[posixpath.normpath(f"/{path}")] = Entry(known, int(size), int(mode, 8), int(owner), target)
    return entries
