import io
import json
import struct
import tarfile
import zlib
from pathlib import Path

import pytest

from goldsmith.errors import HostError, ToolError, UsageError
from goldsmith.host.process import LocalHost
from goldsmith.media import initramfs, rootfs
from goldsmith.media.aptsources import Distribution
from goldsmith.media.cpio import Archive
from goldsmith.media.demo_iso import Product, build_installer, installer_key

BOOKWORM = Distribution("debian", "bookworm")
ROW = "http://mirror.example/debian/|bookworm|main|Debian|/etc/apt/sources.list.d/none.sources:1"
# mmdebstrap SUITE TARGET SOURCES: the last but one argument is the archive to make
MMDEBSTRAP = """
for word; do target=$archive; archive=$suite; suite=$word; done
target=$archive
case "$*" in
*--variant=extract*) cp "{tools}" "$target" ;;
*) cp "{guest}" "$target"; echo boot > "${{target%/*}}/eltorito.img" ;;
esac
cp "${{target%/*}}/apt.conf" "${{target%/*}}/build.sources" "${{target%/*}}/guest.sources" "{seen}"
"""
XORRISO = """
previous=
for word; do
	[ "$previous" = -o ] && out=$word
	previous=$word tree=$word
done
cp -r "$tree" "{seen}/tree"
printf "%s\\n" "$@" > "{seen}/xorriso"
echo iso > "$out"
"""


def module(depends=""):
    return b"\x7fELF" + f"\0license=GPL\0depends={depends}\0name=x\0".encode()


def make_tar(path, files, links=None):
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o755
            tar.addfile(member, io.BytesIO(data))
        for name, to in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, to
            tar.addfile(member)
    return path


@pytest.fixture
def archives(tmp_path):
    guest = {"./usr/bin/python3.11": b"py", "./usr/bin/bash": b"bash", "./usr/lib/libc.so.6": b"c" * 5000}
    kernel = "./lib/modules/6.1/kernel/drivers"
    tools = {
        "./bin/bash": b"bash",
        "./bin/busybox": b"busybox",
        "./usr/bin/unsquashfs": b"unsquashfs",
        "./usr/share/doc/busybox/copyright": b"text",
        "./lib/libc.so.6": b"c",
        "./usr/lib/liblzo2.so.2.0.0": b"lzo",
        "./boot/vmlinuz-6.1": b"kernel",
        f"{kernel}/virtio_blk.ko": module("virtio,virtio-ring"),
        f"{kernel}/virtio.ko": module("virtio_ring"),
        f"{kernel}/virtio_ring.ko": module(),
        f"{kernel}/sound.ko": module(),
    }
    return (
        make_tar(tmp_path / "guest.tar", guest),
        make_tar(tmp_path / "tools.tar", tools, {"./usr/lib/liblzo2.so.2": "liblzo2.so.2.0.0"}),
    )


@pytest.fixture
def host(fake_tool, archives, tmp_path, tool_on_path):
    """Return a host whose tools make small things; what they were given lies in ``seen``."""
    seen = tmp_path / "seen"
    seen.mkdir()
    guest, tools = archives
    tool_on_path("sh")
    fake_tool("apt-get", f"echo '{ROW}'")
    fake_tool(
        "apt-config", """echo 'Acquire::http::Proxy "http://me:pw@proxy:3128";'; echo 'APT::Color "1";'"""
    )
    fake_tool("mksquashfs", 'cat > /dev/null; echo squash > "$2"')
    fake_tool("xorriso", XORRISO.format(seen=seen))
    fake_tool("fakechroot")
    fake_tool("fakeroot")
    return fake_tool("mmdebstrap", MMDEBSTRAP.format(guest=guest, tools=tools, seen=seen))


def build(tmp_path, **options):
    said = []
    out = tmp_path / "out/demo.iso"
    options = {"cache": tmp_path / "cache", "distribution": BOOKWORM, "on_progress": said.append, **options}
    assert build_installer(LocalHost(), out, **options) == out
    return out, said


def read_cpio(data):
    body, members, at = zlib.decompress(data, wbits=31), {}, 0
    while True:
        fields = [int(body[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        name = body[at + 110 : at + 110 + fields[11] - 1].decode()
        start = at + 110 + fields[11]
        start += -start % 4
        if name == "TRAILER!!!":
            return members
        members[name] = (fields[1], body[start : start + fields[6]])
        at = start + fields[6]
        at += -at % 4


def test_the_iso_holds_payload_kernel_installer_and_treeinfo(host, tmp_path):
    out, said = build(tmp_path)
    tree = tmp_path / "seen/tree"
    assert out.read_text() == "iso\n"
    assert (tree / "LiveOS/payload.squashfs").read_text() == "squash\n"
    about = json.loads((tree / "LiveOS/payload.json").read_text())
    assert about == {"bytes": 4096 + 4096 + 8192, "suite": "bookworm", "python": "3.11", "redhat": False}
    assert (tree / "images/pxeboot/vmlinuz").read_bytes() == b"kernel"
    assert "family = Red Hat Enterprise Linux" in (tree / ".treeinfo").read_text()
    assert "version = 7.9" in (tree / ".treeinfo").read_text()
    assert "This is not Red Hat" in (tree / "README").read_text()
    assert said[0] == "making a bookworm root file system with mmdebstrap"
    assert list(out.parent.iterdir()) == [out]


def test_what_comes_from_packages_is_made_again_once_a_byte_of_it_changed(host, tmp_path):
    build(tmp_path)
    (root,) = (tmp_path / "cache").glob("demo-root-*/")
    assert build(tmp_path)[1][0] == "making the installer's initramfs", "it is kept"
    for name in ("vmlinuz", "payload.squashfs", "digests.json"):
        spoiled = bytearray((root / name).read_bytes())
        spoiled[-3] ^= 1
        (root / name).write_bytes(spoiled)
        assert build(tmp_path)[1][0] == "making a bookworm root file system with mmdebstrap", name
    (root / "vmlinuz").write_bytes(b"")  # as after a power cut
    build(tmp_path)
    assert (tmp_path / "seen/tree/images/pxeboot/vmlinuz").read_bytes() == b"kernel"


def test_a_stand_in_for_rhel_is_named_as_libosinfo_knows_it_and_says_its_architecture(host, tmp_path):
    build(tmp_path, product=Product("6.10", redhat=True, arch="i386"))
    tree = tmp_path / "seen/tree"
    words = (tmp_path / "seen/xorriso").read_text().splitlines()
    assert words[words.index("-V") + 1] == "RHEL-6.10 Server.i386"
    assert words[words.index("-sysid") + 1] == "LINUX"
    assert (tree / "isolinux/vmlinuz").read_bytes() == b"kernel"
    assert (tree / "isolinux/initrd.img").stat().st_size > 1000
    assert "arch = i386\n" in (tree / ".treeinfo").read_text()
    assert json.loads((tree / "LiveOS/payload.json").read_text())["redhat"] is True
    members = read_cpio((tree / "images/pxeboot/initrd.img").read_bytes())
    home = "tools/usr/lib/standin/goldsmith/media/installer/redhat"
    assert {f"{home}/packages.txt", f"{home}/tree/6/etc/ssh/sshd_config"} <= members.keys()


def test_the_initramfs_holds_drivers_in_order_tools_and_the_real_pykickstart(host, tmp_path):
    build(tmp_path)
    members = read_cpio((tmp_path / "seen/tree/images/pxeboot/initrd.img").read_bytes())
    assert members["modules.order"][1].decode().split() == [
        "/modules/00-virtio_ring.ko",
        "/modules/01-virtio.ko",
        "/modules/02-virtio_blk.ko",
    ]
    assert members["init"] == (0o100755, (initramfs.INSTALLER / "init").read_bytes())
    assert members["bin/busybox"][1] == b"busybox"
    assert members["tools/usr/bin/unsquashfs"] == (0o100755, b"unsquashfs")
    assert members["tools/usr/lib/liblzo2.so.2"] == (0o120777, b"liblzo2.so.2.0.0")
    home = "tools/usr/lib/standin"
    assert f"{home}/pykickstart/handlers/rhel7.py" in members
    assert f"{home}/goldsmith/media/installer/__main__.py" in members
    extra = [name for name in members if name.startswith("tools/") and "standin" not in name]
    assert not [name for name in extra if name.endswith(("bash", "libc.so.6", "copyright"))]


def test_packages_come_by_the_hosts_own_mirror_and_proxy(host, tmp_path):
    build(tmp_path)
    seen = tmp_path / "seen"
    guest, tools = host.calls
    assert "--variant=minbase" in guest
    assert {"linux-image-cloud-amd64", "cloud-init", "qemu-guest-agent"} <= set(
        next(word for word in guest if word.startswith("--include=")).removeprefix("--include=").split(",")
    )
    assert "--include=busybox-static,squashfs-tools,linux-image-amd64" in tools
    assert guest[-3] == "bookworm"
    assert (seen / "apt.conf").read_text().splitlines() == [
        'Apt::Install-Recommends "false";',
        'Acquire::http::Proxy "http://me:pw@proxy:3128";',
    ]
    assert (
        "URIs: http://mirror.example/debian/\nSuites: bookworm\nComponents: main"
        in (seen / "build.sources").read_text()
    )
    assert not any("me:pw" in word or "mirror.example" in word for call in host.calls for word in call)


def test_what_comes_from_packages_is_made_once(host, tmp_path):
    build(tmp_path)
    _, said = build(tmp_path, product=Product("6.10", redhat=True))
    assert said == ["making the installer's initramfs", "writing the ISO"]
    assert len(host.calls) == 2


def test_a_failing_tool_leaves_nothing_behind(host, fake_tool, tmp_path):
    fake_tool("mksquashfs", "cat > /dev/null; echo 'no space left'; exit 1")
    with pytest.raises(ToolError, match="no space left"):
        build(tmp_path)
    assert not (tmp_path / "out/demo.iso").exists()
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_a_failing_xorriso_keeps_what_came_from_packages(host, fake_tool, tmp_path):
    fake_tool("xorriso", "echo 'cannot write'; exit 1")
    with pytest.raises(ToolError, match="cannot write"):
        build(tmp_path)
    assert list((tmp_path / "out").iterdir()) == []
    fake_tool("xorriso", XORRISO.format(seen=tmp_path / "seen"))
    build(tmp_path)
    assert len(host.calls) == 2


def test_a_missing_tool_is_named_with_its_package(host, tmp_path):
    (tmp_path / "bin/mmdebstrap").unlink()
    with pytest.raises(HostError, match="mmdebstrap is not installed") as caught:
        build(tmp_path)
    assert caught.value.fix == "apt-get install mmdebstrap"


def test_there_is_a_stand_in_for_rhel_6_and_7_alone(tmp_path):
    with pytest.raises(UsageError, match=r"no stand-in for RHEL 8\.1"):
        build(tmp_path, product=Product("8.1"))
    with pytest.raises(UsageError, match=r"no stand-in for RHEL 7\n"):
        installer_key(Product("7"), distribution=BOOKWORM)


def test_the_key_changes_with_what_decides_the_iso():
    key = installer_key(distribution=BOOKWORM)
    assert key == json.loads(json.dumps(key)) == installer_key(distribution=BOOKWORM)
    products = [Product("6.10"), Product("7.9", redhat=True), Product("7.9", arch="i386")]
    keys = [key, *(installer_key(one, distribution=BOOKWORM) for one in products)]
    assert len({json.dumps(one) for one in keys}) == 4
    assert key != installer_key(distribution=Distribution("debian", "trixie"))
    assert key["root"]["squashfs"] == list(rootfs.SQUASHFS)
    assert "://" not in json.dumps(key)


def test_every_file_of_the_installer_counts_for_the_key_and_none_for_its_root():
    here = initramfs.INSTALLER
    files = [path for path in here.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    names = {str(path.relative_to(here)) for path in files}
    assert names == initramfs.installer_sources().keys()
    assert {"init", "__main__.py", "redhat/packages.txt", "redhat/tree/both/usr/sbin/ifup"} <= names
    key = installer_key(distribution=BOOKWORM)
    assert key["root"] == rootfs.inputs(BOOKWORM)
    assert key["installer"] not in json.dumps(key["root"])


def test_an_ordinary_user_is_told_what_is_missing(tmp_path, fake_tool):
    subuid = tmp_path / "subuid"
    with pytest.raises(HostError) as caught:
        rootfs.check_rights(root=False, user="ann", subuid=subuid)
    assert "newuidmap is missing and ann has no range in" in caught.value.problem
    assert "usermod --add-subuids" in caught.value.fix
    subuid.write_text("ann:200000:65536\n")
    fake_tool("newuidmap")
    rootfs.check_rights(root=False, user="ann", subuid=subuid)
    rootfs.check_rights(root=True, user="root", subuid=tmp_path / "none")


def test_fakechroot_does_as_well(tmp_path, fake_tool):
    fake_tool("fakechroot")
    fake_tool("fakeroot")
    rootfs.check_rights(root=False, user="ann", subuid=tmp_path / "none")


def test_an_archive_is_the_same_for_the_same_content_and_has_its_folders():
    def make():
        archive = Archive()
        archive.file("a/b/c", b"12345", mode=0o755)
        archive.link("a/d", "b/c")
        return archive.packed()

    assert make() == make()
    assert read_cpio(make()) == {
        "a": (0o40755, b""),
        "a/b": (0o40755, b""),
        "a/b/c": (0o100755, b"12345"),
        "a/d": (0o120777, b"b/c"),
    }


def test_the_boot_order_of_the_drivers_knows_xz(tmp_path):
    import lzma

    guest = make_tar(tmp_path / "g.tar", {"./usr/bin/python3.13": b""})
    tools = make_tar(
        tmp_path / "t.tar",
        {"./boot/vmlinuz-6.12": b"k", "./usr/lib/modules/6.12/kernel/loop.ko.xz": lzma.compress(module())},
    )
    folder = tmp_path / "parts"
    folder.mkdir()
    assert initramfs.collect_tools(guest, tools, folder) == "3.13"
    assert Path(folder / "modules/00-loop.ko").read_bytes() == module()
    assert struct.unpack("4s", module()[:4]) == (b"\x7fELF",)
