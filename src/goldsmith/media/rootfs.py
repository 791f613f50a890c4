"""The parts of the demo installer that come from packages: the guest's root file system, the installer's tools.

Both are made by mmdebstrap as tar archives, so that no step needs root. They depend on packages alone: a change
to the installer makes neither of them again.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from goldsmith.errors import HostError
from goldsmith.host.process import Host, Listener
from goldsmith.media.aptsources import AptSources, Distribution

VERSION = 1  # raise it when equal packages start to give another payload
# The root folder is no member of the archive; without its own options it would be open to everyone.
SQUASHFS = (
    "-comp", "zstd", "-Xcompression-level", "3", "-root-mode", "0755", "-root-uid", "0", "-root-gid", "0",
)  # fmt: skip
GUEST = (
    "systemd-sysv", "dbus", "libpam-systemd", "udev", "kmod", "systemd-resolved", "systemd-timesyncd",
    "cloud-init", "cloud-guest-utils", "fdisk", "gdisk", "e2fsprogs", "xfsprogs", "openssh-server",
    "qemu-guest-agent", "initramfs-tools", "zstd", "grub-pc-bin", "grub2-common", "sudo", "iproute2",
    "iputils-ping", "isc-dhcp-client", "netbase", "locales", "tzdata", "python3", "ca-certificates", "less",
    "vim-tiny", "procps",
)  # fmt: skip
TOOLS = ("busybox-static", "squashfs-tools")
# kernel of the guest, kernel of the installer (with drivers for the SATA CD of q35), keys of the archive
KERNELS = {
    "debian": ("linux-image-cloud-amd64", "linux-image-amd64", "debian-archive-keyring"),
    "ubuntu": ("linux-image-virtual", "linux-image-generic", "ubuntu-keyring"),
}
SLIM = (
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/lintian/*",
)
BOOT_IMAGE = "/var/tmp/eltorito.img"
SETTLER = "/var/tmp/settle.sh"
GRUB_MODULES = "biosdisk iso9660 normal linux search configfile serial terminal echo test part_msdos"
CLOUD = "# The mirror that this image was made from stays in use.\napt:\n  preserve_sources_list: true\n"
SETTLE = r"""set -eu
cd "$1"
echo 'en_US.UTF-8 UTF-8' > etc/locale.gen
chroot . locale-gen
chroot . grub-mkimage -O i386-pc-eltorito -p /boot/grub -o {image} {modules}
chroot . systemctl enable systemd-networkd.service systemd-resolved.service serial-getty@ttyS0.service
rm -f etc/ssh/ssh_host_* etc/apt/apt.conf.d/99mmdebstrap etc/apt/sources.list.d/* etc/apt/sources.list etc/hostname
: > etc/machine-id
ln -sf /run/systemd/resolve/stub-resolv.conf etc/resolv.conf
"""


@dataclass(frozen=True)
class Parts:
    """The archives of one suite."""

    guest: Path
    tools: Path
    boot_image: Path


def guest_packages(distribution: Distribution) -> list[str]:
    kernel, _, keyring = KERNELS[distribution.id]
    return [*GUEST, kernel, keyring]


def tool_packages(distribution: Distribution) -> list[str]:
    return [*TOOLS, KERNELS[distribution.id][1]]


def inputs(distribution: Distribution) -> dict[str, object]:
    """Return what decides the payload, whatever mirror it comes from."""
    return {
        "version": VERSION,
        "suite": distribution.suite,
        "guest": guest_packages(distribution),
        "tools": tool_packages(distribution),
        "settle": _settle(),
        "cloud": CLOUD,
        "slim": list(SLIM),
        "squashfs": list(SQUASHFS),
    }


def check_rights(*, root: bool, user: str, subuid: Path = Path("/etc/subuid")) -> None:
    """Raise HostError where an ordinary user cannot run mmdebstrap, with what is missing."""
    if root or all(shutil.which(tool) for tool in ("fakechroot", "fakeroot")):
        return
    problems = [] if shutil.which("newuidmap") else ["the program newuidmap is missing"]
    ranges = subuid.read_text(encoding="utf-8") if subuid.is_file() else ""
    if not any(line.startswith(f"{user}:") for line in ranges.splitlines()):
        problems.append(f"{user} has no range in {subuid}")
    if problems:
        raise HostError(
            f"mmdebstrap cannot make a root file system as {user}: {' and '.join(problems)}",
            fix="sudo apt-get install uidmap; "
            f"sudo usermod --add-subuids 200000-265535 --add-subgids 200000-265535 {user}",
        )


def make_parts(
    host: Host, distribution: Distribution, sources: AptSources, folder: Path, on_line: Listener | None
) -> Parts:
    """Run mmdebstrap for the guest and for the tools; ``folder`` must be empty and private."""
    folder.chmod(0o700)  # the options may hold the password of a proxy
    parts = Parts(folder / "guest.tar", folder / "tools.tar", folder / "eltorito.img")
    settle = folder / "settle.sh"
    settle.write_text(_settle(), encoding="utf-8")
    cloud, guest_sources = folder / "cloud.cfg", folder / "guest.sources"
    cloud.write_text(CLOUD, encoding="utf-8")
    guest_sources.write_text(sources.for_guest(), encoding="utf-8")
    hooks = [  # in an ordinary user's namespace a hook cannot read that user's files: mmdebstrap hands them over
        f"upload {settle} {SETTLER}",
        f'sh "$1{SETTLER}" "$1"',
        f"download {BOOT_IMAGE} {parts.boot_image}",
        f'rm "$1{BOOT_IMAGE}" "$1{SETTLER}"',
        f"upload {guest_sources} /etc/apt/sources.list.d/{distribution.id}.sources",
        f"upload {cloud} /etc/cloud/cloud.cfg.d/90_goldsmith.cfg",
    ]
    common = common_options(sources, folder)
    slim = [f"--dpkgopt=path-exclude={one}" for one in SLIM]
    guest = ["--variant=minbase", f"--include={','.join(guest_packages(distribution))}", *slim]
    guest += [
        "--dpkgopt=path-include=/usr/share/doc/*/copyright",
        *(f"--customize-hook={one}" for one in hooks),
    ]
    tools = ["--variant=extract", f"--include={','.join(tool_packages(distribution))}"]
    for options, target in ((guest, parts.guest), (tools, parts.tools)):
        words = (*common, *options, distribution.suite, str(target), str(folder / "build.sources"))
        host.run("mmdebstrap", "--format=tar", *words, fix="apt-get install mmdebstrap", on_line=on_line)
    return parts


def _settle() -> str:
    return SETTLE.format(image=BOOT_IMAGE, modules=GRUB_MODULES)


def common_options(sources: AptSources, folder: Path) -> Sequence[str]:
    """Return the options of every run; mirrors and apt options go through files, never through arguments."""
    (folder / "build.sources").write_text(sources.for_build(), encoding="utf-8")
    (folder / "apt.conf").write_text(
        "\n".join(['Apt::Install-Recommends "false";', *sources.options]) + "\n", encoding="utf-8"
    )
    return [f"--aptopt={folder / 'apt.conf'}", "--architectures=amd64"]


def squash(host: Host, tar: Path, target: Path, on_line: Listener | None) -> None:
    """Turn a tar archive into a squashfs image without unpacking it, owners and device nodes included."""
    # mksquashfs takes an archive from its standard input only, and a shell is what can open a file there
    script = 'exec mksquashfs - "$@" < "$0"'
    options = (*SQUASHFS, "-tar", "-no-progress", "-quiet")
    host.run("sh", "-c", script, tar, target, *options, fix="apt-get install squashfs-tools", on_line=on_line)
