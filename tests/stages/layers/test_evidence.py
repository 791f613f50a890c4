"""What is kept of a guest that failed, by libvirt's test driver; logs of a real disk: tests/real/test_faults.py."""

import json
import os

import pytest

from goldsmith.errors import GuestError, Mark
from goldsmith.host.hypervisor import connect
from goldsmith.stages.evidence import last_look, with_evidence
from goldsmith.stages.windows_disk import with_windows_kept


@pytest.fixture
def hypervisor():
    with connect("test:///default") as hypervisor:
        yield hypervisor


def test_the_screen_the_definition_and_the_end_of_the_console_are_kept(bench, hypervisor, tmp_path):
    console = tmp_path / "console.log"
    console.write_text("".join(f"\x1b[1mline {number}\x1b[0m\r\n" for number in range(150)))
    failed = GuestError("it failed", fix="mend it")
    with pytest.raises(GuestError) as caught, last_look(hypervisor, "test", console, bench.context()):
        raise failed
    assert caught.value is failed
    folder = bench.folder / "failure"
    assert (folder / "screen.png").read_bytes().startswith(b"\x89PNG")
    assert "<name>test</name>" in (folder / "domain.xml").read_text()
    assert (folder / "console.txt").read_text().splitlines() == [
        f"line {number}" for number in range(50, 150)
    ]
    assert folder.stat().st_mode & 0o777 == 0o700
    facts = json.loads((folder / "host.json").read_text())
    assert facts["accelerator"] == "qemu (test)"
    assert facts["free_bytes"] > 0
    assert len(facts["load"]) == 3


def test_a_progress_that_is_drawn_over_takes_one_line_of_the_console(bench, hypervisor, tmp_path):
    console = tmp_path / "console.log"
    console.write_bytes(b"it is broken\r\n" + b"".join(b"\r%3d%%" % done for done in range(300)))
    with pytest.raises(GuestError), last_look(hypervisor, "test", console, bench.context()):
        raise GuestError("it failed")
    assert (bench.folder / "failure/console.txt").read_text() == "it is broken\n299%\n"


def test_a_guest_that_is_gone_leaves_what_there_is_and_the_first_failure_is_told(bench, hypervisor, tmp_path):
    with (
        pytest.raises(GuestError, match="it failed"),
        last_look(hypervisor, "nobody", tmp_path / "none.log", bench.context()),
    ):
        raise GuestError("it failed")
    assert [one.name for one in (bench.folder / "failure").iterdir()] == ["host.json"]


def test_nothing_is_kept_of_a_stage_that_went_well(bench, hypervisor, tmp_path):
    with last_look(hypervisor, "test", tmp_path / "none.log", bench.context()):
        pass
    assert not (bench.folder / "failure").exists()


def test_the_error_names_what_was_kept(bench, disk, fake_tool):
    fake_tool("guestfish")
    (bench.folder / "failure").mkdir()
    (bench.folder / "failure/screen.png").write_bytes(b"picture")
    (bench.folder / "failure/qemu.log").write_bytes(b"log")
    failed = GuestError("it failed", fix="mend it", at=Mark("recipes/r.yaml", 3), evidence=["last"])
    told = with_evidence(failed, disk, bench.context(), stage="install")
    assert told.fix == f"mend it; kept in {bench.folder}/failure: qemu.log, screen.png"
    assert (told.problem, str(told.at), told.evidence) == ("it failed", "recipes/r.yaml:3", ("last",))


def test_a_disk_that_cannot_be_read_is_noted_and_hides_nothing(bench, disk, fake_tool):
    fake_tool("guestfish", "echo 'libguestfs: error: no kernel' >&2; exit 1")
    failed = GuestError("it failed", fix="mend it")
    assert with_evidence(failed, disk, bench.context(), stage="install") is failed
    assert "the guest's disk cannot be read" in bench.log
    assert "no kernel" in bench.log
    assert not (bench.folder / "failure").exists()


def test_what_was_kept_of_a_windows_is_named_with_its_folders(bench):
    for name, files in {
        "failure": ["domain.xml", "screen.png"],
        "logs/windows": ["panther-setupact.log"],
        "screenshots": [f"install-10{minute:02}00.png" for minute in range(24)],
    }.items():
        for at, file in enumerate(files):
            path = bench.folder / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            os.utime(path, (at, at))
    told = with_windows_kept(GuestError("Setup stopped", fix="mend it"), bench.context())
    assert told.problem == "Setup stopped"
    assert told.fix == (
        f"mend it; kept in {bench.folder}/failure: domain.xml, screen.png; "
        f"{bench.folder}/logs/windows: panther-setupact.log; "
        f"{bench.folder}/screenshots: 24 files, the last install-102300.png"
    )


def test_a_windows_of_which_nothing_was_kept_is_told_without_folders(bench):
    error = GuestError("Setup stopped", fix="mend it")
    assert with_windows_kept(error, bench.context()).fix == "mend it"
