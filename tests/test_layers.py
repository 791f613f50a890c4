"""Data flows one way, and so do imports; each outside library has one owner; files stay small."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "goldsmith"
FILES = sorted(SRC.rglob("*.py"))

# A module imports only from lower rows, or from its own package.
LAYERS = (
    {"__init__"},
    {"errors", "events"},
    {"host"},
    {"signing"},
    {"recipe"},
    {"guests", "media", "formats"},
    {"artifact"},
    {"audit", "catalog"},
    {"boottest", "promote", "convert"},
    {"plan", "publish"},
    {"stages"},
    {"record", "compose"},
    {"runner", "sweep", "resume", "planning"},
    {"build", "doctor"},
    {"fleet", "report"},
    {"cli"},
    {"__main__"},
)
RANKS = {name: rank for rank, names in enumerate(LAYERS) for name in names}

OWNERS = {
    "subprocess": "host/process.py",
    "libvirt": "host/hypervisor",
    "libvirt_qemu": "host/hypervisor.py",
    "paramiko": "host/shell",
    "tenacity": "host/retry.py",
    "jinja2": ("guests/render.py", "report/pages.py"),
    "yaml": "recipe/marks.py",
    "oslo_utils": "formats/detect.py",
    "pycdlib": "host/disc.py",
    "openstack": "catalog/glance",
    "keystoneauth1": "catalog/glance",
    "requests": "catalog/glance",  # the SDK's way to the network
    "urllib3": "catalog/glance",
    "tzlocal": "guests/timezones.py",
    "cryptography": "signing/",
    "pkcs11": ("signing/session.py", "signing/token.py"),
    "cyclonedx": "artifact/cyclonedx.py",
    "spdx_tools": "artifact/spdx.py",
    "packageurl": ("artifact/sbom.py", "artifact/cyclonedx.py"),
    "click": "cli/",
    "rich": "cli/",
    "pykickstart": "media/installer/",  # GPL: everybody else runs ksvalidator
}

# Programs of their own that run inside the stand-ins' media, where there is no Goldsmith; by what more they may import.
IN_THE_GUEST: dict[str, set[str]] = {"media/installer/": {"pykickstart"}, "media/windows_setup/": set()}

# Packages of alternatives, listed in one table; the modules named here are contracts that the table imports too.
TABLES = ("__init__.py", "table.py")
SHARED = {"stages": {"guest"}, "guests": {"family", "render", "rhel"}, "catalog": {"contract", "entry"}}


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> Iterator[tuple[str, ...]]:
    """Yield what a file imports, as far as it is a module: ("goldsmith", "host", "process") or ("json",)."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are written in full"
            yield from ((*str(node.module).split("."), alias.name) for alias in node.names)


def alternatives(package: str) -> set[str]:
    """Return the modules that the table of a package lists: as modules, by their class of the same name, or in text.

    What else a table imports is shared by the alternatives.
    """
    listed = set()
    for table in (SRC / package / name for name in TABLES):
        if not table.exists():
            continue
        for parts in imports(table):
            if parts[:2] == ("goldsmith", package) and (len(parts) == 3 or parts[3].lower() == parts[2]):
                listed.add(parts[2])
        listed |= set(re.findall(rf"\"goldsmith\.{package}\.(\w+)\"", table.read_text(encoding="utf-8")))
    return listed - SHARED[package]


def label(path: Path) -> str:
    return str(path.relative_to(SRC))


def group(path: Path) -> str:
    return path.relative_to(SRC).with_suffix("").parts[0]


def test_every_module_has_its_layer():
    unknown = {group(path) for path in FILES} - RANKS.keys()
    assert not unknown, f"give {', '.join(sorted(unknown))} a row in LAYERS"


@pytest.mark.parametrize("path", FILES, ids=label)
def test_a_module_imports_only_what_lies_below_it(path):
    here = group(path)
    for parts in imports(path):
        if parts[0] != "goldsmith" or len(parts) < 2 or parts[1] not in RANKS:
            continue
        there = parts[1]
        assert here == there or RANKS[there] < RANKS[here], f"{label(path)} imports {there}, which lies above"


@pytest.mark.parametrize("path", FILES, ids=label)
def test_an_outside_library_is_imported_by_its_owner_alone(path):
    for parts in imports(path):
        if label(path).startswith(tuple(IN_THE_GUEST)) and parts[0] in sys.stdlib_module_names:
            continue
        owner = OWNERS.get(parts[0])
        assert owner is None or label(path).startswith(owner), (
            f"{label(path)} imports {parts[0]}; owner: {owner}"
        )


@pytest.mark.parametrize("path", FILES, ids=label)
def test_what_runs_in_the_guest_shares_nothing_with_the_rest(path):
    home = next((one for one in IN_THE_GUEST if label(path).startswith(one)), "")
    for parts in imports(path):
        if home:
            known = parts[0] in sys.stdlib_module_names or parts[0] in IN_THE_GUEST[home]
            assert known or parts[:3] == ("goldsmith", *home.strip("/").split("/")), f"{label(path)}: {parts}"
        else:
            inside = "/".join(parts[1:3]) + "/" in IN_THE_GUEST
            assert not inside, f"{label(path)} imports what runs in the guest alone"


@pytest.mark.parametrize("package", SHARED)
def test_alternatives_do_not_know_each_other(package):
    others = alternatives(package)
    assert others, f"no table found in {package}"
    for path in sorted((SRC / package).rglob("*.py")):
        own = path.relative_to(SRC / package).with_suffix("").parts[0]
        if path.name in TABLES:
            continue
        for parts in imports(path):
            if parts[:2] == ("goldsmith", package) and parts[2] != own:
                assert parts[2] not in others, f"{label(path)} imports its alternative {parts[2]}"


@pytest.mark.parametrize("path", FILES, ids=label)
def test_a_module_fits_in_the_head(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 300, f"{label(path)} has {lines} lines"


@pytest.mark.parametrize("path", FILES, ids=label)
def test_a_function_fits_on_a_screen(path):
    long = {
        node.name: node.end_lineno - node.lineno + 1
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno
    }
    assert not {name: lines for name, lines in long.items() if lines > 50}
