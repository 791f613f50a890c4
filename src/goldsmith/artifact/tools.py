"""Which versions of the tools made an image."""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version

from goldsmith.errors import GoldsmithError
from goldsmith.host.process import Host

# What the manifest calls a tool, and the program that knows its version.
PROGRAMS = {
    "virt-install": "virt-install",
    "qemu-img": "qemu-img",
    "virt-sysprep": "virt-sysprep",
    "libguestfs": "guestfish",
    "libvirt": "virsh",
}
UNKNOWN = "unknown"
_VERSION = re.compile(r"\d+(?:\.\d+)+")
_remembered: dict[str, str] = {}


def tool_versions(host: Host) -> dict[str, str]:
    """Return the version of each tool that is installed, ``unknown`` where it does not say one.

    Programs are asked once in a process, side by side. That a path comes to hold another program meanwhile is
    not noticed.
    """
    with ThreadPoolExecutor(len(PROGRAMS)) as pool:
        answers = dict(
            zip(PROGRAMS, pool.map(lambda name: _version(host, name), PROGRAMS.values()), strict=True)
        )
    answers["ksvalidator"] = _ksvalidator()
    return {name: answer for name, answer in answers.items() if answer}


def _version(host: Host, program: str) -> str | None:
    path = shutil.which(program)
    if path is None:
        return None
    if path not in _remembered:
        try:
            said = host.run(path, "--version", timeout=20.0)
        except GoldsmithError:
            return UNKNOWN
        found = _VERSION.search(said.stdout + said.stderr)
        _remembered[path] = found.group() if found else UNKNOWN
    return _remembered[path]


def _ksvalidator() -> str | None:
    """Read the version beside the code, since the program has no option that prints it."""
    try:
        return version("pykickstart")
    except PackageNotFoundError:
        return UNKNOWN if shutil.which("ksvalidator") else None
