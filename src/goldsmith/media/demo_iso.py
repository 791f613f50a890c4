"""Make installation media: an ISO with the stand-in installer and a Debian payload, for the demo or as RHEL."""

import getpass
import hashlib
import json
import os
import re
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from goldsmith.errors import HostError, UsageError
from goldsmith.host.aside import aside
from goldsmith.host.files import need_space, put_in_place
from goldsmith.host.locks import locked
from goldsmith.host.process import Host, Listener
from goldsmith.media import initramfs, kept, rootfs
from goldsmith.media.aptsources import Distribution, read_apt_sources, this_distribution

VERSION = 2  # raise it when equal inputs start to give another ISO
LABEL = "GOLDSMITH_DEMO"
SPACE = 3 * 1024**3
Said = Callable[[str], None]  # the next part of the work, in words
TREEINFO = """[general]
family = Red Hat Enterprise Linux
name = Goldsmith stand-in for Red Hat Enterprise Linux {release}
version = {release}
arch = {arch}
variant = Server

[images-{arch}]
kernel = images/pxeboot/vmlinuz
initrd = images/pxeboot/initrd.img
"""
# The medium boots by itself, too; then the kickstart comes from a disk labelled OEMDRV.
GRUB = """set timeout=5
serial --unit=0 --speed=115200
terminal_input console serial
terminal_output console serial
menuentry 'Install by the Goldsmith stand-in (kickstart on OEMDRV)' {
	linux /images/pxeboot/vmlinuz console=tty0 console=ttyS0,115200n8
	initrd /images/pxeboot/initrd.img
}
"""


@dataclass(frozen=True)
class Product:
    """What a medium says it is; ``redhat``: its guests look and act like it, which the demo's do not.

    ``arch`` is only said: the kernel is that of x86_64 in any case. i386 is what a 32-bit medium says.
    """

    release: str = "7.9"
    redhat: bool = False
    arch: str = "x86_64"

    @property
    def label(self) -> str:
        """Return the volume id; by Red Hat's libosinfo knows a medium of RHEL."""
        return f"RHEL-{self.release} Server.{self.arch}" if self.redhat else LABEL


DEMO = Product()


def installer_key(product: Product = DEMO, *, distribution: Distribution | None = None) -> dict[str, object]:
    """Return everything that decides the ISO, as JSON values; the mirror it comes from is no part of it.

    Raises HostError on a host that cannot make it.
    """
    _check(product)
    sources = initramfs.installer_sources()
    digest = hashlib.sha256(json.dumps({k: v.hex() for k, v in sources.items()}, sort_keys=True).encode())
    return {
        "version": VERSION,
        "release": product.release,
        "redhat": product.redhat,
        "arch": product.arch,
        "root": rootfs.inputs(distribution or this_distribution()),
        "installer": digest.hexdigest(),
        "pykickstart": initramfs.pykickstart_version(),
        "drivers": list(initramfs.MODULES),
    }


def build_installer(
    host: Host,
    out: Path,
    *,
    cache: Path,
    product: Product = DEMO,
    distribution: Distribution | None = None,
    on_line: Listener | None = None,
    on_progress: Said | None = None,
) -> Path:
    """Make the ISO ``out`` and return it; what comes from packages is kept in ``cache`` for the next time.

    ``distribution`` is that of this host unless given; apt must have a source for it.

    Raises HostError where a tool, a right or space is missing, ToolError where a tool fails. After a failure or a
    crash ``out`` does not exist.
    """
    _check(product)
    say = on_progress or _nothing
    initramfs.pykickstart_version()
    out.parent.mkdir(parents=True, exist_ok=True)
    parts = _root(host, distribution or this_distribution(), cache, on_line, say)
    with aside(out.parent, out.name) as work:
        say("making the installer's initramfs")
        tree = work / "iso"
        _lay_out(tree, parts, product)
        say("writing the ISO")
        made = work / "made.iso"
        host.run(*_xorriso(tree, made, product.label), fix="apt-get install xorriso", on_line=on_line)
        made.chmod(0o644)
        put_in_place(made, out)
    return out


def _check(product: Product) -> None:
    if not re.fullmatch(r"[67]\.\d+", product.release):
        raise UsageError(
            f"there is no stand-in for RHEL {product.release}", fix="releases are 6.x and 7.x, such as 7.9"
        )


def _nothing(text: str) -> None:
    """Take no notice of ``text``."""


def _root(host: Host, distribution: Distribution, cache: Path, on_line: Listener | None, say: Said) -> Path:
    """Return the folder with all that comes from packages, made now unless it is there and whole."""
    facts = json.dumps(rootfs.inputs(distribution), sort_keys=True).encode()
    folder = cache / f"demo-root-{hashlib.sha256(facts).hexdigest()[:16]}"
    with locked(cache / f"{folder.name}.lock"):
        if kept.is_whole(folder):
            return folder
        rootfs.check_rights(root=os.geteuid() == 0, user=getpass.getuser())
        need_space(cache, SPACE, what="the demo installer")
        sources = read_apt_sources(host, distribution)
        with aside(cache, folder.name) as work:
            made, ready = work / "made", work / "ready"
            made.mkdir()
            ready.mkdir()
            say(f"making a {distribution.suite} root file system with mmdebstrap")
            parts = rootfs.make_parts(host, distribution, sources, made, on_line)
            say("compressing the payload")
            rootfs.squash(host, parts.guest, ready / "payload.squashfs", on_line)
            about = {"bytes": _unpacked(parts.guest), "suite": distribution.suite}
            about["python"] = initramfs.collect_tools(parts.guest, parts.tools, ready)
            (ready / "payload.json").write_text(json.dumps(about), encoding="utf-8")
            if not (ready / "vmlinuz").is_file():
                raise HostError("the installer's kernel package holds no kernel", fix="apt-get update")
            shutil.copyfile(parts.boot_image, ready / "eltorito.img")
            kept.keep(ready, folder)
    return folder


def _unpacked(tar: Path) -> int:
    """Return the bytes that the files of a tar archive take on a disk with blocks of 4 KiB."""
    with tarfile.open(tar) as archive:
        return sum(-(-member.size // 4096) * 4096 for member in archive if member.isreg())


def _lay_out(tree: Path, parts: Path, product: Product) -> None:
    for name in ("LiveOS", "images/pxeboot", "boot/grub", "isolinux"):
        (tree / name).mkdir(parents=True)
    about = json.loads((parts / "payload.json").read_text(encoding="utf-8"))
    for source, target in (
        ("payload.squashfs", "LiveOS/payload.squashfs"),
        ("vmlinuz", "images/pxeboot/vmlinuz"),
        ("eltorito.img", "boot/grub/eltorito.img"),
    ):
        shutil.copyfile(parts / source, tree / target)
    (tree / "LiveOS/payload.json").write_text(json.dumps({**about, "redhat": product.redhat}))
    (tree / "images/pxeboot/initrd.img").write_bytes(initramfs.make_initramfs(parts, about["python"]))
    treeinfo = TREEINFO.format(release=product.release, arch=product.arch)
    (tree / ".treeinfo").write_text(treeinfo, encoding="utf-8")
    for name in ("vmlinuz", "initrd.img"):  # where libosinfo says that RHEL has them
        (tree / "isolinux" / name).hardlink_to(tree / "images/pxeboot" / name)
    (tree / "boot/grub/grub.cfg").write_text(GRUB, encoding="utf-8")
    (tree / "README").write_text("Goldsmith stand-in installer. This is not Red Hat Enterprise Linux.\n")


def _xorriso(tree: Path, target: Path, label: str) -> list[str | Path]:
    boot = ["-b", "boot/grub/eltorito.img", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"]
    names = ["-sysid", "LINUX", "-V", label]
    return ["xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", *names, *boot, "-o", target, tree]
