"""What a machine image of the old kind is made of: the root partition (AMI), its kernel (AKI), its ramdisk (ARI)."""

import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from goldsmith.artifact import qemuimg
from goldsmith.artifact.introspect import DISKS
from goldsmith.artifact.region import Region, cut_out
from goldsmith.audit.appliance import DEVICE, Appliance, converse
from goldsmith.audit.bootmenu import FILES, Item, locate, read_menu, version
from goldsmith.audit.disks import partitions
from goldsmith.audit.listing import list_tree, read_texts
from goldsmith.audit.tree import Tree
from goldsmith.convert.disk import OnStep, admitted, must_be_free, placed
from goldsmith.errors import GateError, GoldsmithError, UsageError
from goldsmith.formats import content
from goldsmith.formats.source import open_file
from goldsmith.host.files import need_space, sha256_of
from goldsmith.host.process import Host

_KERNELS = ("/boot/vmlinuz*", "/boot/vmlinux*")
_RAMDISKS = ("/boot/initrd*", "/boot/initramfs*")
_PARTITION = re.compile(r"/dev/[hsv]da\d+")
_FIX = "give an image with one Linux; goldsmith audit IMAGE says what is in it"


@dataclass(frozen=True)
class Wanted:
    """Where the parts go; None is not wanted."""

    ami: Path | None = None
    aki: Path | None = None
    ari: Path | None = None


@dataclass(frozen=True)
class Taken:
    """Where the parts came from: paths in the guest, and the root partition on the disk."""

    kernel: str
    ramdisk: str
    chosen: str  # by which rule the kernel was chosen
    root: str  # the device, as libguestfs calls it
    region: Region | None  # None where the root lies in no partition, such as a logical volume


def extract(
    host: Host,
    source: Path,
    wanted: Wanted,
    *,
    env: Mapping[str, str],
    force: bool = False,
    on_step: OnStep | None = None,
    timeout: float = 1800.0,
) -> Taken:
    """Write the parts that are wanted, with one start of the appliance; each name appears when all are whole.

    ``env`` are the settings of libguestfs. Raises GateError for an image that is dangerous or damaged, or whose parts
    are not what they should be, UsageError where it holds no Linux that boots.
    """
    found = admitted(host, source)
    driver = "raw" if found.format == "ami" else found.format
    if driver not in DISKS:
        raise UsageError(f"{source} is no disk with partitions", fix=_FIX)
    outs = {name: path for name, path in vars(wanted).items() if path}
    for path in outs.values():
        must_be_free(path, force=force)
    need_space(next(iter(outs.values())).parent, qemuimg.measure(host, source, driver), what="the extraction")
    if on_step:
        on_step("looking into the image", 0)
    with ExitStack() as stack:
        whole = Wanted(
            **{name: stack.enter_context(placed(path, force=force)) for name, path in outs.items()}
        )

        def talk(appliance: Appliance) -> Taken:
            return _taken(appliance, whole)

        taken = converse(source, talk, driver=qemuimg.qemu_name(driver), host=host, env=env, timeout=timeout)
        for kind, path, name in (("aki", whole.aki, taken.kernel), ("ari", whole.ari, taken.ramdisk)):
            if path:
                _must_be(kind, path, name)
        if whole.ami and taken.region:
            progress = partial(on_step, "writing ami") if on_step else None
            cut_out(host, source, driver, taken.region, whole.ami, on_progress=progress)
        elif whole.ami:
            host.run("fallocate", "--dig-holes", whole.ami, ok=(0, 1), fix="apt install util-linux")
        if whole.ami:
            _must_be("ami", whole.ami, taken.root)
    return taken


def _taken(appliance: Appliance, wanted: Wanted) -> Taken:
    appliance.ask("run", must=True)
    root = _mounted(appliance)
    tree = read_texts(appliance, list_tree(appliance, [*FILES, *_KERNELS, *_RAMDISKS]), FILES)
    item, chosen = _chosen(tree)
    kernel, ramdisk = (locate(tree, one) if one else None for one in (item.kernel, (*item.initrds, "")[0]))
    if kernel is None:
        raise UsageError("the image holds no kernel in /boot", fix=_FIX)
    if wanted.ari and ramdisk is None:
        raise UsageError(f"{kernel} has no ramdisk", fix="leave the ARI out: this kernel boots without one")
    for path, place in ((kernel, wanted.aki), (ramdisk, wanted.ari)):
        if place and path:
            _downloaded(appliance, path, place)
    region = _region(appliance, root)
    if wanted.ami and not region:
        # The kernel notes features of the journal in its copy of a volume that is mounted, also read-only.
        appliance.ask("umount-all", must=True)
        appliance.ask("drop-caches", "3", must=True)
        _downloaded(appliance, root, wanted.ami, device=True)
    return Taken(kernel, ramdisk or "", chosen, root, region)


def _mounted(appliance: Appliance) -> str:
    """Mount the only Linux of the image, read-only, and return its root device."""
    roots = [one for one in appliance.text("inspect-os").split() if DEVICE.fullmatch(one)]
    kinds = {appliance.text("inspect-get-type", one).strip() for one in roots}
    if len(roots) != 1 or kinds != {"linux"}:
        what = f"{len(roots)} operating systems" if len(roots) != 1 else f"a {kinds.pop() or 'strange'} guest"
        raise UsageError(f"the image holds {what}, not one Linux", fix=_FIX)
    mounts = {}
    for line in appliance.text("inspect-get-mountpoints", roots[0]).splitlines():
        point, _, device = line.rpartition(": ")
        if point.startswith("/") and point.isprintable() and DEVICE.fullmatch(device):
            mounts[point] = device
    for point in sorted(mounts, key=len):
        appliance.ask("mount-ro", mounts[point], point)
    return roots[0]


def _chosen(tree: Tree) -> tuple[Item, str]:
    """Return what the boot loader starts by itself, else the newest kernel there is."""
    menu = read_menu(tree)
    if menu and menu.default and menu.default.kernel and locate(tree, menu.default.kernel):
        return menu.default, f"the default entry of {menu.path}"
    kernels = [
        path
        for pattern in _KERNELS
        for path in tree.match(pattern)
        if "rescue" not in path and tree.filled(path)
    ]
    if not kernels:
        raise UsageError("the image holds no kernel in /boot", fix=_FIX)
    newest = max(kernels, key=lambda path: (version(path), path))
    release = re.sub(r"^/boot/vmlinu[xz]-?", "", newest)
    ramdisks = [path for pattern in _RAMDISKS for path in tree.match(pattern)]
    fitting = [path for path in ramdisks if release and release in path and "kdump" not in path]
    return Item(
        newest, "0", kernel=newest, initrds=tuple(fitting or ramdisks[:1])
    ), "the newest kernel in /boot"


def _downloaded(appliance: Appliance, path: str, place: Path, *, device: bool = False) -> None:
    appliance.ask("download", path, str(place), must=True)
    said = appliance.text("checksum-device" if device else "checksum", "sha256", path, must=True).strip()
    if said != sha256_of(place):
        raise GoldsmithError(f"{path} did not come out of the image whole", fix="try it again")


def _region(appliance: Appliance, root: str) -> Region | None:
    if not _PARTITION.fullmatch(root):
        whole = root in appliance.text("list-devices").split()
        return Region(0, int(appliance.text("blockdev-getsize64", root, must=True))) if whole else None
    disk = root.rstrip("0123456789")
    found = {one.device: one for one in partitions(appliance, disk)}
    return Region(found[root].start, found[root].end - found[root].start + 1) if root in found else None


def _must_be(kind: str, path: Path, name: str) -> None:
    with open_file(path) as source:
        found = content.look(source)
    if found is None or found.format != kind or found.header.damage:
        said = "; ".join(found.header.damage) if found and found.header.damage else "its content is another"
        what = {"ami": "a file system", "aki": "a kernel", "ari": "a ramdisk"}[kind]
        raise GateError(
            f"{name} of the image is not {what}: {said}", fix="look into the image: goldsmith audit IMAGE"
        )
