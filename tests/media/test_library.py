import hashlib
import json
import os
import stat
import struct

import pytest

from goldsmith.cli.main import run
from goldsmith.errors import HostError, UsageError
from goldsmith.host.process import LocalHost
from goldsmith.media.library import Library, Origin


def iso(path, *, sectors=40, declared=None):
    data = bytearray(os.urandom(sectors * 2048))
    data[32768:32774] = b"\x01CD001"
    data[32768 + 80 : 32768 + 84] = struct.pack("<I", declared or sectors)
    path.write_bytes(data)
    return path


@pytest.fixture
def library(tmp_path):
    return Library(tmp_path / "state/store/media")


def test_a_medium_is_kept_by_its_digest_with_its_description(library, tmp_path):
    path = iso(tmp_path / "rhel.iso")
    medium = library.add(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert medium.sha256 == digest
    assert medium.path == library.folder / digest / "rhel.iso"
    assert medium.path.read_bytes() == path.read_bytes()
    about = json.loads((library.folder / digest / "medium.json").read_text())
    assert {name: about[name] for name in ("name", "size", "sha256", "osinfo")} == {
        "name": "rhel.iso",
        "size": 40 * 2048,
        "sha256": digest,
        "osinfo": "",
    }
    assert stat.S_IMODE(medium.path.parent.stat().st_mode) == 0o755


def test_progress_counts_to_the_size(library, tmp_path):
    path = tmp_path / "big.img"
    path.write_bytes(b"x" * (9 << 20))
    seen = []
    library.add(path, on_progress=seen.append)
    assert seen == [4 << 20, 8 << 20, 9 << 20]


def test_a_medium_is_not_kept_twice(library, tmp_path):
    path = iso(tmp_path / "one.iso")
    first = library.add(path)
    again = library.add(path.rename(tmp_path / "two.iso"))
    assert again == first
    assert len(list(library.folder.iterdir())) == 1


def test_the_source_may_change_afterwards(library, tmp_path):
    path = iso(tmp_path / "one.iso")
    before = path.read_bytes()
    medium = library.add(path)
    path.write_bytes(b"changed")
    assert medium.path.read_bytes() == before


def test_media_are_found_by_name_digest_and_its_beginning(library, tmp_path):
    medium = library.add(iso(tmp_path / "one.iso"))
    assert library.find("one.iso") == library.find(medium.sha256) == library.find(medium.sha256[:8]) == medium
    assert library.find("two.iso") is None
    assert library.find(medium.sha256[:4]) is None
    assert library.list() == [medium]


def test_a_medium_that_was_damaged_in_the_library_is_none_and_can_be_added_again(library, tmp_path):
    path = iso(tmp_path / "one.iso")
    medium = library.add(path)
    medium.path.write_bytes(b"cut")
    assert library.find("one.iso") is None
    assert library.add(path).path.read_bytes() == path.read_bytes()


def test_a_medium_that_somebody_adds_stays_his_however_it_came_before(library, tmp_path):
    path = iso(tmp_path / "one.iso")
    copied = library.add(path)
    assert (copied.origin, copied.by_hand) == (Origin.COPIED, False)
    assert library.add(path, origin=Origin.BY_HAND).by_hand
    assert library.add(path).by_hand, "a build copied it again"
    (kept,) = library.list()
    assert (kept.by_hand, kept.added) == (True, copied.added)
    assert list(library.damage()) == []
    assert library.remove(kept.sha256) is False
    assert library.list() == [kept]
    assert library.remove(kept.sha256, by_hand=True) is True
    assert not kept.path.parent.exists()


def test_a_medium_of_which_nobody_noted_how_it_came_counts_as_added_by_hand(library, tmp_path):
    medium = library.add(iso(tmp_path / "one.iso"))
    about = medium.path.with_name("medium.json")
    said = json.loads(about.read_text())
    about.write_text(json.dumps({name: said[name] for name in said if name not in ("seal", "origin")}))
    assert library.find("one.iso").by_hand
    assert library.remove(medium.sha256) is False


def test_libosinfo_says_what_a_medium_is(library, tmp_path, fake_tool):
    fake_tool(
        "osinfo-detect", "echo \"Media is an installer for OS 'Red Hat Enterprise Linux 7.9 (x86_64)'\""
    )
    fake_tool("osinfo-query", "printf ' Short ID\\n----------\\n rhel7.9\\n'")
    medium = library.add(iso(tmp_path / "one.iso"), host=LocalHost())
    assert medium.os == "rhel7.9"
    assert library.list()[0].os == "rhel7.9"


def test_a_truncated_iso_is_refused(library, tmp_path):
    with pytest.raises(UsageError, match=r"is truncated: it has 80 KiB, but its header says 2 MiB") as caught:
        library.add(iso(tmp_path / "cut.iso", declared=1024))
    assert caught.value.fix == "get it again: the download did not end"
    assert library.list() == []


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.mkdir(), "is not a file"),
        (lambda path: None, "does not exist"),
    ],
)
def test_what_is_no_medium_is_refused(library, tmp_path, make, text):
    path = tmp_path / "x.iso"
    make(path)
    with pytest.raises(UsageError, match=text):
        library.add(path)


def test_a_library_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "state").write_text("a file")
    with pytest.raises(HostError, match=r"cannot make .*store/media"):
        Library(tmp_path / "state/store/media").add(iso(tmp_path / "one.iso"))


def test_the_command_adds_and_lists(tmp_path, capsys):
    path = iso(tmp_path / "one.iso")
    assert run(["media", "add", str(path), "--json"]) == 0
    added = json.loads(capsys.readouterr().out)
    assert added["name"] == "one.iso"
    assert run(["media", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["media"] == [added]
    names = [one["name"] for one in listed["named"]]
    assert names[:4] == [
        "goldsmith-demo-installer",
        "goldsmith-standin-rhel7",
        "goldsmith-standin-rhel6",
        "goldsmith-standin-rhel6-i386",
    ]
    assert {"goldsmith-standin-windows2022", "goldsmith-standin-virtio-win"} <= set(names)
    assert run(["media", "list"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split() == ["SHA256", "SIZE", "ADDED", "OS", "NAME"]
    assert shown[1].startswith(added["sha256"][:12])
    assert shown[1].endswith("  one.iso")
    (seven,) = (line for line in shown if line.startswith("goldsmith-standin-rhel7 "))
    assert seven.split(maxsplit=3)[1:] == ["when", "needed", "stand-in for the RHEL 7.9 DVD, x86_64"]


def test_the_command_refuses_what_it_does_not_know(tmp_path, capsys):
    assert run(["media", "build", "rhel"]) == 2
    assert "fix: names are: goldsmith-demo-installer" in capsys.readouterr().err
    assert run(["media", "add", str(tmp_path / "none.iso")]) == 2
    assert "none.iso does not exist" in capsys.readouterr().err
