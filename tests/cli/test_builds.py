import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from goldsmith.cli.main import run
from goldsmith.errors import GuestError
from goldsmith.events import (
    BuildFinished,
    BuildStarted,
    StageCached,
    StageFailed,
    StageFinished,
    StageOutlook,
    StageStarted,
    ToolSaid,
    Warned,
)
from goldsmith.plan.kept import Kept, write_note
from goldsmith.record import BuildRecord
from goldsmith.resume import after_failure, told_of, with_kept

SRC = Path(__file__).parents[2] / "src"
STAGES = (
    StageOutlook("fetch", "aaaa1111", True, ""),
    StageOutlook("install", "bbbb2222", False, "not in the store", 55.0),
    StageOutlook("export", "cccc3333", False, "follows install"),
)
IMAGE = {"id": "6f1c", "name": "demo-1.0", "status": "active", "size": 412 * 2**20}


@pytest.fixture
def builds(tmp_path):
    return tmp_path / "state" / "builds"


def begin(builds, build_id, recipe="demo"):
    record = BuildRecord.create(builds, recipe=recipe, build_id=build_id, virt_type="qemu")
    record.tell(BuildStarted(build_id, recipe, STAGES))
    record.tell(StageCached("fetch", "aaaa1111"))
    record.tell(Warned("KVM does not run a guest here", "load kvm_intel"))
    record.tell(StageStarted("install", "bbbb2222", "not in the store", 55.0))
    record.tell(ToolSaid("install", "console", "mkfs \x1b[31mext4"))
    record.log("install").write_text("$ virt-install\n\x1b[2Jinstalling\n")
    record.console.write_bytes(b"Linux version 6.1\r\nlogin: ")
    return record


def done(builds, build_id, recipe="demo"):
    record = begin(builds, build_id, recipe)
    record.tell(StageFinished("install", "bbbb2222", 57.0, 800 * 2**20))
    record.tell(StageStarted("export", "cccc3333", "follows install"))
    record.log("export").write_text("$ qemu-img convert\n")
    record.tell(StageFinished("export", "cccc3333", 9.0))
    record.tell(
        BuildFinished(build_id, recipe, True, 66.0, 0.5, image=IMAGE, next_steps=("goldsmith image list",))
    )
    return record


def failed(builds, build_id):
    record = begin(builds, build_id)
    record.tell(StageFailed("install", 12.0, "no end marker"))
    error = "no end marker on the console\n  | \x1b[31mpanic\n  fix: look at the console"
    record.tell(BuildFinished(build_id, "demo", False, 12.5, 0.5, error=error, exit_code=4))
    record.log("sysprep").touch()
    return record


def test_builds_are_listed_newest_first_with_state_and_image(builds, capsys):
    done(builds, "demo-1")
    failed(builds, "demo-2")
    begin(builds, "demo-3").close()
    running = begin(builds, "rhel7-4", recipe="rhel7")
    assert run(["builds"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["BUILD", "RECIPE", "STATE", "STARTED", "DURATION", "IMAGE"]
    words = [line.split() for line in lines[1:]]
    assert [(one[0], one[1], one[2], one[-1]) for one in words] == [
        ("rhel7-4", "rhel7", "running", "-"),
        ("demo-3", "demo", "died", "-"),
        ("demo-2", "demo", "failed", "-"),
        ("demo-1", "demo", "done", "demo-1.0"),
    ]
    assert "1 min 6 s" in lines[4]
    running.close()


def test_builds_can_be_chosen_and_given_as_json(builds, capsys):
    done(builds, "demo-1")
    done(builds, "rhel7-1", recipe="rhel7")
    assert run(["builds", "--recipe", "demo", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["id"], one["state"], one["image"]["name"], one["seconds"]) == (
        "demo-1",
        "done",
        "demo-1.0",
        66.0,
    )
    assert [stage["state"] for stage in one["stages"]] == ["cached", "done", "done"]
    assert one["folder"] == str(builds / "demo-1")
    assert run(["builds", "-q", "-n", "1"]) == 0
    assert capsys.readouterr().out == "rhel7-1\n"


def test_no_builds_are_said_to_be_none(builds, capsys):
    assert run(["builds"]) == 0
    assert capsys.readouterr().out == f"no build was made in {builds} yet\n"
    assert run(["builds", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_show_tells_a_failure_with_its_evidence(builds, capsys):
    record = failed(builds, "demo-2")
    assert run(["show", "demo"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("demo-2: failed after 12 s\n")
    for part in (
        "  fetch    cached             aaaa1111\n",
        "  install  failed after 12 s  bbbb2222  not in the store\n",
        "  export   not reached        cccc3333  follows install\n",
        "warnings\n  KVM does not run a guest here\n    fix: load kvm_intel\n",
        "failure\n  in install:\n  no end marker on the console\n    | panic\n    fix: look at the console\n",
        f"files\n  {record.folder}\n",
        "    console.log",
        "exit code  4\n",
        "without KVM",
    ):
        assert part in text


def kept(builds, build_id, ended="", *, fix="look at the console"):
    """Let a build fail and keep its guest, which has ended so."""
    guest = Kept(
        build_id, "install", "goldsmith-x", "test:///default", state="running", screen="/run/vnc.sock"
    )
    record = begin(builds, build_id)
    record.tell(StageFailed("install", 12.0, "no end marker"))
    error = with_kept(GuestError("no end marker", fix=fix), guest).text()
    steps = after_failure(build_id, told_of(guest))
    end = BuildFinished(build_id, "demo", False, 12.5, 0.5, error=error, exit_code=4, next_steps=steps)
    record.tell(replace(end, kept=told_of(guest)))
    write_note(builds, replace(guest, ended=ended))


def shown(capsys, build_id):
    """Return the page of a build and its next steps, and the same as JSON."""
    assert run(["show", build_id]) == 0
    text = capsys.readouterr().out
    assert run(["show", build_id, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    steps = text.partition("\nnext\n  ")[2].rstrip("\n").split("\n  ")
    assert steps == told["next_steps"]
    return text, steps, told


def test_show_names_the_ways_to_a_guest_that_is_kept(builds, capsys):
    kept(builds, "demo-4")
    text, steps, told = shown(capsys, "demo-4")
    assert "    fix: look at the console; the guest is kept, running: goldsmith shell demo-4\n" in text
    assert "kept guest: gone" not in text
    assert steps[2:] == [
        "goldsmith shell demo-4",
        "goldsmith build --resume demo-4",
        "goldsmith shell demo-4 --drop",
    ]
    assert (told["kept"]["shell"], told["kept"]["ended"]) == ("goldsmith shell demo-4", "")


@pytest.mark.parametrize("ended", ["dropped", "it did not run any more"])
def test_show_tells_what_became_of_a_kept_guest_and_no_way_to_it(builds, capsys, ended):
    kept(builds, "demo-4", ended)
    text, steps, told = shown(capsys, "demo-4")
    assert f"    fix: look at the console\n  kept guest: gone, {ended}\n" in text
    assert "goldsmith shell" not in text
    assert steps[2:] == ["goldsmith build --resume demo-4"]
    assert (told["kept"]["shell"], told["kept"]["screen"], told["kept"]["ended"]) == ("", "", ended)
    assert "goldsmith shell" not in told["error"]


def test_show_offers_nothing_of_a_guest_that_another_build_went_on_from(builds, capsys):
    kept(builds, "demo-4", "gone on with by demo-5", fix="")
    text, steps, told = shown(capsys, "demo-4")
    assert "  no end marker\n  kept guest: gone, gone on with by demo-5\n" in text
    assert steps == ["goldsmith logs demo-4", "goldsmith show demo-4"]
    assert told["error"] == "no end marker"


def test_show_tells_what_came_of_a_good_build(builds, capsys):
    done(builds, "demo-1")
    assert run(["show"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("demo-1: done in 1 min 6 s\n")
    assert "install  57 s, 800 MiB  bbbb2222  not in the store" in text
    assert "image\n  id      6f1c\n  name    demo-1.0\n" in text
    assert text.endswith("next\n  goldsmith image list\n")
    assert "failure" not in text


def test_show_gives_the_last_words_of_a_build_that_died(builds, capsys):
    begin(builds, "demo-3").close()
    assert run(["show", "demo-3"]) == 0
    text = capsys.readouterr().out
    assert "its process was killed, or the host went down" in text
    assert "install  died here" in text
    assert "the build ended in install without a last word\n    | mkfs ext4\n    fix: build again" in text
    assert run(["show", "demo-3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "died"


@pytest.mark.parametrize(
    ("make", "options", "lines"),
    [
        (failed, [], ["$ virt-install", "installing"]),
        (done, [], ["$ qemu-img convert"]),
        (done, ["--stage", "install"], ["$ virt-install", "installing"]),
        (done, ["--stage", "console"], ["Linux version 6.1", "login: "]),
    ],
)
def test_logs_shows_the_stage_that_tells_most_or_the_one_asked_for(builds, capsys, make, options, lines):
    make(builds, "demo-1")
    assert run(["logs", "demo-1", *options]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == lines
    assert captured.err.startswith(f"==> {builds / 'demo-1'}")


def failed_in_a_step(builds, build_id):
    record = begin(builds, build_id)
    record.tell(StageFinished("install", "bbbb2222", 57.0, 800 * 2**20))
    record.tell(StageStarted("step-1-one", "cccc3333", "follows install"))
    (record.folder / "console-customize.log").write_text("Kernel panic\n")
    record.tell(StageFailed("step-1-one", 12.0, "the kernel panicked"))
    record.tell(BuildFinished(build_id, "demo", False, 12.5, 0.5, error="the kernel panicked", exit_code=4))
    record.console.touch()  # secrets are taken out of the consoles at the end, in any order
    return record


def failed_in_its_boot_test(builds, build_id):
    record = failed_in_a_step(builds, build_id)
    folder = record.folder / "boot-test"
    folder.mkdir()
    (folder / "console-1.log").write_text("first\n")
    (folder / "console-2.log").write_text("second\n")
    return record


@pytest.mark.parametrize(
    ("make", "stage", "line"),
    [
        (failed, "console", "Linux version 6.1"),
        (failed, "console-install", "Linux version 6.1"),
        (failed_in_a_step, "console", "Kernel panic"),
        (failed_in_a_step, "console-customize", "Kernel panic"),
        (failed_in_a_step, "console-install", "Linux version 6.1"),
        (failed_in_its_boot_test, "console", "second"),
        (failed_in_its_boot_test, "console-boot-test-1", "first"),
        (failed_in_its_boot_test, "console-boot-test-2", "second"),
    ],
)
def test_the_console_is_that_of_the_guest_that_failed_and_each_has_a_name(builds, capsys, make, stage, line):
    make(builds, "demo-1")
    assert run(["logs", "demo-1", "--stage", stage]) == 0
    assert capsys.readouterr().out.splitlines()[0] == line
    assert run(["logs", "demo-1", "--follow", "--stage", stage]) == 0
    assert capsys.readouterr().out.splitlines()[0] == line


def test_where_no_stage_has_a_log_the_console_of_the_last_guest_is_shown(builds, capsys):
    record = failed_in_a_step(builds, "demo-1")
    record.log("install").unlink()
    os.utime(record.folder / "console-customize.log", (1, 1))
    assert run(["logs", "demo-1"]) == 0
    assert capsys.readouterr().out == "Kernel panic\n"


def test_a_build_without_an_install_has_a_console_too(builds, capsys):
    record = failed_in_a_step(builds, "demo-1")
    record.console.unlink()
    assert run(["logs", "demo-1", "-s", "console"]) == 0
    assert capsys.readouterr().out == "Kernel panic\n"
    assert run(["logs", "demo-1", "-s", "console-install"]) == 2
    assert "it has: install, console, console-customize\n" in capsys.readouterr().err


def test_logs_names_the_logs_there_are(builds, capsys):
    done(builds, "demo-1")
    assert run(["logs", "demo", "--stage", "nope"]) == 2
    assert capsys.readouterr().err == (
        "the build demo-1 has no log of 'nope'\n  fix: it has: export, install, console, console-install\n"
    )
    assert run(["logs", "other"]) == 2
    assert capsys.readouterr().err == "there is no build 'other'\n  fix: goldsmith builds lists them\n"


def test_logs_can_be_given_as_json(builds, capsys):
    done(builds, "demo-1")
    assert run(["logs", "--json", "-s", "export"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["lines"] == ["$ qemu-img convert"]
    assert document["log"] == "export"
    assert run(["logs", "--json", "-f"]) == 2


def test_following_a_build_that_is_over_shows_its_log_and_ends(builds, capsys):
    done(builds, "demo-1")
    assert run(["logs", "-f"]) == 0
    assert capsys.readouterr().out == "==> export <==\n$ qemu-img convert\n"


def follow(*options):
    return subprocess.Popen(
        [sys.executable, "-m", "goldsmith", "logs", "-f", *options],
        env={**os.environ, "PYTHONPATH": str(SRC)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def reader(process):
    """Collect what a process says, and return a function that waits for a line of it."""
    lines = []
    thread = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, "")), daemon=True)
    thread.start()

    def until(text):
        deadline = time.monotonic() + 20
        while text not in "".join(lines):
            assert time.monotonic() < deadline, f"{text!r} did not come: {lines}"
            time.sleep(0.02)

    return lines, until, thread


def test_logs_of_another_process_are_followed_until_its_end(builds):
    record = begin(builds, "demo-1")
    with follow("demo-1") as process:
        lines, until, thread = reader(process)
        until("installing\n")
        with record.log("install").open("a") as log:
            log.write("half a li")
            log.flush()
            time.sleep(0.5)
            assert not any("half" in line for line in lines)
            log.write("ne\n")
        until("half a line\n")
        record.log("export").write_text("$ qemu-img convert\nno newline at the end")
        until("$ qemu-img convert\n")
        record.tell(BuildFinished("demo-1", "demo", True, 1.0, 0.1))
        assert process.wait(20) == 0
        thread.join(10)
    assert lines == [
        "==> install <==\n",
        "$ virt-install\n",
        "installing\n",
        "half a line\n",
        "==> export <==\n",
        "$ qemu-img convert\n",
        "no newline at the end\n",
    ]


def test_one_log_is_followed_without_headings_and_a_killed_build_ends_it(builds):
    record = begin(builds, "demo-1")
    with follow("demo-1", "--stage", "console") as process:
        lines, until, thread = reader(process)
        until("Linux version 6.1\n")
        with record.console.open("a") as log:
            log.write("root\n")
        until("login: root\n")
        record.close()
        assert process.wait(20) == 0
        thread.join(10)
    assert lines == ["Linux version 6.1\n", "login: root\n"]


def test_the_console_that_is_followed_is_that_of_the_guest_that_runs(builds):
    record = begin(builds, "demo-1")
    record.console.write_text("Linux version 6.1\n")
    with follow("demo-1", "--stage", "console") as process:
        lines, until, thread = reader(process)
        try:
            until("Linux version 6.1\n")
            (record.folder / "console-customize.log").write_text("Linux version 5.10\n")
            until("Linux version 5.10\n")
        finally:
            record.close()
        assert process.wait(20) == 0
        thread.join(10)
    assert lines == ["Linux version 6.1\n", "==> console-customize <==\n", "Linux version 5.10\n"]
