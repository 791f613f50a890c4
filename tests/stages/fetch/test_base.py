"""Starting from a ready disk image, with the real qemu-img."""

import json
from collections import namedtuple

import pytest
from tests.machines import PLAIN

from goldsmith.artifact import qemuimg
from goldsmith.errors import GateError, HostError, Mark, RecipeError
from goldsmith.events import Progress
from goldsmith.host.process import LocalHost
from goldsmith.plan.stage import Entry
from goldsmith.stages.base import Base

HOST = LocalHost()
MIB = 2**20
AT, SIZE_AT = Mark("r.yaml", 4, 3), Mark("r.yaml", 6, 8)


@pytest.fixture(autouse=True)
def qemu_img(tool_on_path):
    tool_on_path("qemu-img")


@pytest.fixture
def raw(tmp_path):
    """A raw disk of 3 MiB with a boot sector and a word at its end."""
    path = tmp_path / "disk.raw"
    content = bytearray(3 * MIB)
    content[510:512] = b"\x55\xaa"
    content[-8:] = b"the end."
    path.write_bytes(content)
    return path


@pytest.fixture
def base(tmp_path, context, work):
    """Run the stage over an image that fetch is said to have got; return its disk."""

    def go(image, size=3 * MIB):
        folder = tmp_path / "fetched"
        folder.mkdir(exist_ok=True)
        (folder / "medium.json").write_text(json.dumps({"location": str(image), "sha256": "", "size": 1}))
        context.results["fetch"] = Entry("k", folder)
        stage = Base({"sha256": "x"}, "demo", PLAIN, disk_size=size, at=AT, size_at=SIZE_AT)
        done = work(stage)
        stage.run(done, context)
        return done.disk

    return go


def converted(raw, kind, name="base"):
    path = raw.with_name(f"{name}.{kind}")
    qemuimg.convert(HOST, raw, path, src_format="raw", format=kind)
    return path


@pytest.mark.parametrize("kind", ["qcow2", "raw", "vhdx", "vdi"])
def test_an_image_of_any_format_becomes_a_flat_qcow2(base, raw, kind, notes):
    image = converted(raw, kind)
    misnamed = image.rename(raw.with_name("base.img"))  # what the file is called proves nothing
    disk = base(misnamed, size=4 * MIB)
    found = qemuimg.info(HOST, disk, "qcow2")
    assert found.alone
    assert qemuimg.compare(HOST, raw, "raw", disk, "qcow2")
    assert notes.of(Progress)[-1].done == 100


def test_the_disk_grows_to_the_size_of_the_recipe(base, raw):
    assert qemuimg.info(HOST, base(raw, size=8 * MIB), "qcow2").virtual_size == 8 * MIB


def test_the_image_itself_is_not_changed(base, raw):
    image = converted(raw, "qcow2")
    before = image.read_bytes()
    base(image, size=8 * MIB)
    assert image.read_bytes() == before


def test_a_disk_larger_than_the_recipe_says_is_refused_where_the_recipe_says_it(base, raw):
    with pytest.raises(
        RecipeError, match=r"disk\.size is 2 MiB, but the disk in disk\.raw has 3 MiB"
    ) as error:
        base(raw, size=2 * MIB)
    assert error.value.at == SIZE_AT
    assert error.value.fix.startswith("say disk: {size: 1 GiB} or more")


@pytest.mark.parametrize(
    ("kind", "options"), [("vmdk", ["-o", "subformat=streamOptimized"]), ("qcow2", ["-c"])]
)
def test_a_compressed_image_that_finds_no_room_unpacked_is_refused_before_it_is_unpacked(
    base, raw, tmp_path, monkeypatch, kind, options
):
    raw.write_bytes(b"x" * 510 + b"\x55\xaa" + b"x" * (3 * MIB - 512))
    image = tmp_path / f"base.{kind}"
    HOST.run("qemu-img", "convert", "-f", "raw", "-O", kind, *options, raw, image)
    assert image.stat().st_size < MIB
    usage = namedtuple("usage", "total used free")(10 * MIB, 9 * MIB, MIB)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage)
    with pytest.raises(
        HostError, match=r"the disk in base\.\w+ needs 3\.\d MiB in .*, but only 1 MiB are free"
    ):
        base(image)
    assert not list(tmp_path.rglob("disk.qcow2"))


def test_an_image_with_a_backing_file_is_refused_before_qemu_opens_it(base, raw, fake_tool, tmp_path):
    overlay = tmp_path / "overlay.qcow2"
    qemuimg.create_overlay(HOST, raw, overlay, relative=False, backing_format="raw")
    tool = fake_tool("qemu-img")
    with pytest.raises(GateError, match=r"overlay\.qcow2 is refused: .*backing") as error:
        base(overlay)
    assert error.value.at == AT
    assert not tool.calls


def test_an_image_with_a_data_file_is_refused(base, tmp_path):
    image = tmp_path / "base.qcow2"
    HOST.run("qemu-img", "create", "-q", "-f", "qcow2", "-o", f"data_file={tmp_path / 'd'}", image, "1M")
    with pytest.raises(GateError, match=r"is refused: .*data.file"):
        base(image)


def test_an_iso_is_no_image_to_start_from(base, tmp_path, iso_bytes):
    (tmp_path / "rhel.iso").write_bytes(iso_bytes())
    with pytest.raises(RecipeError, match="is an ISO medium, not an installed disk"):
        base(tmp_path / "rhel.iso")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"<html>" + b" " * 4096, "it is a text, as a server sends it in place of an image"),
        (b"\xfd7zXZ\0" + bytes(4096), "it is compressed with xz, .* unpack it first"),
    ],
)
def test_a_page_or_a_compressed_image_is_no_disk(base, tmp_path, content, problem):
    (tmp_path / "base.img").write_bytes(content)
    with pytest.raises(GateError, match=problem):
        base(tmp_path / "base.img")


def test_any_bytes_are_no_disk(base, tmp_path):
    (tmp_path / "base.img").write_bytes(b"\1" * 4096)
    with pytest.raises(RecipeError, match="it has no partition table") as error:
        base(tmp_path / "base.img")
    assert error.value.fix.startswith("unpack it if it is compressed")


def test_a_truncated_image_does_not_become_a_disk(base, raw):
    noisy = raw.with_name("noisy.raw")
    noisy.write_bytes(raw.read_bytes()[:512] + bytes(range(1, 256)) * 8000)
    image = converted(noisy, "qcow2", "noisy")
    image.write_bytes(image.read_bytes()[:400_000])
    with pytest.raises(
        GateError, match=r"noisy\.qcow2 is refused: .* after the end of the file: it is cut off"
    ):
        base(image, size=8 * MIB)


def test_an_image_whose_tables_are_damaged_does_not_become_a_disk(base, raw):
    image = converted(raw, "qcow2", "torn")
    content = bytearray(image.read_bytes())
    content[2 * 65536 : 2 * 65536 + 64] = bytes(64)  # its first reference counts
    image.write_bytes(content)
    with pytest.raises(GateError, match=r"torn\.qcow2 is refused: qemu-img check found \d+ damaged places"):
        base(image, size=8 * MIB)


def test_the_key_holds_the_image_the_machine_and_the_size():
    one = Base({"sha256": "x"}, "demo", PLAIN, disk_size=1)
    assert one.inputs() == {
        "image": {"sha256": "x"},
        "family": "demo",
        "machine": "q35",
        "firmware": "bios",
        "bus": "virtio",
        "disk_size": 1,
    }
