"""Put the installer's initramfs together: the few drivers, the tools, pykickstart, and the installer itself."""

import importlib.metadata
import importlib.util
import lzma
import py_compile
import re
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from goldsmith.errors import HostError
from goldsmith.media.cpio import Archive

INSTALLER = Path(__file__).parent / "installer"
HOME = "tools/usr/lib/standin"
# In an order that loads; what a suite has built in or has not at all is passed over.
MODULES = (
    "virtio_pci", "virtio_blk", "virtio_scsi", "virtio_net", "virtio_rng", "virtio_console", "e1000",
    "e1000e", "sd_mod", "ata_piix", "ahci", "sr_mod", "isofs", "vfat", "nls_ascii", "nls_utf8", "nls_cp437",
    "loop", "squashfs", "overlay", "crc32c_generic", "crc32c_intel", "ext4", "xfs",
)  # fmt: skip
SKIPPED = re.compile(
    r"(boot|lib/modules|usr/lib/modules|usr/share/(doc|man|info|locale|lintian|bug|initramfs-tools)|etc|var)(/|$)"
)
# pykickstart.load fetches kickstarts by URL with requests, which takes 2.5 s to import and is never used here.
NO_REQUESTS = '"""Stands in for requests, which nothing here calls."""\n'
NO_EXCEPTIONS = (
    "class RequestException(Exception):\n    pass\n\n\nclass SSLError(RequestException):\n    pass\n"
)


def pykickstart_version() -> str:
    """Return the version that goes into the installer; raises HostError where there is none."""
    try:
        return importlib.metadata.version("pykickstart")
    except importlib.metadata.PackageNotFoundError:
        raise HostError(
            "pykickstart is not installed; the demo installer reads kickstarts with it",
            fix=f"{sys.executable} -m pip install pykickstart",
        ) from None


def installer_sources() -> dict[str, bytes]:
    """Return the installer's files by their paths below its folder."""
    found = sorted(one for one in INSTALLER.rglob("*") if one.is_file() and "__pycache__" not in one.parts)
    return {str(one.relative_to(INSTALLER)): one.read_bytes() for one in found}


def collect_tools(guest_tar: Path, tools_tar: Path, folder: Path) -> str:
    """Unpack from ``tools_tar`` what the payload lacks, and the kernel; return the payload's Python as ``3.11``.

    ``folder`` gets ``vmlinuz``, ``modules/`` and ``tree/``.
    """
    with tarfile.open(guest_tar) as guest:
        have = {merged(name) for name in guest.getnames()}
    found = [re.fullmatch(r"usr/bin/python(3\.\d+)", name) for name in have]
    with tarfile.open(tools_tar) as tools:
        drivers: dict[str, bytes] = {}
        for member in tools:
            name = merged(member.name)
            if not (member.isreg() or member.issym()):
                continue
            if re.fullmatch(r"boot/vmlinuz-.*", name):
                (folder / "vmlinuz").write_bytes(content_of(tools, member))
            elif re.search(r"\.ko(\.xz)?$", name):
                data = content_of(tools, member)
                drivers[driver_name(name)] = lzma.decompress(data) if name.endswith(".xz") else data
            elif name not in have and not SKIPPED.match(name):
                keep(folder / "tree" / name, tools, member)
    (folder / "modules").mkdir()
    for number, name in enumerate(load_order(drivers)):
        (folder / "modules" / f"{number:02}-{name}.ko").write_bytes(drivers[name])
    return next((one.group(1) for one in found if one), "")


def merged(name: str) -> str:
    """Return a path as a system with merged /usr has it: an extracted package still has /bin and /lib."""
    clean = str(PurePosixPath(name)).removeprefix("./")
    return f"usr/{clean}" if re.match(r"(bin|sbin|lib|lib64)/(?!modules/)", clean) else clean


def content_of(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = tar.extractfile(member)
    assert stream  # only asked for regular files
    return stream.read()


def keep(place: Path, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if member.issym():
        place.symlink_to(member.linkname)
    else:
        place.write_bytes(content_of(tar, member))
        place.chmod(member.mode & 0o755)


def driver_name(name: str) -> str:
    return PurePosixPath(name).name.partition(".ko")[0].replace("-", "_")


def load_order(drivers: Mapping[str, bytes], wanted: Sequence[str] = MODULES) -> list[str]:
    """Return the ``wanted`` drivers that are there, each behind those it needs."""
    order: dict[str, None] = {}

    def visit(name: str) -> None:
        if name in order or name not in drivers:
            return
        needs = re.search(rb"\0depends=([^\0]*)\0", drivers[name])
        for other in needs.group(1).decode().split(",") if needs else []:
            visit(other.replace("-", "_"))
        order[name] = None

    for name in wanted:
        visit(name)
    return list(order)


def make_initramfs(folder: Path, python: str) -> bytes:
    """Return the initramfs from what ``collect_tools`` left in ``folder`` and the installer's own files."""
    archive = Archive()
    for name in ("dev", "proc", "sys", "run", "bin", "root"):
        archive.folder(name)
    tree = folder / "tree"
    for place in sorted(tree.rglob("*")):
        name = f"tools/{place.relative_to(tree)}"
        if place.is_symlink():
            archive.link(name, str(place.readlink()))
        elif place.is_file():
            archive.file(name, place.read_bytes(), mode=place.stat().st_mode & 0o777)
    archive.file("bin/busybox", (tree / "usr/bin/busybox").read_bytes(), mode=0o755)
    drivers = sorted((folder / "modules").iterdir())
    for place in drivers:
        archive.file(f"modules/{place.name}", place.read_bytes())
    archive.file("modules.order", "".join(f"/modules/{place.name}\n" for place in drivers).encode())
    sources = installer_sources()
    archive.file("init", sources["init"], mode=0o755)
    archive.file(f"{HOME}/udhcpc", sources["udhcpc"], mode=0o755)
    for name, data in _python_files(sources):
        archive.file(f"{HOME}/{name}", data)
        if not name.endswith(".py"):
            continue
        if python == f"{sys.version_info.major}.{sys.version_info.minor}":
            archive.file(f"{HOME}/{cached_name(name)}", compiled(name, data))
    return archive.packed()


def _python_files(sources: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    yield "requests/__init__.py", NO_REQUESTS.encode()
    yield "requests/exceptions.py", NO_EXCEPTIONS.encode()
    yield "goldsmith/__init__.py", b""
    yield "goldsmith/media/__init__.py", b""
    for name, data in sources.items():
        if "/" in name or name.endswith(".py"):
            yield f"goldsmith/media/installer/{name}", data
    spec = importlib.util.find_spec("pykickstart")
    if spec is None or not spec.submodule_search_locations:
        pykickstart_version()  # says what is missing
        return
    home = Path(spec.submodule_search_locations[0])
    for place in sorted(home.rglob("*.py")):
        yield f"pykickstart/{place.relative_to(home)}", place.read_bytes()


def cached_name(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.parent / "__pycache__" / f"{path.stem}.{sys.implementation.cache_tag}.pyc")


def compiled(name: str, data: bytes) -> bytes:
    """Compile for an import that looks at no dates: those of an initramfs mean nothing."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "source.py"), Path(folder, "target.pyc")
        source.write_bytes(data)
        mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(str(source), str(target), dfile=name, doraise=True, invalidation_mode=mode)
        return target.read_bytes()
