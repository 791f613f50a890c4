"""Writes phony guests to disks, with real rpm databases and initramfs archives, in one appliance launch."""

import gzip
import io
import shutil
import sqlite3
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from goldsmith.host.process import LocalHost

from .phony import BOOT_CODE, MIB, Sample

SIZE = 420 * MIB  # XFS wants 300 MiB at least
LOADERS = ("db5.3_load", "db_load")
# As the installers of RHEL made them; the second of each kind as a host of today would.
MKFS = {
    ("xfs", True): "mkfs.xfs -q -f -L root -m crc=1,finobt=0,reflink=0,rmapbt=0,bigtime=0,inobtcount=0",
    ("xfs", False): "mkfs.xfs -q -f -L root -m crc=1,reflink=1",
    (
        "ext4",
        True,
    ): "mkfs.ext4 -q -F -L root -O none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,"
    "flex_bg,sparse_super,large_file,huge_file,uninit_bg,dir_nlink,extra_isize",
    ("ext4", False): "mkfs.ext4 -q -F -L root -O metadata_csum,64bit",
}


@dataclass(frozen=True)
class Disk:
    """A guest on its way to a disk; ``drivers`` lie in its initramfs. Its name may have letters only."""

    guest: Sample
    drivers: Sequence[str] = ("virtio_blk", "virtio_pci", "virtio_scsi")
    sound: bool = True  # made as the installer does, with a boot loader, and / as the last partition


def missing_tools() -> list[str]:
    needed = ("guestfish", "qemu-img", "rpmbuild", "rpm")
    absent = [name for name in needed if shutil.which(name) is None]
    return absent if any(map(shutil.which, LOADERS)) else [*absent, LOADERS[0]]


def cpio(names: Sequence[str]) -> bytes:
    """Return an archive of empty files as the kernel takes it, padded to a whole block."""
    data = b""
    for number, name in enumerate([*names, "TRAILER!!!"], 1):
        last = name == "TRAILER!!!"
        fields = [0 if last else number, 0 if last else 0o100644, 0, 0, 1, 0, 0, 0, 0, 0, 0, len(name) + 1, 0]
        entry = b"070701" + b"".join(b"%08X" % one for one in fields) + name.encode() + b"\0"
        data += entry + bytes(-len(entry) % 4)
    return data + bytes(-len(data) % 512)


def initramfs(drivers: Sequence[str]) -> bytes:
    """Return microcode in front and a packed archive behind, as dracut writes them."""
    files = [f"usr/lib/modules/1/kernel/drivers/{name}.ko.xz" for name in drivers if not name.endswith(".sh")]
    files += [f"lib/dracut/hooks/pre-pivot/{name}" for name in drivers if name.endswith(".sh")]
    return cpio(["kernel/x86/microcode/GenuineIntel.bin"]) + gzip.compress(cpio([*files, "init"]))


def rpm_database(folder: Path, packages: Mapping[str, str]) -> bytes:
    """Return a file Packages as rpm 4.8 and 4.11 wrote it: headers of real packages in a Berkeley DB hash."""
    folder.mkdir()
    spec = (
        "Name: phony\nVersion: 1\nRelease: 1\nSummary: x\nLicense: none\nBuildArch: noarch\n%description\nx\n"
    )
    for name, version in packages.items():
        spec += f"%package -n {name}\nVersion: {version}\nRelease: 1.el\nSummary: x\n"
        spec += f"%description -n {name}\nx\n%files -n {name}\n"
    (folder / "phony.spec").write_text(spec)
    run = {"cwd": folder, "check": True, "capture_output": True}
    subprocess.run(["rpmbuild", "-bb", "--define", f"_topdir {folder}/top", "phony.spec"], **run)
    rpms = sorted(folder.glob("top/RPMS/noarch/*.rpm"))
    subprocess.run(["rpm", "--dbpath", folder / "db", "-i", "--justdb", "--nodeps", *rpms], **run)
    with sqlite3.connect(folder / "db" / "rpmdb.sqlite") as base:
        rows = base.execute("select hnum, blob from Packages").fetchall()
    pairs = [((0).to_bytes(4, "little"), max(number for number, _ in rows).to_bytes(4, "little"))]
    pairs += [(number.to_bytes(4, "little"), blob) for number, blob in rows]
    text = "VERSION=3\nformat=bytevalue\ntype=hash\ndb_lorder=1234\nHEADER=END\n"
    text += "".join(f" {key.hex()}\n {value.hex()}\n" for key, value in pairs) + "DATA=END\n"
    (folder / "dump").write_text(text)
    loader = next(name for name in LOADERS if shutil.which(name))
    subprocess.run([loader, "-f", "dump", "Packages"], **run)
    return (folder / "Packages").read_bytes()


def write_disks(disks: Mapping[str, Disk], folder: Path, env: Mapping[str, str]) -> dict[str, Path]:
    """Return the qcow2 file of each guest; all are written in one launch."""
    images, adding, script = {}, "", ""
    for letter, (name, disk) in zip("abcdefgh", disks.items(), strict=False):
        images[name] = folder / f"{name}.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", images[name], str(SIZE)], check=True)
        adding += f"add-drive {images[name]} format:qcow2 label:{name}\n"
        _write_tar(disk, folder / f"{name}.tar", folder / f"{name}.rpm")
        script += _commands(disk, f"/dev/sd{letter}", name, folder / f"{name}.tar")
    LocalHost().run("guestfish", env=env, stdin=f"{adding}run\n{script}", timeout=600)
    return images


def _write_tar(disk: Disk, path: Path, scratch: Path) -> None:
    guest = disk.guest
    files = {name: text.encode() for name, text in guest.files.items()}
    files[guest.initrd] = initramfs(disk.drivers)
    files["/var/lib/rpm/Packages"] = rpm_database(scratch, guest.packages or {})
    files["/usr/lib/rpm/rpmrc"] = b""
    files["/usr/lib/rpm/macros"] = b"%_var /var\n%_dbpath %{_var}/lib/rpm\n"
    links = dict(guest.links)
    if guest.distro == "rhel" and guest.major >= 7:
        links |= {"/bin": "usr/bin", "/lib": "usr/lib"}
        files["/usr/bin/true"] = b""
    else:
        files["/bin/true"] = b""
    with tarfile.open(path, "w") as tar:
        folders = {str(above) for name in (*files, *links) for above in list(Path(name).parents)[:-1]}
        for name in sorted(folders):
            one = tarfile.TarInfo(f".{name}")
            one.type, one.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(one)
        for name, data in files.items():
            one = tarfile.TarInfo(f".{name}")
            one.size, one.mode = len(data), 0o600 if "shadow" in name else 0o644
            tar.addfile(one, io.BytesIO(data))
        for name, target in links.items():
            one = tarfile.TarInfo(f".{name}")
            one.type, one.linkname = tarfile.SYMTYPE, target
            tar.addfile(one)


def _commands(disk: Disk, device: str, label: str, tar: Path) -> str:
    """Return guestfish's commands; ``device`` is its name for the disk, scripts in there go by the label."""
    real = f"$(readlink -f /dev/disk/guestfs/{label})"
    end = SIZE // 512 - (2048 if disk.sound else 40960)
    lines = [f"part-init {device} mbr", f"part-add {device} primary 2048 {end - 1}"]
    if disk.sound:
        at = BOOT_CODE.index(b"GRUB")
        lines.append(f"debug sh 'printf GRUB | dd of={real} bs=1 seek={at} conv=notrunc 2>/dev/null'")
    else:
        lines += [f"part-add {device} primary {end} {end + 32768}", f"mkswap {device}2"]
    lines += [f"debug sh '{MKFS[disk.guest.root, disk.sound]} {real}1'", f"mount {device}1 /"]
    lines.append(f"tar-in {tar} /")
    lines += [
        f'lsetxattr security.selinux "{label}" {len(label)} {path}'
        for path, label in disk.guest.labels.items()
        if label
    ]
    lines.append("umount /")
    return "".join(f"{line}\n" for line in lines)
