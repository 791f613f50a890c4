"""``goldsmith image import`` looks at a file before the catalog has it."""

import json

import pytest

from goldsmith.cli.main import run

from .conftest import SIZE


@pytest.fixture(autouse=True)
def tools(tool_on_path):
    for name in ("qemu-img", "qemu-io"):
        tool_on_path(name)


def taken(capsys, *words):
    assert run(["image", "import", *map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)["image"]


@pytest.mark.parametrize(
    ("name", "format_"),
    [("zlib.qcow2", "qcow2"), ("disk.raw", "raw"), ("fixed.vhd", "vhd"), ("dynamic.vdi", "vdi")],
)
def test_format_and_sizes_are_computed(images, capsys, name, format_):
    image = taken(capsys, images[name])
    assert (image["status"], image["disk_format"], image["container_format"]) == ("active", format_, "bare")
    assert (image["virtual_size"], image["min_disk"]) == (SIZE, 1)


def test_a_vmdk_brings_what_vsphere_wants_to_know_unless_it_is_said(images, capsys):
    image = taken(capsys, images["stream.vmdk"], "--property", "vmware_adaptertype=lsilogic")
    assert (image["vmware_disktype"], image["vmware_adaptertype"]) == ("streamOptimized", "lsilogic")


def test_a_kernel_is_its_own_container(tmp_path, capsys):
    path = tmp_path / "ramdisk"
    path.write_bytes(b"070701" + b"0" * 4096)
    image = taken(capsys, path)
    assert (image["disk_format"], image["container_format"], image["min_disk"]) == ("ari", "ari", 0)


def test_what_is_damaged_or_another_format_is_refused(images, tmp_path, capsys):
    path = images.copy("dynamic.vhd", tmp_path)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 1024)
    assert run(["image", "import", str(path)]) == 5
    assert "its footer is missing: it is cut off" in capsys.readouterr().err
    assert run(["image", "import", str(images["v3.qcow2"]), "--format", "raw"]) == 5
    assert "is qcow2, not raw" in capsys.readouterr().err
    assert run(["image", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
