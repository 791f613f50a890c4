# SPDX-License-Identifier: GPL-2.0-or-later
"""Turn the unpacked payload into a system that looks like RHEL: to inspection, to scripts, to its own start."""

import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from goldsmith.media.installer.redhat import calls
from goldsmith.media.installer.redhat.guest import HOME, Guest
from goldsmith.media.installer.redhat.initramfs import write_initramfs
from goldsmith.media.installer.redhat.packages import CORE, Offer
from goldsmith.media.installer.redhat.release import Release

HERE = Path(__file__).parent
TREES = HERE / "tree"
# Packages of the payload that are put aside, so that only an installation of RHEL's brings them.
STOWED = {
    "cloud-init": "cloud-init",
    "cloud-utils-growpart": "cloud-guest-utils",
    "qemu-guest-agent": "qemu-guest-agent",
}
_FOREIGN = (
    "etc/debian_version", "etc/os-release", "usr/lib/os-release", "etc/lsb-release", "etc/issue", "etc/issue.net",
    "etc/cloud", "etc/apt", "etc/init.d", "etc/systemd/network", "etc/network", "etc/netplan", "vmlinuz", "vmlinuz.old",
    "initrd.img", "initrd.img.old", "usr/lib/systemd/system/ssh.service", "usr/lib/systemd/system/ssh@.service",
    "usr/lib/systemd/system/ssh.socket", "usr/lib/systemd/system/sshd.service", "etc/systemd/system/sshd.service",
    "etc/ssh/sshd_config.d", "etc/resolv.conf", "usr/lib/systemd/system/systemd-networkd.service",
    "usr/lib/systemd/system/systemd-networkd-wait-online.service", "usr/lib/systemd/system/systemd-resolved.service",
    "usr/lib/systemd/system/cloud-init.target", "usr/lib/systemd/system/cloud-config.target",
    "usr/lib/systemd/system-generators/cloud-init-generator", "usr/lib/systemd/systemd-sysv-install",
    "etc/hostname", "etc/motd", "etc/update-motd.d", "etc/sysctl.d/README.sysctl",
    # They wait for auditd, a plain service here, before all plain services: systemd drops one of that ring at random.
    "usr/lib/systemd/system/systemd-update-utmp.service", "usr/lib/systemd/system/systemd-update-utmp-runlevel.service",
)  # fmt: skip
_UNWANTED = re.compile(
    r"(ssh|sshd|networking|cloud-.*|qemu-guest-agent|systemd-(networkd|resolved).*)\.(service|socket)"
)
_LINES = 1 << 10
_LEAST_PERSON = 500  # of RHEL 6


def dress(root: Path, release: Release, packages: Iterable[str]) -> Guest:
    """Change the system below ``root`` and return it; ``packages`` were asked for besides @core."""
    guest = Guest(root)
    guest.write(f"{HOME}/release", release.version + "\n")
    for name, debian in STOWED.items():
        _stow(guest, name, debian)
    _strip(guest)
    _folders(guest)
    for tree in ("both", str(release.generation)):
        copy_tree(TREES / tree, root)
    for name in STOWED:
        copy_tree(TREES / f"{release.generation}-{name}", guest.path(f"{HOME}/depot/{name}"))
    _identity(guest)
    _kernel(guest)
    _commands(guest)
    wanted = [one for one in guest.offers.values() if one.place == CORE]
    wanted += [guest.offers[name] for name in packages if guest.offers[name].place != CORE]
    _install(guest, wanted)
    if not guest.systemd:
        _without_systemctl(guest)
    return guest


def _install(guest: Guest, wanted: Sequence[Offer]) -> None:
    for one in wanted:
        guest.lay_down(one)
    for name in ("standin-autorelabel", "standin-machine-id", "standin-net-names"):
        if guest.has_service(name):
            guest.switch(name, on=True)
    guest.keep(one.package for one in wanted)


def _stow(guest: Guest, name: str, debian: str) -> None:
    """Move a Debian package's files to where yum finds them."""
    known = guest.path(f"/var/lib/dpkg/info/{debian}.list")
    depot = guest.path(f"{HOME}/depot/{name}")
    for line in known.read_text(encoding="utf-8").splitlines():
        inside = _merged(line)
        place = guest.path(inside)
        if place.is_dir() or not (place.is_symlink() or place.exists()):
            continue
        if inside.startswith(("/etc/", "/usr/lib/systemd/system")):
            place.unlink()  # RHEL's own comes instead
            continue
        target = depot / inside.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        place.rename(target)
    for cached in guest.path("/usr/lib/python3/dist-packages").glob("cloudinit/**/__pycache__"):
        if name == "cloud-init":
            target = depot / cached.relative_to(guest.root)
            target.parent.mkdir(parents=True, exist_ok=True)
            cached.rename(target)


def _merged(line: str) -> str:
    return f"/usr{line}" if re.match(r"/(bin|sbin|lib|lib64)/", line) else line


def _strip(guest: Guest) -> None:
    """Take away what says Debian, and the services whose place RHEL's take."""
    names = [*_FOREIGN, *(f"etc/rc{level}.d" for level in "0123456S")]
    for name in names:
        place = guest.path(name)
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
    for link in guest.path("/etc/systemd/system").glob("**/*"):
        if link.is_symlink() and _UNWANTED.fullmatch(link.name):
            link.unlink()


def _folders(guest: Guest) -> None:
    for level in range(7):
        guest.path(f"/etc/rc.d/rc{level}.d").mkdir(parents=True, exist_ok=True)
        guest.path(f"/etc/rc{level}.d").symlink_to(f"rc.d/rc{level}.d")
    guest.path("/etc/rc.d/init.d").mkdir(exist_ok=True)
    guest.path("/etc/init.d").symlink_to("rc.d/init.d")
    for name in ("/etc/yum.repos.d", "/etc/pki/consumer", "/etc/pki/entitlement", "/var/lib/rhsm", "/var/log/rhsm",
                 "/etc/udev/rules.d", "/var/lib/dhclient", "/var/lib/yum", "/var/cache/yum"):  # fmt: skip
        guest.path(name).mkdir(parents=True, exist_ok=True)


def copy_tree(source: Path, target: Path) -> None:
    """Lay files over a system, programs with the right to be run."""
    for one in sorted(source.rglob("*")) if source.is_dir() else ():
        place = target / one.relative_to(source)
        if one.is_dir():
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        data = one.read_bytes()
        place.write_bytes(data)
        place.chmod(0o755 if data.startswith(b"#!") else 0o644)


def _identity(guest: Guest) -> None:
    release = guest.release
    guest.write("/etc/redhat-release", release.title + "\n")
    guest.path("/etc/system-release").symlink_to("redhat-release")
    if release.os_release:
        guest.write("/usr/lib/os-release", release.os_release)
        guest.path("/etc/os-release").symlink_to("../usr/lib/os-release")
    guest.write("/etc/issue", f"{release.title}\nKernel \\r on an \\m\n\n")
    guest.write("/etc/motd", "")
    shell = guest.path("/usr/bin/sh")
    shell.unlink(missing_ok=True)
    shell.symlink_to("bash")
    for name, line in (("group", "wheel:x:390:\n"), ("gshadow", "wheel:!::\n")):
        place = guest.path(f"/etc/{name}")
        text = place.read_text(encoding="utf-8")
        if "\nwheel:" not in text:
            mode = place.stat().st_mode & 0o777
            guest.write(f"/etc/{name}", text + line, mode)
    if not guest.systemd:
        _low_accounts(guest)


def _low_accounts(guest: Guest) -> None:
    """Give the payload's own accounts numbers that RHEL 6 gives to services: below 500."""
    for name in ("passwd", "group"):
        place = guest.path(f"/etc/{name}")
        rows = [line.split(":") for line in place.read_text(encoding="utf-8").splitlines()]
        for row in rows:
            for at in (2, 3) if name == "passwd" else (2,):
                number = int(row[at])
                if _LEAST_PERSON <= number < _LINES:
                    row[at] = str(number - _LEAST_PERSON)
        guest.write(f"/etc/{name}", "".join(":".join(row) + "\n" for row in rows))


def _kernel(guest: Guest) -> None:
    """Give the payload's kernel the names of RHEL's."""
    uname = guest.release.uname
    folder = guest.path("/boot")
    own = max(one.name.removeprefix("vmlinuz-") for one in folder.glob("vmlinuz-*"))
    for source, target in (
        (f"vmlinuz-{own}", f"vmlinuz-{uname}"),
        (f"initrd.img-{own}", f"initramfs-{uname}.img"),
        (f"System.map-{own}", f"System.map-{uname}"),
        (f"config-{own}", f"config-{uname}"),
    ):
        if (folder / source).exists():
            (folder / source).rename(folder / target)
    guest.path(f"/lib/modules/{uname}").symlink_to(own)
    initramfs = folder / f"initramfs-{uname}.img"
    write_initramfs(guest, initramfs, initramfs)


def _commands(guest: Guest) -> None:
    """Put the commands in place, with the modules they are made of."""
    library = guest.path(f"{HOME}/goldsmith/media")
    target = library / "installer/redhat"
    target.mkdir(parents=True)
    for one in HERE.iterdir():
        if one.suffix in (".py", ".txt"):
            shutil.copyfile(one, target / one.name)
    for folder in (library.parent, library, library / "installer"):
        (folder / "__init__.py").touch()
    start = f"{HOME}/call"
    text = (
        "#!/usr/bin/python3 -s\nimport sys\n\n"
        f"sys.dont_write_bytecode = True\nsys.path.insert(0, {HOME!r})\n"
        "from goldsmith.media.installer.redhat.calls import main\n\nmain()\n"
    )
    guest.write(start, text, 0o755)
    for path in calls.commands(guest.release.generation):
        place = guest.path(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(start)
    if guest.systemd:
        guest.path("/usr/sbin/grub2-install").symlink_to("grub-install")


def _without_systemctl(guest: Guest) -> None:
    """RHEL 6 has no systemctl; what powers off and reboots is the same program under other names."""
    hidden = guest.path(f"{HOME}/systemctl")
    guest.path("/usr/bin/systemctl").rename(hidden)
    for name in ("poweroff", "reboot", "halt", "shutdown", "telinit", "runlevel"):
        place = guest.path(f"/usr/sbin/{name}")
        place.unlink(missing_ok=True)
        place.symlink_to(f"{HOME}/systemctl")
    guest.path("/etc/machine-id").unlink(missing_ok=True)
    # The kernel's names for network cards stay, whoever loads their drivers: the initramfs or the system.
    guest.path("/usr/lib/systemd/network/99-default.link").unlink(missing_ok=True)
