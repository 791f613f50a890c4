"""How the guest boots: kernel, boot menu, consoles, file systems to mount, network names."""

from collections.abc import Sequence

from goldsmith.audit import bootmenu
from goldsmith.audit.bootmenu import Item, locate, read_menu, shell_values, version
from goldsmith.audit.check import (
    LINUX,
    RHEL,
    Finding,
    Profile,
    Severity,
    bad,
    check,
    good,
    moot,
    none_of,
    some,
)
from goldsmith.audit.facts import Facts, FileSystem

_SERIAL = {"aarch64": "ttyAMA0", "ppc64le": "hvc0"}
_GRUB_DEFAULTS = ("/etc/default/grub", "/etc/default/grub.d/*.cfg")
_UNSTABLE = ("/dev/sd", "/dev/vd", "/dev/hd", "/dev/xvd", "/dev/nvme")
_FOREIGN = frozenset({"iso9660", "udf", "nfs", "nfs4", "cifs", "smbfs"})


def _serial(facts: Facts) -> str:
    return _SERIAL.get(facts.system.arch, "ttyS0")


def _last_console(args: Sequence[str]) -> str:
    consoles = [arg.removeprefix("console=") for arg in args if arg.startswith("console=")]
    return consoles[-1] if consoles else ""


def _speaks(args: Sequence[str], port: str) -> bool:
    return _last_console(args).partition(",")[0] == port


@check(
    "O-L4",
    "no network names tied to this machine",
    why="the rule names eth0 by the MAC address of the build; every clone would get eth1",
    source="virt-sysprep(1), udev-persistent-net",
    expected="no 70-persistent-net.rules",
    fix="virt-sysprep --operations udev-persistent-net -a IMAGE",
    sees=["/etc/udev/rules.d/70-persistent-net.rules"],
)
def no_net_rules(facts: Facts) -> Finding:
    return none_of(facts, "/etc/udev/rules.d/70-persistent-net.rules")


@check(
    "O-L7",
    "every kernel speaks on the serial console",
    why="Nova's console log is the serial port; the last console= is where init and cloud-init write",
    source="OpenStack Virtual Machine Image Guide, image requirements",
    expected="console=ttyS0 last in every entry, no rhgb",
    fix='GRUB_CMDLINE_LINUX_DEFAULT="console=tty0 console=ttyS0,115200n8", then update-grub or grub2-mkconfig',
    reads=bootmenu.FILES,
)
def serial_console(facts: Facts) -> Finding:
    menu, port = read_menu(facts.files), _serial(facts)
    if menu is None or not menu.normal:
        return bad("no boot menu with a kernel was found")
    expected = f"console={port} last in every entry, no rhgb"
    for item in menu.normal:
        if not _speaks(item.args, port):
            last = _last_console(item.args)
            found = f"console={last} last" if last else "no console="
            return bad(f"{found} in {menu.path}, entry {item.title!r}", expected=expected)
        if "rhgb" in item.args:
            return bad(f"rhgb in {menu.path}, entry {item.title!r}", expected=expected)
    return good(f"console={_last_console(menu.normal[0].args)} last in {len(menu.normal)} entries")


@check(
    "O-L8",
    "the next kernel will speak on the serial console too",
    why="an update of the kernel writes the menu anew, from these settings",
    source="GNU GRUB manual, simple configuration",
    expected="console=ttyS0 last in the settings",
    fix='write GRUB_CMDLINE_LINUX_DEFAULT="console=tty0 console=ttyS0,115200n8" to /etc/default/grub',
    reads=_GRUB_DEFAULTS,
    profiles=LINUX - {Profile.RHEL6},
)
def serial_console_kept(facts: Facts) -> Finding:
    texts = [facts.files.text(path) or "" for name in _GRUB_DEFAULTS for path in facts.files.match(name)]
    if not texts:
        return moot("the guest has no /etc/default/grub")
    values = shell_values("\n".join(texts))
    always, normal = values.get("GRUB_CMDLINE_LINUX", ""), values.get("GRUB_CMDLINE_LINUX_DEFAULT", "")
    if facts.profile == Profile.RHEL7:
        wanted = (
            'GRUB_CMDLINE_LINUX_DEFAULT="console=tty0 console=ttyS0,115200n8", none in GRUB_CMDLINE_LINUX'
        )
        if "console=" in always:
            return bad(f"console= in GRUB_CMDLINE_LINUX: {always}", expected=wanted)
        exact = normal == "console=tty0 console=ttyS0,115200n8"
        return good(normal) if exact else bad(normal or "nothing", expected=wanted)
    args = f"{always} {normal}".split()
    return (
        good(f"console={_last_console(args)}")
        if _speaks(args, _serial(facts))
        else bad(" ".join(args) or "nothing")
    )


@check(
    "O-L37",
    "SELinux enforces",
    why="a guest that was built permissive, or that relabels at its first start, is not what was tested",
    source="selinux(8)",
    expected="SELINUX=enforcing, no /.autorelabel",
    fix="selinux --enforcing in the kickstart; virt-customize --selinux-relabel -a IMAGE",
    profiles=RHEL,
    reads=["/etc/selinux/config"],
    sees=["/.autorelabel"],
)
def selinux(facts: Facts) -> Finding:
    if facts.files.match("/.autorelabel"):
        return bad("/.autorelabel")
    mode = shell_values(facts.files.text("/etc/selinux/config") or "").get("SELINUX", "no setting")
    return good(mode) if mode == "enforcing" else bad(mode)


def _matches(spec: str, system: FileSystem) -> bool:
    key, _, value = spec.partition("=")
    known = {
        "UUID": system.uuid.lower(),
        "LABEL": system.label,
        "PARTUUID": system.part_uuid.lower(),
        "PARTLABEL": system.part_label,
    }
    value = value.strip('"')
    return bool(value) and known.get(key) == (value.lower() if "UUID" in key else value)


@check(
    "O-L39",
    "fstab names file systems that exist, by UUID or label",
    why="device names change with the bus; a missing file system stops the boot in emergency mode",
    source="fstab(5)",
    expected="root by the UUID or LABEL it has, no device names, no media, no network shares",
    fix="name file systems by UUID in /etc/fstab and remove lines of the build",
    reads=["/etc/fstab"],
)
def fstab(facts: Facts) -> Finding:
    rows = [line.split() for line in (facts.files.text("/etc/fstab") or "").splitlines()]
    rows = [row for row in rows if len(row) >= 3 and not row[0].startswith("#")]
    roots = [row[0] for row in rows if row[1] == "/"]
    if not roots:
        return bad("no line for /")
    own = [one for one in facts.look.filesystems if one.device == facts.system.root]
    if "=" in roots[0] and not any(_matches(roots[0], one) for one in own):
        return bad(f"{roots[0]} for /, which has {some([f'UUID={one.uuid}' for one in own]) or 'no UUID'}")
    wrong = [row[0] for row in rows if row[0].startswith(_UNSTABLE) or row[2] in _FOREIGN]
    wrong += [
        row[0]
        for row in rows
        if row[0].startswith(("UUID=", "LABEL=", "PARTUUID=", "PARTLABEL="))
        and not any(_matches(row[0], one) for one in facts.look.filesystems)
    ]
    return bad(some(wrong)) if wrong else good(roots[0])


@check(
    "O-L45",
    "the newest kernel starts by itself, with its initramfs",
    why="an update that was not taken into the menu leaves the guest on the old kernel, or without a root disk",
    source="grubby(8), update-grub(8)",
    expected="default entry with the newest /boot/vmlinuz-* and an initramfs that exists",
    fix="run update-grub (Debian) or grub2-mkconfig and grubby --set-default in the guest",
    reads=bootmenu.FILES,
    sees=["/boot/*", "/vmlinuz", "/initrd.img"],
)
def newest_kernel(facts: Facts) -> Finding:
    menu = read_menu(facts.files)
    if menu is None:
        return bad("no boot menu was found")
    if menu.default is None or not menu.default.kernel:
        return bad(f"the default of {menu.path} is an entry that is not there")
    kernels = [path for path in facts.files.match("/boot/vmlinuz-*") if "-rescue-" not in path]
    return _boots_newest(facts, menu.default, max(kernels, key=version, default=""))


def _boots_newest(facts: Facts, default: Item, newest: str) -> Finding:
    kernel = locate(facts.files, default.kernel)
    if kernel is None:
        return bad(f"{default.kernel} does not exist")
    if version(kernel) < version(newest):
        return bad(kernel, expected=newest)
    for initrd in default.initrds:
        found = locate(facts.files, initrd)
        if found is None or not facts.files.filled(found):
            return bad(f"{initrd} does not exist", expected=f"an initramfs for {kernel}")
    return good(kernel) if default.initrds else bad(f"no initrd for {kernel}")


@check(
    "O-L47",
    "it starts without a graphical desktop",
    why="a cloud guest has nobody to look at it, and a display manager waits for a screen",
    source="systemd.special(7)",
    expected="multi-user.target, or graphical.target without a display manager",
    fix="systemctl set-default multi-user.target",
    severity=Severity.WARNING,
    profiles=LINUX - {Profile.RHEL6},
    sees=["/etc/systemd/system/default.target", "/etc/systemd/system/display-manager.service"],
)
def no_desktop(facts: Facts) -> Finding:
    entry = facts.files.entries.get("/etc/systemd/system/default.target")
    target = entry.target.rpartition("/")[2] if entry and entry.target else "the default of systemd"
    manager = facts.files.match("/etc/systemd/system/display-manager.service")
    strict = facts.profile in RHEL and target != "multi-user.target"
    return bad(target) if strict or (manager and target != "multi-user.target") else good(target)


CHECKS = (
    no_net_rules,
    serial_console,
    serial_console_kept,
    selinux,
    fstab,
    newest_kernel,
    no_desktop,
)
