"""What only the embedded catalog promises: shared files, undelete, purge, repair."""

import os
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from goldsmith.catalog.entry import BUILD_KEY, NewImage, Query, Status
from goldsmith.errors import CatalogError
from goldsmith.host.files import digest

NEW = NewImage("demo", disk_format="raw")
NOW = timedelta(0)


def blob(catalog, image) -> Path:
    return catalog.blobs.path(image.sha256)


def files(catalog) -> list[str]:
    return sorted(
        path.name for path in catalog.folder.rglob("*") if path.is_file() and "index" not in path.name
    )


def test_an_absent_catalog_is_an_empty_one_and_stays_absent(local):
    assert local.list() == ()
    assert not local.folder.exists()


def test_the_same_bytes_are_kept_once(local, make_file):
    one, two = (local.register(make_file("x", b"same"), replace(NEW, name=name)) for name in "ab")
    assert one.id != two.id
    assert files(local) == [one.sha256]


def test_promised_bytes_are_shared_with_the_store_and_read_only(local, make_file):
    file = make_file()
    image = local.register(file, NEW, digest(file))
    there = blob(local, image).stat()
    assert stat.S_IMODE(there.st_mode) == 0o444
    shared = there.st_ino == file.stat().st_ino
    assert shared == (stat.S_IMODE(file.stat().st_mode) == 0o444)


def test_a_file_that_its_owner_may_change_is_not_shared(local, make_file):
    file = make_file()
    image = local.register(file, NEW)
    file.write_bytes(b"changed later")
    assert local.verify(image.id).good


def test_a_damaged_file_is_found_and_not_given_out(local, make_file, tmp_path):
    image = local.register(make_file(), NEW)
    path = blob(local, image)
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.write(b"damage")
    problems = local.verify(image.id).problems
    assert [problem.split(" is ")[0] for problem in problems] == [
        "checksum (md5)",
        "os_hash_value (sha512)",
        "sha256",
    ]
    with pytest.raises(
        CatalogError, match=f"image {image.id} .demo. did not come as it was registered: checksum"
    ):
        local.download(image.id, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_lost_file_comes_back_with_the_next_registration(local, make_file):
    file = make_file()
    new = replace(NEW, properties={BUILD_KEY: "k"})
    image = local.register(file, new)
    blob(local, image).unlink()
    assert local.verify(image.id).problems == (f"its file is missing: {blob(local, image)}",)
    again = local.register(file, new)
    assert again == image
    assert local.verify(image.id).good
    assert len(local.list()) == 1


def test_a_deleted_image_comes_back_as_it_was(local, make_file):
    image = local.register(make_file(), NEW)
    local.deactivate(image.id)
    local.delete(image.id)
    assert local.find("demo", deleted=True).status is Status.DELETED
    back = local.undelete(image.id)
    assert back.status is Status.DEACTIVATED
    assert local.reactivate(image.id).sha256 == image.sha256


def test_only_a_deleted_image_can_be_brought_back(local, make_file):
    image = local.register(make_file(), NEW)
    with pytest.raises(CatalogError, match="has no deleted image"):
        local.undelete(image.id)


def test_a_purge_frees_a_file_when_its_last_image_goes(local, make_file):
    one, two = (local.register(make_file("x", b"same" * 9000), replace(NEW, name=name)) for name in "ab")
    local.delete(one.id)
    assert local.purge(older_than=NOW, apply=True).freed == 0
    assert local.verify(two.id).good
    local.delete(two.id)
    assert blob(local, two).exists()
    told = local.purge(older_than=NOW, apply=False)
    assert local.purge(older_than=NOW, apply=True) == told
    assert told.freed >= 36_000
    assert files(local) == []
    with pytest.raises(CatalogError, match="has no deleted image"):
        local.undelete(two.id)


def test_check_finds_nothing_in_a_catalog_that_is_well(local, make_file):
    image = local.register(make_file(), NEW)
    local.delete(local.register(make_file(), NEW).id)
    assert local.check() == ()
    assert local.get(image.id) == image


def test_check_finds_and_mends_what_others_did_to_the_files(local, make_file):
    lost, touched = (local.register(make_file(), replace(NEW, name=name)) for name in ("lost", "touched"))
    blob(local, lost).unlink()
    blob(local, touched).chmod(0o666)
    orphan = local.blobs.path("ab" * 32)
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"nobody's")
    strange = orphan.with_name("notes.txt")
    strange.write_text("not ours")
    found = {finding.subject: finding.problem for finding in local.check()}
    assert found == {
        lost.id: f"its file {blob(local, lost)} is missing",
        str(blob(local, touched)): "can be written to",
        str(orphan): "no image uses this file",
        str(strange): "is no file of the catalog",
    }
    assert orphan.exists()
    mended = {finding.subject: finding.repaired for finding in local.check(repair=True)}
    assert mended == {lost.id: True, str(blob(local, touched)): True, str(orphan): True, str(strange): False}
    assert not orphan.exists()
    assert strange.exists()
    assert local.get(lost.id).status is Status.DEACTIVATED
    with pytest.raises(CatalogError, match="has lost its bytes"):
        local.reactivate(lost.id)


def test_the_source_may_be_in_a_folder_nobody_else_may_read(local, make_file):
    file = make_file()
    file.chmod(0o600)
    assert local.register(file, NEW).status is Status.ACTIVE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_that_grows_while_it_is_registered_is_refused(local, make_file):
    file = make_file()

    def grow(_: int) -> None:
        with file.open("ab") as more:
            more.write(b"more")

    with pytest.raises(CatalogError, match=r"disk.raw changed while it was registered(.|\n)*fix: wait until"):
        local.register(file, NEW, on_bytes=grow)
    assert local.list(Query(hidden=True, deleted=True)) == ()
    assert files(local) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_catalog_of_somebody_else_is_refused_in_words(local, make_file):
    local.register(make_file(), NEW)
    local.folder.chmod(0o555)
    with pytest.raises(CatalogError, match="fix: run as the owner"):
        local.create(NEW)
