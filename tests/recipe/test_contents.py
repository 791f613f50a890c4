"""What a file or folder of the project holds: links followed, and one rule for all who ask."""

import os

import pytest

from goldsmith.recipe.contents import contents, digest_of


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "app"
    (made / "real").mkdir(parents=True)
    (made / "real" / "file").write_text("one")
    (made / "link").symlink_to("real")
    return made


def names(folder):
    return [str(one.relative_to(folder)) for one in sorted(contents(folder))]


def test_links_count_as_what_they_lead_to(folder):
    assert names(folder) == [".", "link", "link/file", "real", "real/file"]


def test_the_digest_changes_with_names_modes_and_contents_also_behind_a_link(folder):
    seen = {digest_of(folder)}
    (folder / "real" / "file").write_text("two")
    seen.add(digest_of(folder))
    (folder / "real" / "file").chmod(0o700)
    seen.add(digest_of(folder))
    (folder / "real" / "other").touch()
    seen.add(digest_of(folder))
    behind = folder.parent / "behind"
    behind.mkdir()
    (folder / "link").unlink()
    (folder / "link").symlink_to(behind)
    seen.add(digest_of(folder))
    (behind / "file").write_text("three")
    seen.add(digest_of(folder))
    assert len(seen) == 6


def test_the_digest_is_of_what_was_copied(folder, tmp_path):
    (folder / "real").chmod(0o750)
    (folder / "real" / "file").chmod(0o4711)
    copies = tmp_path / "copies"
    copies.mkdir()
    assert digest_of(folder, copy_to=copies) == digest_of(folder) == digest_of(copies / "app")
    assert names(copies / "app") == names(folder)
    assert not (copies / "app" / "link").is_symlink()


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda folder: (folder / "bad").symlink_to("nothing"), "No such file or directory"),
        (lambda folder: (folder / "real" / "bad").symlink_to(".."), "leads back to a folder that holds it"),
        (lambda folder: (folder / "bad").symlink_to("bad"), "symbolic links"),
        (lambda folder: os.mkfifo(folder / "bad"), "neither a file nor a folder"),
    ],
    ids=["dangling", "circle", "itself", "pipe"],
)
def test_what_cannot_be_copied_is_told_by_its_name(folder, spoil, problem):
    spoil(folder)
    with pytest.raises(OSError, match=problem) as caught:
        list(contents(folder))
    assert caught.value.filename.endswith("/bad")


def test_names_need_not_be_utf8(folder):
    first = digest_of(folder)
    (folder / os.fsdecode(b"\xff")).touch()
    assert digest_of(folder) != first
