"""Make the stand-in for a Windows installation medium; what it says and does not say is in docs/standin-windows.md."""

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

from goldsmith.errors import UsageError
from goldsmith.host.aside import aside
from goldsmith.host.files import put_in_place
from goldsmith.host.process import Host, Listener
from goldsmith.media import initramfs, windows_root
from goldsmith.media.aptsources import Distribution, this_distribution
from goldsmith.media.cpio import Archive
from goldsmith.media.windows_fat import boot_floppy
from goldsmith.media.windows_images import RELEASES, Image, Release

VERSION = 1  # raise it when equal inputs start to give another ISO
PROGRAM = Path(__file__).parent / "windows_setup"
HOME = "home/goldsmith/media/windows_setup"
Said = Callable[[str], None]
README = "Goldsmith stand-in for a Windows installation medium: no Windows, and nothing of Microsoft's.\n"


class Fault(StrEnum):
    """A way in which this medium's Setup fails, as Windows Setup does."""

    NONE = ""
    IMAGE = "image-name"  # the image that the answer file names is not found: a dialog, for ever
    DRIVER = "no-driver"  # the storage driver does not load: no disk
    KEY = "wrong-key"  # the product key does not go with the edition
    EVALUATION = "evaluation"  # evaluation media take no volume licence key
    APPX = "sysprep-appx"  # a Store app of one user stops Sysprep
    LOOP = "cloudbase-loop"  # Cloudbase-Init in the specialize pass asks for a reboot each time


def windows_key(
    *, version: str, fault: Fault = Fault.NONE, distribution: Distribution | None = None
) -> dict[str, object]:
    """Return everything that decides the ISO, as JSON values; the mirror it comes from is no part of it."""
    _release(version)
    digest = hashlib.sha256(json.dumps({k: v.hex() for k, v in _program().items()}, sort_keys=True).encode())
    return {
        "version": VERSION,
        "windows": version,
        "fault": fault.value,
        "root": windows_root.inputs(distribution or this_distribution()),
        "program": digest.hexdigest(),
    }


def build_windows(
    host: Host,
    out: Path,
    *,
    cache: Path,
    version: str,
    fault: Fault = Fault.NONE,
    distribution: Distribution | None = None,
    on_line: Listener | None = None,
    on_progress: Said | None = None,
) -> Path:
    """Make the ISO ``out`` and return it; what comes from packages is kept in ``cache`` for the next time.

    Raises HostError where a tool, a right or space is missing, ToolError where a tool fails. After a failure or a
    crash ``out`` does not exist.
    """
    release = _release(version)
    say = on_progress or _nothing
    out.parent.mkdir(parents=True, exist_ok=True)
    parts = windows_root.make_root(host, distribution or this_distribution(), cache, on_line, say)
    with aside(out.parent, out.name) as work:
        tree, made = work / "iso", work / "made.iso"
        say("making install.wim and the ISO")
        _lay_out(host, tree, parts, release, {"version": version, "fault": fault.value}, on_line)
        host.run(*_xorriso(tree, made, release.label), fix="apt-get install xorriso", on_line=on_line)
        made.chmod(0o644)
        put_in_place(made, out)
    return out


def _release(version: str) -> Release:
    if version not in RELEASES:
        raise UsageError(
            f"there is no stand-in for Windows version {version}", fix=f"versions: {', '.join(RELEASES)}"
        )
    return RELEASES[version]


def _nothing(text: str) -> None:
    """Take no notice of ``text``."""


def _program() -> Mapping[str, bytes]:
    return {one.name: one.read_bytes() for one in sorted(PROGRAM.iterdir()) if one.is_file()}


def _lay_out(
    host: Host, tree: Path, parts: Path, release: Release, facts: dict[str, str], on_line: Listener | None
) -> None:
    for name in ("sources", "boot", "efi/boot", "efi/microsoft/boot", "support"):
        (tree / name).mkdir(parents=True)
    (tree / "README.txt").write_text(README)
    for name in ("setup.exe", "bootmgr", "bootmgr.efi", "boot/bcd", "boot/boot.sdi", "sources/setup.exe"):
        (tree / name).write_bytes(b"MZ" + README.encode())
    shutil.copyfile(parts / "boot/etfsboot.com", tree / "boot/etfsboot.com")
    shutil.copyfile(parts / "boot/cd.efi", tree / "efi/boot/bootx64.efi")
    floppy = boot_floppy((parts / "boot/cd.efi").read_bytes())
    for name in ("efisys.bin", "efisys_noprompt.bin"):
        (tree / "efi/microsoft/boot" / name).write_bytes(floppy)
    shutil.copyfile(parts / "vmlinuz", tree / "sources/standin.krn")
    (tree / "sources/standin.img").write_bytes(_initramfs(parts))
    (tree / "sources/standin.json").write_text(json.dumps(facts) + "\n")
    evaluation = facts["fault"] == Fault.EVALUATION
    with tempfile.TemporaryDirectory(dir=tree.parent) as work:
        source = Path(work)
        (source / "Windows/System32").mkdir(parents=True)
        (source / "Windows/System32/standin.txt").write_text(README)
        for number, image in enumerate(release.images):
            host.run(
                *_capture(
                    source, tree / "sources/install.wim", release, image, number, evaluation=evaluation
                ),
                fix="apt-get install wimtools",
                on_line=on_line,
            )


def _capture(
    source: Path, wim: Path, release: Release, image: Image, number: int, *, evaluation: bool
) -> list[str | Path]:
    """Return the command that puts one image into install.wim, with what the real ones tell in their XML."""
    facts = {
        "DISPLAYNAME": f"{image.product}{' Evaluation' if evaluation else ''}"
        + (" (Desktop Experience)" if image.installation == "Server" and release.major >= 10 else ""),
        "DISPLAYDESCRIPTION": README.strip(),
        "FLAGS": image.edition + ("Eval" if evaluation else ""),
        "WINDOWS/ARCH": "9",
        "WINDOWS/PRODUCTNAME": "Microsoft® Windows® Operating System",
        "WINDOWS/EDITIONID": image.edition + ("Eval" if evaluation else ""),
        "WINDOWS/INSTALLATIONTYPE": image.installation,
        "WINDOWS/PRODUCTTYPE": "ServerNT" if release.is_server else "WinNT",
        "WINDOWS/LANGUAGES/LANGUAGE": "en-US",
        "WINDOWS/LANGUAGES/DEFAULT": "en-US",
        "WINDOWS/VERSION/MAJOR": str(release.major),
        "WINDOWS/VERSION/MINOR": str(release.minor),
        "WINDOWS/VERSION/BUILD": str(release.build),
        "WINDOWS/VERSION/SPBUILD": "1",
        "WINDOWS/SYSTEMROOT": "WINDOWS",
        "STANDIN/PRODUCT": image.product,
        "STANDIN/RELEASEID": release.release_id,
        "STANDIN/DRIVERS": release.folder,
    }
    verb = "append" if number else "capture"
    words: list[str | Path] = ["wimlib-imagex", verb, source, wim, image.name, README.strip()]
    words += [] if number else ["--compress=none"]
    return words + [f"--image-property={key}={value}" for key, value in facts.items() if value]


def _initramfs(parts: Path) -> bytes:
    archive = Archive()
    for name in ("dev", "proc", "sys", "run", "bin", "root"):
        archive.folder(name)
    archive.file("bin/busybox", (parts / "busybox").read_bytes(), mode=0o755)
    for place in sorted((parts / "modules").iterdir()):
        archive.file(f"modules/{place.name}", place.read_bytes())
    archive.file("root.squashfs", (parts / "root.squashfs").read_bytes())
    for place in sorted((parts / "boot").glob("*")):
        if place.name in ("boot.img", "core.img", "disk.efi"):
            archive.file(f"home/boot/{place.name}", place.read_bytes())
    program = _program()
    archive.file("init", program["init"], mode=0o755)
    archive.file("home/goldsmith/__init__.py", b"")
    archive.file("home/goldsmith/media/__init__.py", b"")
    suffix = f"python3.{sys.version_info.minor}"
    same = (parts / "python").read_text().strip() == suffix if (parts / "python").is_file() else False
    for name, data in program.items():
        if name.endswith(".py"):
            archive.file(f"{HOME}/{name}", data)
            if same:
                archive.file(f"{HOME}/{initramfs.cached_name(name)}", initramfs.compiled(name, data))
    return archive.plain()


def _xorriso(tree: Path, target: Path, label: str) -> list[str | Path]:
    bios = ["-b", "boot/etfsboot.com", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"]
    uefi = ["-eltorito-alt-boot", "-e", "efi/microsoft/boot/efisys.bin", "-no-emul-boot"]
    names = ["-V", label, "-publisher", "MICROSOFT CORPORATION", "-sysid", "GOLDSMITH STAND-IN"]
    words = ["xorriso", "-as", "mkisofs", "-quiet", "-R", "-J", "-joliet-long", *names, *bios, *uefi]
    return [*words, "-o", target, tree]
