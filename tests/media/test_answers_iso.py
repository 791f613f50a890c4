"""The disc that answers for a person: its files where Windows looks for them, and nobody else sees them."""

from goldsmith.host.disc import open_disc
from goldsmith.host.process import LocalHost
from goldsmith.media.answers_iso import make_answers_iso


def test_the_files_stand_where_windows_looks_for_them_in_the_case_that_was_given(tmp_path, tool_on_path):
    tool_on_path("xorriso")
    (tmp_path / "a=b.msi").write_bytes(b"msi" * 1000)
    target = tmp_path / "answers.iso"
    make_answers_iso(
        LocalHost(),
        target,
        files={"Autounattend.xml": b"<unattend/>", "goldsmith/build.cmd": b"@echo off\r\n"},
        copies={"goldsmith/CloudbaseInitSetup.msi": tmp_path / "a=b.msi"},
        label="GOLDSMITH",
    )
    assert target.stat().st_mode & 0o777 == 0o600
    assert sorted(one.name for one in tmp_path.iterdir() if "answers" in one.name) == ["answers.iso"]
    with open_disc(target) as disc:
        assert disc.label == "GOLDSMITH"
        assert disc.read("Autounattend.xml", 0, 100) == b"<unattend/>"
        assert disc.read("goldsmith/build.cmd", 0, 100) == b"@echo off\r\n"
        disc.copy_out("goldsmith/CloudbaseInitSetup.msi", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"msi" * 1000
