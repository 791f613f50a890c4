"""The domain XML that virt-install makes of a command, asked without a machine, a medium or a disk.

virt-install prints the XML for libvirt's test driver, which keeps everything in memory, and is told the real host's
capabilities (virtinst/uri.py, MagicURI): a dry run against the real libvirt leaves storage pools behind. What the
real one adds when the machine is defined is missing: the disk's format, which it reads from the file, and addresses.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from goldsmith.errors import HostError, ToolError
from goldsmith.host import osinfo
from goldsmith.host.aside import scratch
from goldsmith.host.process import Host

INSTALL, DOMAIN = "domain-install.xml", "domain.xml"
_TOGETHER = re.compile(r"(?<=</domain>)\s*")
_FIX = "apt install virtinst libvirt-clients, or dnf install virt-install libvirt-client"
_TREE = """\
[general]
family = Goldsmith
version = 1
arch = x86_64
[images-x86_64]
kernel = vmlinuz
initrd = initrd.img
"""


@dataclass(frozen=True)
class Capabilities:
    """What a libvirt host can do, as ``virsh capabilities`` and ``virsh domcapabilities`` print it."""

    host: str
    domain: str


def read_capabilities(host: Host, uri: str, machine_type: str) -> Capabilities:
    """Ask libvirt at ``uri``; raises HostError where it cannot be reached. What a guest can have is KVM's, if any."""
    virsh = ("virsh", "-q", "-c", uri)
    try:
        domain = host.run(*virsh, "domcapabilities", "--machine", machine_type, "--arch", "x86_64", fix=_FIX)
        return Capabilities(host.run(*virsh, "capabilities", fix=_FIX).stdout, domain.stdout)
    except ToolError as error:
        fix = "goldsmith doctor tells what libvirt lacks here"
        raise HostError(f"libvirt at {uri} gives no answer", fix=fix, evidence=error.evidence) from None


def domain_xml(host: Host, command: Sequence[str], capabilities: Capabilities) -> dict[str, str]:
    """Return the XML by file name: of the installer's boot where there is one, and of the machine afterwards.

    What changes from run to run (UUID, MAC address, names of temporary files) has fixed values. ``command`` names
    its files without a folder; where it names others they must exist. Raises ToolError with what virt-install said.
    """
    with scratch("xml") as folder:
        argv = _dry(host, command, folder, capabilities)
        printed = host.run(*argv, cwd=folder, fix=_FIX, timeout=120).stdout
    tidy = re.sub(r"[^<>\"]*/virtinst-\w+-(?=vmlinuz|initrd)", "", printed.replace(f"{folder}/", ""))
    found = [one + "\n" for one in _TOGETHER.split(tidy) if one.strip()]
    return {DOMAIN: found[-1], **({INSTALL: found[0]} if len(found) > 1 else {})}


def _dry(host: Host, command: Sequence[str], folder: Path, capabilities: Capabilities) -> list[str]:
    """Return the command as it is to be asked in ``folder``, which gets the files that it names."""
    argv = list(command)
    uri = argv[argv.index("--connect") + 1]
    for file, text in (("capabilities", capabilities.host), ("domcapabilities", capabilities.domain)):
        (folder / file).write_text(text, encoding="utf-8")
    for path in _files(argv):
        (folder / path).touch()
    _set(
        argv,
        "--connect",
        f"__virtinst_test__test:///default,fakeuri={uri.partition('?')[0]},predictable,"
        f"caps={folder}/capabilities,domcaps={folder}/domcapabilities",
    )
    wanted = argv[argv.index("--osinfo") + 1]
    if wanted.startswith("name="):
        _set(argv, "--osinfo", osinfo.argument(host, wanted.removeprefix("name=")))
    if "--location" in argv:  # where the kernel comes from is not in the XML
        for file, text in ((".treeinfo", _TREE), ("vmlinuz", ""), ("initrd.img", "")):
            (folder / file).write_text(text, encoding="utf-8")
        _set(argv, "--location", str(folder))
    return argv if "--print-xml" in argv else [*argv, "--print-xml"]


def _files(argv: Sequence[str]) -> list[str]:
    """Return the files without a folder that disks and --initrd-inject name."""
    disks = [part for option, part in pairwise(argv) if option in ("--disk", "--cdrom")]
    named = [match[1] for disk in disks if (match := re.search(r"(?:^|,)path=([^,]+)", disk))]
    named += [part for option, part in pairwise(argv) if option == "--initrd-inject"]
    return [name for name in named if "/" not in name]


def _set(argv: list[str], option: str, value: str) -> None:
    argv[argv.index(option) + 1] = value
