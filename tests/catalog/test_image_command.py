import io
import json
import os
import sys
from dataclasses import replace

import pytest

from goldsmith.catalog.entry import NewImage
from goldsmith.cli.main import run
from goldsmith.host.files import digest

NEW = NewImage(
    "demo", disk_format="raw", virtual_size=300_000, properties={"os_distro": "debian"}, tags=("x",)
)


@pytest.fixture
def image(local, make_file):
    return local.register(make_file(), NEW)


@pytest.fixture
def call(capfd):
    """Run ``goldsmith image ...`` and return its exit code, stdout and stderr."""

    def call(*argv):
        code = run(["image", *map(str, argv)])
        said = capfd.readouterr()
        return code, said.out, said.err

    return call


def test_an_empty_catalog_says_how_to_fill_it(call):
    assert call("list") == (0, "", "no images; `goldsmith build RECIPE` makes one\n")
    assert call("list", "--json") == (0, "[]\n", "")
    assert call("list", "--quiet") == (0, "", "")


def test_a_list_has_one_line_an_image_in_a_pipe(call, local, make_file, image):
    long = local.register(make_file(), replace(NEW, name="a-name-" * 20))
    code, out, _ = call("list")
    heading, *lines = out.splitlines()
    assert code == 0
    assert heading.split() == ["ID", "NAME", "STATUS", "FORMAT", "SIZE", "VIRTUAL", "CREATED"]
    assert lines[0].split()[:2] == [long.id[:8], long.name]
    assert lines[1].split()[:8] == [image.id[:8], "demo", "active", "raw", "293", "KiB", "293", "KiB"]
    assert len(lines) == 2


def test_a_list_in_json_is_a_list_of_image_objects(call, local, image):
    local.delete(image.id)
    code, out, _ = call("list", "--all", "--json")
    assert code == 0
    assert json.loads(out) == [local.find(image.id, deleted=True).as_json()]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--name", "demo"], True),
        (["--name", "other"], False),
        (["--tag", "x", "--property", "os_distro=debian"], True),
        (["--property", "os_distro=rhel"], False),
        (["--status", "active"], True),
        (["--status", "deleted"], False),
    ],
)
def test_a_list_can_be_narrowed(call, image, options, found):
    _, out, _ = call("list", "--json", *options)
    assert [one["id"] for one in json.loads(out)] == ([image.id] if found else [])


def test_show_takes_an_id_its_start_a_name_or_the_latest(call, image):
    for wanted in (image.id, image.id[:4], "demo", "demo@latest"):
        code, out, _ = call("show", wanted, "--json")
        assert code == 0
        assert json.loads(out) == image.as_json()
    code, out, _ = call("show", "demo")
    assert ["size", "300000", "(293", "KiB)"] in [line.split() for line in out.splitlines()]
    assert ["os_distro", "debian"] in [line.split() for line in out.splitlines()]


def test_a_name_that_means_several_images_lists_them(call, local, make_file, image):
    other = local.register(make_file(), NEW)
    code, out, err = call("show", "demo")
    assert (code, out) == (2, "")
    assert image.id in err
    assert other.id in err
    assert "fix: say one by its id, or demo@latest for the newest one of this name" in err


def test_a_version_of_two_images_is_told_by_the_name_that_means_the_newest(call, local, make_file):
    said = {"goldsmith_recipe": "r", "goldsmith_version": "20260101.1"}
    for name in ("demo", "demo", "other"):
        code, _, err = call("show", "r@20260101.1")
        local.register(make_file(), replace(NEW, name=name, properties=said))
    assert code == 2
    assert "means 2 images" in err
    assert "fix: say one by its id, or demo@latest for the newest one of this name" in err
    _, _, err = call("show", "r@20260101.1")
    assert "means 3 images" in err
    assert err.endswith("fix: say one by its id\n"), "no name means one of them"


def test_what_is_not_there_has_exit_code_6(call, local):
    code, _, err = call("show", "demo")
    assert code == 6
    assert (
        err == f"{local.folder} has no image 'demo'\n  fix: see what there is: goldsmith image list --all\n"
    )


def test_set_changes_all_that_is_said(call, local, image):
    options = "--name new --property a=1=2 --unset-property os_distro --tag y --untag x --visibility shared"
    more = "--protected --hidden --min-disk 8 --min-ram 512 --json"
    code, out, _ = call("set", "demo", *options.split(), *more.split())
    assert code == 0
    now = local.get(image.id)
    assert json.loads(out) == now.as_json()
    assert (now.name, now.tags, now.visibility, now.min_disk, now.min_ram) == (
        "new",
        ("y",),
        "shared",
        8,
        512,
    )
    assert now.properties == {"a": "1=2", "goldsmith_sha256": image.sha256}
    assert (now.protected, now.hidden) == (True, True)
    assert call("set", "new", "--unprotected", "--visible")[0] == 0
    assert not local.get(image.id).protected


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ([], "nothing to change was given"),
        (["--property", "a"], "'a' is no property; write name=value"),
        (["--property", "size=1"], "size is a field of the image"),
        (["--min-disk", "-1"], "-1 is not in the range"),
        (["--visibility", "secret"], "'secret' is not one of"),
    ],
)
def test_set_refuses_what_makes_no_sense(call, local, image, options, problem):
    code, _, err = call("set", "demo", *options)
    assert code == 2
    assert problem in err
    assert local.get(image.id) == image


def test_export_writes_the_same_bytes(call, image, make_file, tmp_path):
    out = tmp_path / "out.raw"
    code, said, _ = call("export", "demo", out)
    assert (code, said) == (0, f"{out}: 293 KiB of demo\n")
    assert digest(out).sha512 == image.os_hash_value
    assert os.access(out, os.W_OK)
    assert [path.name for path in tmp_path.iterdir() if "export" in path.name] == []
    code, said, _ = call("export", "demo", tmp_path / "2.raw", "--json")
    assert json.loads(said) == {
        "id": image.id,
        "file": str(tmp_path / "2.raw"),
        "disk_format": "raw",
        "size": 300_000,
    }


def test_export_replaces_a_file_only_with_force(call, image, make_file):
    mine = make_file("mine", b"mine")
    code, _, err = call("export", "demo", mine)
    assert code == 2
    assert err == f"{mine} exists already\n  fix: name another file, or replace it with --force\n"
    assert mine.read_bytes() == b"mine"
    assert call("export", "demo", mine, "--force")[0] == 0
    assert digest(mine).sha512 == image.os_hash_value


def test_export_to_stdout_gives_the_bytes_and_nothing_else(local, make_file, monkeypatch):
    file = make_file("small", os.urandom(5000))
    local.register(file, NEW)
    stdout = io.TextIOWrapper(io.BytesIO())
    monkeypatch.setattr(sys, "stdout", stdout)
    assert run(["image", "export", "demo", "-"]) == 0
    assert stdout.buffer.getvalue() == file.read_bytes()


@pytest.mark.parametrize(
    ("argv", "problem"),
    [
        (["."], ". is a folder"),
        (["no/such/folder/x"], "there is no folder no/such/folder"),
        (["x", "--format", "iso"], "a raw image cannot become iso"),
        (["-", "--json"], "cannot both go to stdout"),
    ],
)
def test_export_refuses_what_cannot_be_written(call, image, tmp_path, monkeypatch, argv, problem):
    monkeypatch.chdir(tmp_path)
    code, out, err = call("export", "demo", *argv)
    assert (code, out) == (2, "")
    assert problem in err


def test_export_converts(call, image, tool_on_path, tmp_path):
    tool_on_path("qemu-img")
    out = tmp_path / "out.qcow2"
    code, _, err = call("export", "demo", out, "--format", "qcow2")
    assert (code, err) == (0, "")
    assert out.read_bytes()[:4] == b"QFI\xfb"


def test_a_damaged_image_is_not_exported(call, local, image, tmp_path):
    path = local.blobs.path(image.sha256)
    path.chmod(0o644)
    path.write_bytes(b"damage")
    code, _, err = call("export", "demo", tmp_path / "out")
    assert code == 6
    assert "did not come as it was registered: size is 6, was 300000" in err
    assert not (tmp_path / "out").exists()
    code, out, err = call("verify", "demo", "--json")
    assert code == 6
    assert json.loads(out)[0]["problems"][0] == "size is 6, was 300000"
    assert "1 of 1 images are not what was registered" in err


def test_delete_undelete_and_purge(call, local, image):
    assert call("delete", "demo") == (0, f"deleted: {image.id} demo\n", "")
    assert call("purge") == (0, "removed 0 images, 0 bytes on disk\n", "")
    assert call("undelete", "demo") == (0, f"brought back: {image.id} demo\n", "")
    call("delete", image.id)
    told = call("purge", "--older-than", "0d", "--dry-run", "--json")[1]
    assert json.loads(told)["applied"] is False
    assert local.blobs.path(image.sha256).exists()
    done = call("purge", "--older-than", "0d", "--json")[1]
    assert [one["id"] for one in json.loads(done)["images"]] == [image.id]
    assert not local.blobs.path(image.sha256).exists()


def test_delete_refuses_a_protected_image(call, local, image):
    call("set", "demo", "--protected")
    code, _, err = call("delete", "demo")
    assert code == 5
    assert "is protected\n  fix: goldsmith image set" in err
    assert local.get(image.id).status == "active"


def test_delete_of_several_tells_what_it_did_before_it_stopped(call, local, make_file, image):
    local.register(make_file(), replace(NEW, name="kept", protected=True))
    code, out, _ = call("delete", "demo", "kept", "--json")
    assert code == 5
    assert [one["id"] for one in json.loads(out)] == [image.id]


def test_an_unknown_name_stops_a_delete_before_it_begins(call, local, image):
    assert call("delete", "demo", "nope")[0] == 6
    assert local.list() == (image,)


def test_deactivate_and_reactivate(call, image):
    assert call("deactivate", "demo") == (0, f"deactivated: {image.id} demo\n", "")
    assert call("reactivate", "demo") == (0, f"active: {image.id} demo\n", "")


@pytest.mark.parametrize("age", ["30", "x", "-1d", "1y"])
def test_an_age_needs_a_unit(call, age):
    code, _, err = call("purge", f"--older-than={age}")
    assert code == 2
    assert "is no age; write 45min, 12h, 30d or 8w" in err


def test_verify_and_check_say_that_all_is_well(call, image):
    assert call("verify", "demo") == (0, f"{image.id} demo: good\n", "")
    assert call("check") == (0, "the index and the files agree\n", "")
    assert json.loads(call("check", "--json")[1]) == {"findings": []}


def test_check_offers_a_repair_and_does_it(call, local, image):
    path = local.blobs.path(image.sha256)
    path.chmod(0o644)
    code, out, err = call("check")
    assert code == 6
    assert out == f"{path}: can be written to\n  fix: chmod 0444 {path}\n"
    assert "fix: goldsmith image check --repair" in err
    assert call("check", "--repair")[0] == 0
    assert call("check")[0] == 0


def test_a_catalog_from_the_future_has_exit_code_6(call, local):
    local.folder.mkdir(parents=True)
    import sqlite3

    with sqlite3.connect(local.folder / "index.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    code, out, err = call("list", "--json")
    assert (code, out) == (6, "")
    assert "newer Goldsmith" in err
    assert "fix: update Goldsmith" in err


@pytest.mark.parametrize("words", [("list",), ("check", "--repair"), ("delete", "demo"), ("purge",)])
def test_a_damaged_index_has_exit_code_6_and_the_images_are_not_touched(call, local, image, words):
    index = local.folder / "index.db"
    index.write_bytes(b"this is no database at all, and long enough to be seen as none" * 20)
    code, out, err = call(*words)
    assert (code, out) == (6, "")
    assert "the index of the catalog is damaged" in err
    assert "sqlite3 index.db .recover" in err
    assert local.blobs.whole(image.sha256, image.size)


def test_rich_is_loaded_only_where_a_table_is_drawn(call, start):
    process = start("import sys, goldsmith.cli.image; print([one for one in sys.modules if one == 'rich'])")
    assert process.communicate()[0] == "[]\n"
