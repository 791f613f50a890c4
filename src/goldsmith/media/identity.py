"""Whether a medium installs what the recipe says: libosinfo's answer for an ISO, .treeinfo for a tree."""

import configparser
import re
from collections.abc import Sequence
from dataclasses import dataclass

from goldsmith.host.osinfo import Match

# What .treeinfo calls the products of libosinfo's short ids (osinfo-db, data/os/*/, element tree/treeinfo/family).
FAMILIES = {
    "rhel": "Red Hat Enterprise Linux",
    "centos": "CentOS",
    "centos-stream": "CentOS Stream",
    "almalinux": "AlmaLinux",
    "rocky": "Rocky Linux",
    "ol": "Oracle Linux Server",
    "fedora": "Fedora",
}


@dataclass(frozen=True)
class Wrong:
    """What a medium installs instead; ``os`` is a short id, and ``arch`` says that only the architecture is wrong."""

    found: str
    os: str
    arch: bool = False


@dataclass(frozen=True)
class Unsure:
    """Why nobody can tell here whether the medium is the right one."""

    why: str


@dataclass(frozen=True)
class Tree:
    """What .treeinfo says of an installation tree; "" where it says nothing."""

    family: str
    version: str
    arch: str


def read_treeinfo(text: str) -> Tree | None:
    """Read .treeinfo as Anaconda's trees have it, the old form (general) or the new one (release, tree)."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    if not parser.sections():
        return None

    def said(*places: tuple[str, str]) -> str:
        return next((found for one in places if (found := parser.get(*one, fallback="").strip())), "")

    return Tree(
        said(("general", "family"), ("release", "name")),
        said(("general", "version"), ("release", "version")),
        said(("general", "arch"), ("tree", "arch")),
    )


def judge_iso(matches: Sequence[Match], *, os: str, arch: str, known: bool) -> Wrong | Unsure | None:
    """Compare what libosinfo found with the recipe's ``os``; ``known`` says that libosinfo has this name at all.

    A newer release than the database has is found as "rhel9-unknown", or not at all: that is no error.
    """
    if any(one.os == os and one.arch in ("", arch) for one in matches):
        return None
    if not matches:
        return Unsure("libosinfo here does not know it")
    first = matches[0]
    if same := next((one for one in matches if one.os == os), None):
        return Wrong(_shown(same), os, arch=True)
    near = next((one for one in matches if _may_be(one.os, os, known=known)), None)
    if near is None:
        return Wrong(_shown(first), first.os)
    if near.arch not in ("", arch):
        return Wrong(_shown(near), os, arch=True)
    return Unsure(f"libosinfo here takes it for {near.os}")


def judge_tree(tree: Tree, *, os: str, arch: str) -> Wrong | Unsure | None:
    """Compare .treeinfo with the recipe's ``os`` and ``arch``."""
    found = " ".join(part for part in (tree.family, tree.version) if part) or "a system without a name"
    product, version = _split(os)
    theirs = next((short for short, family in FAMILIES.items() if family == tree.family), "")
    shown = f"{found} ({tree.arch})" if tree.arch else found
    if theirs and product in FAMILIES and theirs != product:
        return Wrong(shown, theirs + tree.version)
    if theirs == product and theirs and not _same_version(version, tree.version, product):
        return Wrong(shown, theirs + tree.version)
    if tree.arch and tree.arch != arch:
        return Wrong(shown, os, arch=True)
    if not theirs or product not in FAMILIES:
        return Unsure(f"its .treeinfo says {shown}")
    return None


def _shown(match: Match) -> str:
    return f"{match.os} ({match.arch})" if match.arch else match.os


def _split(short_id: str) -> tuple[str, str]:
    """Split "rhel7.9" into product and version; "centos-stream9" and "rhel-unknown" as well."""
    split = re.fullmatch(r"([a-z]+(?:-(?!unknown)[a-z]+)*)-?(.*?)(?:-?unknown)?", short_id)
    return (split[1], split[2]) if split else (short_id, "")


def _may_be(found: str, wanted: str, *, known: bool) -> bool:
    """Say whether libosinfo may have meant ``wanted``: it knows the product, but not every release of it."""
    if known and not found.endswith("unknown"):
        return False
    product, version = _split(found)
    mine, my_version = _split(wanted)
    if product != mine:
        return False
    vague = found.endswith("unknown")
    return not vague or not version or version == my_version.partition(".")[0]


def _same_version(wanted: str, found: str, product: str) -> bool:
    """Compare as far as both say; libosinfo calls every CentOS 7 "centos7.0"."""
    if not wanted or not found:
        return True
    mine, theirs = wanted.split("."), found.split(".")
    if product == "centos" and mine[0] == "7":
        return mine[0] == theirs[0]
    return all(one == other for one, other in zip(mine, theirs, strict=False))
