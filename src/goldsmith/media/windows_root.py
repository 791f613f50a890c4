"""What the Windows stand-in needs of the distribution's packages: a kernel, drivers, GRUB, Python, NTFS tools.

The packages are only unpacked, never installed; that takes a quarter of a minute, and the result is kept.
"""

import getpass
import hashlib
import json
import lzma
import os
import re
import tarfile
from collections.abc import Callable
from pathlib import Path

from goldsmith.errors import HostError
from goldsmith.host.aside import aside
from goldsmith.host.files import need_space
from goldsmith.host.locks import locked
from goldsmith.host.process import Host, Listener
from goldsmith.media import initramfs, kept, rootfs
from goldsmith.media.aptsources import Distribution, read_apt_sources

VERSION = 1  # raise it when equal packages start to give another root
SPACE = 2 * 1024**3
Said = Callable[[str], None]
PACKAGES = (
    "busybox-static", "python3", "ntfs-3g", "dosfstools", "fdisk", "grub-common", "grub-pc-bin",
    "grub-efi-amd64-bin",
)  # fmt: skip
MODULES = (
    "virtio_pci", "virtio_blk", "virtio_scsi", "virtio_console", "sd_mod", "ata_piix", "ahci", "sr_mod",
    "isofs", "vfat", "nls_ascii", "nls_utf8", "nls_cp437", "loop", "squashfs", "overlay", "fuse", "evdev",
    "button",
)  # fmt: skip
BOOT = "var/tmp/standin"
# For the kernel: an emulated timer that comes late on a busy host is no reason to stop.
ARGUMENTS = "quiet console=tty0 no_timer_check mitigations=off"
# GRUB reads one of these by itself; it has no menu, since Windows has none.
GRUB = """search.file {folder}/standin.krn root
linux {folder}/standin.krn {arguments} standin.medium={medium}
initrd {folder}/standin.img
boot
"""
COMMON = "linux boot search_fs_file"
SETTLE = """set -eu
cd "$1"
mkdir -p {boot} dev
[ -e dev/null ] || mknod dev/null c 1 3 2> {boot}/mknod.err || : > dev/null
cat > {boot}/cd.cfg << 'EOF'
{cd}EOF
cat > {boot}/disk.cfg << 'EOF'
{disk}EOF
image() {{ chroot . /usr/bin/grub-mkimage -p / "$@"; }}
image -O i386-pc-eltorito -c /{boot}/cd.cfg -o /{boot}/etfsboot.com biosdisk iso9660 {common}
image -O i386-pc -c /{boot}/disk.cfg -o /{boot}/core.img biosdisk part_msdos part_gpt ntfs {common}
image -O x86_64-efi -c /{boot}/cd.cfg -o /{boot}/cd.efi iso9660 part_gpt part_msdos {common}
image -O x86_64-efi -c /{boot}/disk.cfg -o /{boot}/disk.efi part_gpt part_msdos ntfs fat {common}
cp usr/lib/grub/i386-pc/boot.img {boot}/boot.img
compile="/usr/bin/python3 -m compileall -q --invalidation-mode unchecked-hash"
chroot . $compile -x '{skipped}' /usr/lib/python3.* > {boot}/log
"""
_SKIPPED_PYTHON = (
    "asyncio|concurrent|ctypes|curses|dbm|distutils|email|ensurepip|html|http|idlelib|lib2to3|logging|"
    "multiprocessing|pydoc_data|sqlite3|test|tkinter|tomllib|turtledemo|unittest|venv|wsgiref|xmlrpc|zoneinfo"
)
_KEPT = re.compile(
    r"usr/bin/python3[.\d]*|usr/lib/python3\.\d+/.*|usr/lib64/.*"
    r"|usr/bin/(busybox|ntfs-3g|ntfsfix|ntfslabel)|usr/sbin/(mkntfs|mkfs\.(ntfs|fat|vfat)|sfdisk)"
    r"|usr/lib/x86_64-linux-gnu/(ld-linux.*|lib(c|m|dl|pthread|rt|util|z|expat|fuse3?|ntfs-3g|gnutls|gcrypt|gpg-error"
    r"|p11-kit|idn2|unistring|tasn1|nettle|hogweed|gmp|ffi|blkid|uuid|mount|fdisk|smartcols|selinux|pcre2-8"
    r"|tinfo|readline|lzma|bz2|crypto)[-.].*)"
)
_DROPPED = re.compile(rf"usr/lib/python3\.\d+/(?:{_SKIPPED_PYTHON}|config-[^/]*)/")


def packages(distribution: Distribution) -> list[str]:
    return [*PACKAGES, rootfs.KERNELS[distribution.id][1]]


def inputs(distribution: Distribution) -> dict[str, object]:
    """Return what decides the root, whatever mirror it comes from."""
    return {
        "version": VERSION,
        "suite": distribution.suite,
        "packages": packages(distribution),
        "drivers": list(MODULES),
        "settle": _settle(),
        "kept": [_KEPT.pattern, _DROPPED.pattern],
        "squashfs": list(rootfs.SQUASHFS),
    }


def _settle() -> str:
    return SETTLE.format(
        boot=BOOT,
        common=COMMON,
        skipped=f"/({_SKIPPED_PYTHON})/",
        cd=GRUB.format(folder="/sources", arguments=ARGUMENTS, medium="cd"),
        disk=GRUB.format(folder="/Windows/Boot/Standin", arguments=ARGUMENTS, medium="disk"),
    )


def make_root(
    host: Host, distribution: Distribution, cache: Path, on_line: Listener | None, say: Said
) -> Path:
    """Return the folder with all that comes from packages, made now unless it is there and whole.

    It holds ``vmlinuz``, ``busybox``, ``modules/``, ``root.squashfs``, GRUB's images in ``boot/`` and ``python``, which
    names the Python in the root. Raises HostError
    where a right, a tool or space is missing.
    """
    facts = json.dumps(inputs(distribution), sort_keys=True).encode()
    folder = cache / f"windows-root-{hashlib.sha256(facts).hexdigest()[:16]}"
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / f"{folder.name}.lock"):
        if kept.is_whole(folder):
            return folder
        rootfs.check_rights(root=os.geteuid() == 0, user=getpass.getuser())
        need_space(cache, SPACE, what="the Windows stand-in")
        sources = read_apt_sources(host, distribution)
        with aside(cache, folder.name) as work:
            made, ready = work / "made", work / "ready"
            made.mkdir(mode=0o700)
            (ready / "boot").mkdir(parents=True)
            say(f"unpacking {distribution.suite} packages with mmdebstrap")
            (made / "settle.sh").write_text(_settle(), encoding="utf-8")
            words = [*rootfs.common_options(sources, made), "--variant=extract"]
            words += [f"--include={','.join(packages(distribution))}"]
            words += [f"--extract-hook=upload {made / 'settle.sh'} /settle.sh"]
            words += ['--extract-hook=sh "$1/settle.sh" "$1"', distribution.suite, str(made / "root.tar")]
            words += [str(made / "build.sources")]
            host.run("mmdebstrap", "--format=tar", *words, fix="apt-get install mmdebstrap", on_line=on_line)
            say("compressing what the stand-in needs of it")
            _sort_out(made / "root.tar", made / "tree", ready)
            target = ready / "root.squashfs"
            options = (*rootfs.SQUASHFS, "-all-root", "-no-progress", "-quiet")
            host.run("mksquashfs", made / "tree", target, *options, fix="apt-get install squashfs-tools")
            kept.keep(ready, folder)
    return folder


def _sort_out(archive: Path, tree: Path, ready: Path) -> None:
    """Unpack what is wanted: the root into ``tree``, what boots it into ``ready``."""
    drivers: dict[str, bytes] = {}
    for folder in ("usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "dev", "proc", "sys", "run", "tmp", "mnt"):
        (tree / folder).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (tree / name).symlink_to(f"usr/{name}")
    with tarfile.open(archive) as tar:
        for member in tar:
            name = initramfs.merged(member.name)
            if not (member.isreg() or member.issym()):
                continue
            if re.fullmatch(r"boot/vmlinuz-.*", name):
                (ready / "vmlinuz").write_bytes(initramfs.content_of(tar, member))
            elif re.search(r"\.ko(\.xz)?$", name):
                data = initramfs.content_of(tar, member)
                drivers[initramfs.driver_name(name)] = lzma.decompress(data) if name.endswith(".xz") else data
            elif name.startswith(f"{BOOT}/") and member.isreg():
                (ready / "boot" / Path(name).name).write_bytes(initramfs.content_of(tar, member))
            elif _KEPT.fullmatch(name) and not _DROPPED.match(name):
                initramfs.keep(tree / name, tar, member)
    found = next((one.name for one in (tree / "usr/lib").glob("python3.*") if one.is_dir()), "")
    (ready / "python").write_text(found, encoding="utf-8")
    if not (ready / "vmlinuz").is_file():
        raise HostError("the installer's kernel package holds no kernel", fix="apt-get update")
    (ready / "busybox").write_bytes((tree / "usr/bin/busybox").read_bytes())
    (ready / "modules").mkdir()
    for number, one in enumerate(initramfs.load_order(drivers, MODULES)):
        (ready / "modules" / f"{number:02}-{one}.ko").write_bytes(drivers[one])
