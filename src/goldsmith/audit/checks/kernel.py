"""The kernel that starts: which one, with what in its initramfs, and what the next one will be."""

from goldsmith.audit import bootmenu
from goldsmith.audit.bootmenu import Item, locate, read_menu, shell_values, version
from goldsmith.audit.check import RHEL, Finding, Profile, Severity, bad, check, good, moot, some
from goldsmith.audit.facts import Facts

_KDUMP = ("/etc/systemd/system/*.wants/kdump.service", "/etc/rc.d/rc[2-5].d/S*kdump")
_DRIVERS = frozenset({"virtio_blk", "virtio_pci", "virtio_scsi"})
_BUILT_IN = ("/lib/modules/*/modules.builtin", "/usr/lib/modules/*/modules.builtin")
_SYSCONFIG = "/etc/sysconfig/kernel"


@check(
    "O-L40",
    "the initramfs finds its disk on every virtio bus",
    why="a cloud may attach the disk by virtio-blk or virtio-scsi, whatever the build machine had",
    source="dracut(8), hostonly; OpenStack Nova, hw_disk_bus",
    expected=f"{', '.join(sorted(_DRIVERS))} in the initramfs or in the kernel",
    fix="install dracut-config-generic, then dracut -f --add-drivers 'virtio_blk virtio_scsi virtio_pci' (Debian: "
    "MODULES=most and update-initramfs -u)",
    profiles=RHEL | {Profile.DEBIAN},
    reads=[*bootmenu.FILES, *_BUILT_IN],
)
def virtio(facts: Facts) -> Finding:
    menu, initramfs = read_menu(facts.files), facts.look.initramfs
    if initramfs is None:
        return bad("the boot menu names no initramfs that exists")
    if initramfs.reason:
        return bad(f"{initramfs.path} could not be opened: {initramfs.reason}")
    kernel = locate(facts.files, menu.default.kernel) if menu and menu.default else None
    release = (kernel or "").partition("vmlinuz-")[2]
    built_in = {
        line.rpartition("/")[2].removesuffix(".ko")
        for pattern in _BUILT_IN
        for path in facts.files.match(pattern)
        if path.split("/")[-2] == release
        for line in (facts.files.text(path) or "").splitlines()
    }
    missing = sorted(_DRIVERS - initramfs.names - built_in)
    return bad(f"no {', '.join(missing)} in {initramfs.path}") if missing else good(initramfs.path)


@check(
    "O-L41",
    "the initramfs grows the root partition",
    why="a kernel 2.6.32 cannot take a new partition table while the disk is mounted, so it must happen before",
    source="dracut-modules-growroot; OpenStack Virtual Machine Image Guide, disk partitions and resize root",
    expected="growroot in the initramfs of the default kernel",
    fix="install dracut-modules-growroot, then dracut -f for every kernel",
    severity=Severity.WARNING,
    profiles=frozenset({Profile.RHEL6}),
    reads=bootmenu.FILES,
)
def grows_early(facts: Facts) -> Finding:
    if not facts.expected.growroot:
        return moot("nobody asked for it")
    initramfs = facts.look.initramfs
    if initramfs is None or initramfs.reason:
        return bad(initramfs.reason if initramfs else "the boot menu names no initramfs that exists")
    hits = sorted(name for name in initramfs.names if "growroot" in name)
    return good(some(hits)) if hits else bad(f"no growroot in {initramfs.path}")


@check(
    "O-L42",
    "no memory is set aside for crash dumps",
    why="it is lost to every guest, and the dump goes to a disk that a cloud throws away",
    source="kdump.conf(5); kernel parameters, crashkernel",
    expected="no crashkernel= in the boot menu, kdump not enabled",
    fix="%addon com_redhat_kdump --disable (RHEL 6: services --disabled=kdump) in the kickstart",
    severity=Severity.WARNING,
    profiles=RHEL,
    reads=bootmenu.FILES,
    sees=_KDUMP,
)
def no_kdump(facts: Facts) -> Finding:
    menu = read_menu(facts.files)
    args = {arg for item in (menu.normal if menu else []) for arg in item.args}
    hits = sorted(arg for arg in args if arg.startswith("crashkernel=") and arg != "crashkernel=no")
    hits += [path for pattern in _KDUMP for path in facts.files.match(pattern)]
    return bad(some(hits)) if hits else good("none")


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
    "O-G3",
    "the next kernel becomes the default",
    why="an update that leaves the old kernel in place leaves its holes in place too",
    source="grubby, new-kernel-pkg; /etc/sysconfig/kernel",
    expected="UPDATEDEFAULT=yes and DEFAULTKERNEL=kernel (or kernel-core)",
    fix=f"printf 'UPDATEDEFAULT=yes\\nDEFAULTKERNEL=kernel\\n' > {_SYSCONFIG}",
    severity=Severity.WARNING,
    profiles=RHEL,
    reads=[_SYSCONFIG],
)
def default_kernel_kept(facts: Facts) -> Finding:
    if (text := facts.files.text(_SYSCONFIG)) is None:
        return bad(f"no {_SYSCONFIG}")
    values = shell_values(text)
    update, flavour = values.get("UPDATEDEFAULT", ""), values.get("DEFAULTKERNEL", "")
    found = f"UPDATEDEFAULT={update} DEFAULTKERNEL={flavour}"
    return good(found) if update == "yes" and flavour in ("kernel", "kernel-core") else bad(found)


CHECKS = (newest_kernel, virtio, grows_early, no_kdump, default_kernel_kept)
